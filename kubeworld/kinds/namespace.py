"""Namespaces."""

from typing import Any

from kubeworld.kinds.kind import ALL_VERBS, METADATA_FIELDS, Kind, Subresource
from kubeworld.kinds.shared.columns import Printer, columns, created
from kubeworld.kinds.shared.formats import label_name
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World


def _default(world: World, obj: Obj) -> Obj:
    meta = obj["metadata"]
    name = meta.get("name", "")
    labels = {**(meta.get("labels") or {}), "kubernetes.io/metadata.name": name}
    spec: Obj = {"finalizers": ["kubernetes"], **(obj.get("spec") or {})}
    return {
        **obj,
        "metadata": {**meta, "labels": labels},
        "spec": spec,
        "status": obj.get("status") or {"phase": "Active"},
    }


def _cells(obj: Obj, now: int) -> list[Any]:
    return [obj["metadata"]["name"], (obj.get("status") or {}).get("phase", ""), created(obj, now)]


NAMESPACE = Kind(
    group="",
    version="v1",
    kind="Namespace",
    plural="namespaces",
    short=("ns",),
    namespaced=False,
    verbs=tuple(verb for verb in ALL_VERBS if verb != "deletecollection"),
    subresources={
        "finalize": Subresource("", "v1", "Namespace", ("update",)),
        "status": Subresource("", "v1", "Namespace"),
    },
    fields=METADATA_FIELDS | {"status.phase"},
    package="io.k8s.api.core.v1",
    has_generation=False,
    printer=Printer(columns("Name, Status, Age"), _cells),
    name_errors=label_name,
    default=_default,
    undeletable=frozenset({"default", "kube-public", "kube-system"}),
)
