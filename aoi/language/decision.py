"""What agents say, and how they say it in the `words-1` layout of the seed model (`layouts` has the others).

Every completion is one JSON object with string values. A value begins with a space, so that its first word is the same
token as in the prompt; the parser does not care, and forgives what is written around it (`extraction`). Names are
handles or real component names, by position: no name can be mistaken for a word of the grammar.

    {"sum":" refused s7 s4","phase":" point","cause":" refused s4","conf":" 3","do":" probe endpoints s4"}

    sum   := none | FINDING                 cause := none | SIGNAL H          conf := 0..9
    do    := probe CHECK H | exec ACTION H [VALUE] | submit VERDICT [H CAUSE [LEVEL TYPE] [also H CAUSE]]
    FINDING := SIGNAL H [H]
"""

import re
from dataclasses import dataclass
from typing import NoReturn

from aoi.language import lexicon
from aoi.language.extraction import Malformed, fields_of
from aoi.records.decision import Decision, Do, ExecDo, Finding, ProbeDo, SubmitDo
from aoi.records.episode import Step

NAME = r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?"
"""A handle or a Kubernetes object name (DNS-1123 subdomain)."""
VALUE = r"[A-Za-z0-9][A-Za-z0-9_.:/@=+-]{0,199}"
"""Operand of an action: replicas, a revision, an image, `key=value`."""
MOST_STEPS = 12
"""Of a plan, where a schema or an instruction bounds it."""

_NAME = re.compile(NAME)
_VALUE = re.compile(VALUE)
_SIGNALS = frozenset(lexicon.SIGNALS)
_CHECKS = frozenset(lexicon.CHECKS)
_ACTIONS = frozenset(lexicon.ACTIONS)


@dataclass(frozen=True, slots=True)
class ProbeCommand:
    """What the Probe wants to run: `kubectl CHECK H` in short, or a whole line of kubectl syntax."""

    line: str


@dataclass(frozen=True, slots=True)
class ExecutorAct:
    """What the Executor wants done; after a failure it classifies that failure first."""

    do: ExecDo
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class EvolverPlan:
    """What the Evolver proposes to look at or change, in order."""

    steps: tuple[ProbeDo | ExecDo, ...]


Utterable = Decision | ProbeCommand | ExecutorAct | EvolverPlan


def is_name(text: str) -> bool:
    """Whether it can stand for a component."""
    return _NAME.fullmatch(text) is not None


def is_value(text: str) -> bool:
    """Whether it can be the operand of an action."""
    return _VALUE.fullmatch(text) is not None


# ---------------------------------------------------------------- rendering


def render_finding(finding: Finding) -> str:
    """`SIGNAL H [H]`."""
    return f"{finding.word} {finding.subject}" + (f" {finding.other}" if finding.other else "")


def render_do(do: Do) -> str:
    """`probe CHECK H`, `exec ACTION H [VALUE]` or `submit VERDICT ...`."""
    match do:
        case ProbeDo(check, target):
            return f"probe {check} {target}"
        case ExecDo(action, target, value):
            return f"exec {action} {target}" + (f" {value}" if value else "")
        case SubmitDo(verdict, component, cause, level, fault_type, also):
            further = ("also", also.subject, also.word) if also else ()
            return " ".join(word for word in ("submit", verdict, component, cause, level, fault_type, *further) if word)


def render(said: Utterable) -> str:
    """The canonical completion of the `words-1` layout: what a demonstration shows and `parse` reads back."""
    match said:
        case Decision(summary, phase, cause, confidence, do):
            fields = {
                "sum": render_finding(summary) if summary else "none",
                "phase": phase,
                "cause": render_finding(cause) if cause else "none",
                "conf": str(confidence),
                "do": render_do(do),
            }
        case ProbeCommand(line):
            fields = {"cmd": line}
        case ExecutorAct(do, failure):
            act = render_do(do).removeprefix("exec ")
            fields = {"class": failure, "act": act} if failure else {"act": act}
        case EvolverPlan(steps):
            fields = {"plan": " ; ".join(render_do(step) for step in steps) or "none"}
    return "{" + ",".join(f'"{key}":" {value}"' for key, value in fields.items()) + "}"


# ---------------------------------------------------------------- parsing


def parse(text: str) -> Decision:
    """Read an Observer completion. Raises: Malformed, whatever the string."""
    fields = fields_of(text, ("sum", "phase", "cause", "conf", "do"))
    phase, digit = fields["phase"].strip(), fields["conf"].strip()
    if phase not in lexicon.PHASES:
        _refuse("phase", f"one of {', '.join(lexicon.PHASES)}", phase)
    if len(digit) != 1 or digit not in "0123456789":
        _refuse("conf", "a digit", digit)
    cause = parse_finding(fields["cause"], "cause")
    if cause and cause.other:
        _refuse("cause", "SIGNAL H", fields["cause"])
    summary = parse_finding(fields["sum"], "sum")
    return Decision(summary, phase, cause, int(digit), parse_do(fields["do"]))


def parse_or_none(text: str) -> Decision | None:
    """Read an Observer completion; None if it is malformed, where that is an outcome like another."""
    try:
        return parse(text)
    except Malformed:
        return None


def decision_of(step: Step) -> Decision | None:
    """What a recorded step decided; None if that was malformed. Only a step of version 1 has to be parsed for it."""
    return step.decided if step.schema_version > 1 else parse_or_none(step.decision)


def parse_finding(text: str, field: str) -> Finding | None:
    """Read `none` or `SIGNAL H [H]`; `field` is where it stands. Raises: Malformed."""
    match text.split():
        case ["none"]:
            return None
        case [word, subject] if word in _SIGNALS and _NAME.fullmatch(subject):
            return Finding(word, subject)
        case [word, subject, other] if word in _SIGNALS and _NAME.fullmatch(subject) and _NAME.fullmatch(other):
            return Finding(word, subject, other)
    return _refuse(field, "none or SIGNAL H [H]", text)


def parse_do(text: str) -> Do:
    """Read `probe ...`, `exec ...` or `submit ...`. Raises: Malformed."""
    match text.split():
        case ["probe", check, target] if check in _CHECKS and _NAME.fullmatch(target):
            return ProbeDo(check, target)
        case ["exec", *rest]:
            return _parse_act(rest, text)
        case ["submit", verdict, *rest] if verdict in lexicon.VERDICTS:
            return _parse_submit(verdict, rest, text)
    return _refuse("do", f"probe CHECK H, exec ACTION H [VALUE] or {_SUBMIT}", text)


def parse_probe(text: str) -> ProbeCommand:
    """Read a Probe completion; the line itself is checked later, deny by default. Raises: Malformed."""
    line = " ".join(fields_of(text, ("cmd",))["cmd"].split())
    if not line:
        _refuse("cmd", "a command", line)
    return ProbeCommand(line)


def parse_executor(text: str) -> ExecutorAct:
    """Read an Executor completion. Raises: Malformed."""
    fields = fields_of(text, ("act",), optional=("class",))
    failure = fields["class"].strip() if "class" in fields else None
    if failure is not None and failure not in lexicon.FAILURE_CLASSES:
        _refuse("class", f"one of {', '.join(lexicon.FAILURE_CLASSES)}", failure)
    return ExecutorAct(_parse_act(fields["act"].split(), fields["act"]), failure)


def parse_plan(text: str) -> EvolverPlan:
    """Read an Evolver completion: reads and changes, no submission. Raises: Malformed."""
    plan = fields_of(text, ("plan",))["plan"]
    if plan.strip() == "none":
        return EvolverPlan(())
    steps = [parse_do(part) for part in plan.split(";")]
    actions = tuple(step for step in steps if not isinstance(step, SubmitDo))
    if len(actions) < len(steps):
        _refuse("plan", "probe and exec steps", plan)
    return EvolverPlan(actions)


def _refuse(field: str, expected: str, written: str) -> NoReturn:
    raise Malformed(f"{field}: expected {expected}, found {written[:80]!r}")


def _parse_act(words: list[str], text: str) -> ExecDo:
    match words:
        case [action, target] if action in _ACTIONS and _NAME.fullmatch(target):
            return ExecDo(action, target)
        case [action, target, value] if action in _ACTIONS and _NAME.fullmatch(target) and _VALUE.fullmatch(value):
            return ExecDo(action, target, value)
    return _refuse("act", "ACTION H [VALUE]", text)


_SUBMIT = "submit VERDICT [H CAUSE [LEVEL TYPE] [also H CAUSE]]"


def _parse_submit(verdict: str, words: list[str], text: str) -> SubmitDo:
    match words:
        case []:
            return SubmitDo(verdict)
        case [component, cause, *rest] if verdict != "no" and _NAME.fullmatch(component) and cause in _SIGNALS:
            labels, also = _parse_also(rest)
            match labels:
                case []:
                    return SubmitDo(verdict, component, cause, also=also)
                case [level, fault_type] if level in lexicon.LEVELS and fault_type in lexicon.TYPES:
                    return SubmitDo(verdict, component, cause, level, fault_type, also)
    return _refuse("do", _SUBMIT, text)


def _parse_also(words: list[str]) -> tuple[list[str], Finding | None]:
    """What follows a cause, without the second one at its end, and that one."""
    match words:
        case [*labels, "also", component, cause] if _NAME.fullmatch(component) and cause in _SIGNALS:
            return labels, Finding(cause, component)
    return words, None
