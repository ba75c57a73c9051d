"""How the name in an address becomes an address, as the resolver of one pod finds it.

What a pod asks and whom follows from its `dnsPolicy` and `dnsConfig`; whether cluster DNS hears it from NetworkPolicies
and from the endpoints of its Service; what it is told from DNSChaos.
Source: https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from aoi.worlds.behaviour import chaos
from aoi.worlds.behaviour.policies import Policies
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

DOMAIN = "cluster.local"
SERVICE = ("kube-system", "kube-dns")
DNS_PORT = 53
CLUSTER_DNS = "10.96.0.10"
"""What the kubelet writes into a pod's resolv.conf where the cluster has no DNS Service to ask for its address."""
NODE_RESOLVERS = ("10.0.0.2", "10.0.0.3")
"""What nodes ask: resolvers of the network that the cluster stands in. They know nothing of the cluster's names."""
_PRIVATE = ipaddress.ip_network("10.0.0.0/8")


@dataclass(frozen=True, slots=True)
class Resolver:
    """What is in a pod's /etc/resolv.conf."""

    nameserver: str
    """The first; the others are asked only if it does not answer, and it is all that counts here."""
    searches: tuple[str, ...]


def resolver_of(world: World, pod: Obj) -> Resolver:
    """As the kubelet puts it together from the pod's DNS policy and its own additions."""
    spec, namespace = pod["spec"], pod["metadata"].get("namespace", "")
    policy, config = spec.get("dnsPolicy") or "ClusterFirst", spec.get("dnsConfig") or {}
    if policy == "ClusterFirst" and spec.get("hostNetwork"):
        policy = "Default"
    if policy == "None":
        servers: Sequence[str] = ()
        searches: Sequence[str] = ()
    elif policy == "Default":
        servers, searches = NODE_RESOLVERS, ()
    else:
        servers = (cluster_dns(world),)
        searches = (f"{namespace}.svc.{DOMAIN}", f"svc.{DOMAIN}", DOMAIN)
    servers, searches = (*servers, *(config.get("nameservers") or ())), (*searches, *(config.get("searches") or ()))
    return Resolver(servers[0] if servers else "", tuple(searches))


def cluster_dns(world: World) -> str:
    """Address of the DNS Service."""
    service = world.store.get("services", *SERVICE)
    return ((service or {}).get("spec") or {}).get("clusterIP") or CLUSTER_DNS


@lru_cache(maxsize=4096)
def is_address(host: str) -> bool:
    """Whether nobody has to be asked for it."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def full_name(host: str, resolver: Resolver) -> str | None:
    """The cluster's name for a host that a program looks up, as one of the search domains makes it; None if none does.

    `geo` and `geo.shop` need a search domain, `geo.shop.svc.cluster.local` does not.
    """
    plain = host.rstrip(".")
    for candidate in (plain, *(f"{plain}.{domain}" for domain in resolver.searches)):
        parts = candidate.split(".")
        if len(parts) == 5 and candidate.endswith(f".svc.{DOMAIN}"):
            return candidate
    return None


class Names:
    """Look-ups of one instant."""

    def __init__(self, world: World, policies: Policies, experiments: Sequence[chaos.Active]) -> None:
        self.world = world
        self._policies = policies
        self._experiments = [item for item in experiments if item.obj.get("kind") == "DNSChaos"]
        self._servers: list[Obj | None] | None = None

    def problem(self, pod: Obj, host: str) -> str:
        """How the look-up of a cluster name fails for a pod: `dns` (no answer), `servfail`, `nohost`, or not at all."""
        if is_address(host):
            return ""
        resolver = resolver_of(self.world, pod)
        name = full_name(host, resolver)
        if resolver.nameserver != cluster_dns(self.world):
            return "nohost" if _answers(resolver.nameserver) else "dns"
        if not self._is_heard(pod):
            return "dns"
        if name is None:
            return "nohost"
        return chaos.looked_up(self._experiments, pod, name)

    def _is_heard(self, pod: Obj) -> bool:
        """Whether cluster DNS works, and the policies of both sides let a pod ask it."""
        if self.world.store.get("services", *SERVICE) is None:
            return True
        if self._servers is None:
            self._servers = list(_serving(self.world))
        if not self._policies.policies:
            return bool(self._servers)
        return any(
            server is None or self._policies.allow(pod, server, DNS_PORT, protocol="UDP") for server in self._servers
        )


def _serving(world: World) -> list[Obj | None]:
    """Pods behind the DNS Service that answer."""
    namespace, name = SERVICE
    return [
        world.store.get("pods", namespace, (endpoint.get("targetRef") or {}).get("name", ""))
        for item in world.store.objects("endpointslices.discovery.k8s.io", namespace)
        if (item["metadata"].get("labels") or {}).get("kubernetes.io/service-name") == name
        for endpoint in item.get("endpoints") or ()
        if (endpoint.get("conditions") or {}).get("ready", True)
    ]


def _answers(nameserver: str) -> bool:
    """Whether anybody listens there: the nodes' resolvers and public ones do, a private address of nobody does not."""
    if nameserver in NODE_RESOLVERS:
        return True
    return is_address(nameserver) and ipaddress.ip_address(nameserver) not in _PRIVATE
