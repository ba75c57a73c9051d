"""FlowSchemas and PriorityLevelConfigurations. They are kept and shown; no request waits for them.

Source: k8s.io/kubernetes/pkg/apis/flowcontrol/{v1/defaults.go,validation/validation.go}
"""

from collections.abc import Iterator
from typing import Any

from kubeworld.kinds.field_errors import FieldError, forbidden_field, invalid, required, unsupported
from kubeworld.kinds.kind import Kind, Subresource
from kubeworld.kinds.shared.columns import NONE, UNKNOWN, Printer, columns, created
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

_GROUP, _PACKAGE = "flowcontrol.apiserver.k8s.io", "io.k8s.api.flowcontrol.v1"
_HIGHEST_PRECEDENCE = 10_000
_METHODS = ("ByNamespace", "ByUser")
_SUBJECTS = ("Group", "ServiceAccount", "User")
_QUEUING: Obj = {"handSize": 8, "queueLengthLimit": 50, "queues": 64}


def _schema_default(world: World, obj: Obj) -> Obj:
    return {**obj, "spec": {"matchingPrecedence": 1000, **(obj.get("spec") or {})}}


def _schema_errors(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    spec = new["spec"]
    precedence = spec["matchingPrecedence"]
    if precedence <= 0:
        yield invalid("spec.matchingPrecedence", precedence, "must be a positive value")
    elif precedence > _HIGHEST_PRECEDENCE:
        yield invalid("spec.matchingPrecedence", precedence, f"must not be greater than {_HIGHEST_PRECEDENCE}")
    elif precedence == 1 and new["metadata"]["name"] != "exempt":
        why = "only the schema named 'exempt' may have matchingPrecedence 1"
        yield invalid("spec.matchingPrecedence", precedence, why)
    method = (spec.get("distinguisherMethod") or {}).get("type")
    if method is not None and method not in _METHODS:
        yield unsupported("spec.distinguisherMethod.type", method, _METHODS)
    if not (spec.get("priorityLevelConfiguration") or {}).get("name"):
        yield required("spec.priorityLevelConfiguration.name", "must reference a priority level")
    for at, rule in enumerate(spec.get("rules") or ()):
        yield from _rule_errors(rule, f"spec.rules[{at}]")


def _rule_errors(rule: Obj, path: str) -> Iterator[FieldError]:
    if not rule.get("subjects"):
        yield required(f"{path}.subjects", "subjects must contain at least one value")
    for at, subject in enumerate(rule.get("subjects") or ()):
        if subject.get("kind") not in _SUBJECTS:
            yield unsupported(f"{path}.subjects[{at}].kind", str(subject.get("kind", "")), _SUBJECTS)
    if not rule.get("resourceRules") and not rule.get("nonResourceRules"):
        yield required(path, "at least one of resourceRules and nonResourceRules has to be non-empty")
    for at, item in enumerate(rule.get("resourceRules") or ()):
        where = f"{path}.resourceRules[{at}]"
        for field, one in (("verbs", "verb"), ("apiGroups", "api group"), ("resources", "resource")):
            if not item.get(field):
                yield required(f"{where}.{field}", f"resource rules must supply at least one {one}")
        if not item.get("namespaces") and not item.get("clusterScope"):
            why = "resource rules that are not cluster scoped must supply at least one namespace"
            yield required(f"{where}.namespaces", why)


def _schema_cells(obj: Obj, now: int) -> list[Any]:
    spec = obj["spec"]
    dangling = next(
        (c["status"] for c in (obj.get("status") or {}).get("conditions") or () if c.get("type") == "Dangling"), "?"
    )
    return [
        obj["metadata"]["name"],
        (spec.get("priorityLevelConfiguration") or {}).get("name", ""),
        spec["matchingPrecedence"],
        (spec.get("distinguisherMethod") or {}).get("type", NONE),
        created(obj, now),
        dangling,
    ]


FLOW_SCHEMA = Kind(
    group=_GROUP,
    version="v1",
    kind="FlowSchema",
    plural="flowschemas",
    namespaced=False,
    package=_PACKAGE,
    names_missing_fields=True,
    subresources={"status": Subresource(_GROUP, "v1", "FlowSchema")},
    printer=Printer(
        columns("Name, PriorityLevel, MatchingPrecedence:integer, DistinguisherMethod, Age, MissingPL"), _schema_cells
    ),
    default=_schema_default,
    check=_schema_errors,
)


def _level_default(world: World, obj: Obj) -> Obj:
    spec = dict(obj.get("spec") or {})
    if spec.get("type") == "Exempt":
        spec["exempt"] = {"lendablePercent": 0, "nominalConcurrencyShares": 0, **(spec.get("exempt") or {})}
    elif spec.get("limited") is not None:
        limited: Obj = {"lendablePercent": 0, "nominalConcurrencyShares": 30, **spec["limited"]}
        response = limited.get("limitResponse") or {}
        if response.get("type") == "Queue":
            limited["limitResponse"] = {**response, "queuing": {**_QUEUING, **(response.get("queuing") or {})}}
        spec["limited"] = limited
    return {**obj, "spec": spec}


def _level_errors(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    spec = new["spec"]
    match spec.get("type"):
        case "Exempt":
            if spec.get("limited") is not None:
                yield forbidden_field("spec.limited", "must be nil if the type is not Limited")
        case "Limited":
            if spec.get("exempt") is not None:
                yield forbidden_field("spec.exempt", "must be nil if the type is not Exempt")
            if spec.get("limited") is None:
                yield required("spec.limited", "must not be empty when type is Limited")
            else:
                yield from _limit_errors(spec["limited"].get("limitResponse") or {}, "spec.limited.limitResponse")
        case other:
            yield unsupported("spec.type", str(other or ""), ("Exempt", "Limited"))


def _limit_errors(response: Obj, path: str) -> Iterator[FieldError]:
    if response.get("type") not in ("Queue", "Reject"):
        yield unsupported(f"{path}.type", str(response.get("type", "")), ("Queue", "Reject"))
    elif response["type"] == "Reject" and response.get("queuing") is not None:
        yield forbidden_field(f"{path}.queuing", "must be nil if limited.limitResponse.type is not Limited")
    elif response["type"] == "Queue":
        for field, number in response["queuing"].items():
            if number <= 0:
                yield invalid(f"{path}.queuing.{field}", number, "must be positive")


def _level_cells(obj: Obj, now: int) -> list[Any]:
    spec = obj["spec"]
    limited = spec.get("limited") or spec.get("exempt") or {}
    queuing = (limited.get("limitResponse") or {}).get("queuing") or {}
    shares = limited.get("nominalConcurrencyShares", NONE)
    queues = [queuing.get(field, NONE) for field in ("queues", "handSize", "queueLengthLimit")]
    return [obj["metadata"]["name"], spec.get("type", UNKNOWN), shares, *queues, created(obj, now)]


PRIORITY_LEVEL_CONFIGURATION = Kind(
    group=_GROUP,
    version="v1",
    kind="PriorityLevelConfiguration",
    plural="prioritylevelconfigurations",
    namespaced=False,
    package=_PACKAGE,
    names_missing_fields=True,
    subresources={"status": Subresource(_GROUP, "v1", "PriorityLevelConfiguration")},
    printer=Printer(
        columns("Name, Type, NominalConcurrencyShares, Queues, HandSize, QueueLengthLimit, Age"), _level_cells
    ),
    default=_level_default,
    check=_level_errors,
)
