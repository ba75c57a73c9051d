"""Until when an episode may run, and whether whoever asked still wants it.

Only diagnoses have one: what is collected to learn from depends on its seeds, never on a clock on the wall.
"""

import time
from collections.abc import Callable
from typing import Literal

SLICE_S = 0.1
"""How often whoever waits for something looks whether time is up."""


class TimeIsUp(Exception):
    """The episode ends here, with what it has come to."""

    def __init__(self, ended: Literal["deadline", "cancelled"]) -> None:
        super().__init__(ended)
        self.ended: Literal["deadline", "cancelled"] = ended


class Deadline:
    """A span of wall-clock time from now on. Any thread may ask."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` says infinity once whoever asked wants no more."""
        self.seconds, self._clock = seconds, clock
        self._ends_s = clock() + seconds

    @property
    def left_s(self) -> float:
        """Seconds that are left, 0 when it is over."""
        return max(0.0, self._ends_s - self._clock())

    @property
    def ended(self) -> Literal["deadline", "cancelled"] | None:
        """How it ended; None while there is time."""
        if self.left_s > 0:
            return None
        return "cancelled" if self._clock() == float("inf") else "deadline"

    def check(self) -> None:
        """Raises: TimeIsUp when it is over."""
        if (ended := self.ended) is not None:
            raise TimeIsUp(ended)
