"""Call graphs of generated applications: layers, who calls whom, and the operations that make the calls."""

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from aoi.worlds.applications.spec import Call, Component, Operation, Protocol

VERBS = ("get", "list", "create", "update", "search", "check", "resolve", "apply", "count", "load")


def layers_of(gateways: list[str], names: list[str], rng: random.Random) -> list[list[str]]:
    """The entry, then two or three layers of services; calls go strictly downwards."""
    depth = min(len(names), rng.choice((2, 2, 3, 3)))
    cuts = sorted(rng.sample(range(1, len(names)), depth - 1))
    rest = [names[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(names)], strict=True)]
    rest[0] = [*gateways[1:], *rest[0]]
    return [gateways[:1], *rest]


def draw_graph(
    layers: list[list[str]], data: Sequence[tuple[Component, str]], rng: random.Random
) -> dict[str, list[str]]:
    """Callees of every component. Each service has a caller in the layer above; data belongs to its owner."""
    graph: dict[str, list[str]] = {name: [] for layer in layers for name in layer}  # callers before callees
    for above, layer in pairwise(layers):
        for name in layer:
            graph[rng.choice(above)].append(name)
    for index, layer in enumerate(layers[:-1]):
        below = [name for later in layers[index + 1 :] for name in later]
        for name in layer:
            for extra in rng.sample(below, min(len(below), rng.choice((0, 1, 1, 2)))):
                if extra not in graph[name]:
                    graph[name].append(extra)
    for component, owner in data:
        graph[owner].append(component.name)
    return graph


def draw_operations(
    protocol: Protocol, graph: dict[str, list[str]], data: dict[str, Component], rng: random.Random
) -> dict[str, tuple[Operation, ...]]:
    """One to three operations each, which together use every callee of the component."""
    names: dict[str, list[str]] = {}
    for name in graph:
        count = rng.choice((1, 2, 2, 3))
        verbs = rng.sample(VERBS, count)
        names[name] = [_operation_name(protocol, name, verb) for verb in verbs]
    result: dict[str, tuple[Operation, ...]] = {}
    base_ms = rng.choice((800, 1000, 1500))
    height = _heights(graph)  # whoever waits for others is given more time than they have
    for name, callees in graph.items():
        operations = []
        for index, operation in enumerate(names[name]):
            calls = []
            for position, callee in enumerate(callees):
                if position % len(names[name]) != index and rng.random() < 0.5:
                    continue
                timeout = base_ms * (1 + height.get(callee, 0))
                if callee in data:
                    kind = data[callee]
                    weight = 1.0 if kind.kind == "cache" else rng.choice((0.3, 0.6, 1.0))
                    engine_operation = kind.operations[0].name
                    calls.append(Call(callee, engine_operation, weight, timeout, critical=kind.kind != "cache"))
                else:
                    calls.append(Call(callee, rng.choice(names[callee]), rng.choice((0.5, 0.8, 1.0, 1.0)), timeout))
            operations.append(Operation(operation, round(rng.uniform(0.8, 9.0), 2), tuple(calls)))
        result[name] = tuple(operations)
    return _without_unused(result, next(iter(graph)))


def _heights(graph: dict[str, list[str]]) -> dict[str, int]:
    """Longest way down from each component."""
    heights: dict[str, int] = {}
    for name in reversed(list(graph)):
        heights[name] = max((1 + heights.get(callee, 0) for callee in graph[name]), default=0)
    return heights


def _without_unused(operations: dict[str, tuple[Operation, ...]], entry: str) -> dict[str, tuple[Operation, ...]]:
    """Drop operations that nobody calls; their calls move to one that is called, so that every edge has traffic."""
    used = {(entry, operation.name) for operation in operations[entry]}
    result: dict[str, tuple[Operation, ...]] = {}
    for name, own in operations.items():  # callers come before callees
        kept = [operation for operation in own if (name, operation.name) in used]
        orphans = [call for operation in own if operation not in kept for call in operation.calls]
        for call in orphans:
            if all(call.callee != other.callee for operation in kept for other in operation.calls):
                kept[0] = replace(kept[0], calls=(*kept[0].calls, call))
        result[name] = tuple(kept)
        used |= {(call.callee, call.operation) for operation in kept for call in operation.calls}
    return result


def _operation_name(protocol: Protocol, name: str, verb: str) -> str:
    title = "".join(part.capitalize() for part in name.split("-"))
    if protocol == "grpc":
        return f"{title}/{verb.capitalize()}"
    return f"{verb.upper()[:3]} /{name}/{verb}" if protocol == "http" else f"{title}.{verb}"
