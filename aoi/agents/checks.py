"""What a check means: the lines of kubectl syntax (or of the other backends) that answer it for one component.

A check is what the Observer asks for; its lines go one by one through the deny-by-default parser, like anything
else that an agent types.
"""

from collections.abc import Callable, Mapping

from aoi.agents.topology import Topology, Workload
from aoi.language import lexicon

LOG_LINES = 60
"""Per pod; enough to see the newest error class of every callee at the traffic that applications have."""


EXPERIMENTS = ("networkchaos", "podchaos", "stresschaos", "iochaos", "dnschaos", "httpchaos", "schedules")
"""Kinds of Chaos Mesh, which installs all of them or none."""


def lines(check: str, target: str, topology: Topology) -> tuple[str, ...]:
    """One to three lines for `check` of the component or node `target` (real names).

    Raises: ValueError if `check` is not in the lexicon.
    """
    if check not in _LINES:
        raise ValueError(f"unknown check {check!r}, expected one of {', '.join(lexicon.CHECKS)}")
    if target in topology.nodes:
        return ("kubectl get nodes", f"kubectl describe node/{target}")
    workload = topology.workloads.get(target)
    if workload is None:  # a Service that leads nowhere, a route, a claim: what is said of it, and what there is
        flag = f"-n {topology.namespace}"
        return (f"kubectl get services {flag} -o wide", f"kubectl events {flag} --types=Warning")
    return _LINES[check](target, workload, f"-n {topology.namespace}")


def compact(check: str, target: str) -> str:
    """How the seed model's Probe writes a check: program, check, handle."""
    return f"{lexicon.PROGRAMS.get(check, 'kubectl')} {check} {target}"


def _ref(workload: Workload) -> str:
    return f"{workload.kind}/{workload.name}"


def _pods(name: str, workload: Workload, flag: str) -> tuple[str, ...]:
    return (
        f"kubectl describe {_ref(workload)} {flag} --show-events=false",
        f"kubectl describe pods -l {workload.selector} {flag} --show-events=false",
    )


def _events(name: str, workload: Workload, flag: str) -> tuple[str, ...]:
    return (
        f"kubectl events --for={_ref(workload)} {flag} --types=Warning",
        f"kubectl get pods -l {workload.selector} {flag} -o json",
    )


def _logs(name: str, workload: Workload, flag: str) -> tuple[str, ...]:
    return (
        f"kubectl logs -l {workload.selector} {flag} --tail={LOG_LINES}",
        f"kubectl logs {_ref(workload)} {flag} --previous --tail={LOG_LINES}",
    )


def _describe(name: str, workload: Workload, flag: str) -> tuple[str, ...]:
    return (
        f"kubectl describe {_ref(workload)} {flag} --show-events=false",
        _revisions(workload, flag),
    )


def _endpoints(name: str, workload: Workload, flag: str) -> tuple[str, ...]:
    return (
        f"kubectl describe service/{name} {flag} --show-events=false",
        f"kubectl describe {_ref(workload)} {flag} --show-events=false",
        f"kubectl get endpointslices -l kubernetes.io/service-name={name} {flag} -o json",
    )


def _config(name: str, workload: Workload, flag: str) -> tuple[str, ...]:
    return (
        f"kubectl get {_ref(workload)} {flag} -o json",
        f"kubectl get configmaps {flag} -o json",
        f"kubectl get services {flag}",
    )


def _history(name: str, workload: Workload, flag: str) -> tuple[str, ...]:
    return (f"kubectl rollout history {_ref(workload)} {flag}", _revisions(workload, flag))


def _metrics(name: str, workload: Workload, flag: str) -> tuple[str, ...]:
    pods = "" if workload.name == name else f" --pods={workload.name}"
    return (f"prom metrics {name}{pods}", f"kubectl top pods -l {workload.selector} {flag}")


def _traces(name: str, workload: Workload, flag: str) -> tuple[str, ...]:
    return (f"jaeger traces {name}",)


def _network(name: str, workload: Workload, flag: str) -> tuple[str, ...]:
    return (
        f"kubectl get networkpolicies {flag} -o json",
        f"kubectl get {','.join(EXPERIMENTS)} {flag} -o json",
    )


def _storage(name: str, workload: Workload, flag: str) -> tuple[str, ...]:
    return (
        f"kubectl describe {_ref(workload)} {flag} --show-events=false",
        f"kubectl get persistentvolumeclaims {flag}",
        "kubectl get persistentvolumes",
    )


def _quota(name: str, workload: Workload, flag: str) -> tuple[str, ...]:
    return (
        f"kubectl describe resourcequotas {flag}",
        f"kubectl describe limitranges {flag}",
        f"kubectl events {flag} --types=Warning",
    )


def _nodes(name: str, workload: Workload, flag: str) -> tuple[str, ...]:
    return ("kubectl get nodes", f"kubectl get pods -l {workload.selector} {flag} -o wide", "kubectl describe nodes")


def _revisions(workload: Workload, flag: str) -> str:
    kept = "controllerrevisions" if workload.kind == "statefulset" else "replicasets"
    return f"kubectl get {kept} -l {workload.selector} {flag} -o json"


_LINES: Mapping[str, Callable[[str, Workload, str], tuple[str, ...]]] = {
    "pods": _pods,
    "events": _events,
    "logs": _logs,
    "describe": _describe,
    "endpoints": _endpoints,
    "config": _config,
    "history": _history,
    "metrics": _metrics,
    "traces": _traces,
    "network": _network,
    "storage": _storage,
    "quota": _quota,
    "nodes": _nodes,
}
