"""Events end an hour after they were last seen (kube-apiserver --event-ttl)."""

from kubeworld.kinds.events import TTL_MS
from kubeworld.machine.store import Change, Name
from kubeworld.machine.world import World

_EXPIRY_TIMER = "event-expiry-timer-ms"


class EventExpiry:
    """Deletes events an hour after they were last seen. One timer for the whole world, at the oldest one's hour."""

    name = "event-expiry"
    watches = ("events",)

    def wakes_for(self, world: World, change: Change) -> list[tuple[str, Name]]:
        """Only the first event of a quiet world starts the clock."""
        return [] if _EXPIRY_TIMER in world.state or change.verb == "DELETED" else [("events", ("", ""))]

    def reconcile(self, world: World, resource: str, name: Name) -> None:
        """Delete what is due and wait for the next."""
        pending = world.state.get(_EXPIRY_TIMER)
        if pending is not None and pending > world.clock.now_ms:
            return
        oldest_ms: int | None = None
        for event in world.store.objects("events"):
            stamp = event.get("lastTimestamp") or event["metadata"]["creationTimestamp"]
            expires_ms = world.clock.at_ms(stamp) + TTL_MS
            if expires_ms <= world.clock.now_ms:
                world.store.delete("events", event["metadata"]["namespace"], event["metadata"]["name"])
            elif oldest_ms is None or expires_ms < oldest_ms:
                oldest_ms = expires_ms
        if oldest_ms is None:
            world.state.pop(_EXPIRY_TIMER, None)
            return
        # A minute's grace batches the expiry of events that were written together.
        due_ms = oldest_ms + 60_000
        world.state[_EXPIRY_TIMER] = due_ms
        world.clock.set_timer(due_ms - world.clock.now_ms, self.name, "events", "", "")
