"""What stands about in a namespace that people use, and is healthy: drawn by seed, with a fault to come or without.

Autoscalers at their minimum, budgets, policies that allow what the application does, quotas with room, Jobs that are
done, a Deployment at zero on purpose, Services without pods behind them, and marks of what once went wrong. Whoever
takes the presence of such a thing for a fault is wrong about every world that has it, controls as well.
"""

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from aoi.worlds.applications.installation import Attendant, Furniture
from aoi.worlds.applications.spec import Application, Component
from kubeworld.machine.store import Obj

Objects = Iterator[tuple[str, Obj]]
AT_MOST = 0.45
"""Share of its CPU request that a component uses when an autoscaler at 80 % leaves it at its minimum."""
AGENTS = (
    Attendant(
        "agent",
        "grafana/promtail",
        "3.2.1",
        port=9080,
        log=('level=info msg="Starting Promtail"', 'level=info msg="batch sent" lines=42', 'level=info msg="stopped"'),
    ),
    Attendant(
        "node-agent",
        "datadog/agent",
        "7.58.1",
        log=("INFO | Starting Datadog Agent v7.58.1", "INFO | Successfully posted payload", "INFO | See ya!"),
    ),
)
RESTING = ("legacy", "canary", "debug-shell", "old-importer")
CRONS = ("nightly-report", "cleanup", "cache-warmer", "backup")
QUOTA_NAME = "compute"
QUOTA = {"pods": "80", "requests.cpu": "600", "requests.memory": "900Gi", "count/deployments.apps": "60"}
"""Ample: nothing that a fault or its repair asks for comes near."""
SHARE = 0.3
"""Chance of each piece; plain installations have half as much."""


def furnished(application: Application) -> Application:
    """The application with what this installation of it has standing about."""
    rng = random.Random(f"{application.key}/{application.seed}/furniture")
    share = SHARE / 2 if application.style == "plain" else SHARE

    def has() -> bool:
        return rng.random() < share

    programs = [c for c in application.components if c.kind in ("gateway", "service") and not c.sidecars]
    calm = [c for c in programs if is_calm(application, c)]
    product = application.namespace.removesuffix("-prod").removeprefix("prod-")
    past = [c.name for c in application.components if c.kind in ("gateway", "service")]
    furniture = Furniture(
        autoscaled=((rng.choice(calm).name, rng.choice((4, 6, 10))),) if has() and calm and rng.random() < 0.5 else (),
        protected=tuple(c.name for c in programs if c.replicas > 1) if has() else (),
        fence=rng.choice(("ingress", "both")) if has() and rng.random() < 0.5 else "",
        has_quota=has(),
        has_ingress=has(),
        agent=rng.choice(AGENTS) if has() else None,
        job=Attendant("seed", f"{product}/seed-data", "1", ("/seed",), runs_ms=4_000, log=("loading", "done"))
        if has()
        else None,
        cron=Attendant(rng.choice(CRONS), f"{product}/tasks", "1", ("/task",), runs_ms=9_000, log=("started", "ok"))
        if has()
        else None,
        resting=Attendant(rng.choice(RESTING), f"{product}/legacy", "1") if has() else None,
        external=f"api.{product}.example.net" if has() else "",
        outside="192.0.2.17" if has() else "",
        evicted=rng.choice(past) if has() else "",
        past=rng.choice(past) if has() else "",
        restarted=((rng.choice(past), rng.randint(2, 7)),) if has() else (),
    )
    return replace(application, furniture=furniture)


def is_calm(application: Application, component: Component) -> bool:
    """Uses so little of its request that nobody has to scale it."""
    used = component.demand.cpu_idle_m + application.rates[component.name] * component.demand.cpu_ms_per_request
    return used / component.replicas <= AT_MOST * component.resources.cpu_request_m


def objects(application: Application) -> Objects:
    """(resource, object) of all that stands there from the start, without the defaults of the API server."""
    furniture, product = application.furniture, application.namespace
    if furniture.has_quota:
        yield "resourcequotas", _object(application, "v1", "ResourceQuota", QUOTA_NAME, {"hard": QUOTA})
        yield "limitranges", _object(application, "v1", "LimitRange", "defaults", {"limits": [_LIMITS]})
    for name in furniture.protected:
        component = application.by_name[name]
        spec = {"maxUnavailable": 1, "selector": {"matchLabels": application.selector_of(component)}}
        yield (
            "poddisruptionbudgets.policy",
            _object(application, "policy/v1", "PodDisruptionBudget", component.workload, spec),
        )
    if furniture.fence:
        yield from policies(application)
    if furniture.has_ingress:
        yield "ingresses.networking.k8s.io", _ingress(application)
    yield from _services(application)
    if furniture.agent:
        yield "daemonsets.apps", _daemon_set(application, furniture.agent)
    if furniture.job:
        yield "jobs.batch", _object(application, "batch/v1", "Job", f"{product}-seed", _once(furniture.job))
    if furniture.cron:
        spec = {
            "schedule": "17 * * * *",
            "successfulJobsHistoryLimit": 2,
            "jobTemplate": {"spec": _once(furniture.cron)},
        }
        yield "cronjobs.batch", _object(application, "batch/v1", "CronJob", furniture.cron.name, spec)
    if furniture.resting:
        spec = {"replicas": 0, **_pods({"app.kubernetes.io/name": furniture.resting.name}, furniture.resting)}
        yield "deployments.apps", _object(application, "apps/v1", "Deployment", furniture.resting.name, spec)


def autoscalers(application: Application) -> Objects:
    """What comes late, since it looks at its pods all the time."""
    for name, most in application.furniture.autoscaled:
        component = application.by_name[name]
        spec = autoscaling(component, component.replicas, component.replicas + most)
        kind = "HorizontalPodAutoscaler"
        yield (
            "horizontalpodautoscalers.autoscaling",
            _object(application, "autoscaling/v2", kind, component.workload, spec),
        )


def autoscaling(component: Component, least: int, most: int, percent: int = 80) -> Obj:
    """Spec of an autoscaler by the share of its CPU request that a component uses."""
    target = {"type": "Utilization", "averageUtilization": percent}
    return {
        "minReplicas": least,
        "maxReplicas": most,
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": component.workload_kind, "name": component.workload},
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
    }


_LIMITS = {
    "type": "Container",
    "default": {"cpu": "1", "memory": "512Mi"},
    "defaultRequest": {"cpu": "50m", "memory": "64Mi"},
}


def policies(application: Application) -> Objects:
    """Nothing may, then: the outside to the entry, every caller to its callees, and everybody to the DNS."""
    is_both = application.furniture.fence == "both"
    types = ["Ingress", "Egress"] if is_both else ["Ingress"]
    yield _policy(application, "default-deny", {"podSelector": {}, "policyTypes": types})
    if is_both:
        dns = [{"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}]
        yield _policy(application, "allow-dns", {"podSelector": {}, "policyTypes": ["Egress"], "egress": dns})
    for component in application.components:
        if component.namespace:
            continue
        spec: Obj = {"podSelector": {"matchLabels": application.selector_of(component)}, "policyTypes": types}
        if component.name == application.workload.entry:
            spec["ingress"] = [{"ports": _port(component)}]
        elif callers := application.callers[component.name]:
            peers = [_peer(application, application.by_name[caller]) for caller in callers]
            spec["ingress"] = [{"from": peers, "ports": _port(component)}]
        if is_both and component.callees:
            callees = [application.by_name[callee] for callee in component.callees]
            spec["egress"] = [{"to": [_peer(application, c)], "ports": _port(c)} for c in callees]
        if "ingress" in spec or "egress" in spec:
            yield _policy(application, f"allow-{component.workload}", spec)


def _policy(application: Application, name: str, spec: Obj) -> tuple[str, Obj]:
    resource = "networkpolicies.networking.k8s.io"
    return resource, _object(application, "networking.k8s.io/v1", "NetworkPolicy", name, spec)


def _peer(application: Application, component: Component) -> Obj:
    peer: Obj = {"podSelector": {"matchLabels": application.selector_of(component)}}
    if component.namespace:
        peer["namespaceSelector"] = {"matchLabels": {"kubernetes.io/metadata.name": component.namespace}}
    return peer


def _port(component: Component) -> list[Obj]:
    return [{"port": port, "protocol": "TCP"} for port in (component.port, *component.extra_ports)]


def _ingress(application: Application) -> Obj:
    """The way in from outside, to a Service that is there."""
    service = application.service_of(application.workload.entry)
    backend = {"service": {"name": service.name, "port": {"number": service.ports[0].port}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    rules = [{"host": f"{application.namespace}.example.com", "http": {"paths": [path]}}]
    return _object(application, "networking.k8s.io/v1", "Ingress", "public", {"rules": rules})


def _services(application: Application) -> Objects:
    """Services that select no pods, and are right not to."""
    furniture = application.furniture
    if furniture.external:
        spec: Obj = {"type": "ExternalName", "externalName": furniture.external}
        yield "services", _object(application, "v1", "Service", "partner-api", spec)
    if furniture.outside:
        ports = [{"name": "sql", "port": 5432, "protocol": "TCP", "targetPort": 5432}]
        yield "services", _object(application, "v1", "Service", "reporting-replica", {"ports": ports})
        subset = {"addresses": [{"ip": furniture.outside}], "ports": [{"name": "sql", "port": 5432, "protocol": "TCP"}]}
        endpoints = _object(application, "v1", "Endpoints", "reporting-replica", {})
        yield "endpoints", {**{k: v for k, v in endpoints.items() if k != "spec"}, "subsets": [subset]}


def _daemon_set(application: Application, attendant: Attendant) -> Obj:
    labels = {"app.kubernetes.io/name": attendant.name}
    return _object(application, "apps/v1", "DaemonSet", f"log-{attendant.name}", _pods(labels, attendant))


def _once(attendant: Attendant) -> Obj:
    """Spec of a Job."""
    pod = {"containers": [_container(attendant)], "restartPolicy": "Never"}
    return {"backoffLimit": 2, "template": {"spec": pod}}


def _pods(labels: dict[str, str], attendant: Attendant) -> Obj:
    template = {"metadata": {"labels": labels}, "spec": {"containers": [_container(attendant)]}}
    return {"selector": {"matchLabels": labels}, "template": template}


def _container(attendant: Attendant) -> Obj:
    container: Obj = {
        "name": attendant.name,
        "image": f"{attendant.image}:{attendant.tag}",
        "resources": {"limits": {"cpu": "200m", "memory": "128Mi"}, "requests": {"cpu": "20m", "memory": "64Mi"}},
    }
    if attendant.command:
        container["command"] = list(attendant.command)
    if attendant.port:
        container["ports"] = [{"containerPort": attendant.port}]
    return container


def _object(application: Application, api_version: str, kind: str, name: str, spec: dict[str, Any]) -> Obj:
    metadata = {"name": name, "namespace": application.namespace}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}
