"""IngressClasses."""

from typing import Any

from kubeworld.kinds.kind import Kind
from kubeworld.kinds.shared.columns import NONE, Printer, columns, created
from kubeworld.machine.store import Obj


def _cells(obj: Obj, now: int) -> list[Any]:
    parameters = obj["spec"].get("parameters") or {}
    shown = (
        f"{parameters.get('kind')}.{parameters.get('apiGroup', '')}/{parameters.get('name')}" if parameters else NONE
    )
    return [obj["metadata"]["name"], obj["spec"].get("controller", ""), shown, created(obj, now)]


INGRESS_CLASS = Kind(
    group="networking.k8s.io",
    version="v1",
    kind="IngressClass",
    plural="ingressclasses",
    namespaced=False,
    package="io.k8s.api.networking.v1",
    printer=Printer(columns("Name, Controller, Parameters, Age"), _cells),
)
