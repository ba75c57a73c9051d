"""Ordinary work on what stands around a component: its Service, what it reads, what it keeps, who may reach it."""

from collections.abc import Mapping
from random import Random
from typing import Any

from aoi.problems import names
from aoi.problems.faults.chaos import resource_of
from aoi.problems.faults.storage import claim_of
from aoi.problems.inventory import configmaps_of
from aoi.problems.ordinary.workloads import TEAMS, Deeds, is_autoscaled
from aoi.problems.sites import Site
from aoi.problems.writes import Create, Delete, Key, Patch
from aoi.worlds.applications.furniture import is_calm
from aoi.worlds.behaviour.chaos import PAUSE
from kubeworld.machine.world import World

_NOTES = ("OWNER", "CHANGE_TICKET", "REVIEWED_BY")
"""Keys of ConfigMaps and Secrets that no program reads."""
_CHAOS_MESH = "chaos-mesh.org/v1alpha1"
_DRILLS: dict[str, dict[str, Any]] = {
    "NetworkChaos": {"action": "delay", "mode": "one", "delay": {"latency": "5ms"}},
    "HTTPChaos": {"mode": "one", "target": "Request", "method": "*", "path": "*", "delay": "5ms"},
    "DNSChaos": {"action": "error", "mode": "one", "patterns": ["*.example.invalid"]},
    "StressChaos": {"mode": "one", "stressors": {"cpu": {"workers": 1, "load": 5}}},
    "IOChaos": {"action": "latency", "mode": "one", "delay": "1ms", "percent": 10},
    "PodChaos": {"action": "pod-kill", "mode": "one", "gracePeriod": 0},
}
"""Kind -> what a drill asks for that does little: milliseconds, a name that nobody asks for, one of several pods."""
_CALLED = {
    "NetworkChaos": "delay",
    "HTTPChaos": "latency",
    "DNSChaos": "dns",
    "StressChaos": "cpu",
    "IOChaos": "io",
    "PodChaos": "pod-kill",
}


def label_service(world: World, site: Site, choices: Random) -> Deeds:
    """Whose it is."""
    if site.service is None:
        return ()
    return (Patch(site.service_key, {"metadata": {"labels": {"team": choices.choice(TEAMS)}}}),)


def pin_clients(world: World, site: Site, choices: Random) -> Deeds:
    """Clients are sent to the same pod again."""
    if site.service is None or site.service["spec"].get("type") == "ExternalName":
        return ()
    return (Patch(site.service_key, {"spec": {"sessionAffinity": "ClientIP"}}),)


def note_in_config(world: World, site: Site, choices: Random) -> Deeds:
    """A key more in a ConfigMap that its pods read, and perhaps new pods, as after every change of one."""
    named = sorted(configmaps_of(site.workload["spec"]["template"]["spec"]) & set(site.config_maps))
    if not named:
        return ()
    key: Key = ("configmaps", site.namespace, choices.choice(named))
    note = Patch(key, {"data": {choices.choice(_NOTES): choices.choice(TEAMS)}})
    again = tuple(Delete(("pods", site.namespace, name)) for name in site.pods)
    return (note, *(again if choices.random() < 0.5 else ()))


def note_in_secret(world: World, site: Site, choices: Random) -> Deeds:
    """A key more in a Secret that its pods read."""
    named = sorted({s.holder for s in site.spec.settings if s.source == "secret_env"})
    if not named:
        return ()
    key: Key = ("secrets", site.namespace, choices.choice(named))
    return (Patch(key, {"stringData": {choices.choice(_NOTES): choices.choice(TEAMS)}}),)


def give_room(world: World, site: Site, choices: Random) -> Deeds:
    """A claim that its pods mount, of a volume that was made for it or of one that the cluster makes."""
    spec = site.workload["spec"]
    is_lone = spec.get("replicas", 1) == 1 and spec.get("strategy", {}).get("type") == "Recreate"
    if not is_lone or is_autoscaled(site):
        return ()  # what attaches to one node serves one pod
    name, path = choices.choice(names.FOLDERS)
    claim = names.claim(site, claim_of(site), choices)
    volume = f"{site.namespace}-{claim}"
    classes = [obj["metadata"]["name"] for obj in world.store.objects("storageclasses.storage.k8s.io")]
    is_made = not classes or choices.random() < 0.5
    mounted = {
        "volumes": [{"name": name, "persistentVolumeClaim": {"claimName": claim}}],
        "containers": [{"name": site.container["name"], "volumeMounts": [{"name": name, "mountPath": path}]}],
    }
    return (
        *((_volume(site, volume, claim, is_labelled=choices.random() < 0.3),) if is_made else ()),
        _object(
            site,
            names.CLAIMS,
            ("v1", "PersistentVolumeClaim"),
            claim,
            {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Gi"}},
                **({"storageClassName": "", "volumeName": volume} if is_made else {"storageClassName": classes[0]}),
            },
        ),
        Patch(site.key, {"spec": {"template": {"spec": mounted}}}, "strategic"),
    )


def _volume(site: Site, name: str, claim: str, *, is_labelled: bool) -> Create:
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": "1Gi"},
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": "",
        "hostPath": {"path": f"/data/volumes/{claim}"},
        "claimRef": {"namespace": site.namespace, "name": claim},
    }
    meta = {"name": name, **({"labels": {"app": site.spec.workload}} if is_labelled else {})}
    obj = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": meta, "spec": spec}
    return Create(("persistentvolumes", "", name), obj)


def exercise(world: World, site: Site, choices: Random) -> Deeds:
    """A chaos experiment that does little and is soon over, or one whose schedule is paused."""
    chosen = {"namespaces": [site.namespace], "labelSelectors": site.application.selector_of(site.spec)}
    if choices.random() < 0.2:
        network = {**_DRILLS["NetworkChaos"], "selector": chosen}
        spec = {"schedule": "@every 10m", "type": "NetworkChaos", "historyLimit": 1, "networkChaos": network}
        made = _object(
            site, resource_of("Schedule"), (_CHAOS_MESH, "Schedule"), names.experiment(site, "flaps", choices), spec
        )
        meta = {**made.obj["metadata"], "annotations": {PAUSE: "true"}}
        return (Create(made.key, {**made.obj, "metadata": meta}),)
    kept = [mount.path for mount in site.spec.mounts if mount.source == "claim"]
    fits = {"HTTPChaos": site.spec.protocol == "http", "IOChaos": bool(kept), "PodChaos": len(site.pods) > 1}
    likely = "IOChaos" if kept else "NetworkChaos"
    kind = choices.choice([likely, *(kind for kind in _DRILLS if fits.get(kind, True))])
    spec = {**_DRILLS[kind], "selector": chosen, "duration": choices.choice(("20s", "30s", "45s"))}
    if kind == "HTTPChaos":
        spec["port"] = site.spec.port
    elif kind == "IOChaos":
        spec |= {"volumePath": kept[0], "path": f"{kept[0]}/**/*"}
    name = names.experiment(site, _CALLED[kind], choices)
    return (_object(site, resource_of(kind), (_CHAOS_MESH, kind), name, spec),)


def open_up(world: World, site: Site, choices: Random) -> Deeds:
    """A policy that lets everybody in: with others it takes nothing away."""
    spec = {
        "podSelector": {"matchLabels": site.application.selector_of(site.spec)},
        "policyTypes": ["Ingress"],
        "ingress": [dict[str, Any]()],
    }
    kind = ("networking.k8s.io/v1", "NetworkPolicy")
    return (_object(site, names.POLICIES, kind, names.policy(site, choices), spec),)


def autoscale(world: World, site: Site, choices: Random) -> Deeds:
    """An autoscaler for a component that is so calm that it stays as it is."""
    if is_autoscaled(site) or not is_calm(site.application, site.spec):
        return ()
    replicas = site.workload["spec"].get("replicas", 1)
    target = {"type": "Utilization", "averageUtilization": 80}
    spec = {
        "minReplicas": replicas,
        "maxReplicas": replicas + choices.choice((3, 5)),
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": site.spec.workload_kind, "name": site.spec.workload},
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
    }
    kind = ("autoscaling/v2", "HorizontalPodAutoscaler")
    return (_object(site, "horizontalpodautoscalers.autoscaling", kind, site.spec.workload, spec),)


def _object(site: Site, resource: str, kind: tuple[str, str], name: str, spec: Mapping[str, Any]) -> Create:
    """One object in the application's namespace; `kind` is (apiVersion, kind)."""
    meta = {"name": name, "namespace": site.namespace}
    obj = {"apiVersion": kind[0], "kind": kind[1], "metadata": meta, "spec": dict(spec)}
    return Create((resource, site.namespace, name), obj)
