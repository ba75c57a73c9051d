"""Chaos Mesh experiments, and the schedules that make one after another."""

from collections.abc import Mapping
from typing import Any

from aoi.estate.objects import part, text

SCHEDULE = "Schedule"
PAUSE = "experiment.chaos-mesh.org/pause"


def experiment_of(obj: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """(kind, spec) of an experiment; of a schedule, those of what it makes.

    A schedule holds the spec in a field that is named for the kind: `networkChaos`, `dnsChaos`.
    """
    kind, spec = text(obj, "kind"), part(obj, "spec")
    if kind != SCHEDULE:
        return kind, spec
    made = text(spec, "type")
    return made, next((part(spec, field) for field in spec if field.lower() == made.lower()), dict[str, Any]())


def is_scheduled(obj: Mapping[str, Any]) -> bool:
    """Whether a schedule made it, which would make the next one."""
    owners = part(obj, "metadata").get("ownerReferences")
    return isinstance(owners, list) and any(text(owner, "kind") == SCHEDULE for owner in owners)


def is_resting(obj: Mapping[str, Any]) -> bool:
    """Whether it does nothing now: its duration is over, or somebody has paused it. It stays where it is."""
    is_stopped = text(obj, "status", "experiment", "desiredPhase") == "Stop"
    return is_stopped or text(obj, "metadata", "annotations", PAUSE) == "true"
