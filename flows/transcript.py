"""A diagnosis, and any episode, as a person at a terminal reads it: the answer first, then why, then what was done.

What came from a cluster is untrusted: redaction took control characters out, and it is printed without markup.
"""

from collections.abc import Mapping

from aoi.agents.decision import Decision, ExecDo, Malformed, ProbeDo, SubmitDo, parse
from aoi.agents.lexicon import VERDICTS
from aoi.agents.meanings import meaning
from aoi.records.episode import Answer, Signal, Step, Trajectory
from flows.console import out
from tasks.diagnose import Diagnosis, Evidence

_HEADLINES = {"fault": "FAULT", "no_fault": "NO FAULT", "inconclusive": "INCONCLUSIVE"}


def print_diagnosis(found: Diagnosis) -> None:
    """Answer, evidence with the lines that were seen, steps, changes, model."""
    names = found.trajectory.content.handles
    _print_answer(found.answer, found.ended)
    for evidence in found.evidence:
        _print_evidence(evidence, names)
    if found.answer and found.answer.dropped_claims:
        _say("dropped", f"{found.answer.dropped_claims} claims that no observation backs")
    _print_steps(found.trajectory)
    _say("changed", "; ".join(found.changed) or "nothing")
    _say("took", f"{found.seconds:.1f} s, {found.tokens} tokens, {len(found.trajectory.content.steps)} steps")
    _say("model", f"version {found.version}, bundle {found.bundle[:12]} (aoi trace {found.bundle[:12]})")
    _say("kept as", f"{found.trajectory_ref} (aoi data show {found.trajectory_ref})")


def print_trajectory(trajectory: Trajectory) -> None:
    """Every step of an episode, and how the oracle graded it."""
    content = trajectory.content
    out.print(f"{content.instance.problem.id} seed {content.instance.seed}, {content.arm}, ended: {content.ended}")
    alerts = "; ".join(f"{_name(alert.subject, content.handles)} {meaning(alert.word)}" for alert in content.alerts)
    _say("alerts", alerts or "none")
    _print_steps(trajectory)
    _print_answer(content.answer, content.ended)
    _say("outcome", "success" if content.outcome.success else "failure")
    for name, value in content.outcome.detail.items():
        _say("", f"{name}: {value}")
    if content.error:
        _say("error", content.error)


def _print_answer(answer: Answer | None, ended: str) -> None:
    if answer is None:
        _say("answer", f"none (ended: {ended})", bold=True)
        return
    where = f" in {answer.component}" if answer.component else ""
    why = f": {meaning(answer.cause)} ({answer.cause})" if answer.cause else ""
    _say("answer", f"{_HEADLINES[answer.verdict]}{where}{why}, confidence {answer.confidence:.0%}", bold=True)
    if answer.system_level:
        _say("", f"level {answer.system_level}, type {answer.fault_type}")


def _print_evidence(evidence: Evidence, names: Mapping[str, str]) -> None:
    _say("evidence", _told(evidence.signal, names))
    _say("", f"$ {evidence.command}")
    for line in evidence.seen:
        _say("", f"> {line}")
    _say("", f"aoi data show {evidence.observation}")


def _print_steps(trajectory: Trajectory) -> None:
    names = trajectory.content.handles
    for step in trajectory.content.steps:
        _say(f"step {step.index + 1}", _decided(step, names))
        for interaction in step.interactions:
            said = f" ({interaction.status}: {interaction.error})" if interaction.error else ""
            _say("", f"$ {interaction.command}{said}")
        for signal in step.signals:
            _say("", f"saw: {_told(signal, names)}")


def _decided(step: Step, names: Mapping[str, str]) -> str:
    try:
        decision = parse(step.decision)
    except Malformed:
        return f"malformed: {step.decision!r}"
    suspicion = ""
    if decision.cause and not isinstance(decision.do, SubmitDo):
        suspect = _name(decision.cause.subject, names)
        suspicion = f"; suspects {suspect}: {decision.cause.word}, {decision.probability:.0%}"
    return _deed(decision, names) + suspicion


def _deed(decision: Decision, names: Mapping[str, str]) -> str:
    match decision.do:
        case ProbeDo(check, target):
            return f"looks at {check} of {_name(target, names)}"
        case ExecDo(action, target, value):
            return f"changes {_name(target, names)}: {action}{f' {value}' if value else ''}"
        case SubmitDo(verdict, component, cause):
            about = f": {_name(component, names)}, {cause}" if component else ""
            return f"answers {VERDICTS[verdict].replace('_', ' ')}{about}"


def _told(signal: Signal, names: Mapping[str, str]) -> str:
    other = f" -> {_name(signal.other, names)}" if signal.other else ""
    return f"{_name(signal.subject, names)}{other}: {meaning(signal.word)} ({signal.word})"


def _name(handle: str, names: Mapping[str, str]) -> str:
    return names.get(handle, handle)


def _say(title: str, text: str, *, bold: bool = False) -> None:
    out.print(f"{title:<9} {text}", markup=False, highlight=False, soft_wrap=True, style="bold" if bold else None)
