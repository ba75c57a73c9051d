"""The Kubernetes v1.32 schemas as a tree that patches, pruning and `explain` walk.

The table is built by `scripts/build_schema.py` out of the published OpenAPI definitions. Nodes are made on
first use and shared: a schema node is immutable.
"""

import gzip
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

import orjson

Type = Literal["object", "map", "list", "string", "integer", "number", "boolean", "quantity", "intstr", "any"]

META = "io.k8s.apimachinery.pkg.apis.meta.v1."
PREFIX = "#/components/schemas/"
_TABLE = Path(__file__).parent / "kubernetes-v1.32.json.gz"
_SPECIAL: dict[str, Type] = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "quantity",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "intstr",
}


@cache
def definitions() -> dict[str, Any]:
    """Definition name -> OpenAPI v3 schema, as published."""
    table: dict[str, Any] = orjson.loads(gzip.decompress(_TABLE.read_bytes()))
    return table


class Schema:
    """One field: its type, and how lists under it merge."""

    __slots__ = ("__dict__", "_source", "definition", "list_type", "map_keys", "merge_key", "strategies", "type")

    def __init__(self, source: dict[str, Any]) -> None:
        """`source` is the OpenAPI property, with the extensions that say how patches merge it."""
        self.merge_key: str | None = source.get("x-kubernetes-patch-merge-key")
        self.strategies = frozenset(source.get("x-kubernetes-patch-strategy", "").split(",")) - {""}
        self.list_type: str = source.get("x-kubernetes-list-type", "atomic")
        self.map_keys: tuple[str, ...] = tuple(source.get("x-kubernetes-list-map-keys", ()))
        # What merges the field stands beside the reference, what it consists of behind it.
        reference = source.get("$ref")
        self.definition: str | None = reference.removeprefix(PREFIX) if isinstance(reference, str) else None
        self._source = definitions()[self.definition] if self.definition else source
        self.type: Type = _type_of(self.definition, self._source)

    @cached_property
    def fields(self) -> dict[str, "Schema"]:
        """Children of an object by name; empty for every other type."""
        if self.type != "object":
            return {}
        if self.definition:
            return _fields_of(self.definition)
        return {name: Schema(source) for name, source in self._source["properties"].items()}

    @cached_property
    def items(self) -> "Schema":
        """Element of a list, or value of a map."""
        source = self._source.get("items") if self.type == "list" else self._source.get("additionalProperties")
        return Schema(source) if isinstance(source, dict) else ANY

    @property
    def is_atomic(self) -> bool:
        """Whether server-side apply owns it as a whole."""
        if self.type == "list":
            return self.list_type == "atomic"
        return self._source.get("x-kubernetes-map-type") == "atomic" or self.type not in ("object", "map")

    @property
    def required(self) -> tuple[str, ...]:
        """Fields that the published schema calls required."""
        return tuple(self._source.get("required", ()))

    @property
    def is_open(self) -> bool:
        """Whether unknown fields are kept, as in custom resources without a structural schema."""
        return bool(self._source.get("x-kubernetes-preserve-unknown-fields"))

    @property
    def go_type(self) -> str:
        """Short name of the type, as Go's JSON decoder names it in errors."""
        if self.definition:
            return self.definition.rsplit(".", 1)[1]
        return {"integer": "int32", "boolean": "bool", "number": "float64"}.get(self.type, self.type)


def _type_of(definition: str | None, source: dict[str, Any]) -> Type:
    if definition in _SPECIAL:
        return _SPECIAL[definition]
    if source.get("x-kubernetes-int-or-string"):
        return "intstr"
    if "properties" in source:
        return "object"
    kind = source.get("type")
    if kind == "array":
        return "list"
    if kind == "object":
        # An object that says nothing about its content, as RawExtension, may hold anything.
        return "map" if isinstance(source.get("additionalProperties"), dict) else "any"
    return kind if kind in ("string", "integer", "number", "boolean") else "any"


@cache
def _fields_of(definition: str) -> dict[str, Schema]:
    return {name: Schema(source) for name, source in definitions()[definition]["properties"].items()}


@cache
def schema_of(definition: str) -> Schema:
    """Schema of a published definition, e.g. `io.k8s.api.apps.v1.Deployment`."""
    return Schema({"$ref": PREFIX + definition})


ANY = Schema({})

_COMMON = {
    "apiVersion": {"type": "string"},
    "kind": {"type": "string"},
    "metadata": {"$ref": PREFIX + META + "ObjectMeta"},
}
OPEN = Schema({"x-kubernetes-preserve-unknown-fields": True, "properties": _COMMON})
"""Any custom resource: known metadata, free content."""


def custom_schema(structure: Mapping[str, Any]) -> Schema:
    """A custom resource with a structural schema of its own: unknown fields go, unless it keeps them."""
    return Schema({**structure, "properties": {**(structure.get("properties") or {}), **_COMMON}})
