"""Roles and their bindings: four kinds that differ in scope and in what they hold."""

from collections.abc import Iterator
from typing import Any

from kubeworld.kinds.field_errors import FieldError, invalid, required, unsupported
from kubeworld.kinds.kind import Kind
from kubeworld.kinds.shared.columns import DATED, Printer, columns, created
from kubeworld.kinds.shared.formats import path_name
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

_GROUP = "rbac.authorization.k8s.io"


def _default(world: World, obj: Obj) -> Obj:
    subjects = [
        subject if subject.get("kind") == "ServiceAccount" else {"apiGroup": _GROUP, **subject}
        for subject in obj.get("subjects") or ()
    ]
    return {
        **obj,
        "roleRef": {"apiGroup": _GROUP, **(obj.get("roleRef") or {})},
        **({"subjects": subjects} if subjects else {}),
    }


def _errors(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    reference = new.get("roleRef") or {}
    if not reference.get("name"):
        yield required("roleRef.name")
    if reference.get("kind") not in ("Role", "ClusterRole"):
        yield unsupported("roleRef.kind", reference.get("kind", ""), ("ClusterRole", "Role"))
    if old and reference != old.get("roleRef"):
        yield invalid("roleRef", reference, "cannot change roleRef")


def _cells(obj: Obj, now: int) -> list[Any]:
    reference = obj.get("roleRef") or {}
    subjects = obj.get("subjects") or ()
    named = {kind: ", ".join(item["name"] for item in subjects if item["kind"] == kind) for kind in ("User", "Group")}
    accounts = ", ".join(
        f"{item.get('namespace', '')}/{item['name']}" for item in subjects if item["kind"] == "ServiceAccount"
    )
    role = f"{reference.get('kind', '')}/{reference.get('name', '')}"
    return [obj["metadata"]["name"], role, created(obj, now), named["User"], named["Group"], accounts]


def _kind(kind: str, **more: Any) -> Kind:
    return Kind(
        group=_GROUP,
        version="v1",
        kind=kind,
        plural=kind.lower() + "s",
        namespaced=not kind.startswith("Cluster"),
        package="io.k8s.api.rbac.v1",
        has_generation=False,
        name_errors=path_name,
        **more,
    )


_BINDING = {
    "printer": Printer(columns("Name, Role, Age, Users/1, Groups/1, ServiceAccounts/1"), _cells),
    "default": _default,
    "check": _errors,
}
ROLE = _kind("Role", printer=DATED)
ROLE_BINDING = _kind("RoleBinding", **_BINDING)
CLUSTER_ROLE = _kind("ClusterRole", printer=DATED)
CLUSTER_ROLE_BINDING = _kind("ClusterRoleBinding", **_BINDING)
