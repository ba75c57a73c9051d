"""APIServices: those that this server answers for itself, and whether the others can be reached.

Source: k8s.io/kube-aggregator/pkg/controllers/status/available_controller.go and autoregister.
"""

from collections.abc import Iterator

from kubeworld.kinds import conditions
from kubeworld.kinds.api_service import API_SERVICE
from kubeworld.kinds.catalogue import KINDS
from kubeworld.kinds.custom_resource_definition import CUSTOM_RESOURCE_DEFINITION
from kubeworld.kinds.endpoint_slice import ENDPOINT_SLICE, SERVICE_NAME, ready_addresses
from kubeworld.kinds.metrics import METRICS
from kubeworld.machine.store import Change, Name, Obj
from kubeworld.machine.world import World

TABLE, DEFINITIONS, SLICES = API_SERVICE.table, CUSTOM_RESOURCE_DEFINITION.table, ENDPOINT_SLICE.table
MANAGED = "kube-aggregator.kubernetes.io/automanaged"
_CUSTOM_PRIORITY, _VERSION_PRIORITY = 1000, 100
Verdict = tuple[bool, str, str]
"""(available, reason, message)."""


class ApiServices:
    """Registers the groups of CustomResourceDefinitions and keeps the condition `Available`."""

    name = "apiservice-availability-controller"
    watches = (TABLE, DEFINITIONS, "services", SLICES)

    def wakes_for(self, world: World, change: Change) -> list[tuple[str, Name]]:
        """The APIService itself; those behind a Service that changed; those of a definition's group."""
        if change.resource in (TABLE, DEFINITIONS):
            return [(change.resource, change.name)] if change.verb != "DELETED" else _of_group(world, change)
        service = change.name[1]
        if change.resource == SLICES:
            service = (change.obj["metadata"].get("labels") or {}).get(SERVICE_NAME, "")
        named = {"namespace": change.name[0], "name": service}
        return [
            (TABLE, ("", obj["metadata"]["name"]))
            for obj in world.store.objects(TABLE)
            if named.items() <= (obj["spec"].get("service") or {}).items()
        ]

    def reconcile(self, world: World, resource: str, name: Name) -> None:
        """Register what is missing, take away what nothing serves, say what can be reached."""
        if resource == DEFINITIONS:
            _register(world, world.store.get(DEFINITIONS, *name))
            return
        obj = world.store.get(TABLE, *name)
        if obj is None or "deletionTimestamp" in obj["metadata"]:
            return
        if (obj["metadata"].get("labels") or {}).get(MANAGED) == "true" and not _is_defined(world, obj["spec"]):
            world.store.delete(TABLE, *name)
            return
        available, reason, message = _availability(world, obj)
        status = obj.get("status") or {}
        new = conditions.with_condition(
            status.get("conditions") or [],
            world.clock.rfc3339(),
            type_="Available",
            status=str(available),
            reason=reason,
            message=message,
        )
        world.store.update(TABLE, {**obj, "status": {**status, "conditions": new}})


def _of_group(world: World, change: Change) -> list[tuple[str, Name]]:
    if change.resource == TABLE:
        return []
    versions = change.obj["spec"].get("versions") or ()
    return [(TABLE, ("", f"{version['name']}.{change.obj['spec']['group']}")) for version in versions]


def _is_defined(world: World, spec: Obj) -> bool:
    return any(
        definition["spec"]["group"] == spec["group"]
        and any(v["name"] == spec["version"] and v.get("served") for v in definition["spec"]["versions"])
        for definition in world.store.objects(DEFINITIONS)
    )


def _register(world: World, definition: Obj | None) -> None:
    if definition is None:
        return
    group = definition["spec"]["group"]
    for version in definition["spec"].get("versions") or ():
        if version.get("served") and world.store.get(TABLE, "", f"{version['name']}.{group}") is None:
            world.store.create(TABLE, local(group, version["name"], "true"))


def local(group: str, version: str, managed: str) -> Obj:
    """The APIService of a version that this server answers for."""
    priorities = {"groupPriorityMinimum": _CUSTOM_PRIORITY, "versionPriority": _VERSION_PRIORITY}
    if managed == "onstart":
        priorities = {"groupPriorityMinimum": 18000 if not group else 17000, "versionPriority": 15 if group else 1}
    return {
        "apiVersion": API_SERVICE.api_version,
        "kind": API_SERVICE.kind,
        "metadata": {"name": f"{version}.{group}", "labels": {MANAGED: managed}},
        "spec": {**({"group": group} if group else {}), "version": version, **priorities},
    }


def local_services() -> Iterator[tuple[str, Obj]]:
    """(table, object) of the versions that a server answers for from its start."""
    served = dict.fromkeys((kind.group, kind.version) for kind in KINDS if kind.package and kind not in METRICS)
    for group, version in served:
        yield TABLE, local(group, version, "onstart")


def _availability(world: World, obj: Obj) -> Verdict:
    service = obj["spec"].get("service")
    if service is None:
        return True, "Local", "Local APIServices are always available"
    described = world.outside.api(obj["metadata"]["name"])
    if described is not None and not described.is_available:
        spec, host = obj["spec"], f"{service['name']}.{service['namespace']}.svc"
        url = f"https://{host}:{service['port']}/apis/{spec['group']}/{spec['version']}"
        why = described.message or f'Get "{url}": context deadline exceeded'
        return False, "FailedDiscoveryCheck", f"failing or missing response from {url}: {why}"
    if described is not None:
        return True, "Passed", "all checks passed"
    return _reachable(world, service)


def _reachable(world: World, service: Obj) -> Verdict:
    namespace, name, port = service["namespace"], service["name"], service["port"]
    stored = world.store.get("services", namespace, name)
    where = f'service/{name} in "{namespace}"'
    if stored is None:
        return False, "ServiceNotFound", f"{where} is not present"
    if stored["spec"].get("type") == "ExternalName":
        return True, "Passed", "all checks passed"
    own = next((item for item in stored["spec"].get("ports") or () if item["port"] == port), None)
    if own is None:
        return False, "ServicePortError", f"{where} is not listening on port {port}"
    if world.outside.address(namespace, name) is None and not ready_addresses(world, namespace, name):
        why = f'endpoints for {where} have no addresses with port name "{own.get("name", "")}"'
        return False, "MissingEndpoints", why
    return True, "Passed", "all checks passed"
