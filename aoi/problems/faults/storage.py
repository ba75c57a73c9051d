"""Claims, volumes, and what a program may do on them."""

import copy
import random
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

from aoi.problems import names
from aoi.problems.faults.base import Action, Fault, Mark, Plan, never
from aoi.problems.faults.templates import changed_container, changed_template, with_resources
from aoi.problems.sites import Site, is_used
from aoi.problems.writes import Create, Delete, Key, Patch, Wait
from aoi.records.problem import FaultType, SystemLevel
from aoi.worlds.applications.spec import Application, Component
from kubeworld.machine.store import Obj

VOLUMES = "persistentvolumes"
CLASSES = "storageclasses.storage.k8s.io"


class _Mounted(NamedTuple):
    """What a template has to hold so that the main container sees a claim."""

    volumes: list[Obj]
    mounts: list[Obj]
    former: str
    """Name of the claim that was there; empty if there was none."""


def claim_of(site: Site) -> str:
    """The claim that the template of the workload names, if it names one."""
    volumes = site.workload["spec"]["template"]["spec"].get("volumes") or ()
    return next((v["persistentVolumeClaim"]["claimName"] for v in volumes if "persistentVolumeClaim" in v), "")


def _mounted(site: Site, claim: str, choices: random.Random) -> _Mounted:
    """The claim in the place of the one that is there; of a workload without, a volume more."""
    volumes = copy.deepcopy(list(site.workload["spec"]["template"]["spec"].get("volumes") or ()))
    mounts = copy.deepcopy(list(site.container.get("volumeMounts") or ()))
    former = claim_of(site)
    if former:
        for volume in volumes:
            if volume.get("persistentVolumeClaim", {}).get("claimName") == former:
                volume["persistentVolumeClaim"]["claimName"] = claim
        return _Mounted(volumes, mounts, former)
    name, path = choices.choice(names.FOLDERS)
    volumes.append({"name": name, "persistentVolumeClaim": {"claimName": claim}})
    return _Mounted(volumes, [*mounts, {"name": name, "mountPath": path}], "")


def _moved(
    site: Site, claim: str, choices: random.Random, pod_fields: Mapping[str, Any] = MappingProxyType({})
) -> Plan:
    """A plan by which the workload mounts another claim, or one at all; with more fields of the pod, if any."""
    mounted = _mounted(site, claim, choices)
    return changed_template(
        site,
        {"volumes": mounted.volumes, **pod_fields},
        {"volumeMounts": mounted.mounts},
        actions=(Action("rollback", site.name),),
        evidence=(("storage", site.name), ("events", site.name)),
    )


def _with(change: Plan, before: tuple[Create | Patch, ...], marks: tuple[Mark, ...]) -> Plan:
    """The same plan with objects that are made first, and marks of theirs."""
    return Plan(
        writes=(*before, *change.writes),
        repair=change.repair,
        marks=(*change.marks, *marks),
        actions=change.actions,
        evidence=change.evidence,
        accepted=change.accepted,
    )


def new_claim(site: Site, name: str, spec: dict[str, Any], *, size: str = "1Gi") -> Create:
    """A claim in the application's namespace, by one node at a time unless `spec` says otherwise."""
    body = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}, **spec}
    meta = {"name": name, "namespace": site.namespace}
    obj = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": body}
    return Create((names.CLAIMS, site.namespace, name), obj)


def new_volume(name: str, spec: dict[str, Any], *, labels: dict[str, str] | None = None) -> Create:
    """A volume of the same size that somebody makes by hand, for `spec` to say where it lies."""
    body = {
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": "1Gi"},
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": "",
        **spec,
    }
    meta = {"name": name, **({"labels": labels} if labels else {})}
    return Create((VOLUMES, "", name), {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": meta, "spec": body})


def _claim_missing(site: Site, choices: random.Random) -> Plan:
    name = names.claim(site, claim_of(site), choices)
    change = _moved(site, name, choices)
    return _with(change, (), (Mark((names.CLAIMS, site.namespace, name), absent=True),))


def _claim_without_class(site: Site, choices: random.Random) -> Plan:
    """The claim asks for a storage class that this cluster does not have."""
    name, wanted = (
        names.claim(site, claim_of(site), choices),
        choices.choice(("fast-ssd", "gp3", "premium-rwo", "longhorn")),
    )
    claim = new_claim(site, name, {"storageClassName": wanted}, size=choices.choice(("1Gi", "5Gi", "10Gi")))
    marks = (
        Mark((CLASSES, "", wanted), absent=True),
        Mark(claim.key, ("spec", "storageClassName"), wanted),
        Mark(claim.key, ("status", "phase"), "Pending"),
    )
    return _with(_moved(site, name, choices), (claim,), marks)


def _claim_unsatisfiable(site: Site, choices: random.Random) -> Plan:
    """There is a volume for it, but smaller, for one node only, or not the one that it describes."""
    name = names.claim(site, claim_of(site), choices)
    volume = new_volume(
        f"{site.namespace}-{name}", {"hostPath": {"path": f"/data/volumes/{name}"}}, labels={"app": site.spec.workload}
    )
    spec: dict[str, Any] = {"storageClassName": ""}
    size = "1Gi"
    match choices.choice(("size", "mode", "selector")):
        case "size":
            size = choices.choice(("20Gi", "50Gi", "200Gi"))
        case "mode":
            spec["accessModes"] = ["ReadWriteMany"]
        case _:
            spec["selector"] = {"matchLabels": {"app": site.spec.workload, "tier": choices.choice(("gold", "ssd"))}}
    claim = new_claim(site, name, spec, size=size)
    marks = (Mark(claim.key, ("status", "phase"), "Pending"),)
    return _with(_moved(site, name, choices), (volume, claim), marks)


def _volume_elsewhere(site: Site, choices: random.Random) -> Plan:
    """The volume lies on a node that has left."""
    name = names.claim(site, claim_of(site), choices)
    gone = choices.choice(("worker-7", "node-9", "pool-b-2", "ip-10-0-240-17"))
    rule = {"key": "kubernetes.io/hostname", "operator": "In", "values": [gone]}
    volume = new_volume(
        f"{site.namespace}-{name}",
        {
            "local": {"path": f"/mnt/disks/{name}"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [rule]}]}},
        },
    )
    claim = new_claim(site, name, {"storageClassName": "", "volumeName": volume.key[2]})
    marks = (Mark(claim.key), Mark(volume.key, ("spec", "nodeAffinity"), volume.obj["spec"]["nodeAffinity"]))
    return _with(_moved(site, name, choices), (volume, claim), marks)


def _keeps_nothing(application: Application, component: Component) -> bool:
    is_program = component.kind in ("gateway", "service") and component.workload_kind == "Deployment"
    return is_used(application, component) and is_program


def _volume_shared(site: Site, choices: random.Random) -> Plan:
    """Several pods on several nodes, and one disk that attaches to one node."""
    name = names.claim(site, claim_of(site), choices)
    handle = f"vol-0{choices.getrandbits(64):016x}"
    driver = choices.choice(("ebs.csi.aws.com", "pd.csi.storage.gke.io", "disk.csi.azure.com"))
    volume = new_volume(f"{site.namespace}-{name}", {"csi": {"driver": driver, "volumeHandle": handle}})
    claim = new_claim(site, name, {"storageClassName": "", "volumeName": volume.key[2]})
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": site.application.selector_of(site.spec)},
    }
    change = _moved(site, name, choices, {"topologySpreadConstraints": [spread]})
    more = () if site.workload["spec"].get("replicas", 1) > 1 else (Patch(site.key, {"spec": {"replicas": 2}}),)
    return _with(change, (volume, claim, *more), ())


def _has_a_claim(application: Application, component: Component) -> bool:
    is_kept = component.workload_kind == "Deployment" and any(m.source == "claim" for m in component.mounts)
    return is_used(application, component) and is_kept


def _volume_released(site: Site, choices: random.Random) -> Plan:
    """The claim was made anew, and its volume waits for somebody to say that the former one's data may go."""
    key: Key = (names.CLAIMS, site.namespace, claim_of(site))
    former = next(obj for obj in site.around[names.CLAIMS] if obj["metadata"]["name"] == key[2])
    meta = {k: former["metadata"][k] for k in ("name", "namespace", "labels") if k in former["metadata"]}
    again = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": former["spec"]}
    volume: Key = (VOLUMES, "", former["spec"]["volumeName"])
    replicas = site.workload["spec"].get("replicas", 1)
    return Plan(
        writes=(
            Patch(site.key, {"spec": {"replicas": 0}}),
            Wait(choices.choice((40, 50, 60))),
            Delete(key),
            Wait(choices.choice((5, 10, 15))),
            Create(key, again),
            Patch(site.key, {"spec": {"replicas": replicas}}),
        ),
        repair=(Patch(volume, {"spec": {"claimRef": None}}),),
        marks=(Mark(volume, ("spec", "claimRef", "uid"), former["metadata"]["uid"]),),
        actions=(),
        evidence=(("storage", site.name),),
        accepted=(site.name,),
    )


def _stores_its_data(application: Application, component: Component) -> bool:
    return is_used(application, component) and any(mount.source == "claim" for mount in component.mounts)


def _data_mounts(site: Site) -> tuple[list[Obj], list[int]]:
    """(mounts of the main container, which of them hold its data)."""
    folders = {mount.path for mount in site.spec.mounts if mount.source == "claim"}
    mounts = copy.deepcopy(list(site.container["volumeMounts"]))
    return mounts, [index for index, mount in enumerate(mounts) if mount["mountPath"] in folders]


def _volume_read_only(site: Site, choices: random.Random) -> Plan:
    """The database may not write its files."""
    mounts, places = _data_mounts(site)
    for place in places:
        mounts[place]["readOnly"] = True
    return changed_container(
        site,
        {"volumeMounts": mounts},
        actions=(Action("rollback", site.name),),
        evidence=(("logs", site.name), ("pods", site.name)),
    )


def _volume_denied(site: Site, choices: random.Random) -> Plan:
    """The database runs as somebody whose files these are not."""
    user = choices.choice((1000, 1001, 10_001, 65_534))
    context: dict[str, Any] = {"runAsUser": user}
    if choices.random() < 0.5:
        context["runAsNonRoot"] = True
    return changed_container(
        site,
        {"securityContext": context},
        actions=(Action("rollback", site.name),),
        evidence=(("logs", site.name), ("pods", site.name)),
    )


EVICTING_S = 1800
"""How long pods are evicted as soon as they run: some hundred dead ones are left by then."""


def _ephemeral_storage(site: Site, choices: random.Random) -> Plan:
    """A program may write less into its container than it does."""
    size = choices.choice(("8Mi", "12Mi", "16Mi", "20Mi"))
    return changed_container(
        site,
        {"resources": with_resources(site, {"ephemeral-storage": size}, {"ephemeral-storage": size})},
        actions=(Action("rollback", site.name),),
        evidence=(("pods", site.name), ("events", site.name)),
    )


_STORED = partial(
    Fault,
    version="1",
    family="storage",
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.NETWORK_STORAGE,
    eligible=is_used,
)

MECHANISMS = (
    _STORED(key="claim_missing", causes=("noclaim",), plan=_claim_missing),
    _STORED(key="claim_without_class", causes=("noclass", "unbound"), plan=_claim_without_class),
    _STORED(key="claim_unsatisfiable", causes=("unbound",), plan=_claim_unsatisfiable),
    _STORED(key="volume_elsewhere", causes=("unbound",), plan=_volume_elsewhere),
    _STORED(key="volume_shared", causes=("unbound",), plan=_volume_shared, eligible=_keeps_nothing),
    _STORED(key="volume_read_only", causes=("readonly",), plan=_volume_read_only, eligible=_stores_its_data),
    _STORED(key="volume_denied", causes=("forbidden",), plan=_volume_denied, eligible=_stores_its_data),
    _STORED(
        key="ephemeral_storage",
        causes=("evicted", "diskfull"),
        plan=_ephemeral_storage,
        oldest_s=EVICTING_S,
        type=FaultType.MISCONFIGURATION,
    ),
    _STORED(
        key="volume_released",
        causes=("released", "unbound"),
        plan=_volume_released,
        eligible=_has_a_claim,
        mendable=never,
    ),
)
