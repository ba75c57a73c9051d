"""/openapi/v3: an index, and one document per group version that kubectl validates and explains from."""

import hashlib
from functools import lru_cache
from typing import Any

import orjson

from kubeworld.api.results import json_response
from kubeworld.kinds.kind import Kind
from kubeworld.kinds.registry import Registry
from kubeworld.machine.response import Response
from kubeworld.machine.schema.definitions import META, PREFIX, definitions

_WRITE_PARAMETERS = [
    {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
    for name in ("dryRun", "fieldManager", "fieldValidation")
]
_ACTIONS = {"get": "get", "put": "put", "patch": "patch", "delete": "delete", "post": "post"}


def openapi(registry: Registry, path: str) -> Response | None:
    """Answer /openapi/v3 and what is under it; None for every other path."""
    rest = path.removeprefix("/openapi/v3").strip("/")
    by_path: dict[str, list[Kind]] = {}
    for kind in registry.all():
        by_path.setdefault(f"apis/{kind.api_version}" if kind.group else f"api/{kind.version}", []).append(kind)
    if not rest:
        links = {
            # The hash lets clients keep a document as long as its URL stays the same.
            name: {"serverRelativeURL": f"/openapi/v3/{name}?hash={_digest(tuple(kinds))}"}
            for name, kinds in by_path.items()
        }
        return json_response({"paths": links})
    if rest in by_path:
        return Response(200, _document(tuple(by_path[rest])))
    return None


def _digest(kinds: tuple[Kind, ...]) -> str:
    names = [[kind.qualified, kind.version, kind.kind] for kind in kinds]
    return hashlib.sha256(orjson.dumps(names)).hexdigest()[:32].upper()


# By the kinds themselves: a definition that changes makes another document.
@lru_cache(maxsize=64)
def _document(kinds: tuple[Kind, ...]) -> bytes:
    paths: dict[str, Any] = {}
    roots = {f"{META}DeleteOptions", f"{META}Status", f"{META}ObjectMeta", f"{META}ListMeta"}
    custom: dict[str, Any] = {}
    for kind in kinds:
        name = f"{kind.package}.{kind.kind}" if kind.package else _custom_name(kind)
        if kind.package:
            roots.add(name)
        else:
            custom[name] = _custom_schema(kind)
        paths |= _paths(kind, name)
    schemas = {name: definitions()[name] for name in sorted(_closure(roots))}
    document = {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.32.0"},
        "paths": paths,
        "components": {"schemas": {**schemas, **custom}},
    }
    return orjson.dumps(document)


def _custom_name(kind: Kind) -> str:
    return ".".join([*reversed(kind.group.split(".")), kind.version, kind.kind])


def _custom_schema(kind: Kind) -> dict[str, Any]:
    gvk = {"group": kind.group, "version": kind.version, "kind": kind.kind}
    free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    structure: dict[str, Any] = dict(kind.structure or {**free, "properties": {"spec": free, "status": free}})
    common = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"allOf": [{"$ref": f"{PREFIX}{META}ObjectMeta"}]},
    }
    properties = {**structure.get("properties", {}), **common}
    return {**structure, "type": "object", "x-kubernetes-group-version-kind": [gvk], "properties": properties}


def _closure(roots: set[str]) -> set[str]:
    reached: set[str] = set()
    pending = list(roots)
    while pending:
        name = pending.pop()
        if name not in reached and name in definitions():
            reached.add(name)
            pending += _references(definitions()[name])
    return reached


def _references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [name for child in node for name in _references(child)]
    if not isinstance(node, dict):
        return []
    reference = node.get("$ref")
    names = [reference.removeprefix(PREFIX)] if isinstance(reference, str) else []
    return names + [name for value in node.values() for name in _references(value)]


def _paths(kind: Kind, schema: str) -> dict[str, Any]:
    root = f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.version}"
    scope = "/namespaces/{namespace}" if kind.namespaced else ""
    collection, member = f"{root}{scope}/{kind.plural}", f"{root}{scope}/{kind.plural}/{{name}}"
    methods = {"list": "get", "create": "post"}
    paths = {collection: {methods[verb]: _operation(kind, schema, verb) for verb in methods if verb in kind.verbs}}
    methods = {"get": "get", "update": "put", "patch": "patch", "delete": "delete"}
    operations = {methods[verb]: _operation(kind, schema, verb) for verb in methods if verb in kind.verbs}
    if operations:
        paths[member] = operations
    return paths


def _operation(kind: Kind, schema: str, verb: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": PREFIX + schema}}}
    operation: dict[str, Any] = {
        "x-kubernetes-action": {"create": "post", "update": "put"}.get(verb, verb),
        # kubectl finds a kind by this, and learns from the parameters below that it may ask for dryRun and
        # fieldValidation: without either, apply and explain fail.
        "x-kubernetes-group-version-kind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
        "responses": {"200": {"description": "OK", "content": content}},
    }
    if verb in ("create", "update", "patch", "delete"):
        operation["parameters"] = _WRITE_PARAMETERS
    if verb in ("create", "update"):
        operation["requestBody"] = {"content": {"*/*": {"schema": {"$ref": PREFIX + schema}}}}
    return operation
