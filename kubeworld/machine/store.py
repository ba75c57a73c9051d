"""The object store of one embedded cluster: tables of dicts that are immutable once committed.

A table is keyed by GroupResource as Kubernetes writes it (`pods`, `deployments.apps`,
`endpointslices.discovery.k8s.io`) and holds plain dicts by (namespace, name). Nobody mutates a dict that
came out of the store; writers commit a new one (`fork` copies the branch they change). That lets snapshots,
watches and worlds share objects, and whole tables until one of them writes to one.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from kubeworld.machine.index import Index, IndexKey, add_to, has_moved, index_entries, label_value, remove_from
from kubeworld.machine.table import Name, Obj, Table


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
    """Shared with the store until it writes; restoring costs microseconds."""

    tables: dict[str, Table]
    index: Index
    revision: int
    serial: int
    log_start: int


class Store:
    """Copy-on-write tables, one global revision, a bounded change log, synchronous subscribers."""

    LOG_LIMIT = 10_000
    """Changes kept for watch resume; an older resourceVersion answers 410 Gone, as etcd compaction does."""

    def __init__(self, seed: int, now: Callable[[], str], without_generation: frozenset[str] = frozenset()) -> None:
        """`now` gives the simulated time as RFC 3339; `seed` makes uids and generated names reproducible.

        `without_generation`: tables whose objects have no metadata.generation.
        """
        self._without_generation = without_generation
        self._seed = seed
        self._now = now
        self._tables: dict[str, Table] = {}
        self._index: Index = {}
        self._own_tables: set[str] = set()
        """Those that no snapshot shares; another is copied before the first write to it."""
        self._owns_index = True
        self._on_nodes: dict[str, tuple[Obj, ...]] = {}
        """Answers of `pods_on` since which no pod there has changed."""
        self._serial = 0
        self.revision = 1
        self.log: list[Change] = []
        self.log_start = 1
        """Oldest revision from which `changes_since` can still answer."""
        self.subscribers: list[Callable[[Change], None]] = []

    def get(self, resource: str, namespace: str, name: str) -> Obj | None:
        """The committed object, or None. Do not mutate it."""
        table = self._tables.get(resource)
        return None if table is None else table.by_name.get((namespace, name))

    def objects(self, resource: str, namespace: str | None = None) -> list[Obj]:
        """Objects of a table in (namespace, name) order; `None` means all namespaces."""
        table = self._tables.get(resource)
        return [] if table is None else table.objects(namespace)

    def json(self, resource: str, namespace: str | None = None) -> list[bytes] | None:
        """What `objects` gives as JSON, in pieces that commas separate; None if an object does not say its kind."""
        table = self._tables.get(resource)
        return [] if table is None else table.json(namespace)

    def owned(self, resource: str, uid: str) -> list[Obj]:
        """Objects of a table that name `uid` in their ownerReferences, in (namespace, name) order."""
        names = [name for kind, name in self._index.get(("*", "owner", uid), ()) if kind == resource]
        return self._named(resource, names)

    def dependents(self, uid: str) -> list[tuple[str, Name]]:
        """(resource, name) of everything that names `uid` in its ownerReferences, sorted."""
        return list(self._index.get(("*", "owner", uid), ()))

    def orphans(self, resource: str, namespace: str) -> list[Obj]:
        """Pods or ReplicaSets of a namespace that no controller owns: what another may adopt."""
        return self._named(resource, self._index.get((resource, "orphans", namespace), ()))

    def pods_on(self, node: str) -> tuple[Obj, ...]:
        """Pods bound to `node`; those bound to none for the empty string. The same tuple until one of them changes."""
        pods = self._on_nodes.get(node)
        if pods is None:
            pods = self._on_nodes[node] = tuple(self._named("pods", self._index.get(("pods", "node", node), ())))
        return pods

    def pods_labelled(self, namespace: str, labels: Mapping[str, str]) -> list[Obj]:
        """Pods of a namespace that carry all of `labels`, in order."""
        if not labels:
            return self.objects("pods", namespace)
        # The label that the fewest pods have; the others are checked on those alone.
        keys = [("pods", "label", label_value(namespace, *label)) for label in labels.items()]
        candidates = self._named("pods", min((self._index.get(key, ()) for key in keys), key=len))
        return [pod for pod in candidates if labels.items() <= pod["metadata"]["labels"].items()]

    def services_selecting(self, namespace: str, labels: Mapping[str, str]) -> list[Obj]:
        """Services of a namespace whose selector `labels` satisfy, in order."""
        keys = [("services", "selects", label_value(namespace, *label)) for label in labels.items()]
        names = sorted({name for key in keys for name in self._index.get(key, ())})
        candidates = self._named("services", names)
        return [service for service in candidates if service["spec"]["selector"].items() <= labels.items()]

    def events_about(self, uid: str) -> list[Obj]:
        """Events whose involvedObject has `uid`."""
        return self._named("events", self._index.get(("events", "about", uid), ()))

    def resources(self) -> Iterator[str]:
        """Names of all non-empty tables, sorted."""
        return (name for name in sorted(self._tables) if self._tables[name].by_name)

    def create(self, resource: str, obj: Obj) -> Obj:
        """Commit a new object; sets uid, creationTimestamp, resourceVersion and generation.

        Raises: KeyError if the name is taken. The API turns that into 409 AlreadyExists.
        """
        meta = dict(obj["metadata"])
        key = (meta.get("namespace", ""), meta["name"])
        if self.get(resource, *key) is not None:
            raise KeyError(f"{resource} {key} exists")
        self.revision += 1
        # The API has chosen one already: policies see the object as it will be stored.
        meta["uid"] = meta.get("uid") or self.new_uid(f"{resource}/{key[0]}/{key[1]}")
        meta["creationTimestamp"] = meta.get("creationTimestamp") or self._now()
        meta["resourceVersion"] = str(self.revision)
        if resource not in self._without_generation:
            meta.setdefault("generation", 1)
        committed = {**obj, "metadata": meta}
        self._own(resource).add(key, committed)
        self._reindex(index_entries(resource, key, committed), add_to)
        self._publish(Change(self.revision, "ADDED", resource, key, committed, None))
        return committed

    def update(self, resource: str, obj: Obj, *, spec_changed: bool = False) -> Obj:
        """Commit a new version; returns the stored object unchanged if nothing but the version differs.

        `spec_changed` bumps metadata.generation, as the API server does for spec changes.
        Raises: KeyError if it does not exist.
        """
        meta = obj["metadata"]
        key = (meta.get("namespace", ""), meta["name"])
        previous = self._tables[resource].by_name[key]
        # No revision, no watch event, no wake-up: controllers may write what they want to be true without asking first.
        if _same(previous, obj):
            return previous
        self.revision += 1
        new_meta = {**meta, "resourceVersion": str(self.revision)}
        if spec_changed:
            new_meta["generation"] = previous["metadata"].get("generation", 1) + 1
        committed = {**obj, "metadata": new_meta}
        self._own(resource).replace(key, committed)
        # Most writes are of a status, and leave the index alone.
        if has_moved(resource, previous, committed):
            before, after = index_entries(resource, key, previous), index_entries(resource, key, committed)
            self._reindex([entry for entry in before if entry not in after], remove_from)
            self._reindex([entry for entry in after if entry not in before], add_to)
        self._publish(Change(self.revision, "MODIFIED", resource, key, committed, previous))
        return committed

    def delete(self, resource: str, namespace: str, name: str) -> Obj:
        """Remove an object for good (finalizers and grace are the API's business). Raises: KeyError."""
        previous = self._own(resource).remove((namespace, name))
        self._reindex(index_entries(resource, (namespace, name), previous), remove_from)
        self.revision += 1
        # A watch resumes from the revision of the deletion, as etcd numbers it, not from that of the last write.
        last = {**previous, "metadata": {**previous["metadata"], "resourceVersion": str(self.revision)}}
        self._publish(Change(self.revision, "DELETED", resource, (namespace, name), last, previous))
        return last

    def changes_since(self, revision: int) -> list[Change] | None:
        """Changes after `revision` in order, or None if the log no longer reaches that far (410 Gone)."""
        if revision < self.log_start - 1:
            return None
        return self.log[bisect_right(self.log, revision, key=lambda change: change.revision) :]

    def new_uid(self, hint: str) -> str:
        """A UUID-shaped id from (seed, serial, hint): reproducible, and unique within the world."""
        # A counter and a hash, no random source: the same seed gives the same ids in every process.
        self._serial += 1
        digest = hashlib.sha256(f"{self._seed}/{self._serial}/{hint}".encode()).hexdigest()
        return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-a{digest[17:20]}-{digest[20:32]}"

    def generated_name(self, resource: str, namespace: str, prefix: str, hint: str) -> str:
        """The prefix with a suffix, as nobody is called yet in this table: suffixes are drawn until one is free.

        Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#generated-values
        """
        while True:
            name = prefix + self.new_suffix(hint)
            if self.get(resource, namespace, name) is None:
                return name

    def new_suffix(self, hint: str, length: int = 5) -> str:
        """A name suffix from Kubernetes' safe alphabet (no vowels, no look-alikes)."""
        self._serial += 1
        digest = hashlib.sha256(f"{self._seed}/{self._serial}/{hint}/suffix".encode()).digest()
        alphabet = "bcdfghjklmnpqrstvwxz2456789"
        return "".join(alphabet[byte % len(alphabet)] for byte in digest[:length])

    def snapshot(self) -> StoreSnapshot:
        """Cheap: everything is shared until this store writes."""
        self._share()
        tables = {name: table for name, table in self._tables.items() if table.by_name}
        return StoreSnapshot(tables, self._index, self.revision, self._serial, self.log_start)

    def restore(self, snapshot: StoreSnapshot) -> None:
        """Go back. Watches of the abandoned history can no longer resume: the log starts anew."""
        self._tables = dict(snapshot.tables)
        self._index = snapshot.index
        self._share()
        self._on_nodes.clear()
        self.revision = snapshot.revision
        self._serial = snapshot.serial
        self.log.clear()  # whoever remembers this list remembers which history it was, not what happened in it
        self.log = []
        self.log_start = snapshot.revision + 1

    def _share(self) -> None:
        self._own_tables.clear()
        self._owns_index = False

    def _own(self, resource: str) -> Table:
        """The table, to write to."""
        table = self._tables.get(resource)
        if table is None or resource not in self._own_tables:
            self._own_tables.add(resource)
            table = self._tables[resource] = Table() if table is None else table.copy()
        return table

    def _named(self, resource: str, names: Iterable[Name]) -> list[Obj]:
        table = self._tables.get(resource)
        return [] if table is None else [table.by_name[name] for name in names]

    def _reindex(self, entries: list[tuple[IndexKey, Any]], act: Callable[[Index, IndexKey, Any], None]) -> None:
        if entries and not self._owns_index:
            self._index, self._owns_index = self._index.copy(), True
        for key, entry in entries:
            act(self._index, key, entry)

    def _publish(self, change: Change) -> None:
        if change.resource == "pods":
            for version in (change.obj, change.previous or change.obj):
                self._on_nodes.pop((version.get("spec") or {}).get("nodeName") or "", None)
        self.log.append(change)
        if len(self.log) > self.LOG_LIMIT:
            # Half at a time: cutting off one change per write would move the whole list each time.
            del self.log[: self.LOG_LIMIT // 2]
            self.log_start = self.log[0].revision
        for subscriber in self.subscribers:
            subscriber(change)


def _same(left: Obj, right: Obj) -> bool:
    """Equal apart from metadata.resourceVersion."""
    if left is right:
        return True
    if left.keys() != right.keys():
        return False
    for key, value in left.items():
        # Branches that a writer left alone are the same object: only the others are compared in depth.
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
