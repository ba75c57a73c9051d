"""Keep of a successful episode what made it succeed.

The paper drops "retries and dead ends" by an algorithm that it does not publish (section 3.3). Ours drops failed
commands, exact repeats, and looks whose findings no later step uses; it never drops the check before a change.
"""

from dataclasses import dataclass

from aoi.language.decision import decision_of
from aoi.records.decision import Decision, Do, ExecDo, Finding, ProbeDo, SubmitDo
from aoi.records.episode import Signal, Step, Trajectory


@dataclass(frozen=True, slots=True)
class Kept:
    """A step with its decision."""

    step: Step
    decision: Decision


def decided(trajectory: Trajectory) -> list[Kept]:
    """Every step with a decision that means something, in order."""
    pairs = ((step, decision_of(step)) for step in trajectory.content.steps)
    return [Kept(step, decision) for step, decision in pairs if decision is not None]


def carried_out(trajectory: Trajectory) -> list[Kept]:
    """The steps that came to what was asked for, useful or not, in order."""
    return [kept for kept in decided(trajectory) if kept.step.status == "ok"]


def purify(trajectory: Trajectory) -> list[Kept]:
    """The steps of a successful episode without failures, repeats and dead ends, in order."""
    steps = decided(trajectory)
    return [kept for index, kept in enumerate(steps) if _is_useful(steps, index)]


def _is_useful(steps: list[Kept], index: int) -> bool:
    kept = steps[index]
    if isinstance(kept.decision.do, SubmitDo):
        return True
    if kept.step.status != "ok" or any(earlier.decision.do == kept.decision.do for earlier in steps[:index]):
        return False
    if isinstance(kept.decision.do, ExecDo):
        return True
    later = [step.decision for step in steps[index + 1 :]]
    is_check_before_change = bool(later) and isinstance(later[0].do, ExecDo)
    return is_check_before_change or _is_used(kept.step.signals, later)


def _is_used(signals: tuple[Signal, ...], later: list[Decision]) -> bool:
    """Whether a later decision speaks of what was found, or goes where it pointed.

    That something is healthy is used by the answer that nothing is wrong.
    """
    pointed_at = {signal.other for signal in signals if signal.other}
    shown = {(signal.word, handle) for signal in signals if signal.word != "healthy" for handle in _handles(signal)}
    if not shown:
        return any(isinstance(decision.do, SubmitDo) and decision.do.verdict == "no" for decision in later)
    return any(_mentions(decision, shown) or _target(decision.do) in pointed_at for decision in later)


def _handles(signal: Signal) -> tuple[str, ...]:
    return (signal.subject, signal.other) if signal.other else (signal.subject,)


def _mentions(decision: Decision, shown: set[tuple[str, str]]) -> bool:
    also = decision.do.also if isinstance(decision.do, SubmitDo) else None
    findings: list[Finding] = [finding for finding in (decision.summary, decision.cause, also) if finding]
    return any((finding.word, finding.subject) in shown for finding in findings)


def _target(do: Do) -> str | None:
    match do:
        case ProbeDo(_, target) | ExecDo(_, target):
            return target
        case SubmitDo(_, component):
            return component
