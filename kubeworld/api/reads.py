"""GET on objects and collections: selectors, limit and continue, resource versions."""

import base64
import binascii
from bisect import bisect_right
from itertools import islice
from typing import Any

import orjson

from kubeworld.api.options import number
from kubeworld.api.results import Call
from kubeworld.api.selectors import matcher
from kubeworld.kinds.errors import ApiError, bad_request, expired, not_found
from kubeworld.kinds.kind import Kind
from kubeworld.kinds.versions import shown
from kubeworld.machine.integers import natural
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

_PARTIAL = ("labelSelector", "fieldSelector", "limit", "continue")


def stored(world: World, kind: Kind, namespace: str, name: str) -> Obj:
    """The object as stored. Raises: ApiError 404."""
    obj = world.store.get(kind.table, namespace if kind.namespaced else "", name)
    if obj is None:
        raise not_found(kind, name)
    return obj


def selected(world: World, call: Call) -> list[Obj]:
    """Stored objects that the call's namespace and selectors match, in order. Raises: ApiError 400."""
    namespace = call.namespace if call.namespace and call.kind.namespaced else None
    matches = matcher(call.query.get("labelSelector", ""), call.query.get("fieldSelector", ""), call.kind)
    # Stored under another version: fields that a selector names exist only in the one that was asked for.
    if call.kind.conversion and matches:
        objects = [obj for obj in world.store.objects(call.kind.table, namespace) if matches(shown(call.kind, obj))]
    else:
        objects = world.store.objects(call.kind.table, namespace)
        if matches:
            objects = [obj for obj in objects if matches(obj)]
    return [obj for obj in objects if obj["metadata"]["name"] == call.name] if call.name else objects


def page(world: World, call: Call) -> tuple[list[Obj], dict[str, Any]]:
    """One page of a list and its ListMeta."""
    _check_revision(world, call)
    objects = selected(world, call)
    meta: dict[str, Any] = {"resourceVersion": str(world.store.revision)}
    if token := call.query.get("continue"):
        revision, after = _read_token(token)
        # From a history that a restore has undone.
        if revision > world.store.revision:
            raise expired("The provided continue parameter is too old to display a consistent list result.")
        # After the last name that was sent, not after a count: objects that came or went meanwhile move nothing.
        objects = objects[bisect_right(objects, after, key=_position) :]
        meta["resourceVersion"] = str(revision)
    limit = number(call.query, "limit")
    if 0 < limit < len(objects):
        rest = len(objects) - limit
        objects = list(islice(objects, limit))
        meta["continue"] = _token(int(meta["resourceVersion"]), _position(objects[-1]))
        meta["remainingItemCount"] = rest
    return objects, meta


def whole_list(world: World, call: Call) -> bytes | None:
    """All there is of a kind, from the JSON that the store keeps; None if the call selects, pages or converts."""
    if call.kind.conversion or call.name or any(call.query.get(parameter) for parameter in _PARTIAL):
        return None
    pieces = world.store.json(call.kind.table, call.namespace if call.namespace and call.kind.namespaced else None)
    if pieces is None:
        return None
    _check_revision(world, call)
    meta = {"resourceVersion": str(world.store.revision)}
    return orjson.dumps(_list_of(call.kind, [orjson.Fragment(piece) for piece in pieces], meta))


def _check_revision(world: World, call: Call) -> None:
    """Lists are of now. A list of an exact or a future revision is refused rather than answered wrongly."""
    text, now = call.query.get("resourceVersion", ""), world.store.revision
    if not text or call.query.get("continue"):
        return
    wanted = natural(text)
    if wanted is None:
        raise bad_request(f'resourceVersion: Invalid value: "{text}": must be a number')
    if wanted > now:
        message = f"Too large resource version: {text}, current: {now}"
        raise ApiError(504, "Timeout", message, {"causes": [{"reason": "ResourceVersionTooLarge"}]}, retry_s=1)
    if call.query.get("resourceVersionMatch") == "Exact" and wanted != now:
        raise expired(f"The resourceVersion for the provided list is too old: {text}, current: {now}")


def _position(obj: Obj) -> tuple[str, str]:
    return (obj["metadata"].get("namespace", ""), obj["metadata"]["name"])


def _token(revision: int, after: tuple[str, str]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([revision, *after])).decode()


def _read_token(token: str) -> tuple[int, tuple[str, str]]:
    try:
        revision, namespace, name = orjson.loads(base64.urlsafe_b64decode(token))
        return int(revision), (str(namespace), str(name))
    except (binascii.Error, orjson.JSONDecodeError, ValueError, TypeError) as error:
        raise bad_request("continue key is not valid: unable to parse") from error


def list_bytes(kind: Kind, objects: list[Obj], meta: dict[str, Any]) -> bytes:
    """A list document."""
    return orjson.dumps(_list_of(kind, [shown(kind, obj) for obj in objects], meta))


def _list_of(kind: Kind, items: list[Any], meta: dict[str, Any]) -> dict[str, Any]:
    return {"kind": f"{kind.kind}List", "apiVersion": kind.api_version, "metadata": meta, "items": items}
