"""CustomResourceDefinitions. What they say is checked by `kubeworld/admission/validation.py`: it may be CEL."""

from kubeworld.kinds.kind import Kind, Subresource
from kubeworld.kinds.shared.columns import DATED
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World


def _default(world: World, obj: Obj) -> Obj:
    """A CustomResourceDefinition is established as soon as it is there."""
    spec: Obj = {"conversion": {"strategy": "None"}, **(obj.get("spec") or {})}
    names = spec.get("names") or {}
    kind = names.get("kind", "")
    spec["names"] = {"listKind": f"{kind}List", "singular": kind.lower(), **names}
    if obj.get("status"):
        return {**obj, "spec": spec}
    now = world.clock.rfc3339()
    stored = [version["name"] for version in spec.get("versions") or () if version.get("storage")]
    conditions = [
        {"type": type_, "status": "True", "reason": reason, "message": message, "lastTransitionTime": now}
        for type_, reason, message in (
            ("NamesAccepted", "NoConflicts", "no conflicts found"),
            ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        )
    ]
    status = {"acceptedNames": spec["names"], "conditions": conditions, "storedVersions": stored}
    return {**obj, "spec": spec, "status": status}


CUSTOM_RESOURCE_DEFINITION = Kind(
    group="apiextensions.k8s.io",
    version="v1",
    kind="CustomResourceDefinition",
    plural="customresourcedefinitions",
    short=("crd", "crds"),
    namespaced=False,
    categories=("api-extensions",),
    subresources={"status": Subresource("apiextensions.k8s.io", "v1", "CustomResourceDefinition")},
    package="io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
    printer=DATED,
    default=_default,
)
