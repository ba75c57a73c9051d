"""Reads as one shell line of `kubectl get --raw`, and their answers out of the text that the shell printed.

Each answer ends with a mark that nobody who writes logs can know. What lies before a missing mark was cut: it is no
answer, so that it never looks like "not there". The line ends with success, or the shell would hide what was printed.
"""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import quote, urlencode

import orjson

from aoi.access.redaction import redact
from aoi.access.transport import Backend, ReadRequest, Response

Outcome = Response | str
"""An answer, or why none came."""
STATUSES = {
    "BadRequest": 400,
    "Unauthorized": 401,
    "Forbidden": 403,
    "NotFound": 404,
    "MethodNotAllowed": 405,
    "NotAcceptable": 406,
    "Gone": 410,
    "Expired": 410,
    "TooManyRequests": 429,
    "InternalError": 500,
    "ServiceUnavailable": 503,
    "Timeout": 504,
}
"""What kubectl calls them -> HTTP status."""
_SERVER_SAID = re.compile(r"Error from server(?: \((\w+)\))?: (.*)", re.DOTALL)
_HARMLESS = re.compile(r"(Warning: .*|[IWE]\d{4} .*|\s*)")
"""A line that kubectl prints beside an answer."""
_LOG = re.compile(r"/api/v1/namespaces/[^/]+/pods/[^/]+/log")


def line_for(requests: Sequence[ReadRequest], token: str) -> str:
    """The command line: the time, then each read with its mark. Raises: ValueError for what is not Kubernetes."""
    parts = [f"date -u +{token}-%Y-%m-%dT%H:%M:%SZ"]
    for place, request in enumerate(requests):
        if request.backend is not Backend.KUBERNETES:
            raise ValueError(f"{request.backend} is not read through a shell")
        request.check()
        query = f"?{urlencode(request.query, quote_via=quote)}" if request.query else ""
        read = f"kubectl get --raw '{request.path}{query}' 2>&1"
        parts.append(f"{read} && echo {token}-{place}-ok || echo {token}-{place}-failed")
    return "; ".join((*parts, "true"))


def outcomes_in(text: str, requests: Sequence[ReadRequest], token: str) -> dict[int, Outcome]:
    """Place of a request -> what came back, for those whose answers are there to the end."""
    began = re.search(rf"{token}-(\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ)[\r\n]+", text)
    if began is None:
        return {}
    date = format_datetime(datetime.fromisoformat(began[1]).astimezone(UTC), usegmt=True)
    outcomes: dict[int, Outcome] = {}
    end, before = began.end(), -1
    for mark in re.finditer(rf"{token}-(\d+)-(ok|failed)(?:\r?\n|\Z)", text):
        place = int(mark[1])
        # After a gap between marks nobody knows where this answer began.
        if place == before + 1 and place < len(requests):
            said = text[end : mark.start()]
            outcomes[place] = _answered(said, requests[place], date) if mark[2] == "ok" else _refused(said, date)
        end, before = mark.end(), place
    return outcomes


def _answered(said: str, request: ReadRequest, date: str) -> Response:
    headers = {"Date": date}
    if _LOG.fullmatch(request.path):
        return Response(200, said.encode("utf-8", "replace"), "text/plain", headers)
    lines = said.split("\n")
    first = next((at for at, line in enumerate(lines) if line.startswith("{")), None)
    if first is not None and all(_HARMLESS.fullmatch(line) for line in lines[:first]):
        body = "\n".join(lines[first:])
        try:
            _, end = json.JSONDecoder().raw_decode(body)
        except (json.JSONDecodeError, RecursionError):
            end = None
        if end is not None and all(_HARMLESS.fullmatch(line) for line in body[end:].split("\n")):
            return Response(200, body[:end].encode("utf-8", "replace"), "application/json", headers)
    message = "what the shell printed is no JSON object: cut, or with something between"
    return Response(502, message.encode(), "text/plain", headers, is_final=True)


def _refused(said: str, date: str) -> Outcome:
    """An error of the server as the response that it was; whatever else went wrong, in its own words."""
    match = _SERVER_SAID.search(said)
    words = redact(" ".join((match[2] if match else said).split())[:300].encode()).decode()
    if match is None:
        return words or "kubectl failed without a word"
    reason = match[1] or "InternalError"
    status = STATUSES.get(reason, 500)
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": words}
    return Response(status, orjson.dumps({**body, "code": status}), "application/json", {"Date": date})
