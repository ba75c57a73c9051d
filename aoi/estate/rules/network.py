"""Calls that NetworkPolicies do not let through, and experiments that break the network on purpose."""

from collections.abc import Iterable, Iterator

from aoi.estate.components import Component, Identity
from aoi.estate.estate import Estate
from aoi.estate.experiments import SCHEDULE, experiment_of, is_resting, is_scheduled
from aoi.estate.finding import Finding, Sighting, Tier, sentence
from aoi.estate.hosts import Host
from aoi.estate.objects import Obj, entries, name, namespace, number, part, text
from aoi.estate.policies import Blocked, Policies
from aoi.estate.rules.configuration import calls
from aoi.estate.selectors import selects

_CHAOS = ("networkchaos", "podchaos", "stresschaos", "iochaos", "dnschaos", "httpchaos", "schedules")


def network(estate: Estate) -> Iterator[Finding]:
    """Findings about policies and chaos experiments."""
    policies = estate.policies
    if policies.objects:
        for component in estate.components:
            yield from _blocked_calls(estate, policies, component)
            yield from _closed(estate, policies, component)
    yield from _experiments(estate)
    for component in estate.components:
        yield from _resolver(estate, component)


def _resolver(estate: Estate, component: Component) -> Iterator[Finding]:
    """Pods that do not ask the cluster's DNS, while they are configured with names that only it knows.

    Source: https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/
    """
    spec = part(component.template, "spec")
    policy = text(spec, "dnsPolicy") or "ClusterFirst"
    is_on_host = policy == "ClusterFirst" and bool(spec.get("hostNetwork"))
    if policy not in ("Default", "None") and not is_on_host:
        return
    named = next((host for _, host in calls(estate, component) if host.service is not None), None)
    if named is None:
        return
    servers = part(spec, "dnsConfig").get("nameservers")
    asked = ", ".join(map(str, servers)) if isinstance(servers, list) and servers else "what its node asks"
    yield Finding(
        "dns",
        component.identity,
        sentence(
            f"{component.identity} has dnsPolicy {policy} and so asks {asked} for names, while it is configured with"
            f" {named.written}, which cluster DNS knows"
        ),
        Tier.STATED,
        "suspect",
        next=(f"kubectl get {component.kind.lower()} {component.name} -n {component.namespace} -o yaml",),
        sightings=(estate.witness.of(component.obj or {}, '"dnsPolicy"'),),
    )


def _blocked_calls(estate: Estate, policies: Policies, caller: Component) -> Iterator[Finding]:
    told: set[tuple[str, str]] = set()
    for setting, host in calls(estate, caller):
        if host.component is None or host.component.identity == caller.identity:
            continue
        blocked = policies.call(caller, host.component, target_port(host))
        if blocked is not None and (blocked.direction, host.component.name) not in told:
            told.add((blocked.direction, host.component.name))
            yield blocked_call(
                estate, caller, host.component, blocked, f"as it is configured to ({setting.source})", host
            )


def blocked_complaints(estate: Estate, findings: Iterable[Finding]) -> Iterator[Finding]:
    """The same of calls that nobody configured where it can be read, and that a log complains about."""
    policies = estate.policies
    known = {component.identity: component for component in estate.components}
    told: set[tuple[Identity, Identity]] = set()
    for finding in findings:
        caller = known.get(finding.owner)
        for host in (finding.host, *finding.hosts) if policies.objects and caller is not None else ():
            callee = host.component if host is not None else None
            if caller is None or host is None or callee is None or callee is caller:
                continue
            blocked = policies.call(caller, callee, target_port(host))
            if blocked is not None and (caller.identity, callee.identity) not in told:
                told.add((caller.identity, callee.identity))
                yield blocked_call(estate, caller, callee, blocked, "and its log complains about them", host)


def blocked_call(
    estate: Estate, caller: Component, callee: Component, blocked: Blocked, why: str, host: Host | None = None
) -> Finding:
    """A call that is known to be made and that no rule lets through: about the side whose policies stop it."""
    stopped, peer = (caller, callee) if blocked.direction == "Egress" else (callee, caller)
    listed = ", ".join(blocked.policies)
    verb = "leave" if blocked.direction == "Egress" else "enter"
    return Finding(
        "netpolicy",
        stopped.identity,
        sentence(
            f"NetworkPolicy {listed} ({blocked.direction}): no rule lets the calls of {caller.identity} to"
            f" {callee.identity} {verb}, {why}"
        ),
        Tier.STATED,
        "suspect",
        next=(f"kubectl get networkpolicies -n {stopped.namespace} -o yaml",),
        sightings=_cited(estate, stopped.namespace, blocked.policies),
        host=host if stopped is caller else None,
        other=peer.identity,
    )


def _closed(estate: Estate, policies: Policies, component: Component) -> Iterator[Finding]:
    """Nobody may come in, though a Service leads there; or nothing may go out, not even to ask for names."""
    is_served = any(component in service.components for service in estate.services)
    shut = policies.closed(component, "Ingress") if is_served else ()
    if shut:
        yield _shut(estate, component, shut, "lets nobody in", "Ingress")
    sealed = policies.closed(component, "Egress")
    if sealed:
        yield _shut(estate, component, sealed, "lets nothing out, names included", "Egress")
    elif (blocked := policies.names_blocked(component)) is not None:
        yield _shut(
            estate, component, blocked.policies, "has no rule for port 53, so names cannot be resolved", "Egress"
        )


def _shut(estate: Estate, component: Component, policies: tuple[str, ...], words: str, direction: str) -> Finding:
    return Finding(
        "netpolicy",
        component.identity,
        sentence(f"NetworkPolicy {', '.join(policies)} ({direction}) selects {component.identity} and {words}"),
        Tier.STATED,
        "suspect",
        next=(f"kubectl describe networkpolicy {policies[0]} -n {component.namespace}",),
        sightings=_cited(estate, component.namespace, policies),
    )


def _cited(estate: Estate, place: str, policies: tuple[str, ...]) -> tuple[Sighting, ...]:
    held = [p for p in estate.of("networkpolicies.networking.k8s.io", place) if name(p) in policies]
    return tuple(estate.witness.of(policy, '"podSelector"') for policy in held[:2])


def target_port(host: Host) -> int | None:
    """The pods' port behind a host position; None if nobody says."""
    if host.service is None:
        return host.port
    for port in host.service.ports:
        if host.port is None or number(port, "port") == host.port:
            target = port.get("targetPort", port.get("port"))
            return target if isinstance(target, int) else _declared(host.component, str(target))
    return None


def _declared(component: Component | None, port_name: str) -> int | None:
    """The number of a port that containers declare by name."""
    template = component.template if component else {}
    for container in entries(template, "spec", "containers"):
        for port in entries(container, "ports"):
            if text(port, "name") == port_name:
                return number(port, "containerPort")
    return None


def _experiments(estate: Estate) -> Iterator[Finding]:
    """Chaos Mesh objects that act now."""
    for kind in _CHAOS:
        for experiment in estate.of(f"{kind}.chaos-mesh.org"):
            if is_resting(experiment) or is_scheduled(experiment):
                continue  # what a schedule made is told of its schedule
            action = text(experiment_of(experiment)[1], "action")
            for component in estate.components:
                if _chooses(experiment, component):
                    yield _experiment(estate, experiment, component, action)


def _chooses(experiment: Obj, component: Component) -> bool:
    selector = part(experiment_of(experiment)[1], "selector")
    places = selector.get("namespaces")
    listed = places if isinstance(places, list) and places else [namespace(experiment)]
    if component.namespace not in listed:
        return False
    pods = part(selector, "pods").get(component.namespace)
    if isinstance(pods, list):
        return any(name(pod) in pods for pod in component.pods)
    rules = {
        "matchLabels": part(selector, "labelSelectors"),
        "matchExpressions": entries(selector, "expressionSelectors"),
    }
    return selects(rules, component.template_labels)


def _experiment(estate: Estate, experiment: Obj, component: Component, action: str) -> Finding:
    kind = str(experiment.get("kind"))
    what = f"{action} " if action else ""
    verb = "injects, again and again," if kind == SCHEDULE else "injects"
    return Finding(
        "chaos",
        component.identity,
        sentence(f"{kind}/{name(experiment)} {verb} {what}into {component.identity}: a chaos experiment is running"),
        Tier.STATED,
        next=(f"kubectl get {kind.lower()} {name(experiment)} -n {namespace(experiment)} -o yaml",),
        sightings=(estate.witness.of(experiment, '"selector"'),),
    )
