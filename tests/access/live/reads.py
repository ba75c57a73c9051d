"""One read of a scripted server, through the transport as it is used."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from aoi.access.live import LiveReadTransport
from aoi.access.reading import READABLES
from aoi.access.transport import ReadRequest, Response
from tests.access.live.servers import NAMESPACE, Received, Sent, reviewing, scripted

PODS = ReadRequest(READABLES["pods"].path(NAMESPACE))
LOG = ReadRequest(READABLES["pods"].path(NAMESPACE, "web") + "/log", accept="*/*")


def answering(read: Callable[[Received], Sent]) -> Callable[[Received], Sent]:
    """Reviews are answered for an identity that may look; reads as given."""
    return lambda received: reviewing(received) if received.is_review else read(received)


def asked(folder: Path, read: Callable[[Received], Sent], request: ReadRequest = PODS, **options: Any) -> Response:
    """One read of a server that answers so."""
    with scripted(answering(read)) as server:
        transport = LiveReadTransport(server.kubeconfig(folder / "config"), **options)
        try:
            return transport.read(request)
        finally:
            transport.close()
