"""A diagnosis: an answer with all that it rests on, as it is shown, printed as JSON and kept."""

from typing import Literal

from pydantic import Field

from aoi.records.alert import Alert
from aoi.records.base import Record
from aoi.records.episode import Answer, Cost, Signal, SpenderName, Trajectory


class Evidence(Record):
    """A claim of the answer with the lines that back it."""

    signal: Signal
    command: str
    """What was run, as typed."""
    seen: tuple[str, ...]
    """The cited lines, at most three, each cut to 200 characters around what it tells; of JSON as `path: value`."""
    observation: str
    """Stored object with all that the command printed."""


class Diagnosis(Record):
    """An answer with all that it rests on. Version 2 brought `costs` and `spent_ms`."""

    schema_version: Literal[1, 2] = 2
    answer: Answer | None
    """None only in a record of version 1: there a model could come to none."""
    survey: Answer | None = None
    """What the survey says by its own rules, beside a model's answer; null where it is the answer."""
    evidence: tuple[Evidence, ...]
    """The evidence of the answer, as it was seen; of the survey too, where it stands beside."""
    ended: str
    """As in a trajectory; `survey` if no model was asked, `interrupted` if it was cut short by whoever asked."""
    symptoms: tuple[str, ...] = ()
    """What the operator said, redacted."""
    alerts: tuple[Alert, ...] = ()
    """What the operator's alerting said."""
    trajectory: Trajectory | None
    trajectory_ref: str | None
    bundle: str | None
    version: str | None
    """Who answered; None for a survey."""
    seconds: float = Field(ge=0)
    tokens: int = Field(ge=0)
    costs: tuple[Cost, ...] = ()
    """What each agent used, the survey included."""
    spent_ms: dict[SpenderName, int] = Field(default_factory=dict)
    """Wall-clock time of each."""
    changed: tuple[str, ...]
    """Commands that changed the cluster; empty for every kind of task but mitigation."""
    kept_as: str | None = None
    """Reference under which this record is stored. The stored one cannot name itself and says null."""
