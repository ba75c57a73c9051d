"""What is wrong with a field of an object, in Kubernetes' words: one cause of a 422.

Source: k8s.io/apimachinery/pkg/util/validation/field/errors.go
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class FieldError:
    """One cause of a 422. `path` as Kubernetes writes it: `spec.containers[0].image`."""

    path: str
    reason: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"

    def cause(self) -> dict[str, str]:
        """As it stands in details.causes."""
        return {"reason": self.reason, "message": self.message, "field": self.path}


def required(path: str, hint: str = "") -> FieldError:
    """A required field is missing."""
    return FieldError(path, "FieldValueRequired", "Required value" + (f": {hint}" if hint else ""))


def invalid(path: str, value: Any, why: str) -> FieldError:
    """A value is wrong. Strings are quoted, other values are printed as Go prints them."""
    return FieldError(path, "FieldValueInvalid", f"Invalid value: {go_value(value)}: {why}")


def unsupported(path: str, value: str, supported: Sequence[str]) -> FieldError:
    """A value is not one of an enumeration."""
    known = ", ".join(f'"{item}"' for item in supported)
    return FieldError(path, "FieldValueNotSupported", f'Unsupported value: "{value}": supported values: {known}')


def duplicate(path: str, value: Any) -> FieldError:
    """A value that must be unique is there twice."""
    return FieldError(path, "FieldValueDuplicate", f"Duplicate value: {go_value(value)}")


def not_in_object(path: str, value: str) -> FieldError:
    """A value refers to something that the object does not define."""
    return FieldError(path, "FieldValueNotFound", f'Not found: "{value}"')


def forbidden_field(path: str, why: str) -> FieldError:
    """A change that this kind does not allow."""
    return FieldError(path, "FieldValueForbidden", f"Forbidden: {why}")


def go_value(value: Any) -> str:
    """How Kubernetes prints an offending value."""
    if isinstance(value, str):
        return orjson.dumps(value).decode()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict) and all(isinstance(item, str) for item in value.values()):
        inner = ", ".join(f"{go_value(k)}:{go_value(value[k])}" for k in sorted(value))
        return "map[string]string{" + inner + "}"
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return "[]string{" + ", ".join(go_value(item) for item in value) + "}"
    return str(value) if isinstance(value, int | float) else orjson.dumps(value).decode()
