"""Server-side apply and the ownership of fields (metadata.managedFields).

Ownership is tracked for clients that come over HTTP, and for objects that already carry it. Writes of an
in-process transport to an object without it leave it so: who touched what is nothing that an observer should see.
"""

from dataclasses import dataclass
from typing import Any

from kubeworld.api.results import Call
from kubeworld.kinds.errors import ApiError, invalid_options
from kubeworld.kinds.field_errors import required
from kubeworld.machine.patch.fields import Leaves, Path, from_fields, leaves, merge, readable, remove, to_fields
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

APPLY, UPDATE = "Apply", "Update"
# validation.FieldManagerMaxLength: a longer user agent is cut, not refused.
MANAGER_LIMIT = 128


@dataclass
class Owner:
    """One entry of managedFields."""

    manager: str
    operation: str
    api_version: str
    subresource: str
    time: str
    paths: set[Path]

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Entries are one per manager, operation, version and subresource."""
        return (self.manager, self.operation, self.api_version, self.subresource)

    @property
    def title(self) -> str:
        """As conflicts name it: an applier stays itself in every version."""
        subresource = f' with subresource "{self.subresource}"' if self.subresource else ""
        version = f" using {self.api_version}" if self.operation == UPDATE else ""
        return f'"{self.manager}"{subresource}{version}'

    def entry(self) -> Obj:
        """As stored."""
        entry: Obj = {
            "manager": self.manager,
            "operation": self.operation,
            "apiVersion": self.api_version,
            "time": self.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": to_fields(self.paths),
        }
        return {**entry, "subresource": self.subresource} if self.subresource else entry


def apply_configuration(world: World, call: Call, old: Obj | None, body: Obj) -> Obj:
    """The live object with `body` applied by the call's manager. Raises: ApiError 409, 422."""
    manager = call.query.get("fieldManager", "")
    if not manager:
        error = required("fieldManager", "is required for apply patch")
        raise invalid_options("PatchOptions", error)
    schema = call.kind.schema
    applied = leaves(body, schema)
    owner = Owner(manager, APPLY, call.kind.api_version, call.subresource, world.clock.rfc3339(), set(applied))
    if old is None:
        meta = {**(body.get("metadata") or {}), "managedFields": [owner.entry()]}
        return {**body, "metadata": meta}
    owners = owners_of(old)
    before = next((other for other in owners if other.key == owner.key), None)
    others = [other for other in owners if other is not before]
    _settle_conflicts(call, others, applied, leaves(old, schema))
    merged = merge(old, body, schema)
    # What this manager applied before and no longer mentions is removed, unless somebody else owns it too.
    if before is not None:
        kept = set().union(*(other.paths for other in others)) if others else set()
        dropped = {path for path in before.paths - owner.paths if path not in kept and not _has_below(path, kept)}
        for path in sorted(dropped, key=len):  # a whole item before its fields, its key among them
            if not _has_below(path, owner.paths):
                merged = remove(merged, path, schema)
    if before is not None and before.paths == owner.paths:
        owner.time = before.time  # nothing changed hands: repeating an apply leaves no trace
    return _with_owners(merged, [*others, owner])


def _has_below(path: Path, paths: set[Path]) -> bool:
    return any(len(other) > len(path) and other[: len(path)] == path for other in paths)


def _settle_conflicts(call: Call, others: list[Owner], applied: Leaves, live: Leaves) -> None:
    """Take contested fields over if forced, refuse otherwise. Raises: ApiError 409."""
    # Applying the value that is there already is no conflict: both own it from then on.
    changed = {path for path, value in applied.items() if live.get(path) != value}
    conflicts = [(other, path) for other in others for path in sorted(other.paths & changed)]
    if not conflicts:
        return
    if call.flag("force"):
        for other in others:
            other.paths -= changed
        return
    raise _conflict(conflicts)


def _conflict(conflicts: list[tuple[Owner, Path]]) -> ApiError:
    """409 with its causes, in the words of managedfields/internal/conflict.go."""
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {other.title}", "field": readable(path)}
        for other, path in conflicts
    ]
    if len(causes) == 1:
        listed = f"1 conflict: {causes[0]['message']}: {causes[0]['field']}"
    else:
        lines: list[str] = []
        for other in sorted({id(other): other for other, _ in conflicts}.values(), key=lambda owner: owner.title):
            lines.append(f"conflicts with {other.title}:")
            lines += [f"- {readable(path)}" for owner, path in conflicts if owner is other]
        listed = f"{len(causes)} conflicts: " + "\n".join(lines)
    return ApiError(409, "Conflict", f"Apply failed with {listed}", {"causes": causes})


def track_update(world: World, call: Call, old: Obj | None, new: Obj) -> Obj:
    """`new` with the ownership that this write leaves behind."""
    if "application/apply-patch" in call.headers.get("content-type", ""):
        return new
    owners = owners_of(old) if old else []
    if not owners and "user-agent" not in call.headers:
        return _with_owners(new, [])
    schema = call.kind.schema
    before, after = leaves(old, schema) if old else {}, leaves(new, schema)
    changed = {path for path, value in after.items() if path not in before or before[path] != value}
    gone = before.keys() - after.keys()
    # A write that changes nothing takes nothing over, or every controller's resync would own the object.
    if not changed and not gone:
        return _with_owners(new, owners)
    # kubectl/v1.32.4 (linux/amd64) ... is the manager kubectl, as prefixFromUserAgent cuts it.
    manager = (call.query.get("fieldManager") or call.headers.get("user-agent", "").partition("/")[0])[:MANAGER_LIMIT]
    stamp = world.clock.rfc3339()
    writer = Owner(manager or "unknown", UPDATE, call.kind.api_version, call.subresource, stamp, set())
    for owner in owners:
        if owner.key == writer.key:
            writer.paths |= owner.paths
    others = [owner for owner in owners if owner.key != writer.key]
    for owner in others:
        owner.paths -= changed | gone
    writer.paths = (writer.paths | changed) - gone
    return _with_owners(new, [*(owner for owner in others if owner.paths), writer])


def owners_of(obj: Obj) -> list[Owner]:
    """managedFields of a stored object, ready to be changed."""
    return [
        Owner(
            entry.get("manager", ""),
            entry.get("operation", UPDATE),
            entry.get("apiVersion", ""),
            entry.get("subresource", ""),
            entry.get("time", ""),
            from_fields(entry.get("fieldsV1") or {}),
        )
        for entry in obj["metadata"].get("managedFields") or ()
    ]


def _with_owners(obj: Obj, owners: list[Owner]) -> Obj:
    meta = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    entries: list[Any] = [owner.entry() for owner in owners if owner.paths]
    if entries:
        meta["managedFields"] = entries
    return {**obj, "metadata": meta}
