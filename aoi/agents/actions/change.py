"""One change to one object: what is sent, which fields it may touch, how it is undone, and its digest."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from aoi.errors import ActionRefused

Obj = dict[str, Any]
FailureClass = Literal["syntax", "permission", "resource", "configuration", "method"]
"""lexicon.FAILURE_CLASSES. `syntax`: no such action or value. `permission`: refused by RBAC or the approver.
`resource`: the object is not there, or changed meanwhile. `configuration`: outside the bounds, or the server or
the diff check found the result wrong. `method`: nothing to do, or done without effect."""

SERVER_OWNED = ("resourceVersion", "generation", "managedFields", "uid", "creationTimestamp", "selfLink")
"""Metadata that only the server writes; no diff shows it."""


class Refused(ActionRefused):
    """An action that was not carried out, with the class of failure that a second try starts from."""

    def __init__(self, message: str, failure_class: FailureClass) -> None:
        super().__init__(message)
        self.failure_class: FailureClass = failure_class


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that changes."""

    pointer: str
    """JSON pointer."""
    before: Any
    """None if absent."""
    after: Any


@dataclass(frozen=True, slots=True)
class Change:
    """What one request would do to one object, before anybody was asked."""

    summary: str
    """For people: `scale deployment/geo from 0 to 1`."""
    method: Literal["PATCH", "POST", "DELETE"]
    path: str
    body: Mapping[str, Any]
    """Merge patch, new object, or delete options."""
    allowed: tuple[str, ...] = ()
    """JSON pointers that may differ: `*` is one segment, a last `**` everything below and the field itself."""
    before: Obj | None = None
    """The object as it is; None if it is to be created."""
    undoable: bool = True
    query: tuple[tuple[str, str], ...] = ()
    """Only of an exec: the command."""
    shown: str = ""
    """What else an approver must see, e.g. the text of a script that is run."""
    alternative: bool = False
    """If it succeeds, the changes after it are not made; if its command fails, the next one is tried."""

    @property
    def uid(self) -> str:
        """Of the object that is changed; empty for one that is to be created."""
        return str((self.before or {}).get("metadata", {}).get("uid", ""))

    @property
    def resource_version(self) -> str:
        """That the change was rendered from."""
        return str((self.before or {}).get("metadata", {}).get("resourceVersion", ""))

    @property
    def is_exec(self) -> bool:
        """Whether it runs a command; there is no dry run of that."""
        return self.path.endswith("/exec")


def value_at(obj: Any, pointer: str) -> Any:
    """What a JSON pointer points to, or None."""
    for part in pointer_parts(pointer):
        if isinstance(obj, list):
            obj = obj[int(part)] if part.isdigit() and int(part) < len(obj) else None
        else:
            obj = obj.get(part) if isinstance(obj, dict) else None
    return obj


def pointer_parts(pointer: str) -> list[str]:
    """Keys and indices of a JSON pointer."""
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def patch_change(summary: str, path: str, before: Obj, after: Obj, allowed: tuple[str, ...]) -> Change:
    """A merge patch that turns `before` into `after`, valid for that uid and resourceVersion alone.

    Raises: Refused if nothing would change.
    """
    patch = merge_patch(before, after)
    if not patch:
        raise Refused(f"{summary}: it is already so", "method")
    metadata = before["metadata"]
    pinned = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
    body = {**patch, "metadata": {**patch.get("metadata", {}), **pinned}}
    return Change(summary, "PATCH", path, body, allowed, before)


def delete_change(summary: str, path: str, before: Obj) -> Change:
    """Deletes one object, if it is still the one that was seen.

    Not undone: a pod is replaced by its controller, and a chaos experiment is put back by who runs it. The
    journal keeps the object.
    """
    metadata = before["metadata"]
    preconditions = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
    body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions}
    return Change(summary, "DELETE", path, body, ("/**",), before, undoable=False)


def create_change(summary: str, path: str, obj: Obj) -> Change:
    """Creates one object. Not undone: nothing that is created here may be deleted by the Executor."""
    return Change(summary, "POST", path, obj, ("/**",), undoable=False)


def bare(obj: Obj) -> Obj:
    """An object as somebody would have written it: without status and what the server adds."""
    metadata = {key: value for key, value in obj["metadata"].items() if key not in (*SERVER_OWNED, "ownerReferences")}
    return {**{key: value for key, value in obj.items() if key != "status"}, "metadata": metadata}


def merge_patch(before: Any, after: Any) -> Obj:
    """The smallest RFC 7386 patch from one object to another."""
    patch: Obj = {key: None for key in before if key not in after}
    for key, value in after.items():
        old = before.get(key)
        if key not in before:
            patch[key] = value
        elif old != value:
            both = isinstance(old, dict) and isinstance(value, dict)
            patch[key] = merge_patch(old, value) if both else value
    return patch


def differences(before: Obj | None, after: Obj | None) -> tuple[Difference, ...]:
    """Fields that differ, status and server-owned metadata aside."""
    return tuple(_differ("", _comparable(before), _comparable(after)))


def _comparable(obj: Obj | None) -> Obj | None:
    if obj is None:
        return None
    metadata = {key: value for key, value in (obj.get("metadata") or {}).items() if key not in SERVER_OWNED}
    return {**{key: value for key, value in obj.items() if key != "status"}, "metadata": metadata}


def _differ(pointer: str, before: Any, after: Any) -> Iterator[Difference]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            yield from _differ(f"{pointer}/{_escaped(key)}", before.get(key), after.get(key))
    elif isinstance(before, list) and isinstance(after, list):
        for index in range(max(len(before), len(after))):
            old = before[index] if index < len(before) else None
            new = after[index] if index < len(after) else None
            yield from _differ(f"{pointer}/{index}", old, new)
    elif before != after and not (_empty(before) and _empty(after)):
        yield Difference(pointer, before, after)


def _empty(value: Any) -> bool:
    """An absent map and an empty one mean the same to the API."""
    return value is None or value in ({}, [])


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def is_allowed(pointer: str, allowed: tuple[str, ...]) -> bool:
    """Whether a pointer fits one of the patterns."""
    return any(_fits(pointer.split("/"), pattern.split("/")) for pattern in allowed)


def _fits(segments: list[str], pattern: list[str]) -> bool:
    if pattern[-1] == "**":
        fixed = pattern[:-1]
        return len(segments) >= len(fixed) and _fits(segments[: len(fixed)], fixed)
    return len(segments) == len(pattern) and all(p in ("*", s) for s, p in zip(segments, pattern, strict=True))
