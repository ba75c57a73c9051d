"""Which answers of a server are data: a whole one of the expected kind, from the server that was asked.

A redirect, a login page with status 200, a part, or JSON that no reader can walk is turned into status 502, so that
nobody takes it for what a cluster said; an answer over the limit into 507.
"""

import re
from itertools import accumulate
from urllib.parse import urlsplit

import orjson

from aoi.access.live.connections import Answer
from aoi.access.transport import Response

MAX_DEPTH = 100
"""Levels of nesting of an answer; objects have about 20, schemas of custom resources some 60, and readers recurse."""
MAX_NODES = 300_000
"""Objects and lists in one answer: in memory each is many times as large as its text, and 500 pods have 60,000."""
_TEXT = re.compile(r"/api/v1/namespaces/[^/]+/pods/[^/]+/log")
_KEPT = ("date", "retry-after", "warning")
_STEPS = {ord("{"): 1, ord("["): 1, ord("}"): -1, ord("]"): -1}
_REST = bytes(sorted(set(range(256)) - _STEPS.keys()))


def response_of(answer: Answer, path: str) -> Response:
    """An answer to a request for `path`, or why it is none. HTTP errors stay what they are."""
    kept = {key.title(): answer.headers[key] for key in _KEPT if key in answer.headers}
    content_type = answer.headers.get("content-type", "")
    if answer.refused:
        status = 507 if answer.refused.startswith("cut") else 502
        return _refusal(status, f"the answer to {path} was {answer.refused}", kept)
    if answer.status >= 400:
        return Response(answer.status, answer.body, content_type, kept)
    problem = _problem(answer, path, content_type)
    if problem:
        return _refusal(502, f"the answer to {path} is not data: {problem}", kept)
    return Response(answer.status, answer.body, content_type, kept)


def of_api_server(response: Response, path: str) -> Response:
    """A 400 or 404 says that something is not there if an API server says it; of a proxy it says nothing.

    A group that is not served is answered in plain text, everything else by a Status.
    """
    if response.status not in (400, 404) or response.is_final:
        return response
    is_plain = response.status == 404 and response.body.strip() == b"404 page not found"
    if is_plain or _is_status(response.body):
        return response
    kept = dict(response.headers)
    return _refusal(502, f"the answer to {path} is HTTP {response.status} of somebody who is no API server", kept)


def _is_status(body: bytes) -> bool:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return isinstance(value, dict) and value.get("kind") == "Status" and value.get("apiVersion") == "v1"


def _problem(answer: Answer, path: str, content_type: str) -> str:
    if 300 <= answer.status < 400:
        return f"redirected to {_host(answer.headers.get('location', ''))}, not followed"
    if not 200 <= answer.status < 300 or answer.status in (204, 205, 206):
        return f"HTTP {answer.status}, which is not a whole one"
    media = content_type.partition(";")[0].strip().lower()
    if _TEXT.fullmatch(path):
        return "" if media in ("text/plain", "") else f"it is {media!r:.60}, and a log is text/plain"
    if media != "application/json":
        return f"it is {media or 'of no content type'!r:.60}, expected application/json: a page of a login or a proxy?"
    if answer.body.count(b"{") + answer.body.count(b"[") > MAX_NODES:
        return f"JSON of more than {MAX_NODES} objects and lists"
    return f"JSON nested more than {MAX_DEPTH} deep" if depth(answer.body) > MAX_DEPTH else ""


def depth(body: bytes) -> int:
    """Levels of nesting of a JSON text."""
    bare = body.replace(b"\\\\", b"").replace(b'\\"', b"")  # without escapes each quote begins or ends a string
    brackets = b"".join(bare.split(b'"')[::2]).translate(None, _REST)
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0)


def _host(location: str) -> str:
    """Of a Location header that a stranger wrote: its host alone, since the rest may carry what nobody should log."""
    try:
        host = urlsplit(location).netloc.rpartition("@")[2]
    except ValueError:
        host = ""
    return host if re.fullmatch(r"[A-Za-z0-9.:\[\]_-]{1,253}", host) else "another path or host"


def _refusal(status: int, text: str, kept: dict[str, str]) -> Response:
    return Response(status, text.encode(), "text/plain", kept, is_final=True)
