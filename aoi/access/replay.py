"""Recorded reads and their replay: a case that an operator reported can be looked at again, without its cluster.

A recording holds what the Probe could read, nothing more. It cannot be written to: there is no `request`.
"""

import base64
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from aoi.access.reading import READABLES
from aoi.access.transport import Backend, ReadRequest, ReadTransport, Response
from aoi.errors import CorruptObject

Key = tuple[str, str, tuple[tuple[str, str], ...], str]


def key_of(request: ReadRequest) -> Key:
    """Requests that mean the same have one key: the order of query pairs does not count."""
    return (str(request.backend), request.path, tuple(sorted(request.query)), request.accept)


class ReplayTransport:
    """A `ReadTransport` that answers from recorded cases."""

    def __init__(self, cases: Mapping[Key, Response]) -> None:
        self._cases = dict(cases)

    def read(self, request: ReadRequest) -> Response:
        """The recorded answer. A read that was not recorded answers 501, so that it never looks like "not found"."""
        request.check()
        recorded = self._cases.get(key_of(request))
        if recorded is not None:
            return recorded
        message = f"{request.path} was not recorded"
        body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotRecorded", "message": message}
        return Response(501, orjson.dumps({**body, "code": 501}))

    @classmethod
    def load(cls, path: Path) -> "ReplayTransport":
        """Read a recording. Raises: CorruptObject if a line is not one that `RecordingTransport.save` wrote."""
        return cls(dict(_read(path.read_bytes().splitlines(), str(path))))


class RecordingTransport:
    """Passes reads on and remembers the answers. The last answer to a request wins."""

    def __init__(self, inner: ReadTransport) -> None:
        self._inner = inner
        self.cases: dict[Key, Response] = {}

    def read(self, request: ReadRequest) -> Response:
        """Send one GET. Raises: ClusterUnavailable."""
        response = self._inner.read(request)
        self.cases[key_of(request)] = response
        return response

    def save(self, path: Path) -> None:
        """Write the recording, one JSON line a case, in the order of their keys."""
        lines = [orjson.dumps(_case(key, self.cases[key]), option=orjson.OPT_SORT_KEYS) for key in sorted(self.cases)]
        path.write_bytes(b"".join(line + b"\n" for line in lines))


CAPTURED = ("configmaps", "deployments.apps", "statefulsets.apps", "services")
"""What `capture` keeps: how an application was installed, not how it fares."""


def capture(transport: ReadTransport, namespace: str) -> ReplayTransport:
    """Record how a namespace is configured now, object by object, to restore values from later.

    Raises: ClusterUnavailable. A kind that may not be read is left out.
    """
    recording = RecordingTransport(transport)
    for key in CAPTURED:
        readable = READABLES[key]
        response = recording.read(ReadRequest(readable.path(namespace)))
        if response.status >= 400:
            continue
        for item in orjson.loads(response.body).get("items") or []:
            recording.read(ReadRequest(readable.path(namespace, item["metadata"]["name"])))
    return ReplayTransport(recording.cases)


def _case(key: Key, response: Response) -> dict[str, Any]:
    backend, path, query, accept = key
    kept = {name: value for name, value in response.headers.items() if name.lower() == "date"}
    return {
        "backend": backend,
        "path": path,
        "query": [list(pair) for pair in query],
        "accept": accept,
        "status": response.status,
        "content_type": response.content_type,
        "headers": kept,
        "body": base64.b64encode(response.body).decode(),
    }


def _read(lines: Iterable[bytes], source: str) -> Iterable[tuple[Key, Response]]:
    for number, line in enumerate(lines, 1):
        try:
            case = orjson.loads(line)
            query = tuple((str(key), str(value)) for key, value in case["query"])
            request = ReadRequest(case["path"], query, case["accept"], Backend(case["backend"]))
            body = base64.b64decode(case["body"], validate=True)
            response = Response(int(case["status"]), body, str(case["content_type"]), dict(case["headers"]))
        except (ValueError, KeyError, TypeError) as error:
            raise CorruptObject(
                f"{source} line {number} is not a recorded case: {error}. Record the case again"
            ) from error
        yield key_of(request), response
