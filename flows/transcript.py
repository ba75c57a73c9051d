"""A diagnosis, and any episode, as a person at a terminal reads it: the answer first, then why, then what was done.

What came from a cluster is untrusted: it is printed without markup, and what moves a cursor or ends a line as its code.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from aoi.language.coverage import looked, missing
from aoi.language.meanings import meaning
from aoi.language.narration import accused, answered, decided, named, said, told, why
from aoi.records.coverage import Coverage
from aoi.records.diagnosis import Diagnosis, Evidence
from aoi.records.episode import Answer, Cost, SpenderName, Trajectory
from aoi.store.shards import traceback_of
from aoi.visible import visible
from flows.console import out

if TYPE_CHECKING:
    from tasks.episodes import Exchange

TELLING_MS = 50
"""Time of an agent that used nothing else is told from here on."""


def print_diagnosis(diagnosis: Diagnosis) -> None:
    """Answer and why, evidence with the lines that were seen, steps, what was covered, changes, who answered."""
    names = diagnosis.trajectory.content.handles if diagnosis.trajectory else {}
    _print_answer(diagnosis.answer, diagnosis.ended)
    if diagnosis.survey:
        _print_survey(diagnosis.survey)
    for alert in diagnosis.alerts:
        _say("alert", alert.symptom)
    for evidence in diagnosis.evidence:
        _print_evidence(evidence, names)
    if diagnosis.answer and diagnosis.answer.dropped_claims:
        _say("dropped", f"{diagnosis.answer.dropped_claims} claims that no observation backs")
    if diagnosis.trajectory:
        _print_steps(diagnosis.trajectory)
        _print_error(diagnosis.trajectory)
    told_by = diagnosis.answer or diagnosis.survey
    if told_by and told_by.coverage:
        _print_coverage(told_by.coverage)
    _say("changed", "; ".join(diagnosis.changed) or "nothing")
    _print_costs(diagnosis.costs, diagnosis.spent_ms)
    _print_origin(diagnosis)


def _print_origin(diagnosis: Diagnosis) -> None:
    _say("took", f"{diagnosis.seconds:.1f} s" + (f", {diagnosis.tokens} tokens" if diagnosis.bundle else ""))
    if diagnosis.bundle is None:
        cut = ", cut short by an interruption" if diagnosis.ended == "interrupted" else ""
        _say("model", f"none: the survey answers by its own rules{cut}")
    else:
        _say(
            "model", f"version {diagnosis.version}, bundle {diagnosis.bundle[:12]} (aoi trace {diagnosis.bundle[:12]})"
        )
        if episode := diagnosis.trajectory_ref:
            _say("episode", f"{episode} (aoi episodes show {episode})")
    if kept := diagnosis.kept_as:
        _say("kept as", f"{kept} (aoi feedback {kept} --right, or --wrong)")
    else:
        _say("kept as", "nothing: the store did not take it, and what the lines above name cannot be shown later")


def _print_costs(costs: Sequence[Cost], spent_ms: Mapping[SpenderName, int]) -> None:
    """A line for each agent: what it asked of the model and of the cluster, and how long that took."""
    who = dict.fromkeys([*(cost.role for cost in costs), *(name for name in spent_ms if spent_ms[name] >= TELLING_MS)])
    of = {cost.role: cost for cost in costs}
    for place, name in enumerate(who):
        cost = of.get(name, Cost(role=name))
        parts = []
        if cost.calls:
            parts.append(f"{cost.calls} calls, {cost.prompt_tokens:,} tokens in, {cost.completion_tokens:,} out")
        if cost.requests:
            parts.append(f"{cost.requests} reads, {cost.bytes:,} bytes")
        if name in spent_ms:
            parts.append(f"{spent_ms[name] / 1000:.1f} s")
        _say("" if place else "cost", f"{name}: {'; '.join(parts)}")


def _print_survey(survey: Answer) -> None:
    """The survey's verdict beside a model's."""
    _say("survey", f"{answered(survey)}" + (f". {why(survey)}" if why(survey) else ""))
    _print_next(survey)


def _print_next(answer: Answer) -> None:
    for place, command in enumerate(answer.next):
        _say("" if place else "next", command)


def _print_coverage(coverage: Coverage) -> None:
    _say("looked", looked(coverage))
    for place, line in enumerate(missing(coverage)):
        _say("" if place else "missing", line)


def print_exchanges(exchanges: "Iterable[Exchange]") -> None:
    """Every prompt whole, markers included, and what was answered."""
    for one in exchanges:
        _print_text(f"--- step {one.step}: the {one.role} is asked\n{one.prompt}")
        _print_text(f"--- step {one.step}: the {one.role} says\n{one.said}")


def _print_text(text: str) -> None:
    for line in text.split("\n"):
        out.print(visible(line), markup=False, highlight=False, soft_wrap=True)


def print_trajectory(trajectory: Trajectory) -> None:
    """Every step of an episode, and how the oracle graded it."""
    content = trajectory.content
    _say("problem", f"{content.instance.problem.id} seed {content.instance.seed}, {content.arm}")
    alerts = "; ".join(f"{named(alert.subject, content.handles)} {meaning(alert.word)}" for alert in content.alerts)
    _say("alerts", alerts or "none")
    _print_steps(trajectory)
    _print_answer(content.answer, content.ended)
    _print_costs(content.costs, trajectory.provenance.spent_ms)
    _say("outcome", "success" if content.outcome.success else "failure")
    for name, value in content.outcome.detail.items():
        _say("", f"{name}: {'-' if value == '' else value}")
    _print_error(trajectory)


def _print_answer(answer: Answer | None, ended: str) -> None:
    _say("answer", answered(answer) if answer else f"none (ended: {ended})", bold=True)
    if answer is None:
        return
    if why(answer):
        _say("why", why(answer))
    _print_next(answer)
    if len(answer.chain) > 1:
        _say("chain", " -> ".join(answer.chain))
    if answer.symptoms:
        _say("symptoms", ", ".join(answer.symptoms))
    for accusation in answer.also:
        _say("also", accused(accusation))


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
        for line in said(step):
            _say("", line)
        for interaction in step.interactions:
            trouble = f" ({interaction.status}: {interaction.error})" if interaction.error else ""
            _say("", f"$ {interaction.command}{trouble}")
        for signal in step.signals:
            _say("", f"saw: {told(signal, names)}")


def _say(title: str, text: str, *, bold: bool = False) -> None:
    out.print(
        f"{title:<9} {visible(text)}", markup=False, highlight=False, soft_wrap=True, style="bold" if bold else None
    )
