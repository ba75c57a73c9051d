"""Frames of SPDY/3.1 as kubectl's port-forward speaks it through a WebSocket: the few that streams need.

Source: SPDY Protocol draft 3.1, sections 2.2 and 2.6. Flow control is left out, as Kubernetes' own library leaves it.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

SYN_STREAM, SYN_REPLY, RST_STREAM, SETTINGS, PING, GOAWAY, HEADERS, WINDOW_UPDATE = 1, 2, 3, 4, 6, 7, 8, 9
FIN = 1
PROTOCOL_ERROR, INVALID_STREAM = 1, 2
_VERSION = 3
_WORDS = (
    *("options", "head", "post", "put", "delete", "trace", "accept", "accept-charset", "accept-encoding"),
    *("accept-language", "accept-ranges", "age", "allow", "authorization", "cache-control", "connection"),
    *("content-base", "content-encoding", "content-language", "content-length", "content-location", "content-md5"),
    *("content-range", "content-type", "date", "etag", "expect", "expires", "from", "host", "if-match"),
    *("if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "last-modified", "location"),
    *("max-forwards", "pragma", "proxy-authenticate", "proxy-authorization", "range", "referer", "retry-after"),
    *("server", "te", "trailer", "transfer-encoding", "upgrade", "user-agent", "vary", "via", "warning"),
    *("www-authenticate", "method", "get", "status", "200 OK", "version", "HTTP/1.1", "url", "public"),
    *("set-cookie", "keep-alive", "origin"),
)
_TAIL = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden"
    "404 Not Found500 Internal Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug "
    "Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,"
    "application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdch"
    "charset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)
DICTIONARY = b"".join(struct.pack(">I", len(word)) + word.encode() for word in _WORDS) + _TAIL.encode()
"""What headers are compressed with (section 2.6.10.1)."""
MAX_FRAME_BYTES = 1 << 20


class SpdyError(ValueError):
    """What came is no SPDY."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame. `kind` is 0 for data."""

    kind: int
    stream: int = 0
    flags: int = 0
    data: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Codec:
    """Both directions of one connection: headers are compressed with what went before them."""

    def __init__(self) -> None:
        self._pending = b""
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)
        self._deflate = zlib.compressobj(zdict=DICTIONARY)

    def read(self, data: bytes) -> Iterator[Frame]:
        """Frames that are complete with these bytes. Raises: SpdyError."""
        self._pending += data
        while len(self._pending) >= 8:
            first, second = struct.unpack(">II", self._pending[:8])
            flags, length = second >> 24, second & 0xFFFFFF
            if length > MAX_FRAME_BYTES:
                raise SpdyError(f"a frame of {length} bytes, expected at most {MAX_FRAME_BYTES}")
            if len(self._pending) < 8 + length:
                return
            body, self._pending = self._pending[8 : 8 + length], self._pending[8 + length :]
            yield self._frame(first, flags, body)

    def _frame(self, first: int, flags: int, body: bytes) -> Frame:
        if not first >> 31:
            return Frame(0, first, flags, body)
        if (first >> 16) & 0x7FFF != _VERSION:
            raise SpdyError(f"version {(first >> 16) & 0x7FFF}, expected {_VERSION}")
        kind = first & 0xFFFF
        skipped = {SYN_STREAM: 10, SYN_REPLY: 4, HEADERS: 4}.get(kind)
        if len(body) < (skipped or (4 if kind in (RST_STREAM, PING, GOAWAY, WINDOW_UPDATE) else 0)):
            raise SpdyError(f"a frame of type {kind} with {len(body)} bytes")
        stream = struct.unpack(">I", body[:4])[0] & 0x7FFFFFFF if len(body) >= 4 else 0
        if skipped is not None:
            return Frame(kind, stream, flags, b"", self._headers(body[skipped:]))
        return Frame(kind, stream, flags, body)

    def _headers(self, block: bytes) -> dict[str, str]:
        try:
            plain = self._inflate.decompress(block, MAX_FRAME_BYTES)
            (count,) = struct.unpack_from(">I", plain)
            at = 4
            words: list[str] = []
            for _ in range(2 * count):
                (length,) = struct.unpack_from(">I", plain, at)
                words.append(plain[at + 4 : at + 4 + length].decode())
                at += 4 + length
        except (zlib.error, struct.error, UnicodeDecodeError) as error:
            raise SpdyError(f"headers that cannot be read: {error}") from error
        return dict(zip(words[::2], words[1::2], strict=True))

    def reply(self, stream: int) -> bytes:
        """A stream is accepted, without headers."""
        block = self._deflate.compress(struct.pack(">I", 0)) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        return _control(SYN_REPLY, struct.pack(">I", stream) + block)

    def opening(self, stream: int, headers: Mapping[str, str]) -> bytes:
        """SYN_STREAM, as the side that forwards sends it."""
        plain = struct.pack(">I", len(headers))
        for word in (word for pair in headers.items() for word in pair):
            plain += struct.pack(">I", len(word)) + word.encode()
        block = self._deflate.compress(plain) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        return _control(SYN_STREAM, struct.pack(">IIH", stream, 0, 0) + block)


def data(stream: int, content: bytes = b"", *, is_last: bool = False) -> bytes:
    """Bytes of a stream; the last ones close its half."""
    return struct.pack(">II", stream, (FIN << 24 if is_last else 0) | len(content)) + content


def reset(stream: int, status: int) -> bytes:
    """A stream is refused, or broken off."""
    return _control(RST_STREAM, struct.pack(">II", stream, status))


def ping(content: bytes) -> bytes:
    """The same ping back."""
    return _control(PING, content[:4])


def _control(kind: int, body: bytes) -> bytes:
    return struct.pack(">II", 1 << 31 | _VERSION << 16 | kind, len(body)) + body
