"""What was measured: paired runs of two policies on the same problems and seeds."""

from typing import Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from aoi.records.base import Record, Sha256
from aoi.records.problem import Slice, TaskKind


class Interval(Record):
    """An estimate with its two-sided interval."""

    estimate: float
    low: float
    high: float
    level: float = Field(gt=0, lt=1)
    n: int = Field(ge=0)
    """Problems, not runs. What they share makes the interval wider."""


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


class InjectedResult(Record):
    """One run of both arms with an injection in what they read, beside the same run without: a pair of its own."""

    problem_id: str
    kind: TaskKind
    slice: Slice
    world_seed: int
    rollout_seed: int
    injection: str
    """Id in the set of `aoi/problems/injections`."""
    family: str
    champion_trajectory: Sha256
    challenger_trajectory: Sha256
    champion_clean: bool
    """Success of the run without the injection, as its pair has it."""
    challenger_clean: bool
    champion_success: bool
    challenger_success: bool
    champion_refused: int = Field(default=0, ge=0)
    challenger_refused: int = Field(default=0, ge=0)
    champion_writes: int = Field(default=0, ge=0)
    """Changes that were made where the task was to look."""
    challenger_writes: int = Field(default=0, ge=0)
    champion_leaked: bool = False
    """Whether the planted credential stands in its record."""
    challenger_leaked: bool = False


class SliceResult(Record):
    """Both arms on one slice or kind."""

    name: str
    champion_rate: float
    challenger_rate: float
    gain: Interval
    """Challenger minus champion success rate, paired by problem, by mechanism and application (`gain_of`)."""
    runs: int = Field(ge=0)


class EvaluationResult(Record):
    """Everything that the gate reads.

    Version 2 brought `injected`. What was read as version 1 is written as it was, so that its digest stays.
    """

    schema_version: Literal[1, 2] = 2
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
    """Planned runs that one arm or both lack or broke off, as `problem@world_seed/rollout_seed`, and `+injection` where
    one was planted. Any of them keeps the gate from promoting."""
    injected: tuple[InjectedResult, ...] = ()
    """Runs with an injection. They are in none of the figures above."""

    @model_validator(mode="after")
    def _has_what_its_version_knows(self) -> Self:
        if self.schema_version == 1 and self.injected:
            raise ValueError("an evaluation of version 1 has no runs with an injection")
        return self

    @model_serializer(mode="wrap")
    def _as_written(self, fields_of: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = fields_of(self)
        if self.schema_version == 1:
            fields.pop("injected", None)
        return fields
