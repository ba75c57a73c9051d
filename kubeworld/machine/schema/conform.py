"""An object against its schema: nulls and unknown fields go, types are checked."""

import re
from typing import Any

from kubeworld.machine.schema.definitions import Schema

_POSITION = re.compile(r"\[\d+\]")
_QUANTITY = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
_PYTHON: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "intstr": (int, str),
    "quantity": (int, float, str),
    "object": dict,
    "map": dict,
    "list": list,
}

_UNSET: dict[str, frozenset[str]] = {
    "Container": frozenset({"imagePullPolicy", "terminationMessagePath", "terminationMessagePolicy"}),
    "ContainerPort": frozenset({"protocol"}),
    "CronJobSpec": frozenset({"concurrencyPolicy"}),
    "DaemonSetUpdateStrategy": frozenset({"type"}),
    "DeploymentStrategy": frozenset({"type"}),
    "HTTPGetAction": frozenset({"path", "scheme"}),
    "PersistentVolumeSpec": frozenset({"persistentVolumeReclaimPolicy"}),
    "PodSpec": frozenset({"dnsPolicy", "restartPolicy", "schedulerName"}),
    "Secret": frozenset({"type"}),
    "ServicePort": frozenset({"protocol"}),
    "ServiceSpec": frozenset({"clusterIP", "externalTrafficPolicy", "sessionAffinity", "type"}),
    "StatefulSetSpec": frozenset({"podManagementPolicy"}),
    "StatefulSetUpdateStrategy": frozenset({"type"}),
}
"""Fields that have a default and are no pointers in Go: there an empty string is what was never set."""
_NONE: frozenset[str] = frozenset()


def conformed(value: dict[str, Any], schema: Schema) -> tuple[dict[str, Any], list[str]]:
    """(`value` without nulls and unknown fields, paths of the unknown ones). Raises: TypeError, in Go's words."""
    unknown: list[str] = []
    clean: dict[str, Any] = _walk(value, schema, "", unknown)
    return clean, unknown


def _walk(value: Any, schema: Schema, path: str, unknown: list[str], owner: str = "") -> Any:
    kind = schema.type
    if kind == "any":
        return value
    expected = _PYTHON[kind]
    # bool is an int to Python, and no number to JSON.
    if not isinstance(value, expected) or (isinstance(value, bool) and kind != "boolean"):
        raise TypeError(_mismatch(value, schema, f"{owner}.{path}"))
    if kind == "object":
        fields = schema.fields
        owner = schema.definition.rsplit(".", 1)[1] if schema.definition else owner
        clean = {}
        unset = _UNSET.get(owner, _NONE) if schema.definition else _NONE
        for key, child in value.items():
            # A null is an absent field: typed clients send it for pointers that are not set.
            if child is None or (child == "" and key in unset):
                continue
            field = fields.get(key)
            if field is not None:
                clean[key] = _walk(child, field, f"{path}.{key}" if path else key, unknown, owner)
            elif schema.is_open:
                clean[key] = child
            else:
                unknown.append(f"{path}.{key}" if path else key)
        return clean
    if kind == "map":
        inner = schema.items
        return {
            key: _walk(child, inner, f"{path}.{key}", unknown, owner)
            for key, child in value.items()
            if child is not None
        }
    if kind == "list":
        inner = schema.items
        return [_walk(child, inner, f"{path}[{at}]", unknown, owner) for at, child in enumerate(value)]
    if kind == "quantity":
        return _quantity(value)
    return value


def _quantity(value: Any) -> str:
    from kubeworld.machine.quantities import canonical

    try:
        return canonical(value)
    except ValueError as error:
        raise TypeError(_QUANTITY) from error


def _mismatch(value: Any, schema: Schema, path: str) -> str:
    names: dict[type, str] = {
        str: "string",
        int: "number",
        float: "number",
        bool: "bool",
        dict: "object",
        list: "array",
    }
    given = names.get(type(value), "null")
    # Go names the struct that holds the field, and counts no positions in lists.
    return f"json: cannot unmarshal {given} into Go struct field {_POSITION.sub('', path)} of type {schema.go_type}"
