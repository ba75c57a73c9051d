"""Requests to a real cluster through one checked kubeconfig.

No redirect is followed, no proxy used, nothing retried (`aoi.access.patience` does, for reads); answers are bounded in
bytes and in time. The identity is the kubeconfig's: no header of a caller reaches the wire except the content type and
what is accepted.
"""

import re
import ssl
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, urlencode

from aoi.access.live.access import Checked, check_identity
from aoi.access.live.allowlist import Role
from aoi.access.live.answers import of_api_server, response_of
from aoi.access.live.commands import run_command
from aoi.access.live.connections import Connections, Untrusted
from aoi.access.live.grants import Access
from aoi.access.live.kubeconfig import Kubeconfig, load
from aoi.access.live.questions import NEEDED
from aoi.access.live.reviews import AT_ONCE, CHECK_S, may_all
from aoi.access.patience import Patience
from aoi.access.redaction import MARK
from aoi.access.transport import Backend, ReadRequest, Request, Response
from aoi.errors import ClusterRefused, CommandRefused, SettingsError

TIMEOUT_S = 20.0
PARALLEL_READS = 8
"""Reads that a survey has in flight; connections for as many stay open."""
_TOKEN_CHARS = 8
"""Shorter ones stand in other words."""
REVIEW_BYTES = 1_048_576
"""Of the answer to one review: some lines of JSON, or all rules of an identity, and many are asked at once."""
_KEPT_HEADERS = ("content-type", "accept")
_EXEC = re.compile(r"/api/v1/namespaces/([a-z0-9.-]+)/pods/([a-z0-9.-]+)/exec")


class LiveReadTransport:
    """Reads one cluster as the identity of a kubeconfig, which may not write and may not read Secrets.

    `read` may be called from several threads at once: they share connections that stay open, and nothing else.
    """

    role: Role = "probe"

    def __init__(
        self,
        kubeconfig: Path | None = None,
        *,
        namespace: str | None = None,
        namespaces: Sequence[str] = (),
        context: str | None = None,
        prometheus_url: str | None = None,
        jaeger_url: str | None = None,
        timeout_s: float = TIMEOUT_S,
        check_s: float = CHECK_S,
        needed_rights: Sequence[Access] = NEEDED,
    ) -> None:
        """Connect and check the identity in `namespaces`, else in `namespace`, else in the one of the context.

        `timeout_s` bounds each request as a whole, `check_s` the check of the identity. `needed_rights` is empty where
        whoever reads tells what was refused. Raises: SettingsError, ClusterUnavailable.
        """
        self._needed_rights = needed_rights
        self.checked = Checked()
        """How far the identity was asked about."""
        self.config: Kubeconfig = load(kubeconfig, context)
        """Server, context and default namespace, for whoever says what was looked at."""
        self._timeout_s = timeout_s
        self._telemetry = {
            Backend.PROMETHEUS: _base_url(prometheus_url),
            Backend.JAEGER: _base_url(jaeger_url),
        }
        self._cluster = Connections(
            kept=max(PARALLEL_READS, AT_ONCE), tls=_tls(self.config), tls_server_name=self.config.tls_server_name
        )
        # Its own connections: neither the cluster's authority nor its client certificate concern another server.
        self._other = Connections(kept=PARALLEL_READS)
        try:
            self.check(tuple(namespaces) or (namespace or self.config.namespace,), check_s)
        except BaseException:
            self.close()
            raise

    def check(self, namespaces: Sequence[str], within_s: float = CHECK_S) -> None:
        """Refuse the identity if it may do too much anywhere, or too little in all of these namespaces.

        For those that become known later; the constructor has checked its own. Raises: SettingsError, ClusterRefused,
        ClusterUnavailable.
        """
        if not self._needed_rights and self.checked.whole.issuperset(namespaces):
            return
        patience = Patience(min(CHECK_S, within_s))

        def post(path: str, body: bytes) -> Response:
            with _refusing_untrusted():
                return self._review(path, body, min(self._timeout_s, patience.left_s))

        def read(request: ReadRequest) -> Response:
            with _refusing_untrusted():
                return self.read_within(request, patience.left_s)

        self.checked = check_identity(post, read, namespaces, self.role, patience, needed_rights=self._needed_rights)

    def _post(self, path: str, body: bytes) -> Response:
        return self._review(path, body, self._timeout_s)

    def _review(self, path: str, body: bytes, timeout_s: float) -> Response:
        return self._send("POST", path, (), _JSON, body, timeout_s=timeout_s, max_bytes=REVIEW_BYTES)

    def close(self) -> None:
        """Close the connections that are kept open between requests."""
        self._cluster.close()
        self._other.close()

    def read(self, request: ReadRequest) -> Response:
        """Send one GET. Raises: ClusterUnavailable; HTTP errors are responses."""
        return self.read_within(request, self._timeout_s)

    def read_within(self, request: ReadRequest, timeout_s: float) -> Response:
        """Send one GET that ends within `timeout_s`, or the transport's own timeout where that is less."""
        request.check()
        timeout_s = min(timeout_s, self._timeout_s)
        if request.backend is not Backend.KUBERNETES:
            return self._ask_telemetry(request, timeout_s)
        return self._send("GET", request.path, request.query, {"Accept": request.accept}, b"", timeout_s=timeout_s)

    def _send(
        self,
        method: str,
        path: str,
        query: tuple[tuple[str, str], ...],
        headers: Mapping[str, str],
        body: bytes,
        *,
        timeout_s: float,
        max_bytes: int | None = None,
    ) -> Response:
        sent = {key: value for key, value in headers.items() if key.lower() in _KEPT_HEADERS}
        if token := self.config.bearer():
            sent["Authorization"] = f"Bearer {token}"
        url = _url(self.config.server, path, query)
        answer = self._cluster.send(method, url, headers=sent, body=body, timeout_s=timeout_s, max_bytes=max_bytes)
        return _without(token or "", of_api_server(response_of(answer, path), path))

    def _ask_telemetry(self, request: ReadRequest, timeout_s: float) -> Response:
        base = self._telemetry[request.backend]
        if base is None:
            text = f'{{"status":"error","error":"no {request.backend} is configured"}}'
            return Response(503, text.encode(), is_final=True)
        url = _url(base, request.path, request.query)
        answer = self._other.send("GET", url, headers={"Accept": "application/json"}, timeout_s=timeout_s)
        return response_of(answer, request.path)


class LiveTransport(LiveReadTransport):
    """Can also send what typed actions make, as an identity that may not read Secrets or grant rights."""

    role: Role = "executor"

    def request(self, request: Request) -> Response:
        """Send one request. Raises: ClusterUnavailable, CommandRefused; HTTP errors are responses."""
        if request.backend is not Backend.KUBERNETES:
            raise CommandRefused(f"{request.backend} takes no writes")
        if request.method not in ("GET", "PATCH", "POST", "DELETE"):
            raise CommandRefused(f"method {request.method!r:.20} is not one that typed actions use")
        if not re.fullmatch(r"(/[A-Za-z0-9][A-Za-z0-9._-]*)+", request.path) or ".." in request.path:
            raise CommandRefused(f"path {request.path!r:.120} is not canonical")
        if match := _EXEC.fullmatch(request.path):
            return self._exec(match[1], match[2], request)
        query = (*request.query, ("dryRun", "All")) if request.dry_run else request.query
        return self._send(request.method, request.path, query, request.headers, request.body, timeout_s=self._timeout_s)

    def _exec(self, namespace: str, pod: str, request: Request) -> Response:
        if request.dry_run:
            raise CommandRefused("a command in a container has no dry run")
        # A WebSocket is a GET; servers since 1.35 ask for `create` too.
        rights = [Access(verb, "pods", subresource="exec") for verb in ("create", "get")]
        if not may_all(self._post, namespace, rights):
            message = "this identity may not both `create` and `get` pods/exec, as a command in a container needs"
            return Response(403, message.encode(), "text/plain", is_final=True)
        return run_command(self.config, namespace, pod, request.query, self._timeout_s)


@contextmanager
def _refusing_untrusted() -> Iterator[None]:
    """At the start another certificate is no trouble of one request that may be gone with the next."""
    try:
        yield
    except Untrusted as error:
        raise ClusterRefused(
            f"{error}. Take the authority of this cluster into the kubeconfig: kubectl config set-cluster NAME "
            "--certificate-authority FILE --embed-certs"
        ) from error


_JSON = {"Content-Type": "application/json", "Accept": "application/json"}


def _url(base: str, path: str, query: tuple[tuple[str, str], ...]) -> str:
    return f"{base}{path}" + (f"?{urlencode(query, quote_via=quote)}" if query else "")


def _tls(config: Kubeconfig) -> ssl.SSLContext:
    """Trusts the kubeconfig's authority and shows its certificate. Raises: SettingsError if one of them is none."""
    try:
        context = ssl.create_default_context(cadata=config.authority.decode() if config.authority else None)
        if config.authority:
            # As for kubectl, an intermediate or the server's own certificate is an authority if it is named as one.
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        if config.certificate and config.key:
            _show(context, config.certificate, config.key)
    except (ssl.SSLError, ValueError) as error:
        raise SettingsError(
            f"context {config.context!r:.80}: the certificate authority, or the client's certificate and key, are no "
            "PEM that fits together. Write the kubeconfig again"
        ) from error
    return context


def _show(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """The ssl module reads keys from files only: they exist, readable by us alone, while it does."""
    with tempfile.TemporaryDirectory() as folder:
        chain = Path(folder) / "client.pem"
        chain.touch(mode=0o600)
        chain.write_bytes(certificate + b"\n" + key)
        # Without a password of our own OpenSSL would ask for one at the terminal.
        context.load_cert_chain(chain, password="")


def _without(token: str, response: Response) -> Response:
    """An answer without our own token, which a server or a proxy may say back in an error."""
    if len(token) < _TOKEN_CHARS or (token.encode() not in response.body and token not in str(response.headers)):
        return response
    headers = {key: value.replace(token, MARK) for key, value in response.headers.items()}
    return replace(response, body=response.body.replace(token.encode(), MARK.encode()), headers=headers)


def _base_url(url: str | None) -> str | None:
    if url is None:
        return None
    if not re.fullmatch(r"https?://[A-Za-z0-9.\[\]:-]+(/[A-Za-z0-9._/-]*)?", url):
        raise SettingsError(f"{url!r} is not an http(s) URL without user information, query or fragment")
    return url.rstrip("/")
