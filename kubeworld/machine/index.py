"""Where else an object is found than under its name: by owner, node, label, selector. Kept by the store.

Names are in sorted tuples that are replaced and never mutated, so that snapshots share them.
"""

from bisect import bisect_left
from typing import Any

from kubeworld.machine.table import Name, Obj

IndexKey = tuple[str, str, str]
"""(table, property, value), e.g. ("pods", "node", "node-1")."""
Index = dict[IndexKey, tuple[Any, ...]]


def label_value(namespace: str, key: str, value: str) -> str:
    """How a label of a namespace's object reads in an `IndexKey`."""
    return f"{namespace}/{key}={value}"


def index_entries(resource: str, name: Name, obj: Obj) -> list[tuple[IndexKey, Any]]:
    """Where an object belongs in the index."""
    references = obj["metadata"].get("ownerReferences") or ()
    uids = dict.fromkeys([reference["uid"] for reference in references])
    entries: list[tuple[IndexKey, Any]] = [(("*", "owner", uid), (resource, name)) for uid in uids]
    has_controller = any(reference.get("controller") for reference in references)
    # Only these are ever adopted: ReplicaSets look for pods, Deployments for ReplicaSets.
    if resource in ("pods", "replicasets.apps") and not has_controller:
        entries.append(((resource, "orphans", name[0]), name))
    if resource == "pods":
        entries.append((("pods", "node", (obj.get("spec") or {}).get("nodeName") or ""), name))
        labels = obj["metadata"].get("labels") or {}
        entries += [(("pods", "label", label_value(name[0], *label)), name) for label in labels.items()]
    elif resource == "services":
        selector = (obj.get("spec") or {}).get("selector")
        if selector:  # one pair is enough to find it by: a pod that it selects has them all
            entries.append((("services", "selects", label_value(name[0], *min(selector.items()))), name))
    elif resource == "events":
        entries.append((("events", "about", (obj.get("involvedObject") or {}).get("uid") or ""), name))
    return entries


def has_moved(resource: str, old: Obj, new: Obj) -> bool:
    """Whether the index entries of two versions may differ; branches that a writer left alone are the same object."""
    old_meta, new_meta = old["metadata"], new["metadata"]
    if old_meta.get("ownerReferences") is not new_meta.get("ownerReferences"):
        return True
    if resource == "pods" and old_meta.get("labels") is not new_meta.get("labels"):
        return True
    return resource in ("pods", "services") and old.get("spec") is not new.get("spec")


def add_to(index: Index, key: IndexKey, entry: Any) -> None:
    """Insert in order."""
    # In order, so that what walks an index meets objects in the same order in every process.
    names = index.get(key, ())
    at = bisect_left(names, entry)
    index[key] = (*names[:at], entry, *names[at:])


def remove_from(index: Index, key: IndexKey, entry: Any) -> None:
    """Take out what is there."""
    names = index[key]
    at = bisect_left(names, entry)
    remaining = names[:at] + names[at + 1 :]
    if remaining:
        index[key] = remaining
    else:
        del index[key]
