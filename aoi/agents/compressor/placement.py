"""What surrounds a component: network policies and chaos objects, storage, quotas, nodes."""

import re
from collections.abc import Iterator, Sequence

from aoi.agents.compressor.observation import Finding, Observation, finding, rows, span
from aoi.agents.compressor.templates import Json, is_cut, listed
from aoi.agents.topology import Topology
from aoi.estate.experiments import experiment_of, is_resting
from aoi.estate.quantities import quantity
from aoi.estate.selectors import selects

_CLAIM = re.compile(r"ClaimName:\s+(\S+)")
_USED = re.compile(r"(\S+)\s+(\d\S*)\s+(\d\S*)$")


def policies(observation: Observation, topology: Topology) -> Iterator[Finding]:
    """NetworkPolicies that choose a component's pods and together let nobody in, or out, or no question for a name.

    Policies add up: one that allows nothing is there so that others can say what may, so nothing follows from a part
    of them. Nobody has to reach what no Service stands before.
    """
    if is_cut(observation):
        return
    every = [item for item in listed(observation) if item.get("kind") == "NetworkPolicy"]
    for component, workload in topology.workloads.items():
        labels = dict(workload.labels)
        choosing = [item for item in every if selects(item.get("spec", {}).get("podSelector", {}), labels)]
        needed = {"Ingress", "Egress"} if component in topology.ports else {"Egress"}
        closed = {kind for kind in needed if _is_closed(_rules(choosing, kind), topology)}
        leaving = _rules(choosing, "Egress")
        if leaving and not any(_lets_ask(rule) for rule in leaving):
            closed.add("Egress")
        for item in choosing:
            if closed & set(_directions(item)):
                name = item.get("metadata", {}).get("name", "")
                yield Finding("netpolicy", component, None, observation, *span(observation, f'"name": "{name}"'))


def _rules(policies: Sequence[Json], direction: str) -> list[Json]:
    side = direction.lower()
    return [rule for item in policies if direction in _directions(item) for rule in item["spec"].get(side) or ()]


def _is_closed(rules: Sequence[Json], topology: Topology) -> bool:
    """Whether nobody passes: by no rule at all, or by rules of which none fits anybody.

    That only names may be asked for is no such rule: not everybody calls somebody.
    """
    calling = [rule for rule in rules if not _is_for_names(rule)]
    return not rules or (bool(calling) and not any(_opens(rule, topology) for rule in calling))


def _is_for_names(rule: Json) -> bool:
    ports = rule.get("ports") or ()
    return bool(ports) and all(port.get("port") in (53, "dns") for port in ports)


def _opens(rule: Json, topology: Topology) -> bool:
    """Whether anybody may pass by a rule: all, an address, another namespace, or a component of this one."""
    peers = rule.get("from") or rule.get("to") or ()
    return not peers or any(
        "ipBlock" in peer
        or "namespaceSelector" in peer
        or any(selects(peer.get("podSelector", {}), dict(w.labels)) for w in topology.workloads.values())
        for peer in peers
    )


def _lets_ask(rule: Json) -> bool:
    """Whether a rule lets a question for a name out: to port 53, of somebody outside the namespace."""
    ports, peers = rule.get("ports") or (), rule.get("to") or ()
    is_asked = not ports or any(port.get("port") in (None, 53, "dns") for port in ports)
    return is_asked and (not peers or any("ipBlock" in peer or "namespaceSelector" in peer for peer in peers))


def _directions(policy: Json) -> Sequence[str]:
    spec = policy.get("spec", {})
    return spec.get("policyTypes") or (("Ingress", "Egress") if spec.get("egress") else ("Ingress",))


def chaos(observation: Observation, topology: Topology) -> Iterator[Finding]:
    """Chaos Mesh objects that choose a component's pods and act, and what they do; schedules of them as well."""
    for item in listed(observation):
        kind, spec = experiment_of(item)
        if not kind.endswith("Chaos") or is_resting(item):
            continue
        selector = {"matchLabels": spec.get("selector", {}).get("labelSelectors", {})}
        yield from _chosen("chaos", selector, item, observation, topology)
        if spec.get("action") in ("loss", "delay"):
            yield from _chosen(spec["action"], selector, item, observation, topology)


def _chosen(word: str, selector: Json, item: Json, observation: Observation, topology: Topology) -> Iterator[Finding]:
    name = item.get("metadata", {}).get("name", "")
    for component, workload in topology.workloads.items():
        if selects(selector, dict(workload.labels)):
            yield Finding(word, component, None, observation, *span(observation, f'"name": "{name}"'))


def storage(workload: Observation, claims: Observation, topology: Topology) -> Iterator[Finding]:
    """Claims that a described workload mounts, against `kubectl get pvc`."""
    named = re.search(r"^Name:\s+(\S+)", workload.text, re.MULTILINE)
    subject = topology.owner(named[1]) if named else None
    if not subject:
        return
    listed_claims = {row.get("NAME", ""): (line, row) for line, row in rows(claims)}
    for match in _CLAIM.finditer(workload.text):
        line_row = listed_claims.get(match[1])
        if line_row is None:
            yield Finding("noclaim", subject, None, workload, match.start(), match.end())
        elif line_row[1].get("STATUS") != "Bound":
            yield finding("unbound", subject, claims, line_row[0])


def released(volumes: Observation, topology: Topology) -> Iterator[Finding]:
    """Volumes whose old claim is gone and that no new one can take, by the component that the claim is named for."""
    for line, row in rows(volumes):
        claim = row.get("CLAIM", "").rpartition("/")[2]
        subject = topology.owner(claim) if claim else None
        if row.get("STATUS") in ("Released", "Failed") and subject:
            yield finding("released", subject, volumes, line)


def quotas(observation: Observation, target: str) -> Iterator[Finding]:
    """Rows of `kubectl describe resourcequotas` that are used up: they stop whatever is created next."""
    for line in observation.lines:
        match = None if line.indent else _USED.match(line.text)
        used, hard = (quantity(match[2]), quantity(match[3])) if match else (None, None)
        if used is not None and hard is not None and hard <= used:
            yield finding("quota", target, observation, line)


def nodes(observation: Observation, topology: Topology) -> Iterator[Finding]:
    """Nodes of `kubectl get nodes` that are not ready or are cordoned."""
    for line, row in rows(observation):
        status = row.get("STATUS", "").split(",")
        if row.get("NAME") not in topology.nodes:
            continue
        if "NotReady" in status or "Unknown" in status:
            yield finding("nodedown", row.get("NAME", ""), observation, line)
        if "SchedulingDisabled" in status:
            yield finding("cordoned", row.get("NAME", ""), observation, line)


def taints(observation: Observation, topology: Topology) -> Iterator[Finding]:
    """Taints of `kubectl describe nodes` that somebody set; the cluster's own follow from a node's condition."""
    subject, in_taints = "", False
    for line in observation.lines:
        key, has_key, value = line.text.partition(":")
        if not line.indent:
            subject = value.strip() if key == "Name" else subject
            in_taints = key == "Taints"
        elif has_key:
            in_taints = in_taints and "=" in key
        taint = value.strip() if key == "Taints" else line.text
        is_own = taint.startswith(("node.kubernetes.io/", "node-role.kubernetes.io/", "<none>"))
        if in_taints and subject in topology.nodes and not is_own and re.search(r":No(?:Schedule|Execute)$", taint):
            yield finding("tainted", subject, observation, line)
