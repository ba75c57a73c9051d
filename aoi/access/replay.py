"""Reads that are kept in memory, as they were answered, and answered again.

They hold what the Probe could read, nothing more, and cannot be written to: there is no `request`. What leaves the
process is a recording (`aoi.access.recording`), which is redacted.
"""

from collections.abc import Mapping

import orjson

from aoi.access.reading import READABLES
from aoi.access.transport import ReadRequest, ReadTransport, Response

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
