"""Ordinary work on what stands around a component: its Service, what it reads, what it keeps, who may reach it."""

from collections.abc import Mapping
from random import Random
from typing import Any

from aoi.problems import names
from aoi.problems.faults.chaos import resource_of
from aoi.problems.faults.storage import claim_of, new_claim, new_volume
from aoi.problems.inventory import configmaps_of
from aoi.problems.ordinary.workloads import TEAMS, Deeds, made
from aoi.problems.sites import Site
from aoi.problems.writes import Create, Delete, Key, Patch
from aoi.worlds.applications.furniture import autoscaling, is_calm
from aoi.worlds.behaviour.chaos import PAUSE
from kubeworld.machine.world import World

_NOTES = ("OWNER", "CHANGE_TICKET", "REVIEWED_BY")
"""Keys of ConfigMaps and Secrets that no program reads."""
_DRILLS: dict[str, tuple[str, dict[str, Any]]] = {
    "NetworkChaos": ("delay", {"action": "delay", "mode": "one", "delay": {"latency": "5ms"}}),
    "HTTPChaos": ("latency", {"mode": "one", "target": "Request", "method": "*", "path": "*", "delay": "5ms"}),
    "DNSChaos": ("dns", {"action": "error", "mode": "one", "patterns": ["*.example.invalid"]}),
    "StressChaos": ("cpu", {"mode": "one", "stressors": {"cpu": {"workers": 1, "load": 5}}}),
    "IOChaos": ("io", {"action": "latency", "mode": "one", "delay": "1ms", "percent": 10}),
    "PodChaos": ("pod-kill", {"action": "pod-kill", "mode": "one", "gracePeriod": 0}),
}
"""Kind -> (what it is called by, what does little): milliseconds, a name that nobody asks for, one of several pods."""


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
    if not is_lone or site.is_autoscaled:
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
    by_hand: tuple[Create, ...] = ()
    if is_made:
        labels = {"app": site.spec.workload} if choices.random() < 0.3 else None
        place = {
            "hostPath": {"path": f"/data/volumes/{claim}"},
            "claimRef": {"namespace": site.namespace, "name": claim},
        }
        by_hand = (new_volume(volume, place, labels=labels),)
    of = {"storageClassName": "", "volumeName": volume} if is_made else {"storageClassName": classes[0]}
    mount = Patch(site.key, {"spec": {"template": {"spec": mounted}}}, "strategic")
    return (*by_hand, new_claim(site, claim, of), mount)


def exercise(world: World, site: Site, choices: Random) -> Deeds:
    """A chaos experiment that does little and is soon over, or one whose schedule is paused."""
    chosen = {"namespaces": [site.namespace], "labelSelectors": site.application.selector_of(site.spec)}
    if choices.random() < 0.2:
        network = {**_DRILLS["NetworkChaos"][1], "selector": chosen}
        spec = {"schedule": "@every 10m", "type": "NetworkChaos", "historyLimit": 1, "networkChaos": network}
        return (
            _experiment(site, "Schedule", names.experiment(site, "flaps", choices), spec, annotations={PAUSE: "true"}),
        )
    kept = [mount.path for mount in site.spec.mounts if mount.source == "claim"]
    fits = {"HTTPChaos": site.spec.protocol == "http", "IOChaos": bool(kept), "PodChaos": len(site.pods) > 1}
    likely = "IOChaos" if kept else "NetworkChaos"
    kind = choices.choice([likely, *(kind for kind in _DRILLS if fits.get(kind, True))])
    called, little = _DRILLS[kind]
    spec = {**little, "selector": chosen, "duration": choices.choice(("20s", "30s", "45s"))}
    if kind == "HTTPChaos":
        spec["port"] = site.spec.port
    elif kind == "IOChaos":
        spec |= {"volumePath": kept[0], "path": f"{kept[0]}/**/*"}
    return (_experiment(site, kind, names.experiment(site, called, choices), spec),)


def _experiment(site: Site, kind: str, name: str, spec: Mapping[str, Any], **metadata: Mapping[str, str]) -> Create:
    return made(resource_of(kind), site.namespace, ("chaos-mesh.org/v1alpha1", kind), name, spec, **metadata)


def open_up(world: World, site: Site, choices: Random) -> Deeds:
    """A policy that lets everybody in: with others it takes nothing away."""
    spec = {
        "podSelector": {"matchLabels": site.application.selector_of(site.spec)},
        "policyTypes": ["Ingress"],
        "ingress": [dict[str, Any]()],
    }
    kind = ("networking.k8s.io/v1", "NetworkPolicy")
    return (made(names.POLICIES, site.namespace, kind, names.policy(site, choices), spec),)


def autoscale(world: World, site: Site, choices: Random) -> Deeds:
    """An autoscaler for a component that is so calm that it stays as it is."""
    if site.is_autoscaled or not is_calm(site.application, site.spec):
        return ()
    replicas = site.workload["spec"].get("replicas", 1)
    spec = autoscaling(site.spec, replicas, replicas + choices.choice((3, 5)))
    kind = ("autoscaling/v2", "HorizontalPodAutoscaler")
    return (made("horizontalpodautoscalers.autoscaling", site.namespace, kind, site.spec.workload, spec),)
