"""Kubernetes resource quantities: their exact value, integers of them, and their canonical form.

CPU is counted in millicores, everything else in units (bytes, pods). Source:
https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

import re
from collections.abc import Mapping
from decimal import ROUND_UP, Context, Decimal
from functools import lru_cache

from kubeworld.machine.store import Obj

_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
"""Powers of 1024."""
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
"""Powers of 10."""
# The grammar of resource.Quantity, in ASCII digits alone. Exponents of more than two digits name amounts that no
# cluster has, and that would take the memory of this one to write out.
_QUANTITY = re.compile(
    r"(?P<number>[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))(?:[eE](?P<exponent>[+-]?[0-9]{1,2})|(?P<suffix>[numkMGTPE]|[KMGTPE]i)?)"
)
_LONGEST = 1000
# As many digits as the longest quantity can have with its exponent or suffix: nothing is rounded unasked.
_EXACT = Context(prec=2 * _LONGEST)


@lru_cache(maxsize=4096)
def parse(text: str | int | float) -> Decimal:
    """The exact value of a quantity, in cores, bytes or pieces. Raises: ValueError."""
    return _read(text)[0]


@lru_cache(maxsize=4096)
def canonical(text: str | int | float) -> str:
    """As Kubernetes writes it back: `1000m` -> `1`, `0.5` -> `500m`, `1024Mi` -> `1Gi`. Raises: ValueError."""
    value, suffix = _read(text)
    if suffix in _BINARY and abs(value) >= 1024 and value == value.to_integral_value():
        whole = int(value)
        divisible = [name for name, power in _BINARY.items() if whole % 1024**power == 0]
        return f"{whole // 1024 ** _BINARY[divisible[-1]]}{divisible[-1]}" if divisible else str(whole)
    # Nothing finer than a billionth is kept, and what is not zero stays so.
    billionths = int(value.scaleb(9, _EXACT).to_integral_value(ROUND_UP))
    if billionths == 0:
        return "0"
    best = max(power for power in _DECIMAL.values() if billionths % 10 ** (power + 9) == 0)
    return f"{billionths // 10 ** (best + 9)}{_NAMES[best]}"


_NAMES = {power: name for name, power in _DECIMAL.items()}


def _read(text: str | int | float) -> tuple[Decimal, str]:
    """(value, suffix). Raises: ValueError."""
    written = str(text)
    if len(written) > _LONGEST:
        raise ValueError(f"a quantity is longer than {_LONGEST} characters")
    match = _QUANTITY.fullmatch(written)
    if match is None:
        raise ValueError(f"quantity {written!r} is not a number with a Kubernetes suffix")
    number, suffix = Decimal(match["number"]), match["suffix"] or ""
    if suffix in _BINARY:
        return _EXACT.multiply(number, Decimal(1024 ** _BINARY[suffix])), suffix
    return number.scaleb(int(match["exponent"] or _DECIMAL[suffix]), _EXACT), suffix


@lru_cache(maxsize=4096)
def amount(resource: str, text: str | int | float) -> int:
    """A quantity as an integer: millicores for cpu, whole units otherwise. Raises: ValueError.

    Rounded up, away from zero, as resource.Quantity.Value does: who asked for a little gets something.
    """
    value = parse(text).scaleb(3, _EXACT) if is_cpu(resource) else parse(text)
    return int(value.to_integral_value(ROUND_UP))


def is_cpu(resource: str) -> bool:
    """Whether `resource` counts processors: `cpu`, `requests.cpu` and `limits.cpu`."""
    return resource == "cpu" or resource.endswith(".cpu")


def write(resource: str, value: int) -> str:
    """An integer amount in canonical form: `1500m`, `2`, `128Mi`."""
    if is_cpu(resource):
        return str(value // 1000) if value % 1000 == 0 else f"{value}m"
    for suffix, power in reversed(_BINARY.items()):
        if value and value % 1024**power == 0:
            return f"{value // 1024**power}{suffix}"
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
