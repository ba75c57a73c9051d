"""From decisions to an answer: names instead of handles, and evidence that code could resolve.

Every episode has one. Where its Observer submitted none, code says what was believed last and why it ended: that is
never a verdict.
"""

from collections.abc import Iterable, Sequence

from aoi.agents.stores import RawReader
from aoi.language import lexicon
from aoi.language.handles import Handles
from aoi.records.decision import NOTHING_SAID, Decision, Finding, SubmitDo
from aoi.records.episode import Answer, Ended, Signal
from aoi.records.findings import Accusation

_WHY: dict[Ended, str] = {
    "submitted": "its Observer submitted",
    "steps": "its iterations were spent",
    "tokens": "its tokens were spent",
    "malformed": "it said nothing that means something, twice in a row",
    "error": "it broke",
    "deadline": "its time was over",
    "cancelled": "whoever asked cancelled it",
}
NEXT = "run the diagnosis again"
MAX_SUMMARY = 1_000
"""Characters of what a model says of its answer; the trajectory has all of it."""


def unsubmitted(
    believed: Answer | None, ended: Ended, error: str | None, survey: Answer | None, backed: tuple[Signal, ...] = ()
) -> Answer:
    """The answer of an episode that ended without one: inconclusive, whatever was believed.

    `backed` is what the survey showed, as evidence where nothing was believed at all.
    """
    why = _WHY[ended] + (f" ({error})" if error else "")
    said = believed or Answer(verdict="inconclusive", confidence=0.0, evidence=backed)
    about = f"; last suspected: {said.component} ({said.cause})" if said.component and said.cause else ""
    return said.model_copy(
        update={
            "verdict": "inconclusive",
            "cause": said.cause if said.component else None,  # of a component that is not there
            "summary": f"the episode ended before it answered: {why}{about}",
            "next": (survey.next if survey else ()) or (NEXT,),
            "coverage": survey.coverage if survey else None,
        }
    )


def answer(decisions: Sequence[Decision], signals: Iterable[Signal], handles: Handles, raw: RawReader) -> Answer | None:
    """What was submitted, or what was believed when something else ended the episode.

    Evidence are the signals that the decisions rest on (claimed cause, hypotheses, summaries) and whose citation
    resolves in the raw store; claims without one are dropped and counted. None if nothing was decided.
    """
    if not decisions:
        return None
    last = decisions[-1]
    submitted = last.do if isinstance(last.do, SubmitDo) else None
    component = (submitted.component if submitted else None) or (last.cause.subject if last.cause else None)
    cause = (submitted.cause if submitted else None) or (last.cause.word if last.cause else None)
    verdict = lexicon.VERDICTS[submitted.verdict] if submitted else "inconclusive"
    if verdict == "no_fault":
        component = cause = None
    also = submitted.also if submitted and verdict == "fault" else None
    evidence, dropped = _evidence(_claims(decisions, component, cause, also), signals, raw)
    level = lexicon.LEVELS[submitted.level].value if submitted and submitted.level else None
    fault_type = lexicon.TYPES[submitted.type].value if submitted and submitted.type else None
    return Answer(
        verdict=verdict,
        component=handles.resolve(component) if component else None,
        cause=cause,
        system_level=level,
        fault_type=fault_type,
        confidence=last.probability,
        evidence=evidence,
        dropped_claims=dropped,
        summary=_told(last),
        also=_beside(also, last, handles),
    )


def _told(last: Decision) -> str:
    """The cause in the model's own words, and why it is that; empty where it has none."""
    words = last.words.handover if last.words and isinstance(last.do, SubmitDo) else NOTHING_SAID
    return ": ".join(part for part in (words.cause, words.why) if part)[:MAX_SUMMARY]


def _beside(also: Finding | None, last: Decision, handles: Handles) -> tuple[Accusation, ...]:
    """The second cause that was submitted; what is no component is nobody's."""
    name = handles.resolve(also.subject) if also else None
    told = last.words.handover.further_cause if last.words else ""
    return (Accusation(component=name, cause=also.word, summary=told[:MAX_SUMMARY]),) if also and name else ()


def _claims(
    decisions: Sequence[Decision], component: str | None, cause: str | None, also: Finding | None
) -> list[Finding]:
    """What the answer rests on, most important first, nothing twice."""
    claims = [Finding(cause, component)] if component and cause else []
    claims += [also] if also else []
    claims += [decision.cause for decision in reversed(decisions) if decision.cause]
    claims += [decision.summary for decision in reversed(decisions) if decision.summary]
    return list(dict.fromkeys(claims))


def _evidence(claims: list[Finding], signals: Iterable[Signal], raw: RawReader) -> tuple[tuple[Signal, ...], int]:
    resolved = backed(signals, raw)
    kept: dict[tuple[str, str, str | None], Signal] = {}
    dropped = 0
    for claim in claims:
        # Without a second component a claim is about its component from either side: `refused s4` is backed by
        # the caller's line `refused s7 s4`.
        backing = [signal for signal in resolved if signal.word == claim.word and _is_about(signal, claim)]
        dropped += not backing
        for signal in backing[-1:]:
            kept.setdefault((signal.word, signal.subject, signal.other), signal)
    return tuple(kept.values()), dropped


def backed(signals: Iterable[Signal], raw: RawReader) -> tuple[Signal, ...]:
    """Those whose citation resolves."""
    return tuple(signal for signal in signals if _resolves(signal, raw))


def _is_about(signal: Signal, claim: Finding) -> bool:
    if claim.other:
        return (signal.subject, signal.other) == (claim.subject, claim.other)
    return claim.subject in (signal.subject, signal.other)


def _resolves(signal: Signal, raw: RawReader) -> bool:
    citation = signal.citation
    observation = raw.get(citation.observation) if citation else None
    return citation is not None and observation is not None and citation.end_byte <= len(observation.data)
