"""Misbehaviour of the connection: what is slow, breaks off, never ends or is packed."""

import gzip
import itertools
import zlib
from collections.abc import Iterator

from tests.access.live.servers import Received, Sent
from tests.misbehaving.case import Case, body_of, dropping, first_then, framed, sending
from tests.misbehaving.server import Answering, everything, logs, on, reads, reviews

CHUNKED = "Transfer-Encoding: chunked"
BLOCK = b" " * 65_536


def trickled(part_of: str, pause_s: float = 0.05) -> Answering:
    """The honest answer, byte by byte from its header or its body on."""

    def answering(received: Received, whole: bytes) -> Iterator[bytes | float | None]:
        at = 10 if part_of == "header" else whole.index(b"\r\n\r\n") + 4
        yield whole[:at]
        for byte in whole[at:]:
            yield bytes([byte])
            yield pause_s

    return answering


def endless(head: bytes, block: bytes = BLOCK, pause_s: float = 0.0) -> Answering:
    """A head, then one block for ever."""

    def answering(received: Received, whole: bytes) -> Iterator[bytes | float | None]:
        yield head
        for _ in itertools.count():
            yield block
            if pause_s:
                yield pause_s

    return answering


def half(received: Received, whole: bytes) -> Sent:
    """Half of the body that was announced."""
    head, body = whole.split(b"\r\n\r\n", 1)
    return [head + b"\r\n\r\n" + body[: len(body) // 2], None]


def slow(pause_s: float) -> Answering:
    """Whole, but late."""
    return lambda received, whole: [pause_s, whole]


def packed(received: Received, whole: bytes) -> Sent:
    """As was offered: gzip."""
    kind = "text/plain" if logs(received) else "application/json"
    return [framed(gzip.compress(body_of(whole)), "Content-Encoding: gzip", content_type=kind)]


def _bomb(size_bytes: int) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    parts = [packer.compress(b'{"kind":"PodList","items":["')]
    parts += [packer.compress(b"x" * 1_000_000) for _ in range(size_bytes // 1_000_000)]
    return b"".join([*parts, packer.flush()])


BOMB = _bomb(300_000_000)


def lying(received: Received, whole: bytes) -> Sent:
    """Two answers where one was asked: the second would be taken for that to the next request."""
    return [whole + framed(b'{"kind":"PodList","items":[]}')]


def flooded(received: Received, whole: bytes) -> Iterator[bytes | float | None]:
    """Interim answers without end."""
    for _ in itertools.count():
        yield b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 200
        yield 0.01


HEAD = framed(b"", CHUNKED)
CASES = (
    Case("header trickled", trickled("header")),
    Case("body trickled", trickled("body")),
    Case("body trickled, of every list", trickled("body", 0.1), hits=reads, is_silent=True),
    Case("stall before the header", dropping(3.0)),
    Case("stall in the header", dropping(b"HTTP/1.1 200 OK\r\nContent-Ty", 3.0)),
    Case("stall in the body", dropping(framed(b"{", "Content-Length: 4000"), 3.0)),
    Case("stall of everything", dropping(3.0), hits=everything, is_silent=True),
    Case("stall of events", dropping(3.0), hits=on("events"), loses=("events",)),
    Case("reset before the header", dropping()),
    Case("reset of everything but reviews", dropping(), hits=reads, is_silent=True),
    Case("reset of every review", dropping(), hits=reviews, is_silent=True),
    Case("reset in the body", dropping(framed(b'{"kind":"PodList","items":[', "Content-Length: 4000"))),
    Case("reset once, then fine", first_then(1, dropping()), hits=reads, loses=()),
    Case("half of the announced body", half),
    Case("half, of every list", half, hits=reads, is_silent=True),
    Case("longer than announced", lambda _, whole: [framed(body_of(whole), "Content-Length: 40")]),
    Case("negative length", sending(framed(b"{}", "Content-Length: -1"), None)),
    Case("two lengths", sending(framed(b"{}", "Content-Length: 2", "Content-Length: 90"), None)),
    Case("chunks without end", endless(HEAD, b"10000\r\n" + BLOCK + b"\r\n"), is_large=True),
    Case("chunks that trickle without end", endless(HEAD, b"1\r\n \r\n", 0.05)),
    Case("chunk size that is none", dropping(HEAD + b"zz\r\n{}\r\n")),
    Case("chunk of negative size", dropping(HEAD + b"-5\r\n{}\r\n")),
    Case("chunk of negative size, of every list", dropping(HEAD + b"-1\r\n{}\r\n"), hits=reads, is_silent=True),
    Case("log of no length, cut", dropping(framed(b"ERROR", "Connection: close", CHUNKED.replace("chunked", "identity"),
         content_type="text/plain")), hits=logs, loses=("logs",)),
    Case("length in other digits", sending(framed(b"{}", "Content-Length: 9e9"), None)),
    Case("something after a gzip", lambda _, w: [framed(gzip.compress(body_of(w)) + b"x", "Content-Encoding: gzip")]),
    Case("chunk of 16 exabytes", dropping(HEAD + b"ffffffffffffffff\r\n" + b"x" * 90)),
    Case("body without end", endless(framed(b"", "Connection: close", CHUNKED.replace("chunked", "identity")))),
    Case("announced 600 MB", endless(framed(b"", "Content-Length: 600000000")), is_large=True),
    Case("gzip that was offered", packed, hits=reads, loses=()),
    Case("gzip bomb of 300 MB", sending(framed(BOMB, "Content-Encoding: gzip")), is_large=True),
    Case("gzip bomb for every list", sending(framed(BOMB, "Content-Encoding: gzip")), reads, is_large=True,
         budget_s=4.0),
    Case("gzip in gzip", lambda _, w: [framed(gzip.compress(gzip.compress(body_of(w))), "Content-Encoding: gzip")]),
    Case("gzip twice named", lambda _, w: [framed(gzip.compress(body_of(w)), "Content-Encoding: gzip, gzip")]),
    Case("gzip broken off", lambda _, w: [framed(gzip.compress(body_of(w))[:-9], "Content-Encoding: gzip")]),
    Case("gzip named, plain sent", lambda _, w: [framed(body_of(w), "Content-Encoding: gzip")]),
    Case("deflate unasked", lambda _, w: [framed(zlib.compress(body_of(w)), "Content-Encoding: deflate")]),
    Case("brotli unasked", sending(framed(b"\x0b\x02\x80{}\x03", "Content-Encoding: br"))),
    Case("two answers for one", lying, hits=on("pods"), loses=()),
    Case("interim answers without end", flooded),
    Case("header of 300 lines", sending(framed(b"{}", *(f"X-{n}: y" for n in range(300))))),
    Case("header line of 1 MB", sending(framed(b"{}", "X: " + "y" * 1_000_000))),
    Case("header without end", endless(b"HTTP/1.1 200 OK\r\nX: ", b"y" * 65_536)),
    Case("no HTTP at all", dropping(b"SSH-2.0-OpenSSH_9.6\r\n")),
    Case("HTTP/0.9", lambda _, whole: [body_of(whole), None]),
    Case("odd status line", dropping(b"HTTP/1.1 abc OK\r\n\r\n{}")),
    Case("everything takes 0.2 s", slow(0.2), hits=everything, loses=()),
    Case("everything takes 0.5 s", slow(0.5), hits=everything, loses=("events",), is_silent=True),
    Case("log that trickles without end", endless(framed(b"", CHUNKED, content_type="text/plain"), b"1\r\nx\r\n", 0.05),
         hits=logs, loses=("logs",)),
    Case("log of 100 MB", lambda *_: itertools.chain([framed(b"", "Content-Length: 100000000",
         content_type="text/plain")], itertools.repeat(b"ERROR boom\n" * 6000, 1516)), hits=logs, loses=("logs",),
         is_large=True),
    Case("log of one line of 15 MB", sending(framed(b"e" * 15_000_000, content_type="text/plain")), hits=logs,
         loses=("logs",), is_large=True),
)  # fmt: skip
