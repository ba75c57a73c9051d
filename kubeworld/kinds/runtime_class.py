"""RuntimeClasses: what a pod that names one costs beside its containers, and where it may run."""

from collections.abc import Iterator

from kubeworld.kinds.field_errors import FieldError, invalid
from kubeworld.kinds.kind import Kind
from kubeworld.kinds.shared.columns import Printer, columns, created
from kubeworld.kinds.shared.formats import IMMUTABLE, LABEL, LABEL_TEXT
from kubeworld.machine.store import Obj


def _errors(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    handler = new.get("handler", "")
    if not LABEL.match(handler):
        yield invalid("handler", handler, LABEL_TEXT)
    if old is not None and handler != old.get("handler"):
        yield invalid("handler", handler, IMMUTABLE)


RUNTIME_CLASS = Kind(
    group="node.k8s.io",
    version="v1",
    kind="RuntimeClass",
    plural="runtimeclasses",
    namespaced=False,
    package="io.k8s.api.node.v1",
    has_generation=False,
    printer=Printer(
        columns("Name, Handler, Age"),
        lambda obj, now: [obj["metadata"]["name"], obj.get("handler", ""), created(obj, now)],
    ),
    check=_errors,
)
