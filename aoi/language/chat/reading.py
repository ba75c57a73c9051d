"""What a chat model said, as the decision that the loop knows: deny by default, with a reason that it can act on.

    {"observation": TEXT, "finding": "SIGNAL NAME [NAME]" | "none", "hypotheses": [HYPOTHESIS, ...], "next": NEXT}
    HYPOTHESIS := {"component": NAME, "cause": TEXT, "for": TEXT, "against": TEXT, "probability": 0..100}
    NEXT       := {"do": "probe", "check": CHECK, "targets": [NAME, ...], "purpose": TEXT}
                | {"do": "execute", "action": ACTION, "target": NAME, "value": VALUE,
                   "cause": TEXT, "change": TEXT, "verification": TEXT, "fallback": TEXT}
                | {"do": "submit", "verdict": VERDICT, "component": NAME, "cause": TEXT, "level": LEVEL, "type": TYPE,
                   "also": {"component": NAME, "cause": TEXT}, "probability": 0..100, "reason": TEXT}

A native call of a tool (`encodings`) is another way to write the same. Causes are words of the model's own: `causes`
finds the word of the lexicon that they mean, and none is guessed.
"""

from aoi.language import causes, lexicon
from aoi.language.chat import encodings
from aoi.language.chat.fields import Reader, refuse
from aoi.language.decision import MOST_STEPS, EvolverPlan, ExecutorAct, ProbeCommand, parse_finding
from aoi.language.extraction import object_of
from aoi.records.decision import Decision, Do, ExecDo, Finding, Handover, Hypothesis, ProbeDo, SubmitDo, Words

MOST_HYPOTHESES, MOST_TARGETS = 5, 4
VERDICTS = {full: word for word, full in lexicon.VERDICTS.items()}
LEVELS = {level.value: word for word, level in lexicon.LEVELS.items()}
TYPES = {fault.value: word for word, fault in lexicon.TYPES.items()}
UNKNOWN = "unclassified"
"""The cause that no word of the lexicon can be told for."""
SURE, LIKELY = 0.8, 0.5
"""Probabilities from which on a look verifies a hypothesis, or goes deeper into it."""

PROBE_KEYS = ("do", "check", "targets", "purpose")
ACT_KEYS = ("do", "action", "target", "value", "cause", "change", "verification", "fallback")
SUBMIT_KEYS = ("do", "verdict", "component", "cause", "level", "type", "also", "probability", "reason")


def decision(text: str) -> Decision:
    """Read an Observer's completion. Raises: Malformed, whatever the text."""
    said = Reader(object_of(text, encodings.of_observer, ("observation", "next")), "", encodings.OBSERVER_KEYS)
    hypotheses = _hypotheses(said)
    finding = said.text("finding") if said.has("finding") else "none"
    do, handover, sure = _next(said.part("next"))
    best = hypotheses[0] if hypotheses else None
    if sure is None:
        sure = best.probability if best else 0.0
    return Decision(
        summary=parse_finding(finding, "finding"),
        phase=_phase(do, best),
        cause=Finding(_word(best.cause), best.component) if best else None,
        confidence=min(9, int(sure * 10)),
        do=do,
        words=Words(said.text("observation"), hypotheses, handover),
    )


def probe(text: str) -> ProbeCommand:
    """Read a Probe's completion; the line itself is checked later, deny by default. Raises: Malformed."""
    said = Reader(object_of(text, encodings.of_probe, ("command",)), "", encodings.PROBE_KEYS)
    return ProbeCommand(said.needed("command"))


def act(text: str) -> ExecutorAct:
    """Read an Executor's completion. Raises: Malformed."""
    said = Reader(object_of(text, encodings.of_executor, ("action", "target")), "", encodings.EXECUTOR_KEYS)
    failure = said.word("failure", lexicon.FAILURE_CLASSES) if said.has("failure") else None
    return ExecutorAct(_change(said), failure)


def plan(text: str) -> EvolverPlan:
    """Read an Evolver's completion: looks and changes, no submission. Raises: Malformed."""
    said = Reader(object_of(text, encodings.of_evolver, ("steps",)), "", encodings.EVOLVER_KEYS)
    steps = [_next(step, f"steps[{number}]")[0] for number, step in enumerate(said.objects("steps", MOST_STEPS))]
    actions = tuple(step for step in steps if not isinstance(step, SubmitDo))
    return EvolverPlan(actions) if len(actions) == len(steps) else refuse("steps", "probe and execute", "submit")


def _hypotheses(said: Reader) -> tuple[Hypothesis, ...]:
    found = []
    for number, one in enumerate(said.objects("hypotheses", MOST_HYPOTHESES)):
        keys = ("component", "cause", "for", "against", "probability")
        read = Reader(one, f"hypotheses[{number}]", keys)
        words = read.needed("cause"), read.text("for"), read.text("against")
        found.append(Hypothesis(read.name("component"), *words, read.share("probability")))
    return tuple(sorted(found, key=lambda hypothesis: -hypothesis.probability))


def _next(value: object, place: str = "next") -> tuple[Do, Handover, float | None]:
    """What is done, what is said of it, and of an answer how sure it is."""
    verb = value.get("do") if isinstance(value, dict) else None
    if verb == "probe":
        said = Reader(value, place, PROBE_KEYS)
        first, *others = said.names("targets", MOST_TARGETS)
        return ProbeDo(said.word("check", lexicon.CHECKS), first), Handover(said.text("purpose"), tuple(others)), None
    if verb == "execute":
        said = Reader(value, place, ACT_KEYS)
        cause, change = said.text("cause"), said.text("change")
        told = Handover(
            cause=cause, change=change, verification=said.text("verification"), fallback=said.text("fallback")
        )
        return _change(said), told, None
    if verb == "submit":
        return _submission(Reader(value, place, SUBMIT_KEYS), place)
    return refuse(f"{place}.do", "probe, execute or submit", verb)


def _change(said: Reader) -> ExecDo:
    return ExecDo(said.word("action", lexicon.ACTIONS), said.name("target"), said.value("value"))


def _submission(said: Reader, place: str) -> tuple[SubmitDo, Handover, float]:
    verdict, sure, why = said.word("verdict", VERDICTS), said.share("probability"), said.text("reason")
    if verdict == "no" or not said.has("component"):
        named = [
            key for key in ("component", "cause", "level", "type", "also") if said.has(key) and said.part(key) != ""
        ]
        if named:
            refuse(place, "a component with a cause, or neither", ", ".join(named))
        return SubmitDo(verdict), Handover(why), sure
    cause, further = said.needed("cause"), ""
    level = said.word("level", LEVELS) if said.has("level") else None
    fault_type = said.word("type", TYPES) if said.has("type") else None
    if (level is None) != (fault_type is None):
        refuse(place, "level and type together", "one of them")
    also = None
    if said.has("also"):
        second = Reader(said.part("also"), f"{place}.also", ("component", "cause"))
        further = second.needed("cause")
        also = Finding(_word(further), second.name("component"))
    do = SubmitDo(verdict, said.name("component"), _word(cause), level, fault_type, also)
    return do, Handover(why, cause=cause, further_cause=further), sure


def _word(cause: str) -> str:
    match = causes.match(cause)
    return match.word if match else UNKNOWN


def _phase(do: Do, best: Hypothesis | None) -> str:
    if isinstance(do, SubmitDo):
        return "submit"
    if isinstance(do, ExecDo):
        return "fix"
    if best is None:
        return "scan"
    return "verify" if best.probability >= SURE else "depth" if best.probability >= LIKELY else "point"
