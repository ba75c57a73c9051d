"""Validation of CustomResourceDefinitions, and of custom objects by the rules that their definition gives."""

from collections.abc import Iterator, Mapping
from typing import Any

from kubeworld.admission.cel import rules
from kubeworld.kinds.field_errors import FieldError, invalid, required, unsupported
from kubeworld.kinds.shared.client_config import client_config_errors, with_port
from kubeworld.kinds.shared.formats import IMMUTABLE
from kubeworld.machine.store import Obj

_TYPES = ("array", "boolean", "integer", "number", "object", "string")
_UNCHECKED = "some validation rules were not checked because the object was invalid; correct the existing errors to "
UNCHECKED = FieldError("<nil>", "FieldValueInvalid", f'Invalid value: "null": {_UNCHECKED}complete validation')
"""What the API server adds to the errors of a schema that also has rules."""


def definition_errors(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    """Problems of a CustomResourceDefinition."""
    spec = new.get("spec") or {}
    wanted = f"{(spec.get('names') or {}).get('plural', '')}.{spec.get('group', '')}"
    if new["metadata"]["name"] != wanted:
        yield invalid("metadata.name", new["metadata"]["name"], 'must be spec.names.plural+"."+spec.group')
    versions = spec.get("versions") or ()
    if sum(1 for version in versions if version.get("storage")) != 1:
        yield invalid("spec.versions", len(versions), "must have exactly one version marked as storage version")
    for at, version in enumerate(versions):
        path = f"spec.versions[{at}].schema.openAPIV3Schema"
        schema = (version.get("schema") or {}).get("openAPIV3Schema")
        if not schema:
            yield required(path, "schemas are required")
            continue
        if not schema.get("type"):
            yield required(f"{path}.type", "must not be empty at the root")
        elif schema["type"] != "object":
            yield invalid(f"{path}.type", schema["type"], "must be object at the root")
        yield from _schema_errors(schema, path)
        for where, value, why in rules.definition_problems(schema, path):
            yield invalid(where, value, why)
    yield from _conversion_errors(spec.get("conversion") or {}, "spec.conversion")
    if old and spec.get("scope") != old["spec"].get("scope"):
        yield invalid("spec.scope", spec.get("scope", ""), IMMUTABLE)


def _conversion_errors(conversion: Mapping[str, Any], path: str) -> Iterator[FieldError]:
    """What is wrong with how versions are converted."""
    strategy, webhook = conversion.get("strategy", "None"), conversion.get("webhook")
    if strategy not in ("None", "Webhook"):
        yield unsupported(f"{path}.strategy", strategy, ("None", "Webhook"))
    elif strategy == "None" and webhook is not None:
        yield FieldError(
            f"{path}.webhook", "FieldValueForbidden", "Forbidden: should not be set when strategy is not set to Webhook"
        )
    elif strategy == "Webhook":
        if not webhook or "clientConfig" not in webhook:
            yield required(f"{path}.webhookClientConfig", "required when strategy is set to Webhook")
            return
        yield from client_config_errors(with_port(webhook["clientConfig"]), f"{path}.webhookClientConfig")
        if not webhook.get("conversionReviewVersions"):
            yield required(f"{path}.conversionReviewVersions")


def _schema_errors(schema: Mapping[str, Any], path: str) -> Iterator[FieldError]:
    """Types that are none, wherever they stand."""
    if schema.get("type") and schema["type"] not in _TYPES:
        yield unsupported(f"{path}.type", schema["type"], _TYPES)
    for name, child in (schema.get("properties") or {}).items():
        if isinstance(child, dict):
            yield from _schema_errors(child, f"{path}.properties[{name}]")
    for field in ("items", "additionalProperties"):
        if isinstance(schema.get(field), dict):
            yield from _schema_errors(schema[field], f"{path}.{field}")


def rule_errors(new: Obj, old: Obj | None, schema: Mapping[str, Any]) -> Iterator[FieldError]:
    """Rules of the definition that a custom object breaks."""
    if not rules.has_rules(schema):
        return
    for failure in rules.object_failures(new, old, schema):
        path, message, shown = failure.path, failure.message, f'"{failure.type}"'
        if failure.reason == "FieldValueRequired":
            yield required(path, message)
        elif failure.reason == "FieldValueForbidden":
            yield FieldError(path, failure.reason, f"Forbidden: {message}")
        elif failure.reason == "FieldValueDuplicate":
            yield FieldError(path, failure.reason, f"Duplicate value: {shown}")
        else:
            yield FieldError(path, "FieldValueInvalid", f"Invalid value: {shown}: {message}")
