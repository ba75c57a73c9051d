"""Every refusal of the API as a Kubernetes Status, with Kubernetes' codes, reasons and texts."""

from collections.abc import Sequence
from typing import Any

import orjson

from kubeworld.kinds.field_errors import FieldError
from kubeworld.kinds.kind import Kind
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
        }
        if self.reason:  # a webhook may refuse without one
            body["reason"] = self.reason
        if self.details is not None:  # an empty one tells kubectl that it is the path that was not found
            body["details"] = self.details
        body["code"] = self.code
        return body

    def response(self) -> Response:
        """The Status over HTTP."""
        headers = {} if self.retry_s is None else {"Retry-After": str(self.retry_s)}
        return Response(self.code, orjson.dumps(self.status()), headers=headers)


def details_of(kind: Kind, name: str, **more: Any) -> dict[str, Any]:
    """What a Status says about its object."""
    details: dict[str, Any] = {"name": name} if name else {}
    if kind.group:
        details["group"] = kind.group
    return {**details, "kind": kind.plural, **more}


def not_found(kind: Kind, name: str) -> ApiError:
    """404 for an object."""
    return ApiError(404, "NotFound", f'{kind.qualified} "{name}" not found', details_of(kind, name))


def already_exists(kind: Kind, name: str) -> ApiError:
    """409 on create."""
    return ApiError(409, "AlreadyExists", f'{kind.qualified} "{name}" already exists', details_of(kind, name))


def conflict(kind: Kind, name: str, why: str = "") -> ApiError:
    """409 on a stale resourceVersion or another lost precondition."""
    why = why or "the object has been modified; please apply your changes to the latest version and try again"
    message = f'Operation cannot be fulfilled on {kind.qualified} "{name}": {why}'
    return ApiError(409, "Conflict", message, details_of(kind, name))


def forbidden(kind: Kind, name: str, why: str, **details: Any) -> ApiError:
    """403 from admission or authorization."""
    subject = f'{kind.qualified} "{name}"' if name else kind.qualified
    return ApiError(403, "Forbidden", f"{subject} is forbidden: {why}", details_of(kind, name, **details))


def unprocessable(kind: Kind, name: str, errors: Sequence[FieldError]) -> ApiError:
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
