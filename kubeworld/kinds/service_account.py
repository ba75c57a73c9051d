"""ServiceAccounts."""

from typing import Any

from kubeworld.kinds.kind import Kind, Subresource
from kubeworld.kinds.shared.columns import Printer, columns, created
from kubeworld.machine.store import Obj


def _cells(obj: Obj, now: int) -> list[Any]:
    return [obj["metadata"]["name"], len(obj.get("secrets") or ()), created(obj, now)]


SERVICE_ACCOUNT = Kind(
    group="",
    version="v1",
    kind="ServiceAccount",
    plural="serviceaccounts",
    short=("sa",),
    subresources={"token": Subresource("authentication.k8s.io", "v1", "TokenRequest", ("create",))},
    package="io.k8s.api.core.v1",
    has_generation=False,
    printer=Printer(columns("Name, Secrets, Age"), _cells),
    answers_deleted=True,
)
