"""What each agent of an episode uses: calls and tokens of a policy, reads and bytes of the cluster, time."""

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from aoi.access.transport import ReadRequest, ReadTransport, Response
from aoi.records.episode import Cost, SpenderName


class Account:
    """Keeps account of one episode, or of a survey, whose reads run beside each other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._used: dict[SpenderName, Counter[str]] = {}
        self._spent_s: dict[SpenderName, float] = {}

    def spoke(self, who: SpenderName, prompt_tokens: int, completion_tokens: int) -> None:
        """One call of a policy. One that was given, not asked for, costs its tokens no less."""
        self._of(who).update(calls=1, prompt_tokens=prompt_tokens, completion_tokens=completion_tokens)

    def read(self, who: SpenderName, size: int) -> None:
        """One read of the cluster, answered with that many bytes."""
        with self._lock:
            self._of(who).update(requests=1, bytes=size)

    def add(self, cost: Cost) -> None:
        """What another account says that somebody used."""
        self._of(cost.role).update(cost.model_dump(exclude={"schema_version", "role"}))

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


def together(*accounts: Iterable[Cost]) -> tuple[Cost, ...]:
    """What several accounts come to, each agent once."""
    total = Account()
    for cost in (cost for costs in accounts for cost in costs):
        total.add(cost)
    return total.costs


def spent_together(*spent_ms: Mapping[SpenderName, int]) -> dict[SpenderName, int]:
    """Milliseconds of several accounts, added up by agent."""
    total: dict[SpenderName, int] = {}
    for who, spent in (pair for each in spent_ms for pair in each.items()):
        total[who] = total.get(who, 0) + spent
    return total


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
