"""One kind of misbehaviour: what is sent, to whom, and what must come of it."""

from dataclasses import dataclass

from tests.access.live.servers import Received, Sent
from tests.misbehaving.server import Answering, Hits, on

BUDGET_S, REQUEST_S = 1.6, 0.6
"""Of a diagnosis and of one request, in this suite."""
SLACK_S = 1.5
"""What a diagnosis may take beyond its budget on a busy machine: what it read is judged and kept after it."""


@dataclass(frozen=True)
class Case:
    """Hit endpoints are answered by `answer`; what is expected follows from what that hides."""

    name: str
    answer: Answering
    hits: Hits = on("pods")
    loses: tuple[str, ...] = ("pods",)
    """Resources that the coverage must say were not read, or not to their end; empty: nothing is lost."""
    is_silent: bool = False
    """Nothing at all can be read: an error is as good an answer."""
    is_large: bool = False
    """Its memory is measured."""
    budget_s: float = BUDGET_S
    reports: tuple[str, ...] = ()
    """Symptoms that the operator gives."""


def dropping(*parts: bytes | float | None) -> Answering:
    """These parts and then nothing more: the connection is closed."""
    return lambda received, whole: [*parts, None]


def sending(*parts: bytes | float | None) -> Answering:
    """These parts, and the connection stays."""
    return lambda received, whole: list(parts)


def body_of(whole: bytes) -> bytes:
    """The body of a whole answer."""
    return whole.partition(b"\r\n\r\n")[2]


def framed(body: bytes, *headers: str, status: str = "200 OK", content_type: str = "application/json") -> bytes:
    """An HTTP answer; `Content-Length` is right unless a header says it otherwise."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}", *headers]
    if not any(header.lower().startswith(("content-length", "transfer-encoding")) for header in headers):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def first_then(times: int, answer: Answering) -> Answering:
    """The first `times` requests of each path are answered so, later ones honestly."""
    asked: dict[str, int] = {}

    def answering(received: Received, whole: bytes) -> Sent:
        asked[received.path] = asked.get(received.path, 0) + 1
        return answer(received, whole) if asked[received.path] <= times else [whole]

    return answering
