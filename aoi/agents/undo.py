"""The change that takes a journal entry back: on what the cluster really holds, not on what was meant."""

from typing import Any

import orjson

from aoi.agents.actions.change import Change, Difference, Obj, Refused, patch_change, pointer_parts, value_at
from aoi.agents.journal import JournalEntry
from aoi.agents.read_back import own_differences


def reverse(entry: JournalEntry, present: Obj) -> Change | None:
    """Restores every field that the write changed, those of a webhook too. None if they all are as before already.

    Raises: Refused (resource) if one of them has changed since: undoing would overwrite somebody's work.
    """
    if value_at(present, "/metadata/uid") != value_at(entry.before, "/metadata/uid"):
        raise Refused(f"{entry.summary}: another object has its name now", "resource")
    changed = own_differences(entry.before, entry.after)
    if all(value_at(present, difference.pointer) == difference.before for difference in changed):
        return None
    moved = [difference for difference in changed if value_at(present, difference.pointer) != difference.after]
    if moved:
        raise Refused(f"{entry.summary}: {moved[0].pointer} has changed since; it is not undone", "resource")
    allowed = tuple(pattern for difference in changed for pattern in _patterns(entry, difference))
    return patch_change(f"undo: {entry.summary}", entry.path, present, _restored(present, changed), allowed)


def _patterns(entry: JournalEntry, difference: Difference) -> tuple[str, ...]:
    """Where restoring it may show: there, below it, and at a map or list that it leaves empty."""
    patterns = [f"{difference.pointer}/**"]
    way = difference.pointer.rpartition("/")[0]
    while way and value_at(entry.before, way) in (None, {}, []):
        patterns.append(way)
        way = way.rpartition("/")[0]
    return tuple(patterns)


def _restored(present: Obj, changed: tuple[Difference, ...]) -> Obj:
    obj: Any = orjson.loads(orjson.dumps(present))
    # From the end, so that taking one item off a list does not move the next.
    for difference in sorted(changed, key=_last_first, reverse=True):
        _set_at(obj, difference)
    return obj


def _last_first(difference: Difference) -> tuple[tuple[int, int, str], ...]:
    parts = difference.pointer.split("/")
    return tuple((1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts)


def _set_at(obj: Any, difference: Difference) -> None:
    *way, last = pointer_parts(difference.pointer)
    for part in way:
        obj = obj[int(part)] if isinstance(obj, list) else obj.setdefault(part, {})
    if isinstance(obj, list):
        index = int(last)
        if difference.before is None:
            del obj[index]
        elif index < len(obj):
            obj[index] = difference.before
        else:
            obj.append(difference.before)
    elif difference.before is None:
        obj.pop(last, None)
    else:
        obj[last] = difference.before
