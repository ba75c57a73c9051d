"""Every refusal of the API as a Kubernetes Status, with Kubernetes' codes, reasons and texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from kubeworld.kinds.resources import ResourceType
from kubeworld.machine.response import Response


class ApiError(Exception):
    """A refusal. Raised anywhere inside `Api.handle`, answered as a Status."""

    def __init__(
        self, code: int, reason: str, message: str, details: dict[str, Any] | None = None, *, retry_s: int | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.retry_s = retry_s

    def status(self) -> dict[str, Any]:
        """The Status object."""
        body: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
        }
        if self.details is not None:  # an empty one tells kubectl that it is the path that was not found
            body["details"] = self.details
        body["code"] = self.code
        return body

    def response(self) -> Response:
        """The Status over HTTP."""
        headers = {} if self.retry_s is None else {"Retry-After": str(self.retry_s)}
        return Response(self.code, orjson.dumps(self.status()), headers=headers)


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


def details_of(kind: ResourceType, name: str, **more: Any) -> dict[str, Any]:
    """What a Status says about its object."""
    details: dict[str, Any] = {"name": name} if name else {}
    if kind.group:
        details["group"] = kind.group
    return {**details, "kind": kind.plural, **more}


def not_found(kind: ResourceType, name: str) -> ApiError:
    """404 for an object."""
    return ApiError(404, "NotFound", f'{kind.qualified} "{name}" not found', details_of(kind, name))


def already_exists(kind: ResourceType, name: str) -> ApiError:
    """409 on create."""
    return ApiError(409, "AlreadyExists", f'{kind.qualified} "{name}" already exists', details_of(kind, name))


def conflict(kind: ResourceType, name: str, why: str = "") -> ApiError:
    """409 on a stale resourceVersion or another lost precondition."""
    why = why or "the object has been modified; please apply your changes to the latest version and try again"
    message = f'Operation cannot be fulfilled on {kind.qualified} "{name}": {why}'
    return ApiError(409, "Conflict", message, details_of(kind, name))


def forbidden(kind: ResourceType, name: str, why: str, **details: Any) -> ApiError:
    """403 from admission or authorization."""
    subject = f'{kind.qualified} "{name}"' if name else kind.qualified
    return ApiError(403, "Forbidden", f"{subject} is forbidden: {why}", details_of(kind, name, **details))


def unprocessable(kind: ResourceType, name: str, errors: Sequence[FieldError]) -> ApiError:
    """422 with its causes."""
    listed = str(errors[0]) if len(errors) == 1 else "[" + ", ".join(str(error) for error in errors) + "]"
    details: dict[str, Any] = {"name": name}
    if kind.group:
        details["group"] = kind.group
    details |= {"kind": kind.kind, "causes": [error.cause() for error in errors]}
    qualified = f"{kind.kind}.{kind.group}" if kind.group else kind.kind
    return ApiError(422, "Invalid", f'{qualified} "{name}" is invalid: {listed}', details)


def invalid_options(kind: str, error: FieldError) -> ApiError:
    """422 for the parameters of a request: `CreateOptions`, `PatchOptions`, `ListOptions`..."""
    details = {"group": "meta.k8s.io", "kind": kind, "causes": [error.cause()]}
    return ApiError(422, "Invalid", f'{kind}.meta.k8s.io "" is invalid: {error}', details)


def bad_request(message: str) -> ApiError:
    """400."""
    return ApiError(400, "BadRequest", message)


def method_not_allowed() -> ApiError:
    """405."""
    return ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {})


def unknown_path() -> ApiError:
    """404 for a path that no resource serves."""
    return ApiError(404, "NotFound", "the server could not find the requested resource", {})


def unsupported_media(accepted: Sequence[str]) -> ApiError:
    """415."""
    message = "the body of the request was in an unknown format - accepted media types include: "
    return ApiError(415, "UnsupportedMediaType", message + ", ".join(accepted))


def too_large(message: str) -> ApiError:
    """413."""
    return ApiError(413, "RequestEntityTooLarge", message)


def expired(message: str) -> ApiError:
    """410: the revision is no longer kept."""
    return ApiError(410, "Expired", message)
