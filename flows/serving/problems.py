"""Refusals as RFC 9457 has them: one form for whatever was wrong, never with a traceback or
with what stood in the body of a request."""

import math
from collections.abc import Container, Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from aoi.errors import AoiError
from aoi.records.submission import Trouble
from tasks.troubles import TYPE, trouble_of

MEDIA_TYPE = "application/problem+json"
MAX_TOLD = 10
"""Wrong fields of a request that are told."""
PLACES = ("body", "query", "path", "header")
"""Of a request, as FastAPI calls them."""


def answer(trouble: Trouble, headers: Mapping[str, str] | None = None) -> Response:
    """The response that tells it."""
    sent = dict(headers or {})
    if trouble.status == 401:
        sent["WWW-Authenticate"] = 'Bearer realm="aoi"'
    if trouble.retry_in_s is not None:
        sent["Retry-After"] = str(math.ceil(trouble.retry_in_s))
    return Response(trouble.to_bytes(), trouble.status, sent, MEDIA_TYPE)


def plain(status: int, kind: str, title: str, detail: str) -> Trouble:
    """One that HTTP knows and our tree of errors does not."""
    return Trouble(type=TYPE + kind, title=title, status=status, detail=detail)


async def refuse(trouble: Trouble, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer in the place of the application, and take nothing more of this connection."""
    await answer(trouble, {"Connection": "close"})(scope, receive, send)


def add_to(app: FastAPI) -> None:
    """Everything that is raised on purpose becomes one of these; of defects `Bounded` makes one."""
    app.add_exception_handler(AoiError, _known)
    app.add_exception_handler(RequestValidationError, _wrong)
    app.add_exception_handler(HTTPException, _of_http)


def _known(_: Request, error: Exception) -> Response:
    assert isinstance(error, AoiError)
    return answer(trouble_of(error))


def _wrong(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = error.errors()
    is_json = not any(problem["type"] == "json_invalid" for problem in problems)
    return answer(wrong(problems, _names(request.app), status=422 if is_json else 400))


def wrong(problems: Sequence[Mapping[str, Any]], known: Container[str], *, status: int = 422) -> Trouble:
    """Which fields, and why. What they held is left out, and each name that is not `known`: either may be a secret."""
    told = []
    for problem in problems[:MAX_TOLD]:
        where = ".".join(str(part) for part in problem["loc"] if isinstance(part, int) or part in known)
        told.append(f"{where or 'it'}: {problem['msg']}")
    more = f"; and {len(problems) - MAX_TOLD} more" if len(problems) > MAX_TOLD else ""
    return plain(status, "request-invalid", "The request is not one that is understood", "; ".join(told) + more)


def _names(app: FastAPI) -> set[str]:
    """Of all fields and parameters that the application has itself."""
    described = app.openapi()
    schemas = described["components"]["schemas"].values()
    asked = [asked for path in described["paths"].values() for asked in path.values()]
    parameters = [parameter["name"] for one in asked for parameter in one.get("parameters", ())]
    return {*PLACES, *parameters, *(name for schema in schemas for name in schema.get("properties", ()))}


def _of_http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kind = {404: "no-such-path", 405: "no-such-method"}.get(error.status_code, "request-invalid")
    return answer(plain(error.status_code, kind, str(error.detail), str(error.detail)), error.headers)
