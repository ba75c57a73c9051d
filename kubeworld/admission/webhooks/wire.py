"""One HTTPS request to a program on this machine, bounded in time and size. Refuses every address but loopback.

Failures are worded as Go's HTTP client words them, since that is what people search for.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
from dataclasses import dataclass
from typing import Any

import orjson
from cryptography import x509

ANSWER_LIMIT_BYTES = 3 * 1024 * 1024
_HOSTNAME_MISMATCH = 62
_EXPIRED = (9, 10)  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED


class Unanswered(Exception):
    """Nothing usable came back; `str()` is what kube-apiserver says after `failed calling webhook "x": `."""


class _Broken(Exception):
    """The connection did not come about, or broke; `str()` is what Go's client would say."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where to connect, and what to ask there."""

    host: str
    """Literal loopback address."""
    port: int
    path: str
    """With its query."""
    server_name: str
    """Whom the certificate must name."""
    authorities_pem: bytes
    """Whom to trust; empty: the system's authorities."""


def is_loopback(host: str) -> bool:
    """Whether a literal address, or `localhost`, is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _post(target: Target, context: ssl.SSLContext, body: bytes, timeout_s: float) -> tuple[int, bytes]:
    """POST JSON: (status, body). Raises: _Broken."""
    if not is_loopback(target.host):
        raise _Broken(f"dial tcp {target.host}:{target.port}: connect: network is unreachable")
    wire = _Wire(timeout_s)
    try:
        connection = wire.open(target, context)
        connection.request(
            "POST", target.path, body, {"Content-Type": "application/json", "Accept": "application/json"}
        )
        answer = connection.getresponse()
        data = answer.read(ANSWER_LIMIT_BYTES + 1)
        if answer.length and len(data) <= ANSWER_LIMIT_BYTES:
            raise http.client.IncompleteRead(data, answer.length)  # read() of a size is content with less
    except (OSError, http.client.HTTPException) as error:
        raise _Broken("context deadline exceeded" if wire.is_over else _reason(error, target)) from error
    finally:
        wire.close()
    if len(data) > ANSWER_LIMIT_BYTES:
        raise _Broken(f"the response body is larger than {ANSWER_LIMIT_BYTES} bytes")
    return answer.status, data


class _Wire:
    """A connection with one deadline for all of it: a socket's own time-out starts anew with each byte that drips."""

    def __init__(self, timeout_s: float) -> None:
        self.is_over = False
        self._timeout_s = timeout_s
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(timeout_s, self._end)
        self._timer.daemon = True

    def open(self, target: Target, context: ssl.SSLContext) -> http.client.HTTPConnection:
        """Connected and shaken hands with. Raises: OSError."""
        self._timer.start()
        self._socket = socket.create_connection((target.host, target.port), self._timeout_s)
        self._socket = context.wrap_socket(self._socket, server_hostname=target.server_name)
        connection = http.client.HTTPConnection(target.server_name, target.port)  # knows no proxy, follows nothing
        connection.sock = self._socket
        return connection

    def close(self) -> None:
        """For good."""
        self._timer.cancel()
        if self._socket is not None:
            self._socket.close()

    def _end(self) -> None:
        self.is_over = True
        try:
            if self._socket is not None:
                self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:  # it has just ended by itself
            return


def _context(target: Target) -> ssl.SSLContext:
    """Raises: Unanswered if there is nobody to trust in what should say so."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False
    # As Go does, a certificate that is itself trusted needs no issuer that is.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if target.authorities_pem:
        try:
            context.load_verify_locations(cadata=target.authorities_pem.decode("ascii"))
        except (ssl.SSLError, UnicodeDecodeError) as error:
            raise Unanswered(
                "could not get REST client: unable to load root certificates: unable to parse bytes as PEM block"
            ) from error
    else:
        context.load_default_certs()
    return context


def _reason(error: Exception, target: Target) -> str:
    where = f"{target.host}:{target.port}"
    match error:
        case ssl.SSLCertVerificationError():
            text = f"tls: failed to verify certificate: x509: {_distrust(error, target)}"
        case ssl.SSLError():
            text = f"tls: {error.reason or error}".lower()
        case ConnectionRefusedError():
            text = f"dial tcp {where}: connect: connection refused"
        # RemoteDisconnected is both: a peer that hangs up without a word.
        case http.client.RemoteDisconnected() | http.client.IncompleteRead():
            text = "EOF"
        case ConnectionResetError():
            text = f"read tcp {where}: read: connection reset by peer"
        case TimeoutError():
            text = "context deadline exceeded"
        case _:
            text = str(error) or type(error).__name__
    return text


def _distrust(error: ssl.SSLCertVerificationError, target: Target) -> str:
    if error.verify_code == _HOSTNAME_MISMATCH or "IP address mismatch" in str(error):
        names = ", ".join(_names(target))
        if not names:
            return "certificate is not valid for any names, but wanted to match " + target.server_name
        return f"certificate is valid for {names}, not {target.server_name}"
    if error.verify_code in _EXPIRED:
        return "certificate has expired or is not yet valid"
    return "certificate signed by unknown authority"


def _names(target: Target) -> list[str]:
    """Whom the certificate names: asked for again, since a handshake that failed does not tell."""
    try:
        pem = ssl.get_server_certificate((target.host, target.port), timeout=1)
        names = x509.load_pem_x509_certificate(pem.encode()).extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
    except (OSError, ValueError, x509.ExtensionNotFound):
        return []
    return [*names.value.get_values_for_type(x509.DNSName), *map(str, names.value.get_values_for_type(x509.IPAddress))]


def ask(target: Target, url: str, document: Any, timeout_s: float) -> Any:
    """POST a document and decode the answer. `url` is what messages call it. Raises: Unanswered."""
    context = _context(target)
    try:
        status, data = _post(target, context, orjson.dumps(document), timeout_s)
    except _Broken as error:
        raise Unanswered(f'failed to call webhook: Post "{url}": {error}') from error
    if status != http.client.OK:
        raise Unanswered(f"failed to call webhook: {_refusal(status, data)}")
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise Unanswered(f"failed to call webhook: couldn't get version/kind; json parse error: {error}") from error


_REFUSALS = {
    400: "the server rejected our request for an unknown reason",
    401: "the server has asked for the client to provide credentials",
    404: "the server could not find the requested resource",
    405: "the server does not allow this method on the requested resource",
    429: "the server has received too many requests and has asked us to try again later",
    503: "the server is currently unable to handle the request",
    504: "the server was unable to return a response in the time allotted, but may still be processing the request",
}


def _refusal(status: int, data: bytes) -> str:
    """The words of client-go for an answer that is no success (NewGenericServerResponse)."""
    text = data.decode("utf-8", "replace").strip() or "unknown"
    if status in _REFUSALS:
        return _REFUSALS[status]
    if status >= 500:
        shown = orjson.dumps(text).decode()
        return f"an error on the server ({shown}) has prevented the request from succeeding"
    return f"the server responded with the status code {status} but did not return more information"
