"""What runs next by itself, as the Prefect server of this home tells. Prefect itself, which takes seconds to import,
is not: `aoi status` answers at once."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from aoi.records.base import Record
from flows.server import running_server

FLOWS = ("retrain", "evaluate", "promote", "diagnose", "reconcile")
TIMEOUT_S = 3.0
_MOST = 20
_SCHEDULED = {"state": {"type": {"any_": ["SCHEDULED"]}}}


class Planned(Record):
    """The next run of one deployment."""

    deployment: str
    at: datetime


def planned_runs(home: Path) -> tuple[Planned, ...] | None:
    """The next run of each deployment of ours, the soonest first. None if no server answers, or it answers nobody."""
    url = running_server(home)
    if url is None:
        return None
    try:
        with httpx.Client(base_url=url, timeout=TIMEOUT_S) as client:
            deployments = _asked(client, "/deployments/filter", {"flows": {"name": {"any_": list(FLOWS)}}})
            found = [_next(client, one) for one in deployments if not one.get("paused")]
    except (httpx.HTTPError, ValueError, KeyError, TypeError):  # another answer than Prefect's
        return None
    return tuple(sorted((one for one in found if one), key=lambda planned: planned.at))


def _next(client: httpx.Client, deployment: dict[str, Any]) -> Planned | None:
    of_it = {"deployments": {"id": {"any_": [deployment["id"]]}}, "flow_runs": _SCHEDULED}
    runs = _asked(client, "/flow_runs/filter", {**of_it, "sort": "EXPECTED_START_TIME_ASC", "limit": 1})
    if not runs:
        return None
    return Planned(deployment=deployment["name"], at=runs[0]["expected_start_time"])


def _asked(client: httpx.Client, path: str, wanted: dict[str, Any]) -> list[dict[str, Any]]:
    """Raises: httpx.HTTPError, ValueError."""
    answer = client.post(path, json={"limit": _MOST, **wanted})
    answer.raise_for_status()
    return list(answer.json())


def told(planned: tuple[Planned, ...] | None, now: datetime) -> str:
    """What `aoi status` says of it."""
    if planned is None:
        return "unknown: no Prefect server of this home answers. Start it: aoi ui"
    if not planned:
        return "nothing is scheduled. Register the deployments: prefect deploy --all"
    return ", ".join(
        f"{one.deployment} {one.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC ({_until(one.at, now)})" for one in planned
    )


def _until(at: datetime, now: datetime) -> str:
    minutes = round((at - now).total_seconds() / 60)
    if minutes < 0:
        return "late"
    return f"in {minutes} min" if minutes < 120 else f"in {minutes / 60:.0f} h"
