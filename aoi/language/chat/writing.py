"""A decision as a chat model would have written it: what a correction teaches, and what a forced step is recorded as.

`reading` reads it back. A decision that was made without words gets the plain ones of its lexicon.
"""

import json

from aoi.language import lexicon
from aoi.language.decision import EvolverPlan, ExecutorAct, ProbeCommand, Utterable, render_finding
from aoi.language.meanings import meaning
from aoi.records.decision import (
    NOTHING_SAID,
    Decision,
    Do,
    ExecDo,
    Finding,
    Handover,
    Hypothesis,
    ProbeDo,
    SubmitDo,
    Words,
)

_Json = dict[str, object]
NOTHING = "Nothing that was seen says more."


def say(said: Utterable) -> str:
    """The canonical completion of the `chat-1` layout."""
    match said:
        case Decision():
            fields = _decision(said)
        case ProbeCommand(line):
            fields = {"thought": "", "command": line}
        case ExecutorAct(do, failure):
            fields = {**({"failure": failure} if failure else {}), "reason": "", **_change(do)}
        case EvolverPlan(steps):
            fields = {"missed": "", "steps": [_next(step, NOTHING_SAID, 0.0) for step in steps]}
    return json.dumps(fields, ensure_ascii=False)


def _decision(said: Decision) -> _Json:
    words = said.words or _plain(said)
    return {
        "observation": words.observation,
        "finding": render_finding(said.summary) if said.summary else "none",
        "hypotheses": [
            {
                "component": one.component,
                "cause": one.cause,
                "for": one.speaks_for,
                "against": one.speaks_against,
                "probability": percent(one.probability),
            }
            for one in words.hypotheses
        ],
        "next": _next(said.do, words.handover, said.probability),
    }


def _plain(said: Decision) -> Words:
    """Words for a decision that has none."""
    hypotheses = ()
    if said.cause:
        one = Hypothesis(said.cause.subject, meaning(said.cause.word), _seen(said), probability=said.probability)
        hypotheses = (one,)
    return Words(_seen(said) or NOTHING, hypotheses)


def _seen(said: Decision) -> str:
    found = said.summary
    if found is None:
        return ""
    about = f"{found.subject} calls {found.other}" if found.other else found.subject
    return f"{about}: {meaning(found.word)}."


def percent(probability: float) -> int:
    """As it is written: JSON schemas tell whole numbers from one another in every engine, and fractions in few."""
    return round(probability * 100)


def _next(do: Do, words: Handover, sure: float) -> _Json:
    match do:
        case ProbeDo(check, target):
            return {"do": "probe", "check": check, "targets": [target, *words.targets], "purpose": words.why}
        case ExecDo():
            told = {key: getattr(words, key) for key in ("cause", "change", "verification", "fallback")}
            return {"do": "execute", **_change(do), **told}
        case SubmitDo():
            return {"do": "submit", **_answer(do, words), "probability": percent(sure), "reason": words.why}


def _change(do: ExecDo) -> _Json:
    return {"action": do.action, "target": do.target, **({"value": do.value} if do.value else {})}


def _answer(do: SubmitDo, words: Handover) -> _Json:
    fields: _Json = {"verdict": lexicon.VERDICTS[do.verdict]}
    if do.component and do.cause:
        fields |= {"component": do.component, "cause": words.cause or meaning(do.cause)}
    if do.level and do.type:
        fields |= {"level": lexicon.LEVELS[do.level].value, "type": lexicon.TYPES[do.type].value}
    if do.also:
        fields["also"] = _second(do.also, words)
    return fields


def _second(also: Finding, words: Handover) -> _Json:
    return {"component": also.subject, "cause": words.further_cause or meaning(also.word)}
