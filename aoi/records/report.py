"""What a cycle came to, for the person who started it."""

from pydantic import Field

from aoi.records.base import Record, Sha256
from aoi.records.evaluation import SliceResult
from aoi.records.promotion import Verdict


class StageTime(Record):
    """How long a stage took when it really ran."""

    stage: str
    seconds: float = Field(ge=0)


class LearningReport(Record):
    """What the cycle learned from."""

    episodes: int = Field(ge=0)
    solved: int = Field(ge=0)
    quarantined: int = Field(default=0, ge=0)
    plans: int = Field(default=0, ge=0)
    """Corrective plans that the Evolver proposed."""
    verified: int = Field(default=0, ge=0)
    """Plans whose execution the oracle passed and whose answer was earned."""
    repaired_problems: int = Field(default=0, ge=0)
    """Failed problems with at least one verified plan."""
    examples: int = Field(default=0, ge=0)
    """Decisions to imitate."""
    prompts: int = Field(default=0, ge=0)
    """Decision points for GRPO."""


class CycleReport(Record):
    """The summary at the end of `aoi retrain`. Every figure is a field of the records that it names."""

    cycle: int = Field(ge=1)
    champion: str
    """Bundle digest of the champion that was compared against."""
    challenger: str
    challenger_version: str
    evaluation: Sha256
    overall: SliceResult
    slices: tuple[SliceResult, ...]
    kinds: tuple[SliceResult, ...]
    controls: SliceResult
    verdict: Verdict
    reasons: tuple[str, ...]
    """Checks of the gate that did not pass."""
    further_runs: int | None = None
    power: float
    detectable_gain: float
    decision: str
    """`promoted`, `waiting for review`, `refused by the reviewer`, or `not proposed`."""
    learning: LearningReport
    stages: tuple[StageTime, ...]
    review_page: str
    """Path of the page that a reviewer reads."""
