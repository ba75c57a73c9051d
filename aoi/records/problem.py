"""What is to be diagnosed: application + fault + kind of task."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from aoi.records.base import Record
from aoi.records.seed import MAX_SEED


class TaskKind(StrEnum):
    """AIOpsLab's four kinds of task."""

    DETECTION = "detection"
    LOCALIZATION = "localization"
    ANALYSIS = "analysis"
    MITIGATION = "mitigation"


class SystemLevel(StrEnum):
    """AIOpsLab's `system_level` labels (values as AIOpsLab spells them)."""

    HARDWARE = "Hardware"
    OPERATING_SYSTEM = "Operating System"
    VIRTUALIZATION = "Virtualization"
    APPLICATION = "Application"


class FaultType(StrEnum):
    """AIOpsLab's `fault_type` labels."""

    MISCONFIGURATION = "Misconfiguration"
    CODE_DEFECT = "Code Defect"
    AUTHENTICATION = "Authentication Issue"
    NETWORK_STORAGE = "Network/Storage Issue"
    OPERATION = "Operation Error"
    DEPENDENCY = "Dependency Problem"


Split = Literal["train", "development", "test"]
"""Train feeds learning, development feeds the gate, test feeds reports only."""

Slice = Literal["seen", "unseen_mechanism", "unseen_application", "unseen_style", "several", "control"]
"""How far a problem lies from training; `unseen_style` is an unseen application whose objects are named in a way that
no application of training uses. `several` are known mechanisms two at a time, or one that brought others down with it.
A no-fault problem is always `control`."""


class Problem(Record):
    """One problem of the catalogue. With a seed it becomes one world (names, replicas, noise vary by seed)."""

    id: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,120}$")
    """`<fault>-<kind>-<application>-<n>`, or AIOpsLab's own id for its 86 problems."""
    application: str
    """Key of the application: `hotel_reservation`, or `gen<NNN>` for a generated one."""
    application_version: str
    fault: str | None
    """Key of the fault mechanism in `aoi.problems.faults`; `a+b` for two at once, `a>restart` for a cascade; None for
    a no-fault control."""
    fault_version: str
    kind: TaskKind
    target: int = Field(ge=0)
    """Which of the fault's eligible components is hit (index, before the seed permutes names)."""
    split: Split
    slice: Slice


class ProblemInstance(Record):
    """A problem with the seed that fixes its world and the noise in it."""

    problem: Problem
    seed: int = Field(ge=0, le=MAX_SEED)
