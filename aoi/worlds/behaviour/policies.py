"""Whether NetworkPolicies let one pod talk to another, as a conforming network plugin enforces them.

Source: https://kubernetes.io/docs/concepts/services-networking/network-policies/
"""

from collections.abc import Sequence
from typing import Any

from kubeworld.machine.selectors import matches
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World


class Policies:
    """The NetworkPolicies of some namespaces. Which of them select a pod is remembered by its labels."""

    def __init__(self, policies: Sequence[Obj]) -> None:
        self.policies = policies
        self._selecting: dict[tuple[str, str, frozenset[tuple[str, str]]], list[Obj]] = {}

    def allow(self, caller: Obj | None, callee: Obj, port: int, *, protocol: str = "TCP") -> bool:
        """Egress of the caller and ingress of the callee both allow it. `None` as caller is somebody outside."""
        if not self.policies:
            return True
        at = (port, protocol)
        return _side(self._of("Ingress", callee), "Ingress", callee, caller, at) and (
            caller is None or _side(self._of("Egress", caller), "Egress", caller, callee, at)
        )

    def _of(self, direction: str, pod: Obj) -> list[Obj]:
        """Policies of a direction that select a pod."""
        meta = pod["metadata"]
        labels, namespace = meta.get("labels") or {}, meta.get("namespace", "")
        key = (direction, namespace, frozenset(labels.items()))
        selecting = self._selecting.get(key)
        if selecting is None:
            selecting = self._selecting[key] = [
                policy
                for policy in self.policies
                if policy["metadata"].get("namespace", "") == namespace
                and direction in _types(policy)
                and matches(policy["spec"].get("podSelector") or {}, labels)
            ]
        return selecting


class _Kept:
    """The policies of a world when they were last asked for."""

    def __init__(self, world: World) -> None:
        self.policies = Policies(())


def of(world: World, policies: Sequence[Obj]) -> Policies:
    """The same as long as the objects are the same, so that what it remembers lasts."""
    kept = world.part(_Kept)
    if len(kept.policies.policies) != len(policies) or any(
        new is not old for new, old in zip(policies, kept.policies.policies, strict=True)
    ):
        kept.policies = Policies(policies)
    return kept.policies


def _side(selecting: Sequence[Obj], direction: str, subject: Obj, peer: Obj | None, at: tuple[int, str]) -> bool:
    """A pod that no policy of this direction selects is open; else one rule must match. `at`: port, protocol."""
    if not selecting:
        return True
    rules_key, peers_key = ("ingress", "from") if direction == "Ingress" else ("egress", "to")
    return any(
        _peer_matches(rule.get(peers_key), peer, policy["metadata"].get("namespace", ""))
        and _port_matches(rule.get("ports"), subject if direction == "Ingress" else peer, at)
        for policy in selecting
        for rule in policy["spec"].get(rules_key) or ()
    )


def _types(policy: Obj) -> Sequence[str]:
    spec = policy["spec"]
    return spec.get("policyTypes") or (("Ingress", "Egress") if spec.get("egress") else ("Ingress",))


def _peer_matches(peers: Sequence[dict[str, Any]] | None, pod: Obj | None, namespace: str) -> bool:
    if not peers:
        return True
    for peer in peers:
        if "ipBlock" in peer:
            if pod is None and peer["ipBlock"].get("cidr") in ("0.0.0.0/0", "::/0"):
                return True
            continue
        if pod is None:
            continue
        if "namespaceSelector" not in peer and pod["metadata"].get("namespace") != namespace:
            continue
        labels = {"kubernetes.io/metadata.name": pod["metadata"].get("namespace", "")}
        if "namespaceSelector" in peer and not matches(peer["namespaceSelector"] or {}, labels):
            continue
        if "podSelector" in peer and not matches(peer["podSelector"] or {}, pod["metadata"].get("labels")):
            continue
        return True
    return False


def _port_matches(ports: Sequence[dict[str, Any]] | None, pod: Obj | None, at: tuple[int, str]) -> bool:
    if not ports:
        return True
    port, protocol = at
    for entry in ports:
        wanted = entry.get("port")
        if entry.get("protocol", "TCP") != protocol:
            continue
        if wanted is None or wanted == port:
            return True
        if isinstance(wanted, int) and wanted <= port <= entry.get("endPort", wanted):
            return True
        if isinstance(wanted, str) and pod is not None:
            for container in pod["spec"]["containers"]:
                for declared in container.get("ports") or ():
                    if declared.get("name") == wanted and declared["containerPort"] == port:
                        return True
    return False
