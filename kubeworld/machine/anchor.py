"""Moves a finished world to another place in the calendar, so that a world that a person looks at ends now.

kubectl counts some ages (`describe`, `events`) on its own clock. Worlds are built around a fixed epoch and look months
old or not yet born to it. Moving shifts every timestamp that is the whole value of a field; what programs inside the
containers print is computed from the clock on demand and moves with it.
"""

import re
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from kubeworld.machine.table import Table
from kubeworld.machine.world import World

MINUTE_MS = 60_000
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def anchor(world: World, now_ms: int) -> None:
    """Shift all of a world's past so that its present is `now_ms` (since the Unix epoch).

    The shift is by whole minutes, which keeps cron schedules on their minutes; the rest, less than a minute, passes.
    """
    behind_ms = now_ms - (world.clock.epoch_ms + world.clock.now_ms)
    shift = timedelta(minutes=behind_ms // MINUTE_MS)
    snapshot = world.snapshot()
    shifter = _Shifter(shift)
    tables = {name: Table(shifter.shifted(table.by_name)) for name, table in snapshot.store.tables.items()}
    # Simulated time stays as it is and its anchor moves: timers and state that count milliseconds need no shift.
    world.clock.epoch_ms += int(shift.total_seconds()) * 1000
    shifted = replace(snapshot.store, tables=tables)
    world.restore(replace(snapshot, store=shifted, state=shifter.shifted(snapshot.state)))
    world.advance(behind_ms % MINUTE_MS)


class _Shifter:
    """Copies what holds a timestamp and shares the rest; what was shared before is shared after."""

    def __init__(self, shift: timedelta) -> None:
        self._shift = shift
        self._done: dict[int, tuple[Any, Any]] = {}
        """By identity: (original, which keeps the identity taken, shifted)."""

    def shifted(self, value: Any) -> Any:
        if isinstance(value, str):
            # The cheap look first: nearly all strings of a world are none.
            is_timestamp = len(value) >= 20 and value[4] == "-" and _TIMESTAMP.fullmatch(value)
            return _moved(value, self._shift) if is_timestamp else value
        if not isinstance(value, (dict, list, tuple)) and not _is_record(value):
            return value
        done = self._done.get(id(value))
        if done is None:
            done = self._done[id(value)] = (value, self._container(value))
        return done[1]

    def _container(self, value: Any) -> Any:
        if isinstance(value, dict):
            items = {key: self.shifted(child) for key, child in value.items()}
            return value if all(items[key] is child for key, child in value.items()) else items
        if _is_record(value):
            # What controllers remember of an object repeats its times and is written into it again.
            old = {part.name: getattr(value, part.name) for part in fields(value)}
            changed = {name: moved for name, part in old.items() if (moved := self.shifted(part)) is not part}
            return replace(value, **changed) if changed else value
        parts = [self.shifted(child) for child in value]
        if all(new is old for new, old in zip(parts, value, strict=True)):
            return value
        return parts if isinstance(value, list) else tuple(parts)


def _is_record(value: Any) -> bool:
    return is_dataclass(value) and not isinstance(value, type)


def _moved(text: str, shift: timedelta) -> str:
    """The same precision, another time; Kubernetes' Time has none below a second, its MicroTime six digits."""
    at = datetime.fromisoformat(text).astimezone(UTC) + shift
    return at.strftime("%Y-%m-%dT%H:%M:%S") + text[19:]
