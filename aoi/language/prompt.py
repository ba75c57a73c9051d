"""What agents are asked: the states that a prompt may show, and their rendering in the `words-1` layout.

`<obs> locate ; errors s7 ; slow s2 <mem> ; refused s4 <last> endpoints s4 ; targetport s4 ; healthy s7`

After `<mem>` stands, where a component was changed since, what is remembered of it: `<did> ; targetport s4`.

A state holds nothing raw: the types admit words, handles and findings, and (for `chat-1`) text that came out of
the Compressor.
"""

import re
from dataclasses import dataclass, replace
from typing import TypeVar

from aoi.language import lexicon
from aoi.language.decision import Malformed, parse_do, render_do, render_finding
from aoi.language.profile import PromptProfile
from aoi.records.decision import (
    NOTHING_SAID,
    AlertLine,
    Do,
    ExecDo,
    Finding,
    Handover,
    ObserverState,
    ProbeDo,
    SubmitDo,
)
from aoi.records.episode import Signal

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ProbeState:
    """What the Probe is asked to look at. It never sees what came back, only whether a line failed."""

    check: str
    target: str
    namespace: str = ""
    done: tuple[str, ...] = ()
    """Lines that were already run in this iteration (`chat-1` only)."""
    failure: str | None = None
    """Class of the previous line's failure."""
    notice: str = ""
    """Why nothing could be made of what it said last (`chat-1` only)."""
    handover: Handover = NOTHING_SAID
    """What the Observer says of it (`chat-1` only)."""


@dataclass(frozen=True, slots=True)
class ExecutorState:
    """What the Executor is asked to change, and how its last attempt failed."""

    action: str
    target: str
    value: str | None = None
    failure: str | None = None
    notice: str = ""
    """Why nothing could be made of what it said last (`chat-1` only)."""
    handover: Handover = NOTHING_SAID
    """What the Observer says of it (`chat-1` only)."""


@dataclass(frozen=True, slots=True)
class EvolverState:
    """A failed episode in brief: what paged, what was found, what was done."""

    task: str
    alerts: tuple[AlertLine, ...]
    memory: tuple[Finding, ...]
    did: tuple[Do, ...]


def shown(signal: Signal, *, callee_only: bool) -> Finding:
    """A signal as agents speak of it. `callee_only` leaves one component: the one to look at or to put right."""
    if not callee_only:
        return Finding(signal.word, signal.subject, signal.other)
    return Finding(signal.word, at_fault(signal))


def parted(memory: tuple[Finding, ...], component: str) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """What is remembered that is to be put right at other components, and what at this one."""
    others = tuple(finding for finding in memory if at_fault(finding) != component)
    return others, tuple(finding for finding in memory if at_fault(finding) == component)


def at_fault(finding: Finding | Signal) -> str:
    """The component that it is to be looked at or put right at."""
    points = finding.word in lexicon.POINTERS | lexicon.AT_OTHER
    return finding.other if points and finding.other else finding.subject


PromptState = ObserverState | ProbeState | ExecutorState | EvolverState


def within(state: ObserverState, profile: PromptProfile) -> ObserverState:
    """The state cut to what the profile shows: first alerts, newest memories, best signals, next plan steps."""
    return replace(
        state,
        alerts=state.alerts[: profile.alerts],
        memory=_newest(state.memory, profile.summaries),
        changed=_newest(state.changed, profile.summaries),
        notes=_newest(state.notes, profile.summaries),
        components=state.components[: profile.components],
        last=state.last[: profile.signals],
        last_do=state.last_do if profile.shows_last_command else None,
        plan=state.plan[: profile.plan_steps],
        text=state.text[: profile.compressed_chars],
    )


def _newest(items: tuple[T, ...], count: int) -> tuple[T, ...]:
    return items[max(len(items) - count, 0) :]


def render_prompt(state: PromptState) -> str:
    """The prompt in the `words-1` layout. Cut an Observer state with `within` first."""
    match state:
        case ObserverState(task, alerts, memory, last, last_do, plan, changed=changed):
            parts = [f"<obs> {task}", _alerts(alerts), " <mem>", _findings(memory)]
            if changed:
                parts += [" <did>", _findings(changed)]
            if plan:
                parts += [" <plan>", *(f" ; {render_do(step)}" for step in plan)]
            parts += [" <last>", _subject_of(last_do), _findings(last)]
        case ProbeState(check, target, failure=failure):
            parts = [f"<probe> {check} {target}", f" <err> {failure}" if failure else ""]
        case ExecutorState(action, target, value, failure=failure):
            act = render_do(ExecDo(action, target, value)).removeprefix("exec ")
            parts = [f"<exec> {act}", f" <err> {failure}" if failure else ""]
        case EvolverState(task, alerts, memory, did):
            parts = [f"<evo> {task}", _alerts(alerts), " <mem>", _findings(memory), " <did>"]
            parts += [f" ; {render_do(_brief(do))}" for do in did]
    return "".join(parts)


def _alerts(alerts: tuple[AlertLine, ...]) -> str:
    return "".join(f" ; {alert.word} {alert.subject}" for alert in alerts)


def _findings(findings: tuple[Finding, ...]) -> str:
    return "".join(f" ; {render_finding(finding)}" for finding in findings)


def _subject_of(do: ProbeDo | ExecDo | None) -> str:
    match do:
        case ProbeDo(word, target) | ExecDo(word, target):
            return f" {word} {target}"
    return ""


def _brief(do: Do) -> Do:
    """A submission without level and type: the Evolver's prompt has no room for them."""
    return SubmitDo(do.verdict, do.component, do.cause) if isinstance(do, SubmitDo) else do


# ---------------------------------------------------------------- reading a prompt back (scripted policies)


def read_prompt(text: str) -> PromptState:
    """The state behind a `words-1` prompt: what a scripted policy decides from.

    Raises: Malformed if the text is no prompt of this layout.
    """
    sections = re.split(r" (?=<[a-z]+>)", text)
    role, *head = sections[0].split(" ; ")
    parts = {section.split()[0]: section for section in sections[1:]}
    match role.split():
        case ["<obs>", task]:
            asked, last = _last_section(parts.get("<last>", "<last>"))
            return ObserverState(
                task,
                _read_alerts(head),
                memory=_read_findings(parts.get("<mem>", "<mem>").split(" ; ")[1:]),
                changed=_read_findings(parts.get("<did>", "<did>").split(" ; ")[1:]),
                last=_read_findings(last),
                last_do=asked,
                plan=_read_plan(parts.get("<plan>", "<plan>").split(" ; ")[1:]),
            )
        case ["<probe>", check, target]:
            return ProbeState(check, target, failure=_read_failure(parts))
        case ["<exec>", action, target, *value]:
            return ExecutorState(action, target, value[0] if value else None, _read_failure(parts))
        case ["<evo>", task]:
            did = tuple(parse_do(step) for step in parts.get("<did>", "<did>").split(" ; ")[1:])
            memory = _read_findings(parts.get("<mem>", "<mem>").split(" ; ")[1:])
            return EvolverState(task, _read_alerts(head), memory, did)
    raise Malformed(f"prompt: expected a role marker and a task, found {text[:40]!r}")


def _read_alerts(lines: list[str]) -> tuple[AlertLine, ...]:
    return tuple(AlertLine(*line.split()) for line in lines)


def _read_findings(lines: list[str]) -> tuple[Finding, ...]:
    return tuple(Finding(*line.split()) for line in lines)


def _read_plan(lines: list[str]) -> tuple[ProbeDo | ExecDo, ...]:
    steps = (parse_do(line) for line in lines)
    return tuple(step for step in steps if not isinstance(step, SubmitDo))


def _read_failure(parts: dict[str, str]) -> str | None:
    return parts["<err>"].split()[1] if "<err>" in parts else None


def _last_section(section: str) -> tuple[ProbeDo | ExecDo | None, list[str]]:
    head, *lines = section.split(" ; ")
    match head.split():
        case [_, word, target]:
            return (ProbeDo(word, target) if word in lexicon.CHECKS else ExecDo(word, target)), lines
    return None, lines
