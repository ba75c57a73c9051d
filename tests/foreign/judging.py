"""Compares an answer with what a competent engineer expects: component, cause, verdict and telling words."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from aoi.estate.survey import Survey
from aoi.records.episode import Answer
from tests.foreign.case import Blame, Case, Expected

Grade = Literal["right", "wrong", "inconclusive"]


@dataclass(frozen=True)
class Judgement:
    """What became of one case."""

    case: Case
    grade: Grade
    reasons: tuple[str, ...] = ()
    """What differs from what is expected."""
    said: str = ""
    """The answer in short."""

    def __str__(self) -> str:
        lines = (f"{self.grade:12} {self.case.name} ({self.case.kind})", *self.reasons, f"said: {self.said}")
        return "\n    ".join(lines if self.grade != "right" else lines[:1])


def judge(case: Case, survey: Survey | None) -> Judgement:
    """None: the cluster has no such namespace."""
    if survey is None or case.expected.error:
        is_right = survey is None and case.expected.error
        said = "no such namespace" if survey is None else in_short(survey.answer)
        return Judgement(case, "right" if is_right else "wrong", () if is_right else ("the namespace",), said)
    answer = survey.answer
    said = in_short(answer)
    if case.expected.verdict:
        missing = [w for w in case.expected.words if _plain(w) not in _plain(answer.summary)]
        if answer.verdict == case.expected.verdict and not missing:
            return Judgement(case, "right", (), said)
        return Judgement(case, "wrong", (f"verdict: expected {case.expected.verdict} with {missing}",), said)
    wanted = "no_fault" if case.expected.healthy else "fault"
    if answer.verdict == "inconclusive":
        return Judgement(case, "inconclusive", (f"verdict: expected {wanted}",), said)
    if answer.verdict != wanted:
        return Judgement(case, "wrong", (f"verdict: expected {wanted}, found {answer.verdict}",), said)
    reasons = () if case.expected.healthy else tuple(_differences(case.expected, answer, _evidence(survey)))
    return Judgement(case, "wrong" if reasons else "right", reasons, said)


def in_short(answer: Answer) -> str:
    """Verdict, component, cause and summary of an answer, and the other causes."""
    also = "".join(f" | also {a.component} {a.cause}: {a.summary}" for a in answer.also)
    suffers = f" | symptoms {', '.join(answer.symptoms)}" if answer.symptoms else ""
    chain = f" | chain {' -> '.join(answer.chain)}" if answer.chain else ""
    return f"{answer.verdict} {answer.component} {answer.cause}: {answer.summary}{also}{suffers}{chain}"


def _differences(expected: Expected, answer: Answer, evidence: str) -> Iterator[str]:
    accused = [(answer.component or "", answer.cause or "", answer.summary)]
    accused += [(other.component, other.cause, other.summary) for other in answer.also]
    for position, blame in enumerate(expected.blames):
        anywhere = bool(expected.each) or position > 0
        yield from _missing(blame, accused if anywhere else accused[:1], evidence)
    for component in expected.innocent:
        if any(_is(label, component) for label, _, _ in accused):
            yield f"{component} is innocent"
    for text in expected.unsaid:
        if _plain(text) in _plain(answer.summary):
            yield f"summary: expected nothing of {text!r}"
    for component in expected.symptoms:
        if not any(_is(label, component) for label in answer.symptoms):
            yield f"symptoms: expected {component}, found {list(answer.symptoms)}"
    if expected.chain:
        links = iter(answer.chain)
        if not all(any(_is(link, component) for link in links) for component in expected.chain):
            yield f"chain: expected {list(expected.chain)}, found {list(answer.chain)}"


def _missing(blame: Blame, accused: list[tuple[str, str, str]], evidence: str) -> Iterator[str]:
    of_it = [a for a in accused if any(_is(a[0], component) for component in blame.component)]
    if not of_it:
        yield f"component: expected {' or '.join(blame.component)}, found {[label for label, _, _ in accused]}"
        return
    if blame.cause and not any(cause in blame.cause for _, cause, _ in of_it):
        yield f"cause: expected {' or '.join(blame.cause)}, found {[cause for _, cause, _ in of_it]}"
    text = _plain("\n".join(summary for _, _, summary in of_it) + "\n" + evidence)
    for word in blame.words:
        if _plain(word) not in text:
            yield f"words: expected {word!r} in summary or evidence"
    if blame.mention and not any(_plain(word) in text for word in blame.mention):
        yield f"words: expected one of {list(blame.mention)} in summary or evidence"


def accuses(expected: Expected, answer: Answer, *, with_cause: bool = False) -> bool:
    """Whether the answer itself names a component that is to blame; and a right word for it, where that is asked."""
    mine = [b for b in expected.blames if any(_is(answer.component or "", component) for component in b.component)]
    return any(not with_cause or not blame.cause or answer.cause in blame.cause for blame in mine)


def _is(label: str, component: str) -> bool:
    """Labels may say more than the name where two objects share it: `cronjob/web`, `messaging/web`."""
    return label == component or label.endswith(f"/{component}")


def _evidence(survey: Survey) -> str:
    """The bytes that the answer cites."""
    observations = {observation.digest: observation for observation in survey.observations}
    cited = [signal.citation for signal in survey.answer.evidence if signal.citation]
    return "\n".join(
        observations[c.observation].data[c.start_byte : c.end_byte].decode("utf-8", "replace")
        for c in cited
        if c.observation in observations
    )


def _plain(text: str) -> str:
    """Without case, and with the quotation marks that JSON escapes."""
    return text.replace('\\"', '"').lower()
