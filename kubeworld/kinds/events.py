"""Events, recorded, aggregated and rate-limited as client-go's recorder does it, and expired after an hour.

Source: k8s.io/client-go/tools/record/events_cache.go (EventAggregator, EventLogger, EventSourceObjectSpamFilter);
kube-apiserver --event-ttl defaults to one hour.
"""

from typing import Literal

from kubeworld.kinds.catalogue import BY_TABLE
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

TTL_MS = 3_600_000
SIMILAR_LIMIT = 10
"""Events alike but for their message that are written one by one; later ones are combined (maxEvents)."""
SIMILAR_WINDOW_MS = 600_000
SPAM_BURST = 25
"""Events one source may write about one object at once (defaultSpamBurst) ..."""
SPAM_REFILL_MS = 300_000
"""... and the time in which it earns one more (defaultSpamQPS, 1/300 per second)."""


def record(
    world: World,
    resource: str,
    regarding: Obj,
    reason: str,
    message: str,
    *,
    component: str,
    type_: Literal["Normal", "Warning"] = "Normal",
    host: str = "",
    field_path: str = "",
) -> None:
    """Write an event about `regarding`, or count it into one that says the same.

    A repeated message raises `count` and `lastTimestamp`; the eleventh similar event within ten minutes is
    written as "(combined from similar events)"; a source that floods one object is cut off.
    """
    uid = regarding["metadata"]["uid"]
    now = world.clock.rfc3339()
    about = [
        event
        for event in world.store.events_about(uid)
        if event["source"].get("component") == component and event["source"].get("host", "") == host
    ]
    if about and _is_flooding(world, about):
        return
    alike = [
        event
        for event in about
        if event["reason"] == reason
        and event["type"] == type_
        and event["involvedObject"].get("fieldPath", "") == field_path
    ]
    same = next((event for event in alike if event["message"] == message), None)
    if same is None and len(alike) >= SIMILAR_LIMIT:
        recent = [e for e in alike if world.clock.at_ms(e["lastTimestamp"]) > world.clock.now_ms - SIMILAR_WINDOW_MS]
        if len(recent) >= SIMILAR_LIMIT:
            message = f"(combined from similar events): {message}"
            same = next((event for event in alike if event["message"].startswith("(combined from")), None)
    if same is not None:
        world.store.update("events", {**same, "message": message, "count": same["count"] + 1, "lastTimestamp": now})
        return
    kind = BY_TABLE[resource]
    meta = regarding["metadata"]
    namespace = meta.get("namespace", "")
    involved = {"apiVersion": kind.api_version, "kind": kind.kind, "name": meta["name"], "uid": uid}
    involved["resourceVersion"] = meta["resourceVersion"]
    if namespace:
        involved["namespace"] = namespace
    if field_path:
        involved["fieldPath"] = field_path
    source = {"component": component}
    if host:
        source["host"] = host
    event: Obj = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "", "namespace": namespace or "default"},
        "involvedObject": involved,
        "reason": reason,
        "message": message,
        "source": source,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
        "type": type_,
        "eventTime": None,
        "reportingComponent": component,
        "reportingInstance": host,
    }
    event["metadata"]["name"] = _free_name(world, event)
    world.store.create("events", event)


def _free_name(world: World, event: Obj) -> str:
    """`<object>.<nanoseconds in hex>`, as the recorder names events; within a millisecond they follow the revision."""
    involved = event["involvedObject"]
    below_1_ms = world.store.revision * 37 % 1_000_000
    stamp = (world.clock.epoch_ms + world.clock.now_ms) * 1_000_000 + below_1_ms
    while world.store.get("events", event["metadata"]["namespace"], f"{involved['name']}.{stamp:x}") is not None:
        stamp += 1
    return f"{involved['name']}.{stamp:x}"


def _is_flooding(world: World, about: list[Obj]) -> bool:
    written = sum(event["count"] for event in about)
    if written < SPAM_BURST:
        return False
    first_ms = min(world.clock.at_ms(event["firstTimestamp"]) for event in about)
    return written >= SPAM_BURST + (world.clock.now_ms - first_ms) // SPAM_REFILL_MS
