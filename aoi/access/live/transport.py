"""Requests to a real cluster with the official client, through one checked kubeconfig.

No redirect is followed, no proxy used, nothing retried; answers are bounded. The identity is the kubeconfig's: no
header of a caller reaches the wire except the content type and what is accepted.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import urllib3

from aoi.access.live.access import Access, Role, allowed, check_identity
from aoi.access.live.kubeconfig import Kubeconfig, load
from aoi.access.transport import Backend, ReadRequest, Request, Response
from aoi.errors import ClusterUnavailable, CommandRefused, SettingsError

TIMEOUT_S = 20.0
MAX_BYTES = 16 * 1024 * 1024
"""Of one answer; the rest is not read."""
_KEPT_HEADERS = ("content-type", "accept")
_PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
_EXEC = re.compile(r"/api/v1/namespaces/([a-z0-9.-]+)/pods/([a-z0-9.-]+)/exec")


class LiveReadTransport:
    """Reads one cluster as the identity of a kubeconfig, which may not write and may not read Secrets."""

    role: Role = "probe"

    def __init__(
        self,
        kubeconfig: Path | None = None,
        *,
        namespace: str,
        context: str | None = None,
        prometheus_url: str | None = None,
        jaeger_url: str | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """Connect and check the identity. Raises: SettingsError, ClusterUnavailable."""
        self._config: Kubeconfig = load(kubeconfig, context)
        self._timeout_s = timeout_s
        self._client = _client(self._config)
        self._telemetry = {
            Backend.PROMETHEUS: _base_url(prometheus_url),
            Backend.JAEGER: _base_url(jaeger_url),
        }
        try:
            check_identity(self._post, namespace, self.role)
            # A WebSocket is a GET; servers since 1.35 ask for `create` too.
            self._may_exec = all(
                allowed(self._post, namespace, Access(verb, "pods", subresource="exec")) for verb in ("create", "get")
            )
        except BaseException:
            self.close()
            raise

    def _post(self, path: str, body: bytes) -> Response:
        return self._send("POST", path, (), _JSON, body)

    def close(self) -> None:
        """Close the connections that are kept open between requests."""
        self._client.rest_client.pool_manager.clear()

    def read(self, request: ReadRequest) -> Response:
        """Send one GET. Raises: ClusterUnavailable; HTTP errors are responses."""
        request.check()
        if request.backend is not Backend.KUBERNETES:
            return self._ask_telemetry(request)
        return self._send("GET", request.path, request.query, {"Accept": request.accept}, b"")

    def _send(
        self, method: str, path: str, query: tuple[tuple[str, str], ...], headers: Mapping[str, str], body: bytes
    ) -> Response:
        sent = {key: value for key, value in headers.items() if key.lower() in _KEPT_HEADERS}
        self._client.update_params_for_auth(sent, [], ["BearerToken"], path, method, body)
        url = f"{self._config.server.rstrip('/')}{path}" + (f"?{urlencode(query, quote_via=quote)}" if query else "")
        try:
            answer = self._client.rest_client.pool_manager.request(
                method,
                url,
                headers=sent,
                body=body or None,
                timeout=urllib3.Timeout(total=self._timeout_s),
                retries=False,
                redirect=False,
                preload_content=False,
            )
            data = answer.read(MAX_BYTES + 1, decode_content=True)
            answer.release_conn()
        except urllib3.exceptions.HTTPError as error:
            raise ClusterUnavailable(f"{self._config.server}: {_reason(error)}") from error
        return _bounded(answer.status, data, dict(answer.headers.items()))

    def _ask_telemetry(self, request: ReadRequest) -> Response:
        base = self._telemetry[request.backend]
        if base is None:
            text = f'{{"status":"error","error":"no {request.backend} is configured"}}'
            return Response(503, text.encode())
        try:
            answer = httpx.get(
                base + request.path,
                params=list(request.query),
                timeout=self._timeout_s,
                follow_redirects=False,
                trust_env=False,
            )
        except httpx.HTTPError as error:
            raise ClusterUnavailable(f"{request.backend} at {base}: {_reason(error)}") from error
        return _bounded(answer.status_code, answer.content, dict(answer.headers.items()))


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
        return self._send(request.method, request.path, query, request.headers, request.body)

    def _exec(self, namespace: str, pod: str, request: Request) -> Response:
        """One command over a WebSocket; its exit code comes back as the embedded cluster gives it."""
        from kubernetes.client import CoreV1Api
        from kubernetes.client.exceptions import ApiException
        from kubernetes.stream import stream

        if request.dry_run:
            raise CommandRefused("a command in a container has no dry run")
        if not self._may_exec:
            message = "this identity may not both `create` and `get` pods/exec, as a command in a container needs"
            return Response(403, message.encode(), "text/plain")
        if any(os.environ.get(name) for name in _PROXIES):
            raise SettingsError(f"a WebSocket would go through a proxy: unset {', '.join(_PROXIES)}")
        command = [value for key, value in request.query if key == "command"]
        container = next((value for key, value in request.query if key == "container"), None)
        try:
            channel = stream(
                CoreV1Api(self._client).connect_get_namespaced_pod_exec,
                pod,
                namespace,
                command=command,
                container=container,
                stdin=False,
                stdout=True,
                stderr=True,
                tty=False,
                _preload_content=False,
            )
        except ApiException as error:
            return _handshake(error)
        socket = channel.sock.sock
        try:
            channel.run_forever(timeout=self._timeout_s)
            code = _exit_code(channel)
            output = channel.read_all()
        finally:
            channel.close()
            socket.close()  # the client leaves it to the garbage collector
        if code is None:
            raise ClusterUnavailable(f"the command in pod {pod} did not end within {self._timeout_s:.0f} s")
        return Response(200, output.encode()[:MAX_BYTES], "text/plain", {"X-Exit-Code": str(code)})


_JSON = {"Content-Type": "application/json", "Accept": "application/json"}


def _client(config: Kubeconfig) -> Any:
    from kubernetes.client import ApiClient, Configuration
    from kubernetes.config import ConfigException, load_kube_config_from_dict

    configuration = Configuration()
    try:
        load_kube_config_from_dict(
            config.document, context=config.context, client_configuration=configuration, persist_config=False
        )
    except ConfigException as error:
        raise SettingsError(f"the kubeconfig's context {config.context!r} cannot be used: {error}") from error
    configuration.proxy = None  # an environment variable must not change where the token goes
    configuration.retries = False
    configuration.verify_ssl = True
    return ApiClient(configuration)


def _exit_code(channel: Any) -> int | None:
    """None if the connection ended without a status; the client raises then."""
    try:
        code = channel.returncode
    except (TypeError, KeyError, IndexError, ValueError):
        return None
    return None if code is None else int(code)


def _handshake(error: Any) -> Response:
    """A refused WebSocket as the HTTP answer that it was; the client hides it in a text."""
    refused = re.search(r"Handshake status (\d{3})", str(error.reason))
    status = int(refused[1]) if refused else int(error.status or 500)
    return Response(status, f"the command was refused: HTTP {status}".encode(), "text/plain")


def _base_url(url: str | None) -> str | None:
    if url is None:
        return None
    if not re.fullmatch(r"https?://[A-Za-z0-9.\[\]:-]+(/[A-Za-z0-9._/-]*)?", url):
        raise SettingsError(f"{url!r} is not an http(s) URL without user information, query or fragment")
    return url.rstrip("/")


def _bounded(status: int, data: bytes, headers: dict[str, str]) -> Response:
    content_type = next((value for key, value in headers.items() if key.lower() == "content-type"), "")
    kept = {key: value for key, value in headers.items() if key.lower() in ("date", "retry-after", "warning")}
    if len(data) > MAX_BYTES:
        return Response(507, f"the answer has more than {MAX_BYTES} bytes".encode(), "text/plain", kept)
    return Response(status, data, content_type, kept)


def _reason(error: Exception) -> str:
    """The kind of failure; the text of some carries URLs and objects of the client."""
    return type(error).__name__
