"""ValidatingAdmissionPolicies and their bindings.

What they say in CEL is checked by `kubeworld/admission/validation.py`.

Source of the defaults: k8s.io/kubernetes/pkg/apis/admissionregistration/v1/defaults.go
"""

from typing import Any

from kubeworld.kinds.kind import Kind, Subresource
from kubeworld.kinds.shared.columns import NONE, UNSET, Printer, columns, created
from kubeworld.machine import selectors
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World


def _policy_default(world: World, obj: Obj) -> Obj:
    """Fail closed, see equivalent versions, select everything."""
    spec = {"failurePolicy": "Fail", **(obj.get("spec") or {})}
    return {**obj, "spec": _with_resources(spec, "matchConstraints")}


def _binding_default(world: World, obj: Obj) -> Obj:
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


def _policy_cells(obj: Obj, now: int) -> list[Any]:
    spec = obj.get("spec") or {}
    kind = spec.get("paramKind")
    wanted = f"{kind['apiVersion']}/{kind['kind']}" if kind else UNSET
    return [obj["metadata"]["name"], len(spec.get("validations") or ()), wanted, created(obj, now)]


def _binding_cells(obj: Obj, now: int) -> list[Any]:
    spec = obj.get("spec") or {}
    reference = spec.get("paramRef") or {}
    name = reference.get("name") or UNSET
    if reference.get("name") and reference.get("namespace"):
        name = f"{reference['namespace']}/{name}"
    elif "selector" in reference:
        name = selectors.written(reference["selector"]) or NONE
    return [obj["metadata"]["name"], spec.get("policyName", ""), name, created(obj, now)]


VALIDATING_ADMISSION_POLICY = Kind(
    group="admissionregistration.k8s.io",
    version="v1",
    kind="ValidatingAdmissionPolicy",
    plural="validatingadmissionpolicies",
    namespaced=False,
    categories=("api-extensions",),
    subresources={"status": Subresource("admissionregistration.k8s.io", "v1", "ValidatingAdmissionPolicy")},
    package="io.k8s.api.admissionregistration.v1",
    names_missing_fields=True,
    printer=Printer(columns("Name, Validations:integer, ParamKind, Age"), _policy_cells),
    default=_policy_default,
)

VALIDATING_ADMISSION_POLICY_BINDING = Kind(
    group="admissionregistration.k8s.io",
    version="v1",
    kind="ValidatingAdmissionPolicyBinding",
    plural="validatingadmissionpolicybindings",
    namespaced=False,
    categories=("api-extensions",),
    package="io.k8s.api.admissionregistration.v1",
    names_missing_fields=True,
    printer=Printer(columns("Name, PolicyName, ParamRef, Age"), _binding_cells),
    default=_binding_default,
)
