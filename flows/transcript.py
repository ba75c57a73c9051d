"""A diagnosis, and any episode, as a person at a terminal reads it: the answer first, then why, then what was done.

What came from a cluster is untrusted: redaction took control characters out, and it is printed without markup.
"""

from collections.abc import Mapping

from aoi.agents.evidence import Evidence
from aoi.language.meanings import meaning
from aoi.language.narration import answered, decided, named, told
from aoi.records.episode import Answer, Trajectory
from aoi.store.shards import traceback_of
from flows.console import out
from tasks.diagnose import Diagnosis


def print_diagnosis(diagnosis: Diagnosis) -> None:
    """Answer, evidence with the lines that were seen, steps, changes, who answered."""
    names = diagnosis.trajectory.content.handles if diagnosis.trajectory else {}
    _print_answer(diagnosis.answer, diagnosis.ended)
    for evidence in diagnosis.evidence:
        _print_evidence(evidence, names)
    if diagnosis.answer and diagnosis.answer.dropped_claims:
        _say("dropped", f"{diagnosis.answer.dropped_claims} claims that no observation backs")
    if diagnosis.trajectory:
        _print_steps(diagnosis.trajectory)
        _print_error(diagnosis.trajectory)
    _say("changed", "; ".join(diagnosis.changed) or "nothing")
    _say("took", f"{diagnosis.seconds:.1f} s, {diagnosis.tokens} tokens")
    if diagnosis.bundle is None:
        _say("model", "none: every component was looked at once and the findings ranked; nobody concluded anything")
        return
    _say("model", f"version {diagnosis.version}, bundle {diagnosis.bundle[:12]} (aoi trace {diagnosis.bundle[:12]})")
    _say("kept as", f"{diagnosis.trajectory_ref} (aoi data show {diagnosis.trajectory_ref})")


def print_trajectory(trajectory: Trajectory) -> None:
    """Every step of an episode, and how the oracle graded it."""
    content = trajectory.content
    _say("problem", f"{content.instance.problem.id} seed {content.instance.seed}, {content.arm}")
    alerts = "; ".join(f"{named(alert.subject, content.handles)} {meaning(alert.word)}" for alert in content.alerts)
    _say("alerts", alerts or "none")
    _print_steps(trajectory)
    _print_answer(content.answer, content.ended)
    _say("outcome", "success" if content.outcome.success else "failure")
    for name, value in content.outcome.detail.items():
        _say("", f"{name}: {value}")
    _print_error(trajectory)


def _print_answer(answer: Answer | None, ended: str) -> None:
    _say("answer", answered(answer) if answer else f"none (ended: {ended})", bold=True)


def _print_error(trajectory: Trajectory) -> None:
    if trajectory.content.error:
        _say("error", trajectory.content.error)
    if kept := traceback_of(trajectory):
        _say("", f"aoi data show {kept} --limit 1000")


def _print_evidence(evidence: Evidence, names: Mapping[str, str]) -> None:
    _say("evidence", told(evidence.signal, names))
    _say("", f"$ {evidence.command}")
    for line in evidence.seen:
        _say("", f"> {line}")
    _say("", f"aoi data show {evidence.observation}")


def _print_steps(trajectory: Trajectory) -> None:
    names = trajectory.content.handles
    for step in trajectory.content.steps:
        _say(f"step {step.index + 1}", decided(step, names))
        for interaction in step.interactions:
            said = f" ({interaction.status}: {interaction.error})" if interaction.error else ""
            _say("", f"$ {interaction.command}{said}")
        for signal in step.signals:
            _say("", f"saw: {told(signal, names)}")


def _say(title: str, text: str, *, bold: bool = False) -> None:
    out.print(f"{title:<9} {text}", markup=False, highlight=False, soft_wrap=True, style="bold" if bold else None)
