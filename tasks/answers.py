"""Answers that were given: kept, listed, shown again, and rated by the people who know what it was."""

import sys
from datetime import UTC, datetime

from pydantic import ValidationError

from aoi.access.redaction import redact_text
from aoi.database.actions import ActionBook
from aoi.database.answers import SURVEY, AnswerBook, GivenAnswer, by_version
from aoi.database.feedback import Feedback, FeedbackBook
from aoi.errors import AoiError, FeedbackRefused, StoreNotWritable, StoreUnavailable
from aoi.language.causes import match
from aoi.language.lexicon import HEALTHY
from aoi.records.action import ActionState
from aoi.records.base import Record, Ref
from aoi.records.diagnosis import Diagnosis
from aoi.records.episode import Answer
from tasks.workspace import actor, workspace

DIAGNOSIS = "diagnosis"
"""Kind of the stored diagnoses."""


class Acted(Record):
    """An action that was proposed because of an answer, in short."""

    id: str
    state: ActionState
    summaries: tuple[str, ...]


class Rated(Record):
    """An answer with what people said of it, and what was done because of it."""

    diagnosis: Diagnosis
    feedback: tuple[Feedback, ...]
    actions: tuple[Acted, ...] = ()


def kept(diagnosis: Diagnosis, *, is_listed: bool = True) -> Diagnosis:
    """Stored, and entered in the list of answers, so that it is found again and feedback can name it.

    Whoever asked gets the answer whatever becomes of store and list: that it could not be stored or entered is said on
    stderr, and one that is not stored has no `kept_as`.
    """
    ws = workspace()
    try:
        ref = ws.store.put(DIAGNOSIS, diagnosis)
    except (StoreUnavailable, StoreNotWritable) as error:
        print(f"this answer is not kept: {error}", file=sys.stderr)
        return diagnosis
    try:
        if is_listed:
            AnswerBook(ws.database).keep(_given(diagnosis, ref))
            FeedbackBook(ws.database).forget_expired()
    except AoiError as error:
        print(f"{ref.short} is kept, but not in the list of answers: {error}", file=sys.stderr)
    return diagnosis.model_copy(update={"kept_as": ref.short})


def newest(most: int) -> list[GivenAnswer]:
    """At most so many answers, the newest first."""
    return AnswerBook(workspace().database).newest(most)


def rated(short: str) -> Rated:
    """An answer as it was given, and what was said of it. Raises: CorruptObject, PurgedObject."""
    ref, diagnosis = _found(short)
    return Rated(
        diagnosis=diagnosis.model_copy(update={"kept_as": ref.short}),
        feedback=tuple(FeedbackBook(workspace().database).about(ref.sha256)),
        actions=tuple(
            Acted(id=action.id, state=action.state, summaries=action.summaries)
            for action in ActionBook(workspace().database).of_answer(ref.short)
        ),
    )


def rate(
    short: str,
    *,
    is_right: bool,
    component: str | None,
    cause: str | None,
    comment: str,
    consent: bool,
    author: str | None = None,
) -> Feedback:
    """Enter what somebody says of an answer, in the place of what they said of it before.

    Without an author it is the person behind this process.

    Raises: FeedbackRefused for a word that says nothing, or contradicts itself; CorruptObject, PurgedObject.
    """
    ws = workspace()
    ref, diagnosis = _found(short)
    word = _word(cause) if cause else None
    _check(short, diagnosis.answer, is_right=is_right, component=component, cause=word)
    try:
        given = Feedback(
            answer=ref.sha256,
            verdict="right" if is_right else "wrong",
            component=redact_text(component) if component else None,
            cause=word,
            author=author or actor(),
            comment=redact_text(comment),
            consent=consent,
        )
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        what = ".".join(map(str, first["loc"]))
        raise FeedbackRefused(f"{what} of the feedback on {short} cannot be kept: {first['msg']}") from None
    FeedbackBook(ws.database).add(given)
    return given


def withdraw(author: str | None = None) -> int:
    """Forget all that somebody has ever said: of nobody else it is the person behind this process. Returns how many
    words that were."""
    return FeedbackBook(workspace().database).forget_author(author or actor())


def _found(short: str) -> tuple[Ref[Diagnosis], Diagnosis]:
    store = workspace().store
    ref = store.find(short if ":" in short else f"{DIAGNOSIS}:{short}")
    return ref, store.get(ref, Diagnosis)


def _check(short: str, answer: Answer | None, *, is_right: bool, component: str | None, cause: str | None) -> None:
    verdict = answer.verdict if answer else "inconclusive"
    if is_right and verdict == "inconclusive":
        raise FeedbackRefused(f"{short} gave no verdict, so it cannot be right. What was it? --wrong --component NAME")
    if is_right and (component or cause):
        raise FeedbackRefused(
            f"{short} is said to be right and --component or --cause say otherwise. Give them with --wrong"
        )
    if cause == HEALTHY and (component or verdict == "no_fault"):
        raise FeedbackRefused(f"{short} is said to be wrong and --no-fault contradicts that. Leave one of them out")
    is_repeated = answer is not None and component == answer.component and cause in (None, answer.cause)
    if component and is_repeated and verdict == "fault":
        raise FeedbackRefused(f"{short} says {component} itself. What else was it? Or was it --right")


def _word(cause: str) -> str:
    """The word of the lexicon that a cause in words means."""
    if (found := match(cause)) is None:
        raise FeedbackRefused(
            f"{cause!r:.80} names no cause that AOI knows, or more than one. "
            "Leave --cause out and say it with --comment"
        )
    return found.word


def _given(diagnosis: Diagnosis, ref: Ref[Diagnosis]) -> GivenAnswer:
    answer = diagnosis.answer
    return GivenAnswer(
        answer=ref.short,
        sha256=ref.sha256,
        given_at=datetime.now(UTC),
        about=_about(diagnosis),
        verdict=answer.verdict if answer else "inconclusive",
        component=answer.component if answer else None,
        cause=answer.cause if answer else None,
        confidence=answer.confidence if answer else 0.0,
        answered_by=by_version(diagnosis.version) if diagnosis.version else SURVEY,
    )


def _about(diagnosis: Diagnosis) -> str:
    """An embedded problem by its id; a cluster by its context or address, and the namespaces."""
    told = diagnosis.survey or diagnosis.answer
    coverage = told.coverage if told else None
    if coverage is not None and coverage.namespaces:
        place = coverage.context or coverage.cluster or "a recording"
        return f"{place}: {', '.join(coverage.namespaces)}"
    if diagnosis.trajectory is not None:
        instance = diagnosis.trajectory.content.instance
        return f"{instance.problem.id} seed {instance.seed}"
    return ""
