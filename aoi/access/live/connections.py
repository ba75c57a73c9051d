"""HTTP over kept connections: no proxy, no redirect, no retry; every answer is bounded in bytes and in time.

Any number of threads may send at once. The bound in time is one of wall-clock for the whole exchange: a server that
trickles its header or its body byte by byte gets no more of it than one that says nothing.
"""

import re
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, cast

import urllib3
from typing_extensions import override
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

from aoi.access.live.lookup import connected
from aoi.errors import ClusterUnavailable

MAX_BYTES = 16 * 1024 * 1024
"""Of one answer, decompressed; the rest is not read."""
_CHUNK = 65_536
_WIRE_BYTES = MAX_BYTES + 1_048_576
"""Most that is received for one answer with its header and the framing of its chunks."""
_GRACE_S = 0.25
"""What OpenSSL has over a timeout of its socket before the connection is shut under it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server sent, as it sent it; `refused` says why its body is not to be used."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    refused: str = ""


class _Receiving:
    """Limits what a socket receives until `ends_s` of the monotonic clock, and how much that may be."""

    ends_s: float = float("inf")
    left_bytes: int = _WIRE_BYTES

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """Called for the header and the body alike, whoever reads them."""
        sock = cast(socket.socket, self)
        if self.ends_s != float("inf"):
            left_s = self.ends_s - time.monotonic()
            if left_s <= 0:
                raise TimeoutError("timed out")
            sock.settimeout(left_s)
        received: int = super().recv_into(buffer, nbytes, flags)  # type: ignore[misc]
        self.left_bytes -= received
        if self.left_bytes < 0:
            raise OSError(f"more than {_WIRE_BYTES} bytes")
        return received

    def begin(self, timeout_s: float) -> None:
        """Expect one answer within this time."""
        self.ends_s, self.left_bytes = time.monotonic() + timeout_s, _WIRE_BYTES


class _PlainSocket(_Receiving, socket.socket):
    pass


class _SecureSocket(_Receiving, ssl.SSLSocket):
    @override
    def begin(self, timeout_s: float) -> None:
        """A body that ends where the connection does is whole only if TLS was ended too: anybody can cut a wire."""
        super().begin(timeout_s)
        self.suppress_ragged_eofs = False

    @override
    def do_handshake(self, block: bool = False) -> None:
        """Within the socket's timeout, against a server that never lets OpenSSL wait for it as well."""
        timeout_s = self.gettimeout()
        # `SSLSocket.shutdown` would take the session from under the thread that is in it.
        shut = threading.Timer((timeout_s or 0.0) + _GRACE_S, _shut, [self])
        shut.daemon = True
        shut.start()
        try:
            super().do_handshake(block)
        finally:
            shut.cancel()


def _shut(sock: socket.socket) -> None:
    with suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


class _Bounded(HTTPConnection):
    """A connection on such sockets. urllib3 asks for the answer right after the request has been sent."""

    @override
    def _new_conn(self) -> socket.socket:
        began_s = time.monotonic()
        try:
            plain = connected(self._dns_host, self.port, _seconds(self.timeout))
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "timed out") from error
        except OSError as error:
            raise NewConnectionError(self, "no connection") from error
        sock = _PlainSocket(fileno=plain.detach())
        # What remains for the handshake of TLS, which is bounded as a whole by the timeout of its socket.
        sock.settimeout(max(0.001, _seconds(self.timeout) - (time.monotonic() - began_s)))
        return sock

    @override
    def getresponse(self) -> Any:
        if isinstance(self.sock, _Receiving):
            self.sock.begin(_seconds(self.timeout))
        return super().getresponse()


class _BoundedSecure(_Bounded, HTTPSConnection):
    pass


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls: Any = _Bounded


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls: Any = _BoundedSecure


def _seconds(timeout: Any) -> float:
    """urllib3's type of a timeout has members that are never used here."""
    return float(timeout)


class Untrusted(ClusterUnavailable):
    """A server whose certificate is not trusted. To one read it is as good as gone; asking again changes nothing."""


class Connections:
    """Connections to one server, kept open between requests, as many at once as there are threads."""

    def __init__(self, *, kept: int, tls: ssl.SSLContext | None = None, tls_server_name: str | None = None) -> None:
        """`kept`: how many connections wait for the next request; what is more is closed after use."""
        tls = tls or ssl.create_default_context()
        tls.sslsocket_class = _SecureSocket
        names: dict[str, Any] = {} if tls_server_name is None else {"server_hostname": tls_server_name}
        self._pools = urllib3.PoolManager(num_pools=2, maxsize=kept, ssl_context=tls, **names)
        self._pools.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def close(self) -> None:
        """Close what is kept."""
        self._pools.clear()

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        timeout_s: float,
        max_bytes: int | None = None,
    ) -> Answer:
        """One exchange that ends within `timeout_s`; `max_bytes` of its answer, decompressed, else `MAX_BYTES`.

        Raises: ClusterUnavailable if no whole answer came.
        """
        server = url.split("/", 3)[2]
        try:
            answer = self._pools.request(
                method,
                url,
                headers={**headers, "Accept-Encoding": "gzip"},
                body=body or None,
                timeout=urllib3.Timeout(total=max(timeout_s, 0.001)),
                retries=False,
                redirect=False,
                preload_content=False,
            )
            try:
                return _received(answer, max_bytes or MAX_BYTES)
            except BaseException:
                answer.close()  # the rest of this answer must not be taken for the next one
                raise
        except (HTTPError, HTTPException, OSError, zlib.error, ValueError, OverflowError) as error:
            # What parses lines, sizes and chunks of HTTP meets numbers that are none, and raises as it comes.
            unavailable = Untrusted if _is_untrusted(error) else ClusterUnavailable
            raise unavailable(f"{server}: {_reason(error, timeout_s)}") from error


def _received(answer: urllib3.BaseHTTPResponse, max_bytes: int) -> Answer:
    headers = {key.lower(): value for key, value in answer.headers.items()}
    coding = headers.get("content-encoding", "identity").strip().lower()
    said = headers.get("content-length", "")
    if coding not in ("identity", "gzip"):
        return _refused(answer, headers, f"encoded as {coding!r:.40}, which was not asked for")
    if said and not re.fullmatch(r"[0-9]{1,18}", said):
        return _refused(answer, headers, f"sent with {said!r:.40} for its length")
    unpack = zlib.decompressobj(wbits=31) if coding == "gzip" else None
    data = bytearray()
    for chunk in answer.stream(_CHUNK, decode_content=False):
        # The limit holds while it is unpacked: a bomb is never in memory.
        data += unpack.decompress(chunk, max_bytes + 1 - len(data)) if unpack else chunk
        if len(data) > max_bytes:
            whole = f" of the {said} that it announced" if said and not unpack else ""
            return _refused(answer, headers, f"cut: {max_bytes} bytes{whole} were read, and more were to come")
        if unpack and unpack.unused_data:
            return _refused(answer, headers, "more than its gzip holds: something follows it")
    if unpack and data and not unpack.eof:
        raise zlib.error("ended early")
    answer.release_conn()
    return Answer(answer.status, headers, bytes(data))


def _refused(answer: urllib3.BaseHTTPResponse, headers: Mapping[str, str], why: str) -> Answer:
    answer.close()
    return Answer(answer.status, headers, b"", why)


def _is_untrusted(error: Exception) -> bool:
    is_tls = isinstance(error, SSLError | ssl.SSLError)
    return is_tls and ("CERTIFICATE_VERIFY_FAILED" in str(error) or "doesn't match" in str(error))


def _reason(error: Exception, timeout_s: float) -> str:
    """The kind of failure in words of ours: the text of some errors carries URLs and objects of the client."""
    if isinstance(error, NameResolutionError):
        return "its name is not known"
    if isinstance(error, NewConnectionError):
        return "no connection"
    if isinstance(error, SSLError | ssl.SSLError) and "EOF occurred" not in str(error):
        untrusted = _is_untrusted(error)
        return "its certificate is not one that the kubeconfig trusts" if untrusted else "the connection's TLS failed"
    if isinstance(error, ConnectTimeoutError | ReadTimeoutError | TimeoutError):
        return f"no whole answer within {timeout_s:.3g} s"
    return f"the connection was lost before the answer was whole ({type(error).__name__})"
