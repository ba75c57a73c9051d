"""How the ways to answer stand beside one another: the lines of the table that every report shows."""

from typing import Literal

from pydantic import Field

from aoi.records.base import Record, Ref
from aoi.records.episode import TrajectorySet
from aoi.records.evaluation import Interval

LineName = Literal["survey", "expert", "seed", "champion", "challenger"]
"""`survey`: rules alone, whose conclusion is the answer at once. `expert`: the scripted operator. `seed`: the base
without any adapter, as the first champion was. `champion` and `challenger`: the arms that the gate compares."""


class PartResult(Record):
    """One line on some of the problems. Rates are in [0, 1], means over problems of the means over their runs."""

    part: str
    """`overall` (all problems with a fault), a slice, a kind of task, or `controls`."""
    runs: int = Field(ge=0)
    average: float
    """avg@k of success by the strict grade; of controls the share of runs without a false alarm."""
    first: float
    """avg@1: the same of the first run of each problem alone."""
    best: float
    """best@k: the share of problems of which any run is right."""
    aiopslab: float
    """avg@k by the grade that AIOpsLab gives to the same answers and end states."""
    gain: Interval | None
    """Average minus the champion's on the same runs, paired by problem (`gain_of`); None where it is the champion's."""


class Line(Record):
    """One way to answer, on the worlds that all lines met."""

    name: LineName
    by: str
    """Bundle digest, or `scripted:<name>`; empty if it has no run."""
    same_as: LineName | None = None
    """The arm whose bundle this line's is: its episodes are that arm's, nothing was run twice."""
    episodes: Ref[TrajectorySet]
    """Where they are kept: `aoi data show` prints them."""
    parts: tuple[PartResult, ...]
    missing: int = Field(ge=0)
    """Runs that both arms finished and this line did not: they are in none of its figures."""
    steps: float
    """Iterations of a run, on average."""
    tokens: float
    """Of a run, on average: prompts and completions of all roles."""

    def part(self, name: str) -> PartResult:
        """One of its parts. Raises: StopIteration if it has none of that name."""
        return next(part for part in self.parts if part.part == name)


class Standings(Record):
    """Five lines on the same worlds. For those who read: no gate does."""

    problems: int = Field(ge=0)
    """With a fault."""
    controls: int = Field(ge=0)
    k: int = Field(ge=0)
    """Runs of a problem, at most, each in a world of its own."""
    level: float = Field(gt=0, lt=1)
    """Of every interval, two-sided."""
    lines: tuple[Line, ...]
