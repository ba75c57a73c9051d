"""What runs next by itself, as the Prefect server of this home tells. Prefect itself, which takes seconds to import,
is not: `aoi status` answers at once."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, TypeAdapter

from aoi.records.base import Record
from aoi.visible import visible
from flows.server import running_server

M = TypeVar("M", bound=BaseModel)
FLOWS = ("retrain", "evaluate", "promote", "diagnose", "reconcile")
TIMEOUT_S = 3.0
_MOST = 20
_NEVER = datetime.max.replace(tzinfo=UTC)
_SCHEDULED = {"state": {"type": {"any_": ["SCHEDULED"]}}}


class Planned(Record):
    """The next run of one deployment."""

    deployment: str
    at: datetime | None
    """None if it has a schedule, and the server planned nothing of it: its scheduler does not work."""


class _Schedule(BaseModel):
    """What is used of Prefect's."""

    active: bool = True


class _Deployment(BaseModel):
    """What is used of Prefect's."""

    id: str
    name: str
    paused: bool = False
    schedules: tuple[_Schedule, ...] = ()

    @property
    def is_scheduled(self) -> bool:
        """Whether it is to run by itself."""
        return not self.paused and any(schedule.active for schedule in self.schedules)


class _Run(BaseModel):
    """What is used of Prefect's flow run."""

    expected_start_time: datetime


def planned_runs(home: Path) -> tuple[Planned, ...] | None:
    """The next run of each deployment of ours, the soonest first. None if no server answers, or it answers nobody."""
    url = running_server(home)
    if url is None:
        return None
    try:
        with httpx.Client(base_url=url, timeout=TIMEOUT_S) as client:
            ours = {"flows": {"name": {"any_": list(FLOWS)}}}
            deployments = _asked(client, "/deployments/filter", ours, _Deployment)
            found = [_next(client, one) for one in deployments if one.is_scheduled]
    except (httpx.HTTPError, ValueError):  # ValueError: another answer than Prefect's
        return None
    return tuple(sorted(found, key=lambda planned: (planned.at is None, planned.at or _NEVER, planned.deployment)))


def _next(client: httpx.Client, deployment: _Deployment) -> Planned:
    of_it = {"deployments": {"id": {"any_": [deployment.id]}}, "flow_runs": _SCHEDULED}
    wanted = {**of_it, "sort": "EXPECTED_START_TIME_ASC", "limit": 1}
    runs = _asked(client, "/flow_runs/filter", wanted, _Run)
    return Planned(deployment=deployment.name, at=runs[0].expected_start_time if runs else None)


def _asked(client: httpx.Client, path: str, wanted: dict[str, Any], type_: type[M]) -> list[M]:
    """Raises: httpx.HTTPError, ValueError."""
    answer = client.post(path, json={"limit": _MOST, **wanted})
    answer.raise_for_status()
    return TypeAdapter(list[type_]).validate_json(answer.content)


def told(planned: tuple[Planned, ...] | None, now: datetime) -> str:
    """What `aoi status` says of it."""
    if planned is None:
        return "unknown: no Prefect server of this home answers. Start it: aoi ui"
    if not planned:
        return "nothing has a schedule. Register the deployments: prefect deploy --all"
    return ", ".join(f"{visible(one.deployment)} {_when(one.at, now)}" for one in planned)


def _when(at: datetime | None, now: datetime) -> str:
    if at is None:
        return "never: it has a schedule, but its server planned no run, see the server's log"
    minutes = round((at - now).total_seconds() / 60)
    until = "late" if minutes < 0 else f"in {minutes} min" if minutes < 120 else f"in {minutes / 60:.0f} h"
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC ({until})"
