"""API Priority and Fairness: the configuration that every server has, and whether a FlowSchema's level exists.

Source: k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap/default.go and pkg/util/flowcontrol/apf_controller.go
"""

from collections.abc import Iterator

from kubeworld.kinds import conditions
from kubeworld.kinds.flow_control import FLOW_SCHEMA, PRIORITY_LEVEL_CONFIGURATION
from kubeworld.machine.store import Change, Name, Obj
from kubeworld.machine.world import World

SCHEMAS, LEVELS = FLOW_SCHEMA.table, PRIORITY_LEVEL_CONFIGURATION.table
_AUTO = {"apf.kubernetes.io/autoupdate-spec": "true"}

_LIMITED: tuple[tuple[str, int, int, int | None], ...] = (
    # name, nominal shares, lendable percent, hand size (None: what is too much is refused at once)
    ("catch-all", 5, 0, None),
    ("global-default", 20, 50, 6),
    ("leader-election", 10, 0, 4),
    ("node-high", 40, 25, 6),
    ("system", 30, 33, 6),
    ("workload-high", 40, 50, 6),
    ("workload-low", 100, 90, 6),
)
_QUEUES = {"leader-election": 16, "node-high": 64, "system": 64}
_QUEUES_OTHERWISE, _QUEUE_LENGTH = 128, 50
_ANYWHERE: Obj = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"], "clusterScope": True}
_ANY_PATH: Obj = {"verbs": ["*"], "nonResourceURLs": ["*"]}
_PROBES: Obj = {"verbs": ["get"], "nonResourceURLs": ["/healthz", "/readyz", "/livez"]}
_LEASES: Obj = {
    "verbs": ["get", "create", "update"],
    "apiGroups": ["coordination.k8s.io"],
    "resources": ["leases"],
    "namespaces": ["*"],
}
_SYSTEM_LEASES: Obj = {**_LEASES, "namespaces": ["kube-system"]}
_ENDPOINTS: Obj = {
    "verbs": ["get", "create", "update"],
    "apiGroups": [""],
    "resources": ["endpoints"],
    "namespaces": ["*"],
}
_NODE_STATUS: Obj = {**_ANYWHERE, "apiGroups": [""], "resources": ["nodes", "nodes/status"]}
_NODE_LEASES: Obj = {**_LEASES, "verbs": ["*"]}


def _group(name: str) -> Obj:
    return {"kind": "Group", "group": {"name": name}}


def _user(name: str) -> Obj:
    return {"kind": "User", "user": {"name": name}}


def _account(name: str, namespace: str = "kube-system") -> Obj:
    return {"kind": "ServiceAccount", "serviceAccount": {"name": name, "namespace": namespace}}


_EVERYBODY = [_group("system:unauthenticated"), _group("system:authenticated")]
_NODES = [_group("system:nodes")]
_SCHEMAS: tuple[tuple[str, str, int, str, list[Obj], list[Obj], list[Obj]], ...] = (
    # name, level, precedence, distinguisher, subjects, resource rules, paths
    ("exempt", "exempt", 1, "", [_group("system:masters")], [_ANYWHERE], [_ANY_PATH]),
    ("probes", "exempt", 2, "", _EVERYBODY, [], [_PROBES]),
    ("system-leader-election", "leader-election", 100, "ByUser",
     [_user("system:kube-controller-manager"), _user("system:kube-scheduler"), _account("*")], [_SYSTEM_LEASES], []),
    ("endpoint-controller", "workload-high", 150, "ByUser",
     [_user("system:kube-controller-manager"), _account("endpoint-controller"),
      _account("endpointslicemirroring-controller")], [_ENDPOINTS], []),
    ("workload-leader-election", "leader-election", 200, "ByUser", [_account("*")], [_LEASES], []),
    ("system-node-high", "node-high", 400, "ByUser", _NODES, [_NODE_STATUS, _NODE_LEASES], []),
    ("system-nodes", "system", 500, "ByUser", _NODES, [_ANYWHERE], [_ANY_PATH]),
    ("kube-controller-manager", "workload-high", 800, "ByNamespace", [_user("system:kube-controller-manager")],
     [_ANYWHERE], [_ANY_PATH]),
    ("kube-scheduler", "workload-high", 800, "ByNamespace", [_user("system:kube-scheduler")], [_ANYWHERE], [_ANY_PATH]),
    ("kube-system-service-accounts", "workload-high", 900, "ByNamespace", [_account("*")], [_ANYWHERE], [_ANY_PATH]),
    ("service-accounts", "workload-low", 9000, "ByUser", [_group("system:serviceaccounts")], [_ANYWHERE], [_ANY_PATH]),
    ("global-default", "global-default", 9900, "ByUser", _EVERYBODY, [_ANYWHERE], [_ANY_PATH]),
    ("catch-all", "catch-all", 10000, "ByUser", _EVERYBODY, [_ANYWHERE], [_ANY_PATH]),
)  # fmt: skip


def bootstrap_configuration() -> Iterator[tuple[str, Obj]]:
    """(table, object) of what a server starts with."""
    exempt: Obj = {"type": "Exempt", "exempt": {"lendablePercent": 0, "nominalConcurrencyShares": 0}}
    yield LEVELS, _made(PRIORITY_LEVEL_CONFIGURATION.kind, "exempt", exempt)
    for name, shares, lendable, hand in _LIMITED:
        response: Obj = {"type": "Reject"}
        if hand is not None:
            queues = _QUEUES.get(name, _QUEUES_OTHERWISE)
            queuing = {"handSize": hand, "queueLengthLimit": _QUEUE_LENGTH, "queues": queues}
            response = {"type": "Queue", "queuing": queuing}
        limited = {"limitResponse": response, "lendablePercent": lendable, "nominalConcurrencyShares": shares}
        yield LEVELS, _made(PRIORITY_LEVEL_CONFIGURATION.kind, name, {"type": "Limited", "limited": limited})
    for name, level, precedence, method, subjects, resources, paths in _SCHEMAS:
        rule: Obj = {"subjects": subjects}
        rule |= {"resourceRules": resources} if resources else {}
        rule |= {"nonResourceRules": paths} if paths else {}
        spec: Obj = {"matchingPrecedence": precedence, "priorityLevelConfiguration": {"name": level}, "rules": [rule]}
        spec |= {"distinguisherMethod": {"type": method}} if method else {}
        yield SCHEMAS, _made(FLOW_SCHEMA.kind, name, spec)


def _made(kind: str, name: str, spec: Obj) -> Obj:
    meta = {"name": name, "annotations": dict(_AUTO)}
    return {"apiVersion": FLOW_SCHEMA.api_version, "kind": kind, "metadata": meta, "spec": spec}


class FlowController:
    """Writes the condition `Dangling` of FlowSchemas."""

    name = "api-priority-and-fairness"
    watches = (SCHEMAS, LEVELS)

    def wakes_for(self, world: World, change: Change) -> list[tuple[str, Name]]:
        """A schema itself; those of a level that comes or goes."""
        if change.resource == SCHEMAS:
            return [] if change.verb == "DELETED" else [(SCHEMAS, change.name)]
        if change.verb == "MODIFIED":
            return []
        return [
            (SCHEMAS, ("", schema["metadata"]["name"]))
            for schema in world.store.objects(SCHEMAS)
            if _level(schema) == change.name[1]
        ]

    def reconcile(self, world: World, resource: str, name: Name) -> None:
        """Look for its level."""
        schema = world.store.get(SCHEMAS, *name)
        if schema is None:
            return
        level = _level(schema)
        is_there = world.store.get(LEVELS, "", level) is not None
        what = f'This FlowSchema references the PriorityLevelConfiguration object named "{level}"'
        status = schema.get("status") or {}
        new = conditions.with_condition(
            status.get("conditions") or [],
            world.clock.rfc3339(),
            type_="Dangling",
            status="False" if is_there else "True",
            reason="Found" if is_there else "NotFound",
            message=f"{what} and it exists" if is_there else f"{what} but there is no such object",
        )
        world.store.update(SCHEMAS, {**schema, "status": {**status, "conditions": new}})


def _level(schema: Obj) -> str:
    return str((schema["spec"].get("priorityLevelConfiguration") or {}).get("name", ""))
