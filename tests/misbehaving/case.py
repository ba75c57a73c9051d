"""One kind of misbehaviour: what is sent, to whom, and what must come of it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from tests.access.live.servers import Received, Sent
from tests.misbehaving.server import Answering, Hits, on

BUDGET_S, REQUEST_S = 1.2, 0.4
"""Of a diagnosis and of one request, in this suite."""
AMPLE_S = 8.0
"""The budget where nothing is to be lost."""
SLACK_S = 5.0
"""What a diagnosis may take beyond its budget on a busy machine: what it read is judged and kept after it."""

PODS = on("pods")


@dataclass(frozen=True)
class Case:
    """Hit endpoints are answered by `answer`; what is expected follows from what that hides."""

    name: str
    answer: Answering = lambda received, whole: [whole]
    hits: Hits = PODS
    loses: tuple[str, ...] = ("pods",)
    """Resources that the coverage must say were not read, or not to their end; empty: nothing is lost."""
    is_silent: bool = False
    """Nothing at all can be read: an error is as good an answer."""
    is_large: bool = False
    """Its memory is measured."""
    budget_s: float = 0
    """Its own, where neither of the two above fits."""
    serving: Callable[[Path], AbstractContextManager[Path]] | None = None
    """Gives the kubeconfig of a server of its own instead."""

    @property
    def within_s(self) -> float:
        """Its budget."""
        return self.budget_s or (BUDGET_S if self.loses else AMPLE_S)


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
