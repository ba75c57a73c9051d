"""What the learning benchmark keeps under `--out`: plans, trained arms, measurements, one file each.

A file is written beside its name and renamed, so a run that was killed leaves whole ones and goes on after them. Names
hold a digest of what results stand on: those of other code or settings are never mixed.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar, get_args

from pydantic import Field

from aoi.learning.failures import FailurePattern
from aoi.records.base import Record, Ref
from aoi.records.evaluation import PairedResult
from aoi.records.learning import JudgeSpend
from aoi.records.problem import Slice, TaskKind
from aoi.records.standings import LineName
from models.training.curves import TrainingRun

WorldsName = Literal["development", "test", "hard", "styles", "aiopslab"]
"""`development`, `test`: as the gate and as reports draw them. `hard`: development problems of the sorts that a strong
start still fails. `styles`: test worlds whose objects are named as in no
training application. `aiopslab`: AIOpsLab's 86 problems."""
SETS: tuple[WorldsName, ...] = get_args(WorldsName)
PLAN, TRAINED = "plan", "trained"
BINS = 10
"""Of stated probabilities, equally wide."""


class Plan(Record):
    """What was to be run on one set of worlds: what of it is not there is missing."""

    worlds: WorldsName
    arms: tuple[str, ...]
    seeds: tuple[int, ...]
    known: dict[str, str]
    """Every arm that there is, with what it says of itself."""
    training: str
    """Digest of what trained arms stand on."""
    measuring: str
    """Digest of what measurements stand on: the same, and how is measured."""
    k: int = Field(ge=1)
    """Worlds of each problem."""
    revision: str
    """Of the code, for people."""
    begun: str
    """RFC 3339, UTC; of the last start."""


class Spent(Record):
    """What one arm of one seed cost."""

    collected: int = Field(ge=0)
    """Episodes that all arms of the seed share."""
    searched: int = Field(ge=0)
    """Tries at failed problems, each an episode, where the arm learns from the search."""
    further: int = Field(ge=0)
    """Episodes on further problems, where it does without."""
    measured: int = Field(ge=0)
    """Sampled decisions that were rewarded, each by carrying it out in its world unless a judge was asked."""
    optimiser_steps: int = Field(ge=0)
    imitated: int = Field(ge=0)
    """Decisions imitated or preferred, repeats included."""
    tokens: int = Field(ge=0)
    """Read and predicted in training."""
    training_s: float = Field(ge=0)
    """Wall-clock time of the last start: a training that was killed goes on from its checkpoint."""

    @property
    def episodes(self) -> int:
        """Of collection and search."""
        return self.collected + self.searched + self.further


class Trained(Record):
    """One arm of one seed after training."""

    seed: int
    arm: str
    bundle: Ref
    """Stored bundle folder: it can be measured on further worlds without training again."""
    runs: tuple[TrainingRun, ...]
    """The curves."""
    spent: Spent
    judge: JudgeSpend | None = None


class Rates(Record):
    """How one line answers one group of problems. Means over problems of the means over their worlds, in [0, 1]."""

    problems: int = Field(ge=0)
    runs: int = Field(ge=0)
    first: float
    """avg@1: of the first world of each problem."""
    average: float
    """avg@k."""
    best: float
    """best@k: share of problems that any world was solved of."""
    variance: float | None
    """Of success between the worlds of a problem, mean over problems; None with one world of each."""
    aiopslab: float
    """avg@k by AIOpsLab's grade."""
    steps: float
    """Iterations of a run."""
    tokens: float
    """Of a run, prompts and completions of all roles."""


class Standing(Record):
    """One line on one set of worlds."""

    line: LineName
    """The challenger is the arm, the champion the seed model."""
    faults: Rates
    controls: Rates
    """Here a success is a run without a false alarm."""


class Bin(Record):
    """Answers of about the same stated probability."""

    runs: int = Field(ge=1)
    stated: float = Field(ge=0, le=1)
    """Mean of what was stated."""
    right: float = Field(ge=0, le=1)
    """Share that was right by the strict grade."""


class Calibration(Record):
    """Stated probabilities of submitted answers against what came of them."""

    stated: int = Field(ge=0)
    """Runs that stated one."""
    unstated: int = Field(ge=0)
    """Runs that ended without an answer: in no other figure here."""
    brier: float | None
    """Mean squared difference; 0 is perfect, 0.25 is what a coin gets that says so. None if nobody stated anything."""
    bins: tuple[Bin, ...]


class Believed(Record):
    """How well both arms know whether they are right, controls apart."""

    champion: Calibration
    challenger: Calibration
    champion_controls: Calibration
    challenger_controls: Calibration


class Failures(Record):
    """Failed runs of one pattern in one slice and kind of task."""

    slice: Slice
    kind: TaskKind
    pattern: FailurePattern
    champion: int = Field(ge=0)
    challenger: int = Field(ge=0)


class Measured(Record):
    """One arm of one seed beside the seed model, on one set of worlds."""

    seed: int
    arm: str
    worlds: WorldsName
    pairs: tuple[PairedResult, ...]
    missing: tuple[str, ...]
    """Planned runs that one of both lacks or broke off."""
    standings: tuple[Standing, ...]
    believed: Believed
    failures: tuple[Failures, ...]
    measuring_s: float = Field(ge=0)
    """Wall-clock time; what had been run before beside another arm costs nothing."""


class Kept(NamedTuple):
    """All that is kept of one plan."""

    plan: Plan
    trained: dict[tuple[int, str], Trained]
    """By seed and arm."""
    measured: dict[tuple[int, str], Measured]

    def lacking(self) -> dict[str, list[int]]:
        """Arms that lack a measurement which was planned -> seeds of these."""
        wanted = {arm: [n for n in self.plan.seeds if (n, arm) not in self.measured] for arm in self.plan.arms}
        return {arm: seeds for arm, seeds in wanted.items() if seeds}


R = TypeVar("R", bound=Record)


def write(path: Path, record: Record) -> None:
    """Whole or not at all."""
    draft = path.with_suffix(".part")
    draft.write_bytes(record.to_bytes())
    draft.rename(path)


def load(path: Path, kind: type[R]) -> R | None:
    """What is kept there; None if nothing is."""
    return kind.from_bytes(path.read_bytes()) if path.exists() else None


def trained_at(out: Path, seed: int, arm: str, training: str) -> Path:
    """Where one arm of one seed is kept."""
    return out / f"{seed}-{arm}-{TRAINED}-{training}.json"


def measured_at(out: Path, seed: int, arm: str, plan: Plan) -> Path:
    """Where its measurement on the plan's worlds is."""
    return out / f"{seed}-{arm}-{plan.worlds}-{plan.measuring}.json"


def keep_plan(out: Path, plan: Plan) -> Plan:
    """Write it down, with what an earlier run on the same foundation had planned. Returns both together."""
    path = out / f"{PLAN}-{plan.worlds}-{plan.measuring}.json"
    former = load(path, Plan)
    if former is not None:
        arms = tuple(name for name in plan.known if name in {*former.arms, *plan.arms})
        plan = plan.model_copy(update={"arms": arms, "seeds": tuple(sorted({*former.seeds, *plan.seeds}))})
    write(path, plan)
    return plan


def now() -> str:
    """RFC 3339, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def read(out: Path) -> list[Kept]:
    """All that is kept of the newest plan of each set of worlds, `development` first."""
    plans: dict[str, Plan] = {}
    for path in sorted(out.glob(f"{PLAN}-*.json")):
        plan = Plan.from_bytes(path.read_bytes())
        if plan.worlds not in plans or plans[plan.worlds].begun < plan.begun:
            plans[plan.worlds] = plan
    ordered = [plans[name] for name in SETS if name in plans]
    return [_kept(out, plan) for plan in ordered]


def _kept(out: Path, plan: Plan) -> Kept:
    trained: dict[tuple[int, str], Trained] = {}
    measured: dict[tuple[int, str], Measured] = {}
    for seed in plan.seeds:
        for arm in plan.arms:
            if (one := load(trained_at(out, seed, arm, plan.training), Trained)) is not None:
                trained[seed, arm] = one
            if (other := load(measured_at(out, seed, arm, plan), Measured)) is not None:
                measured[seed, arm] = other
    return Kept(plan, trained, measured)


def others(out: Path, found: Sequence[Kept]) -> int:
    """Measurements in the folder that stand on other code or settings: in no figure."""
    own = {
        measured_at(out, seed, arm, kept.plan).name
        for kept in found
        for seed in kept.plan.seeds
        for arm in kept.plan.arms
    }
    names = {path.name for path in out.glob("[0-9]*-*-*-*.json") if f"-{TRAINED}-" not in path.name}
    return len(names - own)
