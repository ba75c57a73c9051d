"""Every part of a comparison beside what the gate asks of it: the rows of the picture that a reviewer sees first.

The verdict on each part is the gate's own check, looked up by its name; nothing is judged here.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from aoi.promotion.standings import PARTS
from aoi.records.evaluation import EvaluationResult, Interval, SliceResult
from aoi.records.promotion import GateCheck, GateDecision
from aoi.settings import GateSettings

State = Literal["holds", "open", "harmed"]
"""`holds`: the check passed. `open`: nothing is proven in either direction. `harmed`: its failure alone rejects."""
TITLES = {"seen": "seen mechanisms", "several": "several faults", "controls": "no-fault controls"}
"""Where `PARTS` is too long for a row of the picture."""
TOLD = {"holds": "holds", "open": "not proven", "harmed": "FAILS"}


class Floor(NamedTuple):
    """One part, and the least that its lower bound must lie above."""

    part: str
    title: str
    champion: float
    challenger: float
    gain: Interval
    minimum: float
    state: State
    why: str = ""
    """What the check says, where the bar alone would tell otherwise: the gate has rules that no bar shows."""

    @property
    def told(self) -> str:
        """The state in words."""
        return TOLD[self.state]


def floors(evaluation: EvaluationResult, decision: GateDecision, rules: GateSettings) -> list[Floor]:
    """All problems with a fault, each slice and kind, then the controls."""
    checks = {check.name: check for check in decision.checks}
    return [_floor(part, checks.get(name), minimum) for part, name, minimum in _rows(evaluation, rules)]


def _rows(evaluation: EvaluationResult, rules: GateSettings) -> Iterator[tuple[SliceResult, str, float]]:
    """Part, name of its check, and its least lower bound."""
    yield evaluation.overall, "gain", rules.minimum_gain
    for part in (*evaluation.slices, *evaluation.kinds):
        yield part, f"floor {part.name}", -rules.slice_loss
    if evaluation.controls.runs:
        yield evaluation.controls, "false alarms", -rules.alarm_rise


def _floor(part: SliceResult, check: GateCheck | None, minimum: float) -> Floor:
    state = _state(check)
    is_told_otherwise = state != "holds" and part.gain.low > minimum
    return Floor(
        part=part.name,
        title=title_of(part.name),
        champion=part.champion_rate,
        challenger=part.challenger_rate,
        gain=part.gain,
        minimum=minimum,
        state=state,
        why=check.detail if check and is_told_otherwise else "",
    )


def title_of(part: str) -> str:
    """What people read where a part is named."""
    return TITLES.get(part) or PARTS.get(part, f"{part} tasks")


def named(check: GateCheck) -> str:
    """A check as people read it: a floor by the part that it is of."""
    kind, _, part = check.name.partition(" ")
    return title_of(part) if kind == "floor" else check.name


def _state(check: GateCheck | None) -> State:
    if check is None:  # the gate did not believe the evidence, and looked at no part
        return "open"
    if check.passed:
        return "holds"
    return "harmed" if check.blocking else "open"


def disbelieved(decision: GateDecision) -> str:
    """Why the gate did not believe the evidence, and so judged nothing else; empty where it did."""
    return next((one.detail for one in decision.checks if one.name == "evidence" and one.blocking), "")


def unmet(decision: GateDecision) -> list[tuple[str, list[GateCheck]]]:
    """Checks that did not pass: those that reject, then those that prove nothing; only what there is."""
    failed = [check for check in decision.checks if not check.passed]
    sorts = (
        ("It fails", [check for check in failed if check.blocking]),
        ("Not proven", [check for check in failed if not check.blocking]),
    )
    return [(title, checks) for title, checks in sorts if checks]


def is_pictured(check: GateCheck) -> bool:
    """Whether a row of the picture shows it."""
    return check.name in ("gain", "false alarms") or check.name.startswith("floor ")
