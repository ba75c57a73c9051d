"""Moves a finished world to another place in the calendar, so that a world that a person looks at ends now.

kubectl counts some ages (`describe`, `events`) on its own clock. Worlds are built around a fixed epoch and look months
old or not yet born to it. Moving shifts every timestamp that is the whole value of a field; what programs inside the
containers print is computed from the clock on demand and moves with it.
"""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from aoi.clusters.embedded.world import World

MINUTE_MS = 60_000
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def anchor(world: World, now_ms: int) -> None:
    """Shift all of a world's past so that its present is `now_ms` (since the Unix epoch).

    The shift is by whole minutes, which keeps cron schedules on their minutes; the rest, less than a minute, passes.
    """
    behind_ms = now_ms - (world.clock.epoch_ms + world.clock.now_ms)
    shift = timedelta(minutes=behind_ms // MINUTE_MS)
    snapshot = world.snapshot()
    tables = {
        name: {key: _shifted(obj, shift) for key, obj in table.items()} for name, table in snapshot.store.tables.items()
    }
    world.clock.epoch_ms += int(shift.total_seconds()) * 1000
    shifted = replace(snapshot.store, tables=tables)
    world.restore(replace(snapshot, store=shifted, state=_shifted(snapshot.state, shift)))
    world.advance(behind_ms % MINUTE_MS)


def _shifted(value: Any, shift: timedelta) -> Any:
    if isinstance(value, dict):
        return {key: _shifted(item, shift) for key, item in value.items()}
    if isinstance(value, list):
        return [_shifted(item, shift) for item in value]
    if isinstance(value, tuple):
        return tuple(_shifted(item, shift) for item in value)
    if isinstance(value, str) and len(value) >= 20 and value[4] == "-" and _TIMESTAMP.fullmatch(value):
        return _moved(value, shift)
    return value


def _moved(text: str, shift: timedelta) -> str:
    """The same precision, another time; Kubernetes' Time has none below a second, its MicroTime six digits."""
    at = datetime.fromisoformat(text).astimezone(UTC) + shift
    return at.strftime("%Y-%m-%dT%H:%M:%S") + text[19:]
