"""Nodes under the pods: gone, under pressure, closed.

Source: https://kubernetes.io/docs/reference/node/node-status/
"""

from collections.abc import Iterator

from aoi.estate.components import Identity
from aoi.estate.estate import Estate
from aoi.estate.finding import Finding, Tier, sentence
from aoi.estate.objects import Obj, condition, is_over, is_ready, name, part, spell, text

_PRESSURES = ("DiskPressure", "MemoryPressure", "PIDPressure", "NetworkUnavailable")


def nodes(estate: Estate) -> Iterator[Finding]:
    """Findings about nodes that matter here: pods of these namespaces are on them, or cannot be."""
    for node in estate.of("nodes"):
        ready = condition(node, "Ready")
        affected = _affected(estate, name(node))
        if text(ready, "status") in ("False", "Unknown"):
            since = spell(estate.age_s(text(ready, "lastTransitionTime")))
            why = f"{text(ready, 'reason')}: {text(ready, 'message')}"
            yield from _finding(estate, node, affected, "nodedown", f"has been NotReady for {since} ({why})")
            continue
        for kind in _PRESSURES:
            state = condition(node, kind)
            if text(state, "status") == "True":
                yield from _finding(estate, node, affected, "nodedown", f"has {kind}: {text(state, 'message')}")
                break
        else:
            if part(node, "spec").get("unschedulable") and _wait_for_a_node(estate):
                yield from _finding(estate, node, [], "cordoned", "is cordoned: spec.unschedulable is true")


def _affected(estate: Estate, node: str) -> list[Identity]:
    """Components with pods there that are not ready or on their way out."""
    hit = [
        component.identity
        for component in estate.components
        if any(
            text(pod, "spec", "nodeName") == node and not is_over(pod) and (not is_ready(pod) or _is_leaving(pod))
            for pod in component.pods
        )
    ]
    return list(dict.fromkeys(hit))


def _is_leaving(pod: Obj) -> bool:
    return bool(text(pod, "metadata", "deletionTimestamp"))


def _wait_for_a_node(estate: Estate) -> bool:
    return any(
        text(pod, "status", "phase") == "Pending" and not text(pod, "spec", "nodeName") for pod in estate.of("pods")
    )


def _finding(estate: Estate, node: Obj, affected: list[Identity], word: str, words: str) -> Iterator[Finding]:
    """About the component if one is affected, else about the node."""
    owner = affected[0] if len(affected) == 1 else Identity("Node", "", name(node))
    whose = f"; pods of {', '.join(map(str, affected[:5]))} are on it" if affected else ""
    yield Finding(
        word,
        owner,
        sentence(f"Node/{name(node)} {words}{whose}"),
        Tier.STATED,
        "failing" if affected else "suspect",
        next=(f"kubectl describe node {name(node)}",),
        sightings=(estate.witness.of(node, '"Ready"'),),
        weight=float(len(affected) or 1),
    )
