"""The object store of one embedded cluster: tables of dicts that are immutable once committed.

A table is keyed by GroupResource as Kubernetes writes it (`pods`, `deployments.apps`,
`endpointslices.discovery.k8s.io`) and holds plain dicts by (namespace, name). Nobody mutates a dict that
came out of the store; writers commit a new one (`fork` copies the branch they change). That makes a
snapshot a handful of shallow dict copies, and lets snapshots, watches and worlds share objects.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

Obj = dict[str, Any]
"""A Kubernetes object as JSON. Immutable by convention after commit."""
Name = tuple[str, str]
"""(namespace, name); namespace is empty for cluster-scoped objects."""


IndexKey = tuple[str, str, str]
"""(table, property, value), e.g. ("pods", "node", "node-1")."""


WITHOUT_GENERATION = frozenset(
    {
        "pods",
        "services",
        "configmaps",
        "secrets",
        "events",
        "nodes",
        "namespaces",
        "endpoints",
        "persistentvolumeclaims",
        "persistentvolumes",
        "serviceaccounts",
        "resourcequotas",
        "limitranges",
        "storageclasses.storage.k8s.io",
        "leases.coordination.k8s.io",
        "horizontalpodautoscalers.autoscaling",
        "controllerrevisions.apps",
        "roles.rbac.authorization.k8s.io",
        "rolebindings.rbac.authorization.k8s.io",
        "clusterroles.rbac.authorization.k8s.io",
        "clusterrolebindings.rbac.authorization.k8s.io",
    }
)
"""Resources whose metadata.generation Kubernetes (v1.32) does not set."""


@dataclass(frozen=True, slots=True)
class Change:
    """One commit, in revision order: what watches resume from and controllers wake up on."""

    revision: int
    verb: Literal["ADDED", "MODIFIED", "DELETED"]
    resource: str
    name: Name
    obj: Obj
    """The new object; for DELETED the last state, with the revision of its deletion."""
    previous: Obj | None


@dataclass(frozen=True, slots=True)
class StoreSnapshot:
    """Shallow copies; restoring costs microseconds."""

    tables: dict[str, dict[Name, Obj]]
    index: dict[IndexKey, tuple[Any, ...]]
    revision: int
    serial: int
    log_start: int


class Store:
    """Copy-on-write tables, one global revision, a bounded change log, synchronous subscribers."""

    LOG_LIMIT = 10_000
    """Changes kept for watch resume; an older resourceVersion answers 410 Gone, as etcd compaction does."""

    def __init__(self, seed: int, now: Callable[[], str]) -> None:
        """`now` gives the simulated time as RFC 3339; `seed` makes uids and generated names reproducible."""
        self._seed = seed
        self._now = now
        self._tables: dict[str, dict[Name, Obj]] = {}
        self._index: dict[IndexKey, tuple[Any, ...]] = {}
        """Sorted tuples of names, replaced and never mutated, so that snapshots share them."""
        self._serial = 0
        self.revision = 1
        self.log: list[Change] = []
        self.log_start = 1
        """Oldest revision from which `changes_since` can still answer."""
        self.subscribers: list[Callable[[Change], None]] = []

    def get(self, resource: str, namespace: str, name: str) -> Obj | None:
        """The committed object, or None. Do not mutate it."""
        return self._tables.get(resource, {}).get((namespace, name))

    def objects(self, resource: str, namespace: str | None = None) -> list[Obj]:
        """Objects of a table in (namespace, name) order; `None` means all namespaces."""
        table = self._tables.get(resource)
        if not table:
            return []
        if namespace is None:
            return [table[key] for key in sorted(table)]
        return [table[key] for key in self._index.get((resource, "namespace", namespace), ())]

    def owned(self, resource: str, uid: str) -> list[Obj]:
        """Objects of a table that name `uid` in their ownerReferences, in (namespace, name) order."""
        table = self._tables.get(resource, {})
        return [table[name] for kind, name in self._index.get(("*", "owner", uid), ()) if kind == resource]

    def dependents(self, uid: str) -> list[tuple[str, Name]]:
        """(resource, name) of everything that names `uid` in its ownerReferences, sorted."""
        return list(self._index.get(("*", "owner", uid), ()))

    def orphans(self, resource: str, namespace: str) -> list[Obj]:
        """Pods or ReplicaSets of a namespace that no controller owns: what another may adopt."""
        table = self._tables.get(resource, {})
        return [table[name] for name in self._index.get((resource, "orphans", namespace), ())]

    def pods_on(self, node: str) -> list[Obj]:
        """Pods bound to `node`; those bound to none for the empty string."""
        table = self._tables.get("pods", {})
        return [table[name] for name in self._index.get(("pods", "node", node), ())]

    def events_about(self, uid: str) -> list[Obj]:
        """Events whose involvedObject has `uid`."""
        table = self._tables.get("events", {})
        return [table[name] for name in self._index.get(("events", "about", uid), ())]

    def resources(self) -> Iterator[str]:
        """Names of all non-empty tables, sorted."""
        return (name for name in sorted(self._tables) if self._tables[name])

    def create(self, resource: str, obj: Obj) -> Obj:
        """Commit a new object; sets uid, creationTimestamp, resourceVersion and generation.

        Raises: KeyError if the name is taken. The API turns that into 409 AlreadyExists.
        """
        meta = dict(obj["metadata"])
        key = (meta.get("namespace", ""), meta["name"])
        table = self._tables.setdefault(resource, {})
        if key in table:
            raise KeyError(f"{resource} {key} exists")
        self.revision += 1
        meta["uid"] = meta.get("uid") or self.new_uid(f"{resource}/{key[0]}/{key[1]}")
        meta["creationTimestamp"] = meta.get("creationTimestamp") or self._now()
        meta["resourceVersion"] = str(self.revision)
        if resource not in WITHOUT_GENERATION:
            meta.setdefault("generation", 1)
        committed = {**obj, "metadata": meta}
        table[key] = committed
        for index_key, entry in _index_entries(resource, key, committed):
            self._index_add(index_key, entry)
        self._publish(Change(self.revision, "ADDED", resource, key, committed, None))
        return committed

    def update(self, resource: str, obj: Obj, *, spec_changed: bool = False) -> Obj:
        """Commit a new version; returns the stored object unchanged if nothing but the version differs.

        `spec_changed` bumps metadata.generation, as the API server does for spec changes.
        Raises: KeyError if it does not exist.
        """
        meta = obj["metadata"]
        key = (meta.get("namespace", ""), meta["name"])
        previous = self._tables[resource][key]
        if _same(previous, obj):
            return previous
        self.revision += 1
        new_meta = {**meta, "resourceVersion": str(self.revision)}
        if spec_changed:
            new_meta["generation"] = previous["metadata"].get("generation", 1) + 1
        committed = {**obj, "metadata": new_meta}
        self._tables[resource][key] = committed
        self._reindex(resource, key, previous, committed)
        self._publish(Change(self.revision, "MODIFIED", resource, key, committed, previous))
        return committed

    def delete(self, resource: str, namespace: str, name: str) -> Obj:
        """Remove an object for good (finalizers and grace are the API's business). Raises: KeyError."""
        previous = self._tables[resource].pop((namespace, name))
        for index_key, entry in _index_entries(resource, (namespace, name), previous):
            self._index_remove(index_key, entry)
        self.revision += 1
        last = {**previous, "metadata": {**previous["metadata"], "resourceVersion": str(self.revision)}}
        self._publish(Change(self.revision, "DELETED", resource, (namespace, name), last, previous))
        return last

    def changes_since(self, revision: int) -> list[Change] | None:
        """Changes after `revision` in order, or None if the log no longer reaches that far (410 Gone)."""
        if revision < self.log_start - 1:
            return None
        return [change for change in self.log if change.revision > revision]

    def new_uid(self, hint: str) -> str:
        """A UUID-shaped id from (seed, serial, hint): reproducible, and unique within the world."""
        self._serial += 1
        digest = hashlib.sha256(f"{self._seed}/{self._serial}/{hint}".encode()).hexdigest()
        return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-a{digest[17:20]}-{digest[20:32]}"

    def new_suffix(self, hint: str, length: int = 5) -> str:
        """A name suffix from Kubernetes' safe alphabet (no vowels, no look-alikes)."""
        self._serial += 1
        digest = hashlib.sha256(f"{self._seed}/{self._serial}/{hint}/suffix".encode()).digest()
        alphabet = "bcdfghjklmnpqrstvwxz2456789"
        return "".join(alphabet[byte % len(alphabet)] for byte in digest[:length])

    def snapshot(self) -> StoreSnapshot:
        """Cheap: tables are copied shallowly, objects are shared."""
        tables = {name: dict(table) for name, table in self._tables.items() if table}
        return StoreSnapshot(tables, dict(self._index), self.revision, self._serial, self.log_start)

    def restore(self, snapshot: StoreSnapshot) -> None:
        """Go back. Watches of the abandoned history can no longer resume: the log starts anew."""
        self._tables = {name: dict(table) for name, table in snapshot.tables.items()}
        self._index = dict(snapshot.index)
        self.revision = snapshot.revision
        self._serial = snapshot.serial
        self.log.clear()  # whoever remembers this list remembers which history it was, not what happened in it
        self.log = []
        self.log_start = snapshot.revision + 1

    def _reindex(self, resource: str, key: Name, previous: Obj, committed: Obj) -> None:
        old_owners = previous["metadata"].get("ownerReferences")
        new_owners = committed["metadata"].get("ownerReferences")
        moved = resource == "pods" and previous.get("spec") is not committed.get("spec")
        if old_owners is new_owners and not moved:
            return
        before = _index_entries(resource, key, previous)
        after = _index_entries(resource, key, committed)
        for index_key, entry in before:
            if (index_key, entry) not in after:
                self._index_remove(index_key, entry)
        for index_key, entry in after:
            if (index_key, entry) not in before:
                self._index_add(index_key, entry)

    def _index_add(self, index_key: IndexKey, entry: Any) -> None:
        names = self._index.get(index_key, ())
        at = bisect_left(names, entry)
        self._index[index_key] = (*names[:at], entry, *names[at:])

    def _index_remove(self, index_key: IndexKey, entry: Any) -> None:
        names = self._index[index_key]
        at = bisect_left(names, entry)
        remaining = names[:at] + names[at + 1 :]
        if remaining:
            self._index[index_key] = remaining
        else:
            del self._index[index_key]

    def _publish(self, change: Change) -> None:
        self.log.append(change)
        if len(self.log) > self.LOG_LIMIT:
            del self.log[: self.LOG_LIMIT // 2]
            self.log_start = self.log[0].revision
        for subscriber in self.subscribers:
            subscriber(change)


def _index_entries(resource: str, key: Name, obj: Obj) -> list[tuple[IndexKey, Any]]:
    """Where an object belongs in the index."""
    entries: list[tuple[IndexKey, Any]] = [((resource, "namespace", key[0]), key)]
    for uid in dict.fromkeys(reference["uid"] for reference in obj["metadata"].get("ownerReferences") or ()):
        entries.append((("*", "owner", uid), (resource, key)))
    if resource in ("pods", "replicasets.apps"):
        references = obj["metadata"].get("ownerReferences") or ()
        if not any(reference.get("controller") for reference in references):
            entries.append(((resource, "orphans", key[0]), key))
    if resource == "pods":
        entries.append((("pods", "node", (obj.get("spec") or {}).get("nodeName") or ""), key))
    elif resource == "events":
        entries.append((("events", "about", (obj.get("involvedObject") or {}).get("uid") or ""), key))
    return entries


def _same(left: Obj, right: Obj) -> bool:
    """Equal apart from metadata.resourceVersion."""
    if left is right:
        return True
    if left.keys() != right.keys():
        return False
    for key, value in left.items():
        if value is right.get(key):
            continue
        if key == "metadata":
            ours = {k: v for k, v in value.items() if k != "resourceVersion"}
            theirs = {k: v for k, v in right[key].items() if k != "resourceVersion"}
            if ours != theirs:
                return False
        elif value != right[key]:
            return False
    return True


def fork(obj: Obj, *path: str) -> tuple[Obj, Any]:
    """Copy `obj` along `path` and return (copy, the copied container at the path).

    `new, spec = fork(deployment, "spec"); spec["replicas"] = 0; store.update("deployments.apps", new)`.
    Missing containers on the way are created as dicts.
    """
    root = dict(obj)
    node: Any = root
    for key in path:
        child = node[key] = _copy(node.get(key))
        node = child
    return root, node


def _copy(container: Any) -> Any:
    return list(container) if isinstance(container, list) else dict(container or {})
