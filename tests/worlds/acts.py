"""What people do to a cluster, well or badly, as plain writes to its objects; and what can be seen of it."""

import json
import re
from collections.abc import Callable
from typing import Any

from aoi.worlds import endpoints as telemetry
from aoi.worlds.applications.spec import Application, Component
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

SETTLED_MS = 150_000

SAYS = {
    "refused": r"[Cc]onnection refused|ECONNREFUSED|Failed to connect",
    "timeout": r"timed? ?out|i/o timeout|deadline exceeded|DeadlineExceeded|Timeout|ETIMEDOUT",
    "nohost": r"no such host|Name or service not known|UnknownHost|ENOTFOUND",
    "unavailable": r"UNAVAILABLE|Unavailable|unavailable|503",
    "unimplemented": r"[Uu]nimplemented|UNIMPLEMENTED|Invalid method name|no such route|Not Implemented",
    "unauthorized": r"not authorized|Unauthorized|permission denied",
    "authfailed": r"[Aa]uthentication failed|password authentication failed",
}


def change(world: World, resource: str, namespace: str, name: str, edit: Callable[[Obj], None]) -> None:
    stored = world.store.get(resource, namespace, name)
    assert stored is not None, name
    copy = json.loads(json.dumps(stored))
    edit(copy)
    world.store.update(resource, copy, spec_changed=copy.get("spec") != stored.get("spec"))


def change_service(world: World, application: Application, name: str, edit: Callable[[Obj], None]) -> None:
    namespace = application.namespace_of(application.by_name[name])
    change(world, "services", namespace, application.service_of(name).name, lambda obj: edit(obj["spec"]))


def change_container(world: World, application: Application, name: str, edit: Callable[[Obj], None]) -> None:
    component = application.by_name[name]

    def apply(obj: Obj) -> None:
        containers = obj["spec"]["template"]["spec"]["containers"]
        edit(next(container for container in containers if container["name"] == component.container))

    change(world, *workload(application, name), apply)


def workload(application: Application, name: str) -> tuple[str, str, str]:
    """(resource, namespace, name) of what runs a component."""
    component = application.by_name[name]
    return component.resource, application.namespace_of(component), component.workload


def scale(world: World, application: Application, name: str, replicas: int) -> None:
    change(world, *workload(application, name), lambda o: o["spec"].__setitem__("replicas", replicas))


def delete_pods(world: World, application: Application, name: str) -> None:
    for pod in pods(world, application, name):
        world.store.delete("pods", pod["metadata"]["namespace"], pod["metadata"]["name"])
    world.settle()


def pods(world: World, application: Application, name: str) -> list[Obj]:
    component = application.by_name[name]
    return [
        pod
        for pod in world.store.objects("pods", application.namespace_of(component))
        if application.component_of(pod) is component and pod["status"].get("phase") != "Failed"
    ]


def selector(application: Application, name: str) -> dict[str, str]:
    """Labels that choose the pods of a component."""
    return application.selector_of(application.by_name[name])


def chaos(world: World, application: Application, name: str, **spec: Any) -> None:
    namespace = application.namespace_of(application.by_name[name])
    chosen = {"namespaces": [namespace], "labelSelectors": selector(application, name)}
    meta = {"name": "experiment", "namespace": namespace}
    body = {"selector": chosen, "mode": "all", "duration": "24h", **spec}
    obj = {"apiVersion": "chaos-mesh.org/v1alpha1", "kind": "NetworkChaos", "metadata": meta, "spec": body}
    world.store.create("networkchaos.chaos-mesh.org", obj)


def deny_all(world: World, application: Application, name: str) -> None:
    spec = {"podSelector": {"matchLabels": selector(application, name)}, "policyTypes": ["Ingress"]}
    meta = {"name": "deny", "namespace": application.namespace_of(application.by_name[name])}
    world.store.create("networkpolicies.networking.k8s.io", {"metadata": meta, "spec": spec})


def logs(world: World, application: Application, name: str, *, previous: bool = False) -> str:
    container = application.by_name[name].container
    lines = [
        line.text
        for pod in pods(world, application, name)
        for line in world.runtime.log(world, pod, container, previous=previous)
    ]
    return "\n".join(lines)


def says(text: str, word: str) -> int:
    return len(re.findall(SAYS[word], text))


def query(world: World, expression: str, *, at_ms: int | None = None) -> list[tuple[dict[str, str], float]]:
    at_ms = world.clock.now_ms if at_ms is None else at_ms
    asked = (("query", expression), ("time", str((world.clock.epoch_ms + at_ms) / 1000)))
    response = telemetry.prometheus(world, "/api/v1/query", asked)
    assert response.status == 200, response.body
    result = json.loads(response.body)["data"]["result"]
    return [(sample["metric"], float(sample["value"][1])) for sample in result]


def outcome_share(world: World, caller: str, callee: str, outcome: str) -> float:
    """Share of a caller's calls in the last two minutes that ended so, as Prometheus tells it."""
    chosen = f'service="{caller}",peer="{callee}"'
    name = "http_client_requests_total"
    total = query(world, f"sum(rate({name}{{{chosen}}}[1m]))")
    failed = query(world, f'sum(rate({name}{{{chosen},outcome="{outcome}"}}[1m]))')
    return failed[0][1] / total[0][1] if failed and total[0][1] else 0.0


def failed_spans(world: World, caller: str, callee: str) -> list[str]:
    """Messages of the caller's failed client spans to the callee in the last two minutes."""
    response = telemetry.jaeger(world, "/api/traces", (("service", caller), ("limit", "40"), ("lookback", "2m")))
    messages = []
    for trace in json.loads(response.body)["data"]:
        for span in trace["spans"]:
            tags = {tag["key"]: tag["value"] for tag in span["tags"]}
            speaker = trace["processes"][span["processID"]]["serviceName"]
            if speaker == caller and tags.get("peer.service") == callee and tags.get("error"):
                messages.append(tags.get("error.message", ""))
    return messages


def busiest_edge(
    application: Application, rates: dict[tuple[str, str], Any], *, protocols: tuple[str, ...]
) -> tuple[str, str]:
    """The edge with most calls to a callee of one of these protocols, through a Service."""
    edges = [
        (flow.rate, edge)
        for edge, flow in rates.items()
        if edge[0]
        and application.by_name[edge[1]].protocol in protocols
        and application.reached_through_service(edge[1])
        and is_critical(application, edge)
    ]
    return max(edges)[1]


def is_critical(application: Application, edge: tuple[str, str]) -> bool:
    return any(
        call.critical and call.callee == edge[1]
        for operation in application.by_name[edge[0]].operations
        for call in operation.calls
    )


def with_config(application: Application, *, essential: bool = True) -> list[Component]:
    """Programs that read something from a ConfigMap."""
    return [
        component
        for component in application.components
        if any(s.source.startswith("config") and s.essential is essential for s in component.settings)
    ]
