"""What stages leave for those who look: times and reports. No Prefect here: `aoi status` reads it at once."""

from aoi.records.promotion import Cycle
from aoi.records.report import CycleReport, StageTime
from tasks.workspace import workspace

_REPORTS = "reports"
STAGES = (
    "make_base",
    "install_champion",
    "collect",
    "validate_trajectories",
    "evolve",
    "validate_plans",
    "validate_examples",
    "train",
    "register",
    "recheck",
    "evaluate",
    "validate_evaluation",
    "decide",
    "review_page",
    "promote",
)
"""In the order of the loop."""
INSTALLATION = ("make_base", "install_champion")


def remember_time(cycle: object, stage_name: str, seconds: float) -> None:
    """Keep how long a stage took. A stage that is skipped later keeps its time."""
    number = cycle.number if isinstance(cycle, Cycle) else 0
    workspace().store.mark(_group(number), stage_name, StageTime(stage=stage_name, seconds=round(seconds, 3)))


def kept_time(cycle: int, stage_name: str) -> StageTime | None:
    """How long a stage of a cycle took; cycle 0 is the installation."""
    return workspace().store.marked(_group(cycle), stage_name, StageTime)


def kept_times(cycle: int) -> tuple[StageTime, ...]:
    """The stages that ended so far, those of the installation before those of the cycle."""
    times = [kept_time(0 if name in INSTALLATION else cycle, name) for name in STAGES]
    return tuple(time for time in times if time is not None)


def _group(cycle: int) -> str:
    return f"times-{cycle}"


def keep_report(made: CycleReport) -> None:
    """Keep the report of a finished cycle."""
    workspace().store.mark(_REPORTS, f"cycle-{made.cycle}", made)


def kept_report(cycle: int) -> CycleReport | None:
    """The report of a finished cycle."""
    return workspace().store.marked(_REPORTS, f"cycle-{cycle}", CycleReport)
