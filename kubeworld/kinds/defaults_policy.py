"""Defaults of ValidatingAdmissionPolicies and their bindings.

Source: k8s.io/kubernetes/pkg/apis/admissionregistration/v1/defaults.go
"""

from kubeworld.machine.store import Obj
from kubeworld.machine.world import World


def admission_policy(world: World, obj: Obj) -> Obj:
    """Fail closed, see equivalent versions, select everything."""
    spec = {"failurePolicy": "Fail", **(obj.get("spec") or {})}
    return {**obj, "spec": _with_resources(spec, "matchConstraints")}


def admission_binding(world: World, obj: Obj) -> Obj:
    """The same for what a binding adds to the match."""
    return {**obj, "spec": _with_resources(obj.get("spec") or {}, "matchResources")}


def _with_resources(spec: Obj, field: str) -> Obj:
    resources = spec.get(field)
    if resources is None:
        return spec
    new: Obj = {"matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {}, **resources}
    for name in ("resourceRules", "excludeResourceRules"):
        if new.get(name):
            new[name] = [{**rule, "scope": rule.get("scope") or "*"} for rule in new[name]]
    return {**spec, field: new}
