"""How an owner reference names an object, and which object one names."""

from kubeworld.kinds.catalogue import BY_NAME, BY_TABLE
from kubeworld.machine.store import Obj, Store


def resource_of(api_version: str, kind: str) -> str:
    """The resource that an owner reference or a scale target names. Unknown kinds are pluralised plainly."""
    group = api_version.rpartition("/")[0]
    known = BY_NAME.get((group, kind))
    if known:
        return known.table
    plural = kind.lower() + ("es" if kind.endswith("s") else "s")
    return f"{plural}.{group}" if group else plural


def owner_reference(resource: str, owner: Obj, *, controller: bool = True) -> Obj:
    """The ownerReferences entry with which `owner` claims a dependent."""
    kind = BY_TABLE[resource]
    reference: Obj = {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
    }
    if controller:
        reference |= {"controller": True, "blockOwnerDeletion": True}
    return reference


def controller_of(obj: Obj) -> Obj | None:
    """The owner reference of the managing controller, or None."""
    for reference in obj["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            return reference
    return None


def controller_key(obj: Obj, resource: str) -> tuple[str, tuple[str, str]] | None:
    """(resource, name) of the managing controller if it is a `resource`, to wake it for a change of its dependent."""
    reference = controller_of(obj)
    if reference is None or BY_TABLE[resource].kind != reference["kind"]:
        return None
    return resource, (obj["metadata"].get("namespace", ""), reference["name"])


def owner_exists(store: Store, namespace: str, reference: Obj) -> bool:
    """Whether the owner that a reference names is still there, with that uid."""
    group = reference["apiVersion"].rpartition("/")[0]
    kind = BY_NAME.get((group, reference["kind"]))
    if kind is None:
        return _exists_in_group(store, group, reference["uid"])
    owner = store.get(kind.table, namespace if kind.namespaced else "", reference["name"])
    return owner is not None and owner["metadata"]["uid"] == reference["uid"]


def _exists_in_group(store: Store, group: str, uid: str) -> bool:
    """For kinds whose plural is not known here (custom resources): look through the tables of their group."""
    tables = [table for table in store.resources() if table.partition(".")[2] == group]
    return any(obj["metadata"]["uid"] == uid for table in tables for obj in store.objects(table))
