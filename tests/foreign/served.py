"""A served cluster that other people fill: everything goes over HTTPS, as kubectl would send it, but time.

The diagnosis comes in by a kubeconfig of the Probe's account, with the rights that `aoi access print` grants it.
"""

import ssl
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import httpx
import orjson

from aoi.access import rights
from kubeworld.api.server import api_of
from kubeworld.behaviours import apply, parse
from kubeworld.bootstrap import empty_world
from kubeworld.front import Front, Stepped, serving, write_kubeconfig
from kubeworld.kubelet.control import evict
from kubeworld.machine.anchor import anchor
from kubeworld.machine.identity import ADMIN
from kubeworld.machine.world import World
from tests.foreign.case import Deed, Obj

STRATEGIC, MERGE = "application/strategic-merge-patch+json", "application/merge-patch+json"
LIMITED = "aoi-probe-limited"
PODS = "/api/v1/namespaces/{}/pods"


class Foreign:
    """One cluster, as its administrators use it."""

    def __init__(self, world: World, front: Front, folder: Path) -> None:
        self._world = world
        self._front = front
        self._authority = folder / "authority.pem"
        self._authority.write_bytes(front.authority_pem)
        self.kubeconfig = folder / "kubeconfig"
        """Of the Probe; there once a namespace was opened to it."""
        token = front.call(lambda: api_of(world).tokens.add(ADMIN))
        trust = ssl.create_default_context(cafile=str(self._authority))
        headers = {"Authorization": f"Bearer {token}"}
        self._client = httpx.Client(base_url=front.url, verify=trust, headers=headers, timeout=30, trust_env=False)
        self._resources: dict[tuple[str, str], tuple[str, bool]] = {}
        self._behaviours: dict[str, tuple[list[Obj], Path]] = {}

    def close(self) -> None:
        self._client.close()

    @property
    def now_s(self) -> float:
        """Simulated seconds."""
        return self._front.call(lambda: self._world.clock.now_ms) / 1000

    def advance(self, seconds: float) -> None:
        if seconds > 0:
            self._front.advance(round(seconds * 1000))

    def behave(self, who: str, namespace: str, entries: tuple[Obj, ...], folder: Path) -> None:
        """Replace the entries of one case. Those of other cases stay."""
        own = [e if "match" not in e else {**e, "match": {"namespace": namespace, **e["match"]}} for e in entries]
        self._behaviours[who] = (own, folder)
        described = [entry for entries, _ in self._behaviours.values() for entry in entries]
        parsed = parse(described, folder)
        self._front.call(lambda: apply(self._world, parsed))

    def open_to_probe(self, namespace: str, refused: tuple[str, ...] = ()) -> None:
        """Give the Probe its rights in a namespace, all but some resources, and write its kubeconfig."""
        granted = [_without(document, refused) for document in rights.documents("probe", namespace)]
        self.apply(granted, namespace)
        if not self.kubeconfig.exists():
            path = f"/api/v1/namespaces/{rights.NAMESPACE}/serviceaccounts/probe/token"
            body = {
                "apiVersion": "authentication.k8s.io/v1",
                "kind": "TokenRequest",
                "spec": {"expirationSeconds": 864000},
            }
            token = self._send("POST", path, body)["status"]["token"]
            write_kubeconfig(self.kubeconfig, self._front.url, self._front.authority_pem, {"probe": token})

    def apply(self, documents: Any, namespace: str) -> list[Obj]:
        """As `kubectl apply`. Returns what the cluster knows no kind for, to be applied again later."""
        unknown = []
        for document in sorted(documents, key=lambda d: d["kind"] not in ("Namespace", "CustomResourceDefinition")):
            where = self._where(
                document["apiVersion"], document["kind"], document["metadata"].get("namespace", namespace)
            )
            if where is None:
                unknown.append(document)
                continue
            body = {**document, "metadata": {**document["metadata"], **self._owners(document, namespace)}}
            answer = self._client.post(where, content=orjson.dumps(body), headers=_typed("application/json"))
            if answer.status_code == 409:
                name = document["metadata"]["name"]
                answer = self._client.patch(f"{where}/{name}", content=orjson.dumps(body), headers=_typed(MERGE))
            assert answer.is_success, f"{document['kind']} {document['metadata']['name']}: {answer.text}"
        return unknown

    def do(self, deed: Deed, namespace: str) -> None:
        """All verbs of a deed but `behaviours`."""
        assert not self.apply(deed.apply, namespace)
        if deed.patch is not None:
            where = f"{self._of_kind(deed.patch['kind'], namespace)}/{deed.patch['name']}"
            where += f"/{deed.patch['subresource']}" if "subresource" in deed.patch else ""
            type_ = MERGE if "." in where.split("/")[2] and ".k8s.io" not in where else STRATEGIC
            self._send("PATCH", where, deed.patch["body"], type_)
        if deed.delete is not None:
            where = self._of_kind(deed.delete["kind"], namespace)
            for name in self._named(where, deed.delete["name"]):
                self._send("DELETE", f"{where}/{name}")
        if deed.event is not None:
            self._tell(deed.event, namespace)
        if deed.evict is not None:
            for name in self._named(PODS.format(namespace), deed.evict["pod"]):
                self._evict(namespace, name, deed.evict["message"])

    def _tell(self, event: Obj, namespace: str) -> None:
        """An event of now, as a controller that is none of this cluster's own writes it."""
        about = self._send("GET", f"{self._of_kind(event['kind'], namespace)}/{event['name']}")
        now = self._front.call(self._world.clock.rfc3339)
        meta = about["metadata"]
        body = {
            "metadata": {"name": f"{meta['name']}.{event['reason'].lower()}"},
            "involvedObject": {
                "apiVersion": about["apiVersion"],
                "kind": about["kind"],
                "name": meta["name"],
                "namespace": namespace,
                "uid": meta["uid"],
            },
            "type": event["type"],
            "reason": event["reason"],
            "message": event["message"],
            "source": {"component": event["component"]},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        self._send("POST", f"/api/v1/namespaces/{namespace}/events", body)

    def _evict(self, namespace: str, name: str, message: str) -> None:
        def act() -> None:
            pod = self._world.store.get("pods", namespace, name)
            assert pod is not None
            evict(self._world, pod, message)
            self._world.settle()

        self._front.call(act)

    def _named(self, where: str, glob: str) -> list[str]:
        names = [item["metadata"]["name"] for item in self._send("GET", where)["items"]]
        fitting = [name for name in names if fnmatchcase(name, glob)]
        assert fitting, f"nothing of {names} in {where} is called {glob}"
        return fitting

    def _owners(self, document: Obj, namespace: str) -> Mapping[str, Any]:
        """Owner references with the uids that the owners got."""
        references = document["metadata"].get("ownerReferences") or ()
        return {"ownerReferences": [{**r, "uid": self._uid(r, namespace)} for r in references]} if references else {}

    def _uid(self, reference: Obj, namespace: str) -> str:
        where = self._where(reference["apiVersion"], reference["kind"], namespace)
        return str(self._send("GET", f"{where}/{reference['name']}")["metadata"]["uid"])

    def _of_kind(self, kind: str, namespace: str) -> str:
        """Where a kind of any group lives: that of an object which was applied before, else a built-in one."""
        version = next((v for v, k in self._resources if k == kind), None) or _VERSIONS[kind]
        where = self._where(version, kind, namespace)
        assert where is not None
        return where

    def _where(self, version: str, kind: str, namespace: str) -> str | None:
        """Path of a kind's collection, by discovery; None while the cluster does not know it."""
        root = f"/api/{version}" if "/" not in version else f"/apis/{version}"
        if (version, kind) not in self._resources:
            answer = self._client.get(root)
            for entry in answer.json().get("resources", ()) if answer.is_success else ():
                if "/" not in entry["name"]:
                    self._resources[version, entry["kind"]] = (entry["name"], entry["namespaced"])
        found = self._resources.get((version, kind))
        if found is None:
            return None
        return f"{root}/namespaces/{namespace}/{found[0]}" if found[1] else f"{root}/{found[0]}"

    def _send(self, method: str, path: str, body: Obj | None = None, type_: str = "application/json") -> Any:
        content = None if body is None else orjson.dumps(body)
        answer = self._client.request(method, path, content=content, headers=_typed(type_))
        assert answer.is_success, f"{method} {path}: {answer.text}"
        return answer.json()


def _without(document: Obj, refused: tuple[str, ...]) -> Obj:
    """The Probe's role without some resources, and its binding to that: a role of its own, as others keep theirs."""
    if not refused or document["metadata"]["name"] != "aoi-probe":
        return document
    if "rules" not in document:
        return {**document, "roleRef": {**document["roleRef"], "name": LIMITED}}
    rules = [{**r, "resources": [name for name in r["resources"] if name not in refused]} for r in document["rules"]]
    return {
        **document,
        "metadata": {**document["metadata"], "name": LIMITED},
        "rules": [rule for rule in rules if rule["resources"]],
    }


def _typed(type_: str) -> dict[str, str]:
    return {"Content-Type": type_}


_VERSIONS = {
    "Node": "v1",
    "Pod": "v1",
    "ConfigMap": "v1",
    "PersistentVolume": "v1",
    "StorageClass": "storage.k8s.io/v1",
}
"""Kinds that nobody applies here before something is done to them."""


@contextmanager
def foreign(nodes: int, lasts_s: float) -> Iterator[Foreign]:
    """Serve an empty cluster whose time stands still and comes to the present after `lasts_s`."""
    world = empty_world(nodes, seed=7)
    anchor(world, int((time.time() - lasts_s) * 1000))
    with (
        tempfile.TemporaryDirectory(prefix="foreign-") as name,
        serving(Front({"": world}, Stepped())) as front,
    ):
        cluster = Foreign(world, front, Path(name))
        try:
            yield cluster
        finally:
            cluster.close()
