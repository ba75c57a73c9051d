"""Turns between a diagnosis, which asks and waits, and an orchestrator, which asks for one action at a time.

The diagnosis runs in a thread of its own, so that it stays what it is everywhere else.
"""

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError

from aoi.errors import ClusterUnavailable

IDLE_S = 900.0
"""Longest wait for the next observation; after it nobody is there any more."""


class Turns:
    """One conversation. `act` is called by the diagnosis, `next` by the orchestrator."""

    def __init__(self, most: int, idle_s: float = IDLE_S) -> None:
        """`most` actions are left to the diagnosis, its last word not counted."""
        self._most, self._idle_s = most, idle_s
        self._heard: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._awaited: Future[str] = Future()
        self._last_word: str | None = None
        self._failure: BaseException | None = None
        self._is_closed = self._is_waited_for = False
        self.used = 0
        """Actions that the diagnosis has taken."""

    def begin(self, work: Callable[[], str]) -> None:
        """Start the diagnosis; what it returns is its last word."""
        threading.Thread(target=self._run, args=(work,), name="aiopslab-diagnosis", daemon=True).start()

    def act(self, action: str) -> str:
        """Take an action and wait for what it brings.

        Raises: ClusterUnavailable if no action is left, or nobody asks any more.
        """
        if self._is_closed:
            raise ClusterUnavailable("the orchestrator asks for no further action")
        if self.used >= self._most:
            raise ClusterUnavailable(f"no step is left: all {self._most} were used")
        self.used += 1
        with self._lock:
            self._settle(action)
        try:
            observation = self._heard.get(timeout=self._idle_s)
        except queue.Empty:
            observation = None
        if observation is None:
            self.close()
            raise ClusterUnavailable("the orchestrator asks for no further action")
        return observation

    async def next(self, observation: str) -> str:
        """Hand over what the last action brought; the next action, or the last word, again and again."""
        with self._lock:
            if self._failure is not None:
                raise self._failure
            if self._last_word is not None:
                return self._last_word
            if self._is_waited_for:
                self._awaited = Future()
                self._heard.put(observation)
            self._is_waited_for = True
            awaited = self._awaited
        try:
            return await asyncio.wrap_future(awaited)
        except asyncio.CancelledError:
            self.close()
            raise

    def close(self) -> None:
        """End the diagnosis with what it has: every further action of it fails."""
        self._is_closed = True
        self._heard.put(None)

    def _run(self, work: Callable[[], str]) -> None:
        try:
            last_word = work()
        except BaseException as error:
            with self._lock:
                self._failure = error
                if not self._awaited.done():
                    self._awaited.set_exception(error)
            return
        with self._lock:
            self._last_word = last_word
            self._settle(last_word)

    def _settle(self, action: str) -> None:
        try:
            self._awaited.set_result(action)
        except InvalidStateError:  # whoever waited has given up
            self._is_closed = True
