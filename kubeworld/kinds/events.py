"""Events, recorded, aggregated and rate-limited as client-go's recorder does it, and expired after an hour.

Source: k8s.io/client-go/tools/record/events_cache.go (EventAggregator, EventLogger, EventSourceObjectSpamFilter);
kube-apiserver --event-ttl defaults to one hour.
"""

from typing import Literal

from kubeworld.kinds.catalogue import BY_TABLE
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

TTL_MS = 3_600_000
"""kube-apiserver --event-ttl."""
SIMILAR_LIMIT = 10
"""Events alike but for their message that are written one by one; later ones are combined (maxEvents)."""
SIMILAR_WINDOW_MS = 600_000
"""The ten minutes in which they are counted (defaultAggregateIntervalInSeconds)."""
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
    about = [
        event
        for event in world.store.events_about(uid)
        if event["source"].get("component") == component and event["source"].get("host", "") == host
    ]
    # Dropped without a trace, as the recorder does: whoever repeats itself must not fill etcd.
    if about and _is_flooding(world, about):
        return
    alike = [
        event
        for event in about
        if event["reason"] == reason
        and event["type"] == type_
        and event["involvedObject"].get("fieldPath", "") == field_path
    ]
    message, same = _aggregated(world, alike, message)
    if same is not None:
        now = world.clock.rfc3339()
        world.store.update("events", {**same, "message": message, "count": same["count"] + 1, "lastTimestamp": now})
        return
    involved = _reference(resource, regarding, field_path)
    event = _first(world, involved, reason=reason, message=message, component=component, type_=type_, host=host)
    world.store.create("events", event)


def _aggregated(world: World, alike: list[Obj], message: str) -> tuple[str, Obj | None]:
    """(message to write, event that counts it). None where it is an event of its own."""
    same = next((event for event in alike if event["message"] == message), None)
    if same is not None or len(alike) < SIMILAR_LIMIT:
        return message, same
    since_ms = world.clock.now_ms - SIMILAR_WINDOW_MS
    if sum(world.clock.at_ms(event["lastTimestamp"]) > since_ms for event in alike) < SIMILAR_LIMIT:
        return message, None
    # One event holds them all from here on, under the words of the latest: the reader sees what still happens.
    combined = next((event for event in alike if event["message"].startswith("(combined from")), None)
    return f"(combined from similar events): {message}", combined


def _reference(resource: str, regarding: Obj, field_path: str) -> Obj:
    """The ObjectReference of an event: the object in the version that was looked at."""
    kind = BY_TABLE[resource]
    meta = regarding["metadata"]
    involved = {"apiVersion": kind.api_version, "kind": kind.kind, "name": meta["name"], "uid": meta["uid"]}
    involved["resourceVersion"] = meta["resourceVersion"]
    if meta.get("namespace"):
        involved["namespace"] = meta["namespace"]
    if field_path:
        involved["fieldPath"] = field_path
    return involved


def _first(world: World, involved: Obj, *, reason: str, message: str, component: str, type_: str, host: str) -> Obj:
    """A new event, counted once."""
    now = world.clock.rfc3339()
    return {
        "apiVersion": "v1",
        "kind": "Event",
        # Events about what has no namespace lie in `default` (makeEvent in event.go of client-go's recorder).
        "metadata": {"name": _free_name(world, involved), "namespace": involved.get("namespace", "default")},
        "involvedObject": involved,
        "reason": reason,
        "message": message,
        "source": {"component": component, "host": host} if host else {"component": component},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
        "type": type_,
        "eventTime": None,
        "reportingComponent": component,
        "reportingInstance": host,
    }


def _free_name(world: World, involved: Obj) -> str:
    """`<object>.<nanoseconds in hex>`, as the recorder names events; within a millisecond they follow the revision."""
    namespace, name = involved.get("namespace", "default"), involved["name"]
    below_1_ms = world.store.revision * 37 % 1_000_000
    stamp = (world.clock.epoch_ms + world.clock.now_ms) * 1_000_000 + below_1_ms
    while world.store.get("events", namespace, f"{name}.{stamp:x}") is not None:
        stamp += 1
    return f"{name}.{stamp:x}"


def _is_flooding(world: World, about: list[Obj]) -> bool:
    written = sum(event["count"] for event in about)
    if written < SPAM_BURST:
        return False
    # A token bucket without a bucket: full at the first event, one token back for every interval since then.
    first_ms = min(world.clock.at_ms(event["firstTimestamp"]) for event in about)
    return written >= SPAM_BURST + (world.clock.now_ms - first_ms) // SPAM_REFILL_MS
