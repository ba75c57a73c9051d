"""What containers write to the API, where their runtime says so: Secrets that a Job makes, certificates that it trusts.

Nobody asks whether they may: a container that may not would have failed, and its runtime would say that.
"""

import base64
from collections.abc import Iterator

from kubeworld.kinds.api_service import API_SERVICE
from kubeworld.kinds.catalogue import BY_NAME
from kubeworld.kinds.kind import Kind
from kubeworld.kinds.registry import Registry
from kubeworld.kinds.secret import SECRET
from kubeworld.kinds.versions import stored_form
from kubeworld.kinds.webhook_configuration import MUTATING_WEBHOOK_CONFIGURATION, VALIDATING_WEBHOOK_CONFIGURATION
from kubeworld.kubelet.memory import container_memory
from kubeworld.machine.certificates import key_pair
from kubeworld.machine.runtime import CreateCertificate, CreateObject, TrustCertificate, Work
from kubeworld.machine.store import Change, Name, Obj
from kubeworld.machine.world import Worker, World

_SORTS = {"validating": VALIDATING_WEBHOOK_CONFIGURATION, "mutating": MUTATING_WEBHOOK_CONFIGURATION}


class ContainerWork:
    """Does what containers do to the API, each once, as it happens."""

    name = "container-work"
    watches = ("pods",)

    def wakes_for(self, world: World, change: Change) -> list[tuple[str, Name]]:
        """A pod in which a container has just started or ended."""
        # Every change of every pod comes by here: most are of no runtime that works, and `isinstance` would be slow.
        if not hasattr(world.runtime, "work") or change.verb == "DELETED" or not change.obj.get("status"):
            return []
        return [("pods", change.name)] if any(_changed(change.obj, change.previous)) else []

    def reconcile(self, world: World, resource: str, name: Name) -> None:
        """Ask the runtime about each container that is done, or that runs for good."""
        pod, runtime = world.store.get("pods", *name), world.runtime
        if pod is None or not isinstance(runtime, Worker):
            return
        for container, has_ended in list(_done(world, pod)):
            for work in runtime.work(world, pod, container, has_ended=has_ended):
                do(world, pod, work)


def _changed(new: Obj, old: Obj | None) -> Iterator[bool]:
    for field in ("containerStatuses", "initContainerStatuses"):
        before = {entry["name"]: entry.get("state") for entry in ((old or {}).get("status") or {}).get(field) or ()}
        for entry in new["status"].get(field) or ():
            yield entry.get("state") != before.get(entry["name"])


def _done(world: World, pod: Obj) -> Iterator[tuple[Obj, bool]]:
    status = pod.get("status") or {}
    entries = [*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())]
    states = {entry["name"]: entry.get("state") or {} for entry in entries}
    for container in (*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"]):
        state = states.get(container["name"]) or {}
        memory = container_memory(world, pod, container["name"])
        if "running" in state and memory is not None and memory.exit_ms is None:
            yield container, False
        elif (state.get("terminated") or {"exitCode": 1})["exitCode"] == 0:
            yield container, True


def do(world: World, pod: Obj, work: Work) -> None:
    """One piece of work of a pod's container; what has been done already is left as it is."""
    match work:
        case CreateObject():
            _create(world, pod, dict(work.manifest))
        case CreateCertificate():
            _create(world, pod, _secret(world, pod, work))
        case TrustCertificate():
            _trust(world, pod, work)


def _create(world: World, pod: Obj, manifest: Obj) -> None:
    kind = kind_of(world, manifest)
    if kind is None:
        return
    meta = {key: value for key, value in manifest["metadata"].items() if key != "namespace"}
    if kind.namespaced:
        meta["namespace"] = manifest["metadata"].get("namespace") or pod["metadata"]["namespace"]
    namespace = meta.get("namespace", "")
    if world.store.get(kind.table, namespace, meta["name"]) is not None:
        return
    # Nothing is created in a namespace that is not there: whoever writes does not notice a refusal.
    if namespace and world.store.get("namespaces", "", namespace) is None:
        return
    made = kind.default(world, stored_form(kind, {**manifest, "metadata": meta}))
    world.store.create(kind.table, made)


def kind_of(world: World, manifest: Obj) -> Kind | None:
    """The kind of an object that says its version and kind; None if no such kind is served."""
    group, _, version = str(manifest.get("apiVersion", "")).rpartition("/")
    for kind in Registry(world.store).all():
        if (kind.group, kind.version, kind.kind) == (group, version, manifest.get("kind")):
            return kind
    return BY_NAME.get((group, str(manifest.get("kind"))))


def _secret(world: World, pod: Obj, work: CreateCertificate) -> Obj:
    namespace = work.namespace or pod["metadata"]["namespace"]
    now_ms = world.clock.epoch_ms + world.clock.now_ms
    pair = key_pair(f"{world.seed}/{namespace}/{work.secret}", work.names, now_ms)
    keys = {
        work.authority_key: pair.authority,
        work.certificate_key: pair.certificate,
        work.private_key: pair.key,
    }
    data = {name: base64.b64encode(value).decode() for name, value in keys.items() if name}
    meta = {"name": work.secret, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": work.type, "data": data}


def _trust(world: World, pod: Obj, work: TrustCertificate) -> None:
    namespace = work.namespace or pod["metadata"]["namespace"]
    secret = world.store.get(SECRET.table, namespace, work.secret)
    bundle = ((secret or {}).get("data") or {}).get(work.authority_key)
    if bundle is None:
        return
    for sort in work.sorts if work.webhooks else ():
        table = _SORTS[sort].table
        configuration = world.store.get(table, "", work.webhooks)
        if configuration is not None:
            hooks = [_trusting(hook, bundle, work) for hook in configuration.get("webhooks") or ()]
            changed = hooks != configuration.get("webhooks")
            world.store.update(table, {**configuration, "webhooks": hooks}, spec_changed=changed)
    service = world.store.get(API_SERVICE.table, "", work.api_service) if work.api_service else None
    if service is not None:
        spec = {key: value for key, value in service["spec"].items() if key != "insecureSkipTLSVerify"}
        world.store.update(API_SERVICE.table, {**service, "spec": {**spec, "caBundle": bundle}})


def _trusting(hook: Obj, bundle: str, work: TrustCertificate) -> Obj:
    policy = {"failurePolicy": work.failure_policy} if work.failure_policy else {}
    return {**hook, **policy, "clientConfig": {**hook["clientConfig"], "caBundle": bundle}}
