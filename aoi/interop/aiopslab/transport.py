"""A `ReadTransport` over a shell that takes one command at a time and few of them: reads that wait go together."""

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from typing_extensions import override

from aoi.access.redaction import redact
from aoi.access.replay import Key, key_of
from aoi.access.transport import Backend, ReadRequest, Response
from aoi.errors import ClusterUnavailable
from aoi.estate.reading import Reader
from aoi.interop.aiopslab.shell import Outcome, line_for, outcomes_in

MOST_READS = 48
"""In one command: with a tenth of a second for each kubectl they stay well below the 30 s that AIOpsLab allows."""
MOST_THREADS = 128
K = TypeVar("K")
V = TypeVar("V")


class ShellTransport:
    """Reads through `run`, which runs one command line and returns what it printed."""

    def __init__(self, run: Callable[[str], str], token: str) -> None:
        """`token` marks where answers end: something that no text of the cluster can hold."""
        self._run, self._token = run, token
        self._lock = threading.Lock()
        self._busy = 0
        self._waiting: list[tuple[ReadRequest, Future[Response]]] = []
        self._foreseen: dict[Key, Outcome] = {}

    def read(self, request: ReadRequest) -> Response:
        """Send one GET, together with those of other threads. Raises: ClusterUnavailable."""
        request.check()
        if request.backend is not Backend.KUBERNETES:
            return Response(503, f"{request.backend} is not read through a shell".encode(), is_final=True)
        with self._lock:
            known = self._foreseen.pop(key_of(request), None)
        if isinstance(known, Response):
            return known
        if known is not None:
            raise ClusterUnavailable(known)
        answer: Future[Response] = Future()
        with self._lock:
            self._waiting.append((request, answer))
        self._send_if_all_wait()
        return answer.result()

    def foresee(self, requests: Iterable[ReadRequest]) -> None:
        """Read ahead what is certain to be asked for, each once."""
        wanted = list(requests)
        answers: list[Future[Response]] = [Future() for _ in wanted]
        self._send(list(zip(wanted, answers, strict=True)))
        for request, answer in zip(wanted, answers, strict=True):
            error = answer.exception()
            self._foreseen[key_of(request)] = str(error) if error else answer.result()

    def together(self, read: Callable[[K], V], wanted: Sequence[K]) -> list[V]:
        """Do several things that read at once: when all of them wait, one command asks for all."""
        results: list[V] = []
        for start in range(0, len(wanted), MOST_THREADS):
            part = wanted[start : start + MOST_THREADS]
            with self._lock:
                self._busy += len(part)
            with ThreadPoolExecutor(max(1, len(part))) as pool:
                results += pool.map(partial(self._done, read), part)
        return results

    def _done(self, read: Callable[[K], V], key: K) -> V:
        try:
            return read(key)
        finally:
            with self._lock:
                self._busy -= 1
            self._send_if_all_wait()

    def _send_if_all_wait(self) -> None:
        with self._lock:
            if not self._waiting or len(self._waiting) < self._busy:
                return
            batch = self._waiting.copy()
            self._waiting.clear()
        self._send(batch)

    def _send(self, batch: list[tuple[ReadRequest, Future[Response]]]) -> None:
        """Ask until each has its outcome; what was cut off is asked again while that brings anything."""
        batch.sort(key=lambda pair: key_of(pair[0]))  # threads come in any order, commands should not
        most, is_stuck = MOST_READS, False
        while batch:
            now, requests = batch[:most], [request for request, _ in batch[:most]]
            try:
                text = self._run(line_for(requests, self._token))
            except ClusterUnavailable as error:
                for _, answer in batch:
                    answer.set_exception(error)
                return
            outcomes = outcomes_in(text, requests, self._token)
            if not outcomes and (is_stuck or len(batch) == 1):
                why = redact(" ".join(text.split())[:200].encode()).decode()
                now = batch
                outcomes = dict.fromkeys(range(len(now)), f"the shell gave no whole answer: {why}")
            is_stuck = not outcomes
            most = max(1, len(now) // 2) if is_stuck else MOST_READS
            for place, outcome in outcomes.items():
                _settle(now[place][1], outcome)
            batch = [pair for pair in batch if not pair[1].done()]


def _settle(answer: Future[Response], outcome: Outcome) -> None:
    if isinstance(outcome, Response):
        answer.set_result(outcome)
    else:
        answer.set_exception(ClusterUnavailable(outcome))


@dataclass
class ShellReader(Reader):
    """A reader whose reads go together, however many they are."""

    @override
    def _all(self, read: Callable[[K], V], wanted: list[K]) -> list[V]:
        assert isinstance(self.transport, ShellTransport)
        return self.transport.together(read, wanted)
