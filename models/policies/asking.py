"""Many questions to a server at once: bounded in number and in time, and nobody waits for a thread that hangs."""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from aoi.agents.deadline import SLICE_S, Deadline
from aoi.errors import ServerUnavailable

Q = TypeVar("Q")
A = TypeVar("A")

GRACE_S = 2.0
"""For requests under way when nobody is in a hurry."""


class Budget(NamedTuple):
    """Until when all answers have to be there, and what is raised then."""

    ends_s: float
    """Of the monotonic clock."""
    spent: Callable[[], ServerUnavailable]


def answered(
    asked: Sequence[Q],
    answer: Callable[[Q], A],
    *,
    concurrency: int,
    budget: Budget | None = None,
    deadline: Deadline | None = None,
) -> list[A]:
    """The answer to each question, in order. Without a budget, as long as `answer` takes.

    Raises: the first error of `answer`; what the budget says; TimeIsUp.
    Not a `ThreadPoolExecutor`: the interpreter does not end before the threads of one have.
    """
    work = _Work(asked)
    count = min(len(asked), concurrency)
    threads = [threading.Thread(target=work.off, args=(answer,), daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        return work.done(budget, deadline)
    finally:
        work.left.clear()
        grace_s = time.monotonic() + (GRACE_S if deadline is None else 0.0)
        for thread in threads:  # who is under way when the budget is spent is about to notice it
            thread.join(max(0.0, grace_s - time.monotonic()))


class _Work(Generic[Q, A]):
    """Questions that threads work off, and what comes of them."""

    def __init__(self, asked: Sequence[Q]) -> None:
        self.left = deque(enumerate(asked))
        """Questions that nobody has begun: cleared once nobody wants them any more."""
        self._count = len(asked)
        self._done: queue.SimpleQueue[tuple[int, A | BaseException]] = queue.SimpleQueue()

    def off(self, answer: Callable[[Q], A]) -> None:
        """Answer one question after the other until none is left."""
        while True:
            try:
                index, question = self.left.popleft()
            except IndexError:
                return
            try:
                self._done.put((index, answer(question)))
            except BaseException as error:  # it is raised where the answers are waited for
                self._done.put((index, error))

    def done(self, budget: Budget | None, deadline: Deadline | None) -> list[A]:
        """All answers, in order."""
        answers: dict[int, A] = {}
        while len(answers) < self._count:
            if deadline is not None:
                deadline.check()
            if budget is not None and time.monotonic() > budget.ends_s:
                raise budget.spent()
            try:
                index, said = self._done.get(timeout=SLICE_S)
            except queue.Empty:
                continue
            if isinstance(said, BaseException):
                if deadline is not None:  # what broke because its time was over is no error of the server
                    deadline.check()
                raise said
            answers[index] = said
        return [answers[index] for index in range(self._count)]
