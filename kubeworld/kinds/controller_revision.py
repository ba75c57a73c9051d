"""ControllerRevisions."""

from typing import Any

from kubeworld.kinds.kind import Kind
from kubeworld.kinds.shared.columns import NONE, Printer, columns, created
from kubeworld.machine.store import Obj


def _cells(obj: Obj, now: int) -> list[Any]:
    owner = next((item for item in obj["metadata"].get("ownerReferences") or () if item.get("controller")), None)
    name = NONE
    if owner:
        group = owner["apiVersion"].partition("/")[0] if "/" in owner["apiVersion"] else ""
        name = f"{owner['kind'].lower()}{'.' + group if group else ''}/{owner['name']}"
    return [obj["metadata"]["name"], name, obj.get("revision", 0), created(obj, now)]


CONTROLLER_REVISION = Kind(
    group="apps",
    version="v1",
    kind="ControllerRevision",
    plural="controllerrevisions",
    package="io.k8s.api.apps.v1",
    has_generation=False,
    printer=Printer(columns("Name, Controller, Revision:integer, Age"), _cells),
)
