"""An episode in words, real names for handles: for the terminal of an operator and the page of a reviewer."""

from collections.abc import Iterator, Mapping

from aoi.language.decision import decision_of
from aoi.language.lexicon import POINTERS, VERDICTS
from aoi.language.meanings import meaning
from aoi.records.decision import Decision, ExecDo, ProbeDo, SubmitDo
from aoi.records.episode import Answer, Signal, Step
from aoi.records.findings import Accusation

Names = Mapping[str, str]
"""Handle -> real name."""
MAX_SAID = 300
"""Characters of what is no decision that are told; the trajectory has all of it."""


def decided(step: Step, names: Names) -> str:
    """What the Observer decided, and whom it suspected; a malformed decision as it was written."""
    decision = decision_of(step)
    if decision is None:
        said, more = step.decision[:MAX_SAID], len(step.decision) - MAX_SAID
        return f"malformed: {said!r}" + (f" and {more:,} characters more" if more > 0 else "")
    if decision.cause is None or isinstance(decision.do, SubmitDo):
        return deed(decision, names)
    suspect = named(decision.cause.subject, names)
    return f"{deed(decision, names)}; suspects {suspect}: {decision.cause.word}, {decision.probability:.0%}"


def said(step: Step) -> Iterator[str]:
    """What the Observer said around its decision, a line each: what it saw, what it held possible, and why this next.

    Empty in a layout without words of its own, and for a malformed decision.
    """
    decision = decision_of(step)
    if decision is None or decision.words is None:
        return
    words = decision.words
    yield from _titled("saw in it", words.observation)
    for one in words.hypotheses:
        yield f"possible, {one.probability:.0%}: {one.component}: {one.cause}"
        yield from _titled("  for", one.speaks_for)
        yield from _titled("  against", one.speaks_against)
    handover = words.handover
    yield from _titled("why", handover.why)
    yield from _titled("looks, too, at", ", ".join(handover.targets))
    yield from _titled("cause", handover.cause)
    yield from _titled("second cause", handover.further_cause)
    yield from _titled("change", handover.change)
    yield from _titled("to verify", handover.verification)
    yield from _titled("if it fails", handover.fallback)


def _titled(title: str, text: str) -> Iterator[str]:
    if text:
        yield f"{title}: {text}"


def told(signal: Signal, names: Names) -> str:
    """A signal: about whom, and what it means."""
    # What a caller says of a callee that is no component: an address elsewhere, or a name that nobody has.
    unknown = " -> what it calls" if signal.word in POINTERS else ""
    other = f" -> {named(signal.other, names)}" if signal.other else unknown
    return f"{named(signal.subject, names)}{other}: {meaning(signal.word)} ({signal.word})"


def answered(answer: Answer) -> str:
    """Verdict, component, word of the cause and confidence, and level and type where they were asked for."""
    about = " ".join(part for part in (answer.component, f"({answer.cause})" if answer.cause else None) if part)
    said = answer.verdict.replace("_", " ") + (f": {about}" if about else "")
    is_sure = answer.verdict != "inconclusive" or answer.confidence > 0
    sure = f", confidence {answer.confidence * 100:.0f} %" if is_sure else ""
    labels = f"; level {answer.system_level}, type {answer.fault_type}" if answer.system_level else ""
    return f"{said}{sure}{labels}"


def why(answer: Answer) -> str:
    """The sentence that explains it; of an answer that has none, what the word of its cause means."""
    return answer.summary or (meaning(answer.cause) if answer.cause else "")


def accused(accusation: Accusation) -> str:
    """A further cause, as the first one is told."""
    return f"{accusation.component} ({accusation.cause}): {accusation.summary or meaning(accusation.cause)}"


def named(handle: str, names: Names) -> str:
    """The real name behind a handle; a handle that stands for nothing stays as it is."""
    return names.get(handle, handle)


def deed(decision: Decision, names: Names) -> str:
    """What a decision does."""
    match decision.do:
        case ProbeDo(check, target):
            return f"looks at {check} of {named(target, names)}"
        case ExecDo(action, target, value):
            return f"changes {named(target, names)}: {action}{f' {value}' if value else ''}"
        case SubmitDo(verdict, component, cause, also=also):
            about = f": {named(component, names)}, {cause}" if component else ""
            about += f"; also {named(also.subject, names)}, {also.word}" if also else ""
            return f"answers {VERDICTS[verdict].replace('_', ' ')}{about}"
