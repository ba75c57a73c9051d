"""APIServices: which server answers for a version of a group, this one or a Service's.

Source: k8s.io/kube-aggregator/pkg/apis/apiregistration/{v1/defaults.go,validation/validation.go}
"""

from collections.abc import Iterator
from typing import Any

from kubeworld.kinds import conditions
from kubeworld.kinds.field_errors import FieldError, invalid, required
from kubeworld.kinds.kind import Kind, Subresource
from kubeworld.kinds.shared.columns import Printer, columns, created
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

GROUP = "apiregistration.k8s.io"
HTTPS_PORT = 443


def _default(world: World, obj: Obj) -> Obj:
    spec = dict(obj.get("spec") or {})
    if spec.get("service") is not None:
        spec["service"] = {"port": HTTPS_PORT, **spec["service"]}
    return {**obj, "spec": spec}


def _errors(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    spec, name = new["spec"], new["metadata"]["name"]
    wanted = f"{spec.get('version', '')}.{spec.get('group', '')}"
    if name != wanted:
        yield invalid("metadata.name", name, f'must be `spec.version+"."+spec.group`: "{wanted}"')
    if not spec.get("version"):
        yield required("spec.version")
    for field, most in (("groupPriorityMinimum", 20000), ("versionPriority", 1000)):
        if not 1 <= spec.get(field, 0) <= most:
            yield invalid(f"spec.{field}", spec.get(field, 0), f"must be positive and less than {most}")
    service = spec.get("service")
    if service is None:
        for field, empty in (("caBundle", ""), ("insecureSkipTLSVerify", False)):
            if spec.get(field, empty) != empty:
                yield invalid(f"spec.{field}", spec[field], "local APIServices may not have it")
        return
    for field in ("namespace", "name"):
        if not service.get(field):
            yield required(f"spec.service.{field}")
    if spec.get("insecureSkipTLSVerify") and spec.get("caBundle"):
        yield invalid("spec.insecureSkipTLSVerify", True, "may not be true if caBundle is present")


def _cells(obj: Obj, now: int) -> list[Any]:
    service = obj["spec"].get("service")
    where = f"{service['namespace']}/{service['name']}" if service else "Local"
    condition = next((c for c in (obj.get("status") or {}).get("conditions") or () if c["type"] == "Available"), None)
    available = "Unknown" if condition is None else condition["status"]
    if condition is not None and available != "True":
        available += f" ({condition['reason']})"
    return [obj["metadata"]["name"], where, available, created(obj, now)]


def is_available(obj: Obj) -> bool:
    """Whether whatever serves it can be reached."""
    return conditions.is_true(obj, "Available")


API_SERVICE = Kind(
    group=GROUP,
    version="v1",
    kind="APIService",
    plural="apiservices",
    namespaced=False,
    categories=("api-extensions",),
    package="io.k8s.kube-aggregator.pkg.apis.apiregistration.v1",
    has_generation=False,
    names_missing_fields=True,
    # `v1.` is the core group's: a name with a dot at its end, which no other kind may have.
    name_errors=lambda name: (),
    subresources={"status": Subresource(GROUP, "v1", "APIService")},
    printer=Printer(columns("Name, Service, Available, Age"), _cells),
    default=_default,
    check=_errors,
)
