"""What was measured: paired runs of two policies on the same problems and seeds."""

from typing import Literal

from pydantic import Field

from aoi.records.base import Record, Sha256
from aoi.records.problem import Slice, TaskKind


class Interval(Record):
    """An estimate with its two-sided interval."""

    estimate: float
    low: float
    high: float
    level: float = Field(gt=0, lt=1)
    n: int = Field(ge=0)
    """Number of independent units (problems), not of runs."""


class PairedResult(Record):
    """One problem, one world seed, one rollout seed: both arms."""

    problem_id: str
    fault: str | None
    application: str
    kind: TaskKind
    slice: Slice
    world_seed: int
    rollout_seed: int
    champion_trajectory: Sha256
    challenger_trajectory: Sha256
    champion_success: bool
    challenger_success: bool
    champion_false_alarm: bool = False
    challenger_false_alarm: bool = False
    champion_steps: int = Field(ge=0)
    challenger_steps: int = Field(ge=0)
    champion_tokens: int = Field(ge=0)
    challenger_tokens: int = Field(ge=0)
    champion_refused: int = Field(default=0, ge=0)
    """Commands that the parser, the transport or the approver refused."""
    challenger_refused: int = Field(default=0, ge=0)


class SliceResult(Record):
    """Both arms on one slice or kind."""

    name: str
    champion_rate: float
    challenger_rate: float
    gain: Interval
    """Challenger minus champion success rate, paired by problem, in [-1, 1]."""
    runs: int = Field(ge=0)


class EvaluationResult(Record):
    """Everything that the gate reads."""

    split: Literal["development", "test"]
    champion: str
    """Bundle digest."""
    challenger: str
    pairs: tuple[PairedResult, ...]
    overall: SliceResult
    """Over all problems with a fault; controls are apart."""
    slices: tuple[SliceResult, ...]
    kinds: tuple[SliceResult, ...]
    controls: SliceResult
    """Rates are of *right* answers (no false alarm)."""
    seed: int
    missing: tuple[str, ...] = ()
    """Planned runs that one arm or both lack or broke off, as `problem@world_seed/rollout_seed`. Any of them keeps the
    gate from promoting."""
