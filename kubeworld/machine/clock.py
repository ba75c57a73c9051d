"""The simulated clock: integer milliseconds and a heap of timers that are data, never closures."""

import heapq
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True, order=True)
class Timer:
    """Wakes `controller` for (namespace, name) at `at_ms`. Ties fire in the order they were set."""

    at_ms: int
    serial: int
    controller: str
    resource: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class ClockSnapshot:
    """Everything the clock knows."""

    now_ms: int
    serial: int
    heap: tuple[Timer, ...]


class Clock:
    """Simulated time. `epoch_ms` anchors it to the calendar; nothing here reads the wall clock."""

    def __init__(self, epoch_ms: int) -> None:
        self.epoch_ms = epoch_ms
        self.now_ms = 0
        """Since the start of the world."""
        self._serial = 0
        self._heap: list[Timer] = []
        self._formatted: tuple[int, str] = (-1, "")

    def set_timer(self, delay_ms: int, controller: str, resource: str, namespace: str, name: str) -> None:
        """Wake a controller after `delay_ms`. Waking twice is harmless: reconciling is idempotent."""
        # The serial number orders timers of one instant: the same in every process.
        self._serial += 1
        timer = Timer(self.now_ms + max(0, delay_ms), self._serial, controller, resource, namespace, name)
        heapq.heappush(self._heap, timer)

    def next_at_ms(self) -> int | None:
        """When the next timer fires, or None."""
        return self._heap[0].at_ms if self._heap else None

    def pop_due(self) -> Timer | None:
        """The next timer that is due now, or None."""
        if self._heap and self._heap[0].at_ms <= self.now_ms:
            return heapq.heappop(self._heap)
        return None

    def rfc3339(self, at_ms: int | None = None) -> str:
        """Kubernetes' metav1.Time: second precision, UTC."""
        second = (self.epoch_ms + (self.now_ms if at_ms is None else at_ms)) // 1000
        if self._formatted[0] != second:  # most calls ask for the same second: formatting is the slow part
            self._formatted = (second, datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
        return self._formatted[1]

    def at_ms(self, rfc3339: str) -> int:
        """The inverse of `rfc3339`: milliseconds since the start of the world (negative if earlier)."""
        return int(datetime.fromisoformat(rfc3339).timestamp() * 1000) - self.epoch_ms

    def snapshot(self) -> ClockSnapshot:
        """Cheap: timers are immutable."""
        return ClockSnapshot(self.now_ms, self._serial, tuple(self._heap))

    def restore(self, snapshot: ClockSnapshot) -> None:
        """Go back."""
        self.now_ms, self._serial, self._heap = snapshot.now_ms, snapshot.serial, list(snapshot.heap)
