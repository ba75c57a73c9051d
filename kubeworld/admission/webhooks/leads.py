"""Where a webhook's `clientConfig` leads: to a described answer, to this machine's loopback, into the cluster, nowhere.

Source of the words: k8s.io/apiserver/pkg/util/{webhook/client,proxy/proxy}.go
"""

import base64
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlsplit

from kubeworld.admission.webhooks.wire import Target, is_loopback
from kubeworld.kinds.endpoint_slice import ready_addresses
from kubeworld.kinds.shared.client_config import HTTPS_PORT
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

_KEPT = "/%:@!$&'()*+,;=~-._"
"""Of a path, what needs no escape; what is escaped already stays so."""
_HIGHEST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Nowhere:
    """The webhook cannot be reached."""

    why: str


@dataclass(frozen=True, slots=True)
class InCluster:
    """Its Service has ready pods. Nothing runs in them: they agree to everything, as what they guard is not there."""


Lead = Target | InCluster | Nowhere


def url_of(config: Obj, timeout_s: int | None) -> str:
    """What the API server posts to, as its messages show it."""
    query = f"?timeout={timeout_s}s" if timeout_s else ""
    if "url" in config:
        return f"{config['url']}{query}"
    service = config["service"]
    path = "/" + service.get("path", "").lstrip("/")
    return f"https://{service['name']}.{service['namespace']}.svc:{service.get('port', HTTPS_PORT)}{path}{query}"


def lead(world: World, config: Obj, timeout_s: int | None) -> Lead:
    """Follow a client configuration as far as it goes without leaving this machine."""
    authorities = base64.b64decode(config.get("caBundle") or "")
    url = urlsplit(url_of(config, timeout_s))
    path = quote(url.path or "/", safe=_KEPT) + (f"?{url.query}" if url.query else "")
    host, port = url.hostname or "", _port(url)
    if port > _HIGHEST_PORT:
        return Nowhere(f"dial tcp: address {port}: invalid port")
    if "url" in config:
        if is_loopback(host):
            return Target("127.0.0.1" if host == "localhost" else host, port, path, host, authorities)
        if host.replace(".", "").isdigit() or ":" in host:
            return Nowhere(f"dial tcp {url.netloc}: connect: network is unreachable")
        return Nowhere(f"dial tcp: lookup {host}: no such host")
    return _into_service(world, config["service"], Target("", port, path, host, authorities))


def _port(url: SplitResult) -> int:
    """As it is written, whether there is such a one or not: the configuration was stored."""
    text = url.netloc.rpartition("]")[2].partition(":")[2]
    return int(text) if text else HTTPS_PORT


def _into_service(world: World, service: Obj, asked: Target) -> Lead:
    namespace, name = service["namespace"], service["name"]
    stored = world.store.get("services", namespace, name)
    if stored is None:
        return Nowhere(f'service "{name}" not found')
    spec = stored["spec"]
    if spec.get("type") == "ExternalName":
        return Nowhere(f"dial tcp: lookup {spec.get('externalName', '')}: no such host")
    if all(port["port"] != asked.port for port in spec.get("ports") or ()):
        return Nowhere(f'no service port {asked.port} found for service "{name}"')
    address = world.outside.address(namespace, name)
    if address is not None:
        return Target(address.host, address.port, asked.path, asked.server_name, asked.authorities_pem)
    if not ready_addresses(world, namespace, name):
        return Nowhere(f'no endpoints available for service "{name}"')
    return InCluster()
