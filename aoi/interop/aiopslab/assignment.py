"""What AIOpsLab asks for: which kind of task, in which namespace. It says so in prose and in the help of `submit`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from aoi.access.alerts import NAMESPACE
from aoi.errors import Permanent
from aoi.records.problem import TaskKind

_PLACE = re.compile(r"^\s*Namespace:\s*(\S+)", re.MULTILINE)
_TELLING: tuple[tuple[TaskKind, str], ...] = (
    (TaskKind.DETECTION, "has_anomaly"),
    (TaskKind.LOCALIZATION, "faulty_components"),
    (TaskKind.ANALYSIS, "system_level"),
    (TaskKind.MITIGATION, "mitigat"),
    (TaskKind.DETECTION, "detect anomalies"),
    (TaskKind.LOCALIZATION, "localize faults"),
    (TaskKind.LOCALIZATION, "localizing faults"),
    (TaskKind.ANALYSIS, "root cause analysis"),
)
"""Words of the help of `submit` and of the description, the surest first."""


@dataclass(frozen=True)
class Assignment:
    """One task."""

    kind: TaskKind
    namespace: str


def read_assignment(description: str, instructions: str, apis: Mapping[str, str]) -> Assignment:
    """Of what `init_context` is given. Raises: Permanent where kind or namespace is not told."""
    texts = (str(apis.get("submit", "")), description, instructions)
    kind = next((kind for kind, word in _TELLING for text in texts if word in text), None)
    place = _PLACE.search(description)
    if kind is None:
        raise Permanent("the task is of no kind that is known: neither its description nor the help of submit tells")
    if place is None or not NAMESPACE.fullmatch(place[1]):
        raise Permanent("the task's description names no namespace: expected a line 'Namespace: NAME'")
    return Assignment(kind, place[1])
