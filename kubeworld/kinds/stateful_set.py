"""StatefulSets."""

from collections.abc import Iterator
from typing import Any

from kubeworld.kinds.field_errors import FieldError, forbidden_field, invalid
from kubeworld.kinds.kind import SCALE, Kind, Subresource
from kubeworld.kinds.shared.columns import Printer, columns, created
from kubeworld.kinds.shared.updates import closed
from kubeworld.kinds.shared.workloads import share_errors, template_cells, workload_defaults, workload_errors
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World


def _default(world: World, obj: Obj) -> Obj:
    retention: Obj = {"whenDeleted": "Retain", "whenScaled": "Retain"}
    base: Obj = {
        "replicas": 1,
        "revisionHistoryLimit": 10,
        "podManagementPolicy": "OrderedReady",
        "persistentVolumeClaimRetentionPolicy": retention,
    }
    new = workload_defaults(obj, base)
    strategy: Obj = {"type": "RollingUpdate", **(new["spec"].get("updateStrategy") or {})}
    if strategy["type"] == "RollingUpdate":
        strategy["rollingUpdate"] = {"partition": 0, **(strategy.get("rollingUpdate") or {})}
    new["spec"]["updateStrategy"] = strategy
    if "volumeClaimTemplates" in new["spec"]:
        new["spec"]["volumeClaimTemplates"] = [
            {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "status": {"phase": "Pending"}, **claim}
            | {"spec": {"volumeMode": "Filesystem", **(claim.get("spec") or {})}}
            for claim in new["spec"]["volumeClaimTemplates"]
        ]
    return new


_OPEN = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)


def _errors(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    yield from share_errors(new.get("spec") or {}, "spec")
    yield from workload_errors(new, None)
    spec = new["spec"]
    if spec.get("podManagementPolicy", "Parallel") not in ("OrderedReady", "Parallel"):
        yield invalid("spec.podManagementPolicy", spec["podManagementPolicy"], "must be 'OrderedReady' or 'Parallel'")
    if (spec.get("updateStrategy") or {}).get("type", "OnDelete") not in ("RollingUpdate", "OnDelete"):
        yield invalid("spec.updateStrategy", spec["updateStrategy"], "must be 'RollingUpdate' or 'OnDelete'")
    if old and closed(new["spec"], _OPEN) != closed(old["spec"], _OPEN):
        why = (
            "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
            "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
        )
        yield forbidden_field("spec", why)


def _cells(obj: Obj, now: int) -> list[Any]:
    ready = f"{(obj.get('status') or {}).get('readyReplicas', 0)}/{obj['spec'].get('replicas', 0)}"
    return [obj["metadata"]["name"], ready, created(obj, now), *template_cells(obj)[:2]]


STATEFUL_SET = Kind(
    group="apps",
    version="v1",
    kind="StatefulSet",
    plural="statefulsets",
    short=("sts",),
    categories=("all",),
    subresources={"scale": SCALE, "status": Subresource("apps", "v1", "StatefulSet")},
    package="io.k8s.api.apps.v1",
    zero_values={"serviceName": ""},
    printer=Printer(columns("Name, Ready, Age, Containers/1, Images/1"), _cells),
    default=_default,
    check=_errors,
)
