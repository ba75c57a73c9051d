"""Objects and estates for tests of `aoi.estate`: as an API server gives them, and read without any world."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from aoi.access.reading import READABLES
from aoi.access.transport import ReadRequest, Response
from aoi.estate.estate import CLUSTER_WIDE, NAMESPACED, Estate, read_estate
from aoi.estate.finding import Finding
from aoi.estate.objects import text
from aoi.estate.reading import Listing, Reader
from aoi.estate.survey import Survey, survey

Obj = dict[str, Any]
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DATE = {"Date": "Sun, 01 Mar 2026 12:00:00 GMT"}
SHOP = "shop"


def ago(seconds: float) -> str:
    """A time of the cluster, so many seconds back."""
    return (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def thing(kind: str, label: str, place: str = SHOP, *, owner: Obj | None = None, **fields: Any) -> Obj:
    """Any object; its uid says what it is."""
    metadata: Obj = {"name": label, "uid": f"{kind}/{place}/{label}", "creationTimestamp": ago(7200)}
    if place:
        metadata["namespace"] = place
    if owner is not None:
        metadata["ownerReferences"] = [owned_by(owner)]
    metadata |= {"labels": {"app": label}, "annotations": {"note": label}, **fields.pop("metadata", {})}
    return {"kind": kind, "apiVersion": "v1", "metadata": metadata, **fields}


def owned_by(owner: Obj) -> Obj:
    """The reference of what a controller made."""
    meta = owner["metadata"]
    return {
        "kind": owner["kind"],
        "name": meta["name"],
        "uid": meta["uid"],
        "controller": True,
        "apiVersion": owner["apiVersion"],
    }


def container(label: str = "main", **fields: Any) -> Obj:
    """A container's spec."""
    return {"name": label, "image": f"registry.example/{label}:1", **fields}


def running(label: str = "main", *, ready: bool = True, restarts: int = 0, since_s: float = 3600, **more: Any) -> Obj:
    """A container's status, up."""
    state = {"running": {"startedAt": ago(since_s)}}
    return {"name": label, "ready": ready, "restartCount": restarts, "state": state, **more}


def waiting(reason: str, message: str = "", label: str = "main", **more: Any) -> Obj:
    """A container's status, not up."""
    state = {"waiting": {"reason": reason, "message": message}}
    return {"name": label, "ready": False, "restartCount": 0, "state": state, **more}


def died(code: int = 1, reason: str = "Error", message: str = "", since_s: float = 30, lasted_s: float = 0) -> Obj:
    """How an attempt ended; of one that lasted, also when it began."""
    ended = {"exitCode": code, "reason": reason, "message": message, "finishedAt": ago(since_s)}
    return {"terminated": {**ended, "startedAt": ago(since_s + lasted_s)} if lasted_s else ended}


def pod(
    label: str, *statuses: Obj, owner: Obj | None = None, labels: Obj | None = None, place: str = SHOP, **spec: Any
) -> Obj:
    """A pod on a node; ready where all its containers are."""
    held = list(statuses) or [running()]
    is_ready = all(status["ready"] for status in held)
    made = thing("Pod", label, place, owner=owner)
    made["metadata"]["labels"] = labels or {}
    made["spec"] = {"nodeName": "node-1", "containers": [container(s["name"]) for s in held], **spec}
    made["status"] = {
        "phase": "Running",
        "podIP": "10.0.0.9",
        "conditions": [{"type": "Ready", "status": "True" if is_ready else "False"}],
        "containerStatuses": held,
    }
    return made


def workload(kind: str, label: str, replicas: int = 1, place: str = SHOP, **pod_spec: Any) -> Obj:
    """A Deployment, StatefulSet, ...: with a template labelled `app`, and ready."""
    pairs = {"app": label}
    template = {"metadata": {"labels": pairs}, "spec": {"containers": [container()], **pod_spec}}
    spec = {"replicas": replicas, "selector": {"matchLabels": pairs}, "template": template}
    return thing(kind, label, place, spec=spec, status={"desiredNumberScheduled": replicas})


def deployed(label: str, *statuses: Obj, place: str = SHOP, **pod_spec: Any) -> Mapping[str, list[Obj]]:
    """A Deployment with its ReplicaSet and one pod."""
    top = workload("Deployment", label, 1, place, **pod_spec)
    middle = workload("ReplicaSet", f"{label}-6f", 1, place, **pod_spec)
    middle["metadata"]["ownerReferences"] = [owned_by(top)]
    made = pod(f"{label}-6f-x", *statuses, owner=middle, labels={"app": label}, place=place, **pod_spec)
    return {"deployments.apps": [top], "replicasets.apps": [middle], "pods": [made]}


def service(label: str, selector: Obj | None = None, place: str = SHOP, port: int = 80, **spec: Any) -> Obj:
    """A Service of one port."""
    ports = [{"port": port, "targetPort": port}]
    return thing(
        "Service",
        label,
        place,
        spec={"selector": selector, "ports": ports, "clusterIP": "", "type": "ClusterIP", **spec},
    )


def event(
    about: Obj,
    reason: str,
    message: str,
    *,
    age_s: float = 20,
    count: int = 1,
    path: str = "",
    author: str = "kubelet",
) -> Obj:
    """A warning about an object."""
    meta = about["metadata"]
    involved = {"kind": about["kind"], "namespace": meta.get("namespace", ""), "name": meta["name"], "fieldPath": path}
    return thing(
        "Event",
        f"{meta['name']}.{reason}",
        meta.get("namespace", SHOP),
        involvedObject=involved,
        reason=reason,
        message=message,
        count=count,
        source={"component": author},
        lastTimestamp=ago(age_s),
    )


def together(*parts: Mapping[str, Iterable[Obj]]) -> dict[str, list[Obj]]:
    """Objects by resource, of several parts."""
    merged: dict[str, list[Obj]] = {}
    for piece in parts:
        for key, objects in piece.items():
            merged.setdefault(key, []).extend(objects)
    return merged


def estate_of(
    *parts: Mapping[str, Iterable[Obj]], places: tuple[str, ...] = (SHOP,), unread: Iterable[str] = ()
) -> Estate:
    """An estate of these objects, of which everything was read but `unread`."""
    objects, lost = together(*parts), set(unread)
    listings = {}
    for key in (*NAMESPACED, *CLUSTER_WIDE):
        for place in ("",) if key in CLUSTER_WIDE else places:
            held = [obj for obj in objects.get(key, ()) if not place or obj["metadata"].get("namespace") == place]
            state = "unread" if key in lost else "complete"
            listings[key, place] = Listing(key, place, tuple(held) if key not in lost else (), state)
    return Estate(places, listings, NOW)


def told(findings: Iterable[Finding]) -> list[tuple[str, str, str]]:
    """(word, about whom, standing)."""
    return [(f.word, str(f.owner), f.standing) for f in findings]


class Replay:
    """A server that holds objects, and answers some paths in its own way."""

    def __init__(
        self,
        *parts: Mapping[str, Iterable[Obj]],
        places: tuple[str, ...] = (SHOP,),
        logs: Mapping[str, bytes] | None = None,
        answer: Callable[[ReadRequest], Response | None] = lambda request: None,
    ) -> None:
        self.objects, self.places, self.logs, self.answer = together(*parts), places, logs or {}, answer
        self.asked: list[ReadRequest] = []

    def read(self, request: ReadRequest) -> Response:
        self.asked.append(request)
        return self.answer(request) or self._served(request)

    def _served(self, request: ReadRequest) -> Response:
        if request.path.endswith("/log"):
            log = self.logs.get(request.path.split("/")[-2])
            return Response(400, b"{}") if log is None else Response(200, log, "text/plain", DATE)
        for place in self.places:
            if request.path == f"/api/v1/namespaces/{place}":
                return found(thing("Namespace", place, ""))
            for key in (*NAMESPACED, *CLUSTER_WIDE):
                if key in READABLES and request.path == READABLES[key].path(place):
                    held = self.objects.get(key, ())
                    mine = [obj for obj in held if text(obj, "metadata", "namespace") in (place, "")]
                    return found(listed(key, mine if READABLES[key].namespaced else list(held)))
        return Response(404, b'{"message": "not found"}', headers=DATE)


def listed(key: str, items: list[Any], **metadata: Any) -> Obj:
    """A list as an API server gives it."""
    return {"kind": f"{READABLES[key].kind}List", "metadata": metadata, "items": items}


def found(body: Any) -> Response:
    """An answer that holds something."""
    return Response(200, orjson.dumps(body), headers=DATE)


def read(*parts: Mapping[str, Iterable[Obj]], **options: Any) -> Estate:
    """An estate read through a reader."""
    replay = Replay(*parts, **options)
    return read_estate(Reader(replay), replay.places)


def surveyed(*parts: Mapping[str, Iterable[Obj]], symptoms: Iterable[str] = (), **options: Any) -> Survey:
    """A look at everything."""
    replay = Replay(*parts, **options)
    return survey(Reader(replay), replay.places, symptoms)
