"""What a cluster is asked to be, object by object: the baseline that a repair must not lose.

Objects in the store are immutable, so an inventory is a dict of references, and comparing it costs little.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from aoi.problems.writes import Key
from aoi.worlds.behaviour import chaos
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

WORKLOADS = ("deployments.apps", "statefulsets.apps", "daemonsets.apps")
RECORDED = (
    *WORKLOADS,
    "services",
    "configmaps",
    "secrets",
    "serviceaccounts",
    "persistentvolumeclaims",
    "persistentvolumes",
    "resourcequotas",
    "limitranges",
    "namespaces",
    "nodes",
    "cronjobs.batch",
    "horizontalpodautoscalers.autoscaling",
    "poddisruptionbudgets.policy",
    "networkpolicies.networking.k8s.io",
    "ingresses.networking.k8s.io",
    "storageclasses.storage.k8s.io",
    "roles.rbac.authorization.k8s.io",
    "rolebindings.rbac.authorization.k8s.io",
    *chaos.EVERY,
)
"""What people and pipelines write. Pods, ReplicaSets, endpoints and events follow from it."""

Inventory = Mapping[Key, Obj]


def capture(world: World) -> Inventory:
    """Every recorded object as it is now."""
    return {
        (resource, obj["metadata"].get("namespace", ""), obj["metadata"]["name"]): obj
        for resource in RECORDED
        for obj in world.store.objects(resource)
        if not is_made(resource, obj)
    }


def is_made(resource: str, obj: Obj) -> bool:
    """Whether a controller made it: what a Schedule of Chaos Mesh makes comes and goes with it."""
    return resource.endswith(".chaos-mesh.org") and bool(obj["metadata"].get("ownerReferences"))


def is_provided(resource: str, obj: Obj) -> bool:
    """Whether a controller made it, a volume for a claim as well."""
    annotations = obj["metadata"].get("annotations") or {}
    return is_made(resource, obj) or "pv.kubernetes.io/provisioned-by" in annotations


def losses(before: Inventory, world: World, mended: Iterable[Key] = (), supplied: Iterable[Key] = ()) -> list[str]:
    """What was there before and is gone, smaller or different now; empty if nothing was lost.

    `mended` are the objects that the fault itself changed: a repair may write them in any way that keeps what
    they are for (they exist, with their replicas, their containers, and what these keep and answer). `supplied` may be
    more than they were, and nothing else.
    """
    free, more, least = set(mended), set(supplied), _autoscaled(before)
    lost = []
    for key, old in before.items():
        new = world.store.get(*key)
        if new is old:
            continue
        name = f"{key[0]}/{key[2]}"
        if new is None or new["metadata"].get("deletionTimestamp"):
            lost.append(f"{name} is gone")
        elif (smaller := _smaller(key[0], old, new, least.get(key))) is not None:
            lost.append(f"{name}: {smaller}")
        elif key not in free and not _is_as_it_was(key, old, new, more):
            lost.append(f"{name} was changed")
    return lost


def _is_as_it_was(key: Key, old: Obj, new: Obj, more: Collection[Key]) -> bool:
    before, now = desired(key[0], old), desired(key[0], new)
    return before == now or (key in more and _holds(now, before))


def _holds(whole: Any, part: Any) -> bool:
    """Whether every field of `part` is in `whole` with its value."""
    if isinstance(part, Mapping) and isinstance(whole, Mapping):
        return all(key in whole and _holds(whole[key], value) for key, value in part.items())
    return bool(whole == part)


def desired(resource: str, obj: Obj) -> dict[str, Any]:
    """An object without what is noted on it: metadata, status, restart marks, and replicas (compared apart)."""
    if resource == "nodes":
        spec = obj.get("spec", {})
        taints = [t for t in spec.get("taints", ()) if not t["key"].startswith("node.kubernetes.io/")]
        return {"unschedulable": bool(spec.get("unschedulable")), "taints": taints}
    if resource in ("namespaces", "serviceaccounts"):
        return {}
    rest = {field: value for field, value in obj.items() if field not in ("metadata", "status")}
    if claim := rest.get("spec", {}).get("claimRef"):  # uid and version are the cluster's, not anybody's wish
        rest["spec"] = {**rest["spec"], "claimRef": {key: claim.get(key) for key in ("namespace", "name")}}
    if resource in WORKLOADS:
        spec = {field: value for field, value in rest["spec"].items() if field != "replicas"}
        template = spec["template"]
        labels = template.get("metadata", {}).get("labels", {})
        rest["spec"] = {**spec, "template": {"labels": labels, "spec": template["spec"]}}
    return rest


def configmaps_of(part: Any) -> set[str]:
    """Names of the ConfigMaps that a pod template refers to, wherever it does."""
    if isinstance(part, Sequence) and not isinstance(part, str):
        return {name for one in part for name in configmaps_of(one)}
    if not isinstance(part, Mapping):
        return set()
    own = {part[key].get("name", "") for key in ("configMap", "configMapRef", "configMapKeyRef") if key in part}
    return own | {name for value in part.values() for name in configmaps_of(value)}


def _autoscaled(before: Inventory) -> dict[Key, int]:
    """Workload -> the fewest replicas that an autoscaler, which was there before, may leave it with."""
    found = {}
    for scaler in (obj for key, obj in before.items() if key[0] == "horizontalpodautoscalers.autoscaling"):
        target, spec = scaler["spec"]["scaleTargetRef"], scaler["spec"]
        key = (f"{target['kind'].lower()}s.apps", scaler["metadata"]["namespace"], target["name"])
        found[key] = spec.get("minReplicas", 1)
    return found


def _smaller(resource: str, old: Obj, new: Obj, least: int | None) -> str | None:
    """Whether an object does less than it did. What an autoscaler gives and takes is not counted."""
    if resource in WORKLOADS:
        return _weaker(old, new, least)
    if resource == "services" and (gone := sorted(_ports(old) - _ports(new))):
        return f"ports {gone} are gone"
    if resource == "services" and (gone := sorted(_doors(old) - _doors(new))):
        return f"{gone} from outside are gone"
    if resource in ("configmaps", "secrets") and (gone := sorted(_said(old) - _said(new))):
        return f"keys {gone} are gone"
    return None


def _weaker(old: Obj, new: Obj, least: int | None) -> str | None:
    asked, asks = (obj["spec"].get("replicas", 1) for obj in (old, new))
    asked = asked if least is None else min(asked, least)
    if asks < asked:
        return f"{asks} replicas, expected at least {asked}"
    for what, of in (
        ("containers", _containers),
        ("init containers", _inits),
        ("probes", _probes),
        ("kept folders", _kept),
        ("files", _given),
        ("logins", _logins),
    ):
        if gone := sorted(of(old) - of(new)):
            return f"{what} {gone} are gone"
    if opened := sorted(_openings(new) - _openings(old)):
        return f"{opened} are open to everybody"
    if late := [name for name, waits_s in _patience(new).items() if waits_s > _most(_patience(old).get(name))]:
        return f"probes {late} are asked too late to say anything"
    if new["spec"].get("paused") and not old["spec"].get("paused"):
        return "its rollouts are paused"
    return None


def _ports(service: Obj) -> set[str]:
    """What clients may call."""
    return {f"{port['port']}/{port.get('protocol', 'TCP')}" for port in service["spec"].get("ports", ())}


def _doors(service: Obj) -> set[str]:
    """Where those come in who are not in the cluster."""
    if service["spec"].get("type", "ClusterIP") not in ("NodePort", "LoadBalancer"):
        return set()
    numbers = {f"node port {port['nodePort']}" for port in service["spec"].get("ports", ()) if port.get("nodePort")}
    return {service["spec"]["type"], *numbers} if service["spec"]["type"] == "LoadBalancer" else numbers


def _said(obj: Obj) -> set[str]:
    """Keys of a ConfigMap or a Secret, and those of the JSON that a value holds: a file of flags loses none of them."""
    found: set[str] = set()
    for key, text in (obj.get("data") or {}).items():
        found.add(key)
        try:
            inside = orjson.loads(text)
        except orjson.JSONDecodeError:
            continue
        found |= {f"{key}: {path}" for path in _paths(inside, JSON_DEPTH)}
    return found


def _paths(value: Any, depth: int) -> Iterator[str]:
    if not isinstance(value, Mapping) or not depth:
        return
    for key, inside in value.items():
        if not str(key).startswith("$"):  # what a file says of its own form
            yield str(key)
        yield from (f"{key}/{path}" for path in _paths(inside, depth - 1))


PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


LOGIN_FLAGS = ("--auth", "--keyFile", "--requirepass", "--aclfile")
"""Of mongod and of Redis."""


JSON_DEPTH = 2
"""Levels of a file at which keys are names of things."""
PATIENT = 2
"""Times what a probe waited for before; whoever gives a container more time than that does not want to know."""
PATIENT_S = 480
"""Less than a repair has to last, with what a container needs to start."""


def _containers(workload: Obj) -> set[str]:
    return {container["name"] for container in workload["spec"]["template"]["spec"]["containers"]}


def _probes(workload: Obj) -> set[str]:
    """Who asks a container whether it is well: without them a bad one counts as ready, and a command may say anything
    where its port was asked before."""
    asked = _asked(workload)
    return {*asked, *(f"{name} of a port" for name, probe in asked.items() if "exec" not in probe)}


def _asked(workload: Obj) -> dict[str, Obj]:
    """container/probe -> the probe."""
    containers = workload["spec"]["template"]["spec"]["containers"]
    return {f"{one['name']}/{probe}": one[probe] for one in containers for probe in PROBES if one.get(probe)}


def _patience(workload: Obj) -> dict[str, int]:
    """container/probe -> seconds until it has said that a container is not well."""
    waits = {
        name: probe.get("initialDelaySeconds", 0) + probe.get("periodSeconds", 10) * probe.get("failureThreshold", 3)
        for name, probe in _asked(workload).items()
    }
    # Nobody else asks before a startup probe has been answered.
    return {name: wait + _startup(waits, name) for name, wait in waits.items()}


def _startup(waits: Mapping[str, int], name: str) -> int:
    container, _, probe = name.rpartition("/")
    return 0 if probe == "startupProbe" else waits.get(f"{container}/startupProbe", 0)


def _most(waited_s: int | None) -> int:
    """How long a probe may wait that once waited so long, or was not there."""
    return max(PATIENT_S, PATIENT * (waited_s or 0))


def _logins(workload: Obj) -> set[str]:
    """Flags that make a database ask who comes: without them everybody gets in, and nothing fails any more."""
    return {
        f"{container['name']} {flag}"
        for container in workload["spec"]["template"]["spec"]["containers"]
        for argument in _words(container)
        if (flag := argument.partition("=")[0]) in LOGIN_FLAGS
    }


def _words(container: Obj) -> tuple[str, ...]:
    """Of its command line."""
    return (*container.get("command", ()), *container.get("args", ()))


def _below(mount: Obj) -> str:
    """Which folder of the claim it is."""
    return f" at {mount['subPath']}" if mount.get("subPath") else ""


def _openings(workload: Obj) -> set[str]:
    """What lets everybody in, or out: a database that asks nobody, a container that may do anything to its node."""
    found = set()
    for container in workload["spec"]["template"]["spec"]["containers"]:
        found |= {f"{container['name']} {word}" for word in _words(container) if word == "--noauth"}
        found |= {
            f"{container['name']} {entry['name']}"
            for entry in container.get("env", ())
            if (entry["name"], entry.get("value")) == ("POSTGRES_HOST_AUTH_METHOD", "trust")
        }
        if (container.get("securityContext") or {}).get("privileged"):
            found.add(f"{container['name']} privileged")
    return found


def _inits(workload: Obj) -> set[str]:
    return {container["name"] for container in workload["spec"]["template"]["spec"].get("initContainers", ())}


def _given(workload: Obj) -> set[str]:
    """Folders of files that somebody wrote for the program: where there is an empty one it starts as well."""
    spec = workload["spec"]["template"]["spec"]
    written = {v["name"] for v in spec.get("volumes", ()) if {"configMap", "secret", "projected"} & v.keys()}
    return {folder for folder, _ in _mounts(workload, written)}


def _kept(workload: Obj) -> set[str]:
    """Folders that lie on a claim, and on which: a database on another one is ready as well, and has forgotten."""
    spec = workload["spec"]["template"]["spec"]
    templates = workload["spec"].get("volumeClaimTemplates", ())
    claims = {claim["metadata"]["name"]: f" of template {claim['metadata']['name']}" for claim in templates}
    claims |= {
        volume["name"]: f" of claim {volume['persistentVolumeClaim']['claimName']}"
        for volume in spec.get("volumes", ())
        if "persistentVolumeClaim" in volume
    }
    return {f"{folder}{claims[mount['name']]}{_below(mount)}" for folder, mount in _mounts(workload, claims)}


def _mounts(workload: Obj, volumes: Collection[str]) -> Iterator[tuple[str, Obj]]:
    """(container:folder, mount) wherever one of the volumes is mounted."""
    for container in workload["spec"]["template"]["spec"]["containers"]:
        for mount in container.get("volumeMounts", ()):
            if mount["name"] in volumes:
                yield f"{container['name']}:{mount['mountPath']}", mount
