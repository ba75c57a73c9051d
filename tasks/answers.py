"""Answers that were given: kept, listed, shown again, and rated by the people who know what it was."""

from datetime import UTC, datetime

from aoi.database.answers import AnswerBook, GivenAnswer
from aoi.database.feedback import Feedback, FeedbackBook
from aoi.errors import FeedbackRefused
from aoi.language.causes import match
from aoi.records.base import Record, Ref
from aoi.records.diagnosis import Diagnosis
from aoi.records.episode import Answer
from tasks.workspace import login, workspace

DIAGNOSIS = "diagnosis"
"""Kind of the stored diagnoses."""


KEEP_DAYS = 90
"""How long what somebody said is kept."""


class Rated(Record):
    """An answer with what people said of it."""

    diagnosis: Diagnosis
    feedback: tuple[Feedback, ...]


def kept(diagnosis: Diagnosis) -> Diagnosis:
    """Stored, and entered in the list of answers, so that it is found again and feedback can name it."""
    ws = workspace()
    ref = ws.store.put(DIAGNOSIS, diagnosis)
    AnswerBook(ws.database).keep(_given(diagnosis, ref))
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
    )


def rate(
    short: str, *, is_right: bool, component: str | None, cause: str | None, comment: str, consent: bool
) -> Feedback:
    """Enter what the person behind this process says of an answer.

    Raises: FeedbackRefused for a word that says nothing, or contradicts itself; CorruptObject, PurgedObject.
    """
    ws = workspace()
    ref, diagnosis = _found(short)
    _check(short, diagnosis.answer, is_right=is_right, is_explained=bool(component or cause))
    given = Feedback(
        answer=ref.sha256,
        verdict="right" if is_right else "wrong",
        component=component,
        cause=_word(cause) if cause else None,
        author=login(),
        comment=comment,
        consent=consent,
    )
    book = FeedbackBook(ws.database)
    book.forget_expired()
    book.add(given, keep_days=KEEP_DAYS)
    return given


def withdraw() -> int:
    """Forget all that the person behind this process has ever said. Returns how many words that were."""
    return FeedbackBook(workspace().database).forget_author(login())


def _found(short: str) -> tuple[Ref[Diagnosis], Diagnosis]:
    store = workspace().store
    ref = store.find(short if ":" in short else f"{DIAGNOSIS}:{short}")
    return ref, store.get(ref, Diagnosis)


def _check(short: str, answer: Answer | None, *, is_right: bool, is_explained: bool) -> None:
    if is_right and (answer is None or answer.verdict == "inconclusive"):
        raise FeedbackRefused(f"{short} gave no verdict, so it cannot be right. What was it? --wrong --component NAME")
    if is_right and is_explained:
        raise FeedbackRefused(
            f"{short} is said to be right and --component or --cause say otherwise. Give them with --wrong"
        )


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
        answered_by=f"version {diagnosis.version}" if diagnosis.bundle else "survey",
    )


def _about(diagnosis: Diagnosis) -> str:
    """An embedded problem by its id; a cluster by its context or address, and the namespaces."""
    told = diagnosis.survey or diagnosis.answer
    coverage = told.coverage if told else None
    if coverage is not None and coverage.cluster:
        return f"{coverage.context or coverage.cluster}: {', '.join(coverage.namespaces)}"
    if diagnosis.trajectory is not None:
        instance = diagnosis.trajectory.content.instance
        return f"{instance.problem.id} seed {instance.seed}"
    return ""
