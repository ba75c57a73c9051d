"""What share of its requests an installation traces, as whoever installed it says.

The first program that a request meets decides for all behind it. It is told by an environment variable, by a
`sampler` in a file of a ConfigMap, or, an OpenTelemetry SDK, by nothing: then it traces every request.
Sources: https://www.jaegertracing.io/docs/1.57/sampling/, https://opentelemetry.io/docs/languages/sdk-configuration/general/
"""

from collections.abc import Iterator

import yaml

from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

KEPT_EACH_S = 4.0
"""Traces a second that are kept at most: each is built anew whenever somebody asks for it."""
RATIO, SAMPLER, SAMPLER_ARGUMENT, SDK = (
    "JAEGER_SAMPLE_RATIO",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
    "OTEL_SERVICE_NAME",
)


def interval_ms(world: World, workload: Obj | None, rps: float, otherwise_ms: int) -> int:
    """Milliseconds between two traces where `rps` requests a second meet a workload; `otherwise_ms` if it is silent."""
    share = None if workload is None else _share(world, workload)
    if share is None:
        return otherwise_ms
    return int(1000 / min(KEPT_EACH_S, max(rps * share, 1e-3)))


def _share(world: World, workload: Obj) -> float | None:
    """In [0, 1]; None if nothing is said."""
    spec = workload["spec"]["template"]["spec"]
    said = {item["name"]: item.get("value", "") for one in spec["containers"] for item in one.get("env") or ()}
    if RATIO in said:
        return _number(said[RATIO])
    for text in _files(world, workload["metadata"]["namespace"], spec):
        if (share := _sampler(text)) is not None:
            return share
    if SDK not in said:
        return None
    sampler = said.get(SAMPLER, "parentbased_always_on")
    if sampler.endswith("traceidratio"):
        return _number(said.get(SAMPLER_ARGUMENT, "1"))
    return 0.0 if sampler.endswith("always_off") else 1.0


def _files(world: World, namespace: str, spec: Obj) -> Iterator[str]:
    for volume in spec.get("volumes") or ():
        held = world.store.get("configmaps", namespace, (volume.get("configMap") or {}).get("name", ""))
        yield from (held or {}).get("data", {}).values()


def _sampler(text: str) -> float | None:
    """Of a Jaeger client's configuration, JSON or YAML."""
    if "sampler" not in text:
        return None
    try:
        read = yaml.safe_load(text)
    except yaml.YAMLError:  # any other file may have the word
        return None
    sampler = read.get("sampler") if isinstance(read, dict) else None
    if not isinstance(sampler, dict) or sampler.get("type") not in ("const", "probabilistic"):
        return None
    return _number(str(sampler.get("param", "")))


def _number(text: str) -> float | None:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return None
