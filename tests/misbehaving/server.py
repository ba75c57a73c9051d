"""A small namespace on a real HTTPS server on loopback, of which some endpoints misbehave as a case says."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import orjson

from aoi.access import rights
from aoi.access.reading import READABLES
from aoi.estate.estate import CLUSTER_WIDE, NAMESPACED
from tests.access.live.servers import Received, Scripted, Sent, answer_of, reviewing, scripted
from tests.estate.estates import DATE, SHOP, deployed, pod, service, thing, together, waiting, workload

DATED = f"Date: {DATE['Date']}"
RULES = tuple(rule for document in rights.documents("probe", SHOP) for rule in document.get("rules", ()))
"""What `aoi access print` grants."""
Answering = Callable[[Received, bytes], Sent]
"""What is sent for a request, given the whole HTTP answer that an honest server would send."""
Hits = Callable[[Received], bool]
SETTINGS = [{"configMapRef": {"name": "web-settings"}}]
LOG = b"".join(b"2026-03-01T11:59:%02dZ INFO served /cart in 3 ms\n" % at for at in range(40))


def calm() -> Mapping[str, list[Any]]:
    """A namespace in which nothing is wrong, though everything refers to something else."""
    container = {"name": "main", "image": "registry.example/web:1", "envFrom": SETTINGS}
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    store = workload("StatefulSet", "store", 1, volumes=volumes)
    kept = {"statefulsets.apps": [store], "pods": [pod("store-0", owner=store, labels={"app": "store"})]}
    ready = [{"addresses": ["10.0.0.9"], "conditions": {"ready": True}, "targetRef": {"kind": "Pod", "name": "x"}}]
    slices = [
        thing(
            "EndpointSlice", f"{name}-1", endpoints=ready, ports=[{"port": 80}], addressType="IPv4", metadata=of(name)
        )
        for name in ("web", "store")
    ]
    return together(
        deployed("web", containers=[container]),
        kept,
        {"services": [service(name, {"app": name}) for name in ("web", "store")]},
        {"configmaps": [thing("ConfigMap", "web-settings", data={"STORE": "store:80"})]},
        {"endpointslices.discovery.k8s.io": slices},
        {"persistentvolumeclaims": [thing("PersistentVolumeClaim", "data", status={"phase": "Bound"})]},
        {"nodes": [thing("Node", "node-1", "", status={"conditions": [{"type": "Ready", "status": "True"}]})]},
    )


def of(service_name: str) -> dict[str, Any]:
    """Metadata of a slice."""
    return {"labels": {"kubernetes.io/service-name": service_name}}


def broken() -> Mapping[str, list[Any]]:
    """The same with one program that does not start, which its pod says."""
    stuck = waiting("CreateContainerConfigError", 'secret "till-key" not found')
    return together(calm(), deployed("till", stuck))


def listed(key: str, objects: Mapping[str, list[Any]]) -> bytes:
    """A whole list as an API server sends it."""
    readable = READABLES[key]
    body = {
        "kind": f"{readable.kind}List",
        "apiVersion": readable.api_version,
        "metadata": {"resourceVersion": "1000"},
        "items": objects.get(key, []),
    }
    return orjson.dumps(body)


def honest(received: Received, objects: Mapping[str, list[Any]]) -> bytes:
    """The whole HTTP answer of a server that does what it should."""
    path = received.path.partition("?")[0]
    if received.is_review:
        return b"".join(part for part in reviewing(received, RULES) if isinstance(part, bytes))
    if path == f"/api/v1/namespaces/{SHOP}":
        return answer_of(200, orjson.dumps(thing("Namespace", SHOP, "")), "application/json", DATED)
    if path.endswith("/log"):
        return answer_of(200, LOG, "text/plain", DATED)
    for key in (*NAMESPACED, *CLUSTER_WIDE):
        if key in READABLES and path == READABLES[key].path(SHOP):
            return answer_of(200, listed(key, objects), "application/json", DATED)
    return answer_of(404, b'{"kind":"Status","message":"not found"}', "application/json", DATED)


def on(*keys: str) -> Hits:
    """Lists of these resources."""
    paths = {READABLES[key].path(SHOP) for key in keys}
    return lambda received: received.path.partition("?")[0] in paths


def reads(received: Received) -> bool:
    """Everything but reviews of access."""
    return not received.is_review


def everything(received: Received) -> bool:
    """All that is asked."""
    return True


def reviews(received: Received) -> bool:
    """What the identity may do."""
    return received.is_review


def logs(received: Received) -> bool:
    """Of any container."""
    return received.path.partition("?")[0].endswith("/log")


@contextmanager
def misbehaving(answer: Answering, hits: Hits, objects: Mapping[str, list[Any]]) -> Iterator[Scripted]:
    """Serve `objects`; what `hits` chooses is answered by `answer`."""

    def script(received: Received) -> Sent:
        whole = honest(received, objects)
        return answer(received, whole) if hits(received) else [whole]

    with scripted(script) as server:
        yield server
