"""Kubernetes resource quantities as integers, and back.

CPU is counted in millicores, everything else in units (bytes, pods). Source:
https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache

from kubeworld.machine.store import Obj

_SUFFIXES = {
    "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1),
    "k": Decimal(10**3), "M": Decimal(10**6), "G": Decimal(10**9), "T": Decimal(10**12),
    "P": Decimal(10**15), "E": Decimal(10**18), "Ki": Decimal(2**10), "Mi": Decimal(2**20),
    "Gi": Decimal(2**30), "Ti": Decimal(2**40), "Pi": Decimal(2**50), "Ei": Decimal(2**60),
}  # fmt: skip


@lru_cache(maxsize=4096)
def parse(text: str | int | float) -> Decimal:
    """The exact value of a quantity. Raises: ValueError."""
    written = str(text)
    number = written.rstrip("numkKMGTPEi")
    suffix = written[len(number) :]
    if suffix not in _SUFFIXES or not number:
        raise ValueError(f"quantity {written!r} is not a number with a Kubernetes suffix")
    return Decimal(number) * _SUFFIXES[suffix]


@lru_cache(maxsize=4096)
def amount(resource: str, text: str | int | float) -> int:
    """A quantity as an integer: millicores for cpu, whole units otherwise, rounded up as Kubernetes does."""
    value = parse(text) * 1000 if is_cpu(resource) else parse(text)
    return int(value.to_integral_value(ROUND_CEILING))


def is_cpu(resource: str) -> bool:
    """Whether `resource` counts processors: `cpu`, `requests.cpu` and `limits.cpu`."""
    return resource == "cpu" or resource.endswith(".cpu")


def write(resource: str, value: int) -> str:
    """An integer amount in canonical form: `1500m`, `2`, `128Mi`."""
    if is_cpu(resource):
        return str(value // 1000) if value % 1000 == 0 else f"{value}m"
    for suffix in ("Ei", "Pi", "Ti", "Gi", "Mi", "Ki"):
        unit = int(_SUFFIXES[suffix])
        if value and value % unit == 0:
            return f"{value // unit}{suffix}"
    return str(value)


def amounts(quantities: Mapping[str, str] | None) -> dict[str, int]:
    """A resource list as integers."""
    return {name: amount(name, text) for name, text in (quantities or {}).items()}


def pod_amounts(pod: Obj, kind: str) -> dict[str, int]:
    """What a pod asks for (`kind` is requests or limits): the larger of its containers' sum and any init container.

    Requests default to limits, as the API server defaults them. Init containers that restart always are sidecars
    and count with the containers. Source:
    https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers
    """
    spec = pod.get("spec") or {}
    total: dict[str, int] = {}
    peak: dict[str, int] = {}
    for container in spec.get("containers") or ():
        _add(total, container_amounts(container, kind))
    for container in spec.get("initContainers") or ():
        wanted = container_amounts(container, kind)
        if container.get("restartPolicy") == "Always":
            _add(total, wanted)
        else:
            for name, value in wanted.items():
                peak[name] = max(peak.get(name, 0), value)
    for name, value in peak.items():
        total[name] = max(total.get(name, 0), value)
    if overhead := spec.get("overhead"):
        _add(total, amounts(overhead))
    return total


def container_amounts(container: Obj, kind: str) -> dict[str, int]:
    """What one container asks for; requests that are not given take the limit."""
    resources = container.get("resources") or {}
    if kind == "requests":
        return {**amounts(resources.get("limits")), **amounts(resources.get("requests"))}
    return amounts(resources.get(kind))


def _add(total: dict[str, int], more: Mapping[str, int]) -> None:
    for name, value in more.items():
        total[name] = total.get(name, 0) + value
