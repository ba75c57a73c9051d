"""One command in a container over a WebSocket, with the vendor's client, for the Executor alone."""

import os
import re
from typing import Any

from aoi.access.live.connections import MAX_BYTES
from aoi.access.live.kubeconfig import Kubeconfig
from aoi.access.transport import Response
from aoi.errors import ClusterUnavailable, SettingsError

_PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")


def run_command(
    config: Kubeconfig, namespace: str, pod: str, query: tuple[tuple[str, str], ...], timeout_s: float
) -> Response:
    """What it printed; its exit code is in a header, as from the embedded cluster.

    Raises: ClusterUnavailable, SettingsError if the connection would go through a proxy.
    """
    from kubernetes.client import CoreV1Api
    from kubernetes.client.exceptions import ApiException
    from kubernetes.stream import stream

    if any(os.environ.get(name) for name in _PROXIES):
        raise SettingsError(f"a WebSocket would go through a proxy: unset {', '.join(_PROXIES)}")
    try:
        channel = stream(
            CoreV1Api(_client(config)).connect_get_namespaced_pod_exec,
            pod,
            namespace,
            command=[value for key, value in query if key == "command"],
            container=next((value for key, value in query if key == "container"), None),
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
        channel.run_forever(timeout=timeout_s)
        code = _exit_code(channel)
        output = channel.read_all()
    finally:
        channel.close()
        socket.close()  # the client leaves it to the garbage collector
    if code is None:
        raise ClusterUnavailable(f"the command in pod {pod} did not end within {timeout_s:.0f} s")
    return Response(200, output.encode()[:MAX_BYTES], "text/plain", {"X-Exit-Code": str(code)})


def _client(config: Kubeconfig) -> Any:
    from kubernetes.client import ApiClient, Configuration
    from kubernetes.config import ConfigException, load_kube_config_from_dict

    configuration = Configuration()
    try:
        load_kube_config_from_dict(
            config.document(), context="live", client_configuration=configuration, persist_config=False
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
