"""What each agent of an episode uses: calls and tokens of a policy, reads and bytes of the cluster, time."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from aoi.access.transport import ReadRequest, ReadTransport, Response
from aoi.records.episode import Cost, SpenderName


class Account:
    """Keeps account of one episode."""

    def __init__(self) -> None:
        self._used: dict[SpenderName, Counter[str]] = {}
        self._spent_s: dict[SpenderName, float] = {}

    def spoke(self, who: SpenderName, prompt_tokens: int, completion_tokens: int) -> None:
        """One call of a policy. One that was given, not asked for, costs its tokens no less."""
        self._of(who).update(calls=1, prompt_tokens=prompt_tokens, completion_tokens=completion_tokens)

    def read(self, who: SpenderName, size: int) -> None:
        """One read of the cluster, answered with that many bytes."""
        self._of(who).update(requests=1, bytes=size)

    @contextmanager
    def timing(self, who: SpenderName) -> Iterator[None]:
        """The block is time of that agent."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self._spent_s[who] = self._spent_s.get(who, 0.0) + time.perf_counter() - began

    @property
    def costs(self) -> tuple[Cost, ...]:
        """Of everybody who used anything, in the order in which they began."""
        return tuple(Cost(role=who, **used) for who, used in self._used.items())

    @property
    def spent_ms(self) -> dict[SpenderName, int]:
        """Wall-clock time of each."""
        return {who: round(spent_s * 1000) for who, spent_s in self._spent_s.items()}

    def _of(self, who: SpenderName) -> Counter[str]:
        return self._used.setdefault(who, Counter())


class Counted:
    """A `ReadTransport` whose reads are on somebody's account."""

    def __init__(self, transport: ReadTransport, account: Account, who: SpenderName) -> None:
        self._transport, self._account, self._who = transport, account, who

    def read(self, request: ReadRequest) -> Response:
        """Send one GET. Raises: ClusterUnavailable, which is a read without bytes."""
        size = 0
        try:
            response = self._transport.read(request)
            size = len(response.body)
        finally:
            self._account.read(self._who, size)
        return response
