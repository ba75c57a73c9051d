"""Asks again where that can help, within one budget of wall-clock time: lost connections, timeouts, 429 and 5xx.

For reads, and for reviews of access, which change nothing either. A mutating request cannot be given to `Patient`, and
no other code retries. What fails in the end is the answer, or the absence of one, of that one read alone. Second
attempts are counted over all reads, and where nothing comes back nothing more is asked: a server in trouble is left
alone.
"""

import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

from aoi.access.transport import ReadRequest, ReadTransport, Response, TimedReadTransport
from aoi.errors import ClusterUnavailable

ATTEMPTS = 4
REQUEST_S = 20.0
"""Longest that one attempt may take."""
BACKOFF_S = 0.25
"""Wait before the second attempt; doubled for each further one, each with jitter."""
MAX_BACKOFF_S = 4.0
RETRIES = 64
"""Further attempts of all reads together; one is given back for every read that an answer came to."""
GIVE_UP = 16
"""Reads in a row that come to nothing, after which no others of their group are asked."""
THROTTLED = 429
RETRIED = frozenset({THROTTLED, 500, 502, 503, 504})

Trouble = Literal["throttled", "server error", "no answer"]
Asked = Callable[[float], Response]
"""Sends one attempt, which may take that many seconds. Raises: ClusterUnavailable."""


class Patience:
    """A budget of seconds, counted from now, that any number of threads spend together."""

    def __init__(
        self,
        budget_s: float,
        *,
        attempts: int = ATTEMPTS,
        seed: int = 0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`seed` fixes the jitter: the wait depends on it, on what is asked and on the attempt, not on threads."""
        self.budget_s = budget_s
        self._attempts, self._seed = attempts, seed
        self._clock, self._sleep, self._now = clock, sleep, now
        self._ends_s = clock() + budget_s
        self._lock = threading.Lock()
        self._retried: dict[str, Counter[Trouble]] = {}
        self._spare = RETRIES
        self._lost: Counter[str] = Counter()

    @property
    def left_s(self) -> float:
        """Seconds of the budget that are left; 0 when it is spent."""
        return max(0.0, self._ends_s - self._clock())

    @property
    def retried(self) -> Mapping[str, Mapping[Trouble, int]]:
        """What was asked again so far: how often, and after which trouble."""
        with self._lock:
            return {what: dict(counts) for what, counts in self._retried.items()}

    def ask(self, what: str, send: Asked, *, request_s: float = REQUEST_S, group: str = "") -> Response:
        """The first answer that is worth no other attempt, else the last one.

        `group` names what fails together: a node whose logs cannot be had says nothing about lists.
        Raises: ClusterUnavailable if the last attempt brought no answer, or the budget allows none.
        """
        for attempt in range(1, self._attempts + 1):
            left_s = self.left_s
            if why := self._over(left_s, group):
                raise ClusterUnavailable(f"{what}: not asked, {why}")
            outcome = _attempted(send, min(request_s, left_s))
            trouble = _trouble(outcome)
            wait_s = 0.0 if trouble is None else self._wait_s(what, attempt, outcome)
            is_last = trouble is None or attempt == self._attempts or wait_s >= self.left_s
            if trouble is None or is_last or not self._may_retry(what, trouble):
                break
            self._sleep(wait_s)
        is_lost = trouble is not None or (isinstance(outcome, Response) and outcome.is_final)
        with self._lock:
            self._lost[group] = self._lost[group] + 1 if is_lost else 0
            self._spare = min(RETRIES, self._spare + (not is_lost))
        if isinstance(outcome, ClusterUnavailable):
            raise outcome
        return outcome

    def _over(self, left_s: float, group: str) -> str:
        """Why nothing is asked any more; empty as long as it may be."""
        if self._clock() == float("inf"):
            return "interrupted by whoever asked"
        if left_s <= 0:
            return f"the budget of {self.budget_s:g} s is spent"
        if self._lost[group] >= GIVE_UP:
            return f"since {self._lost[group]} reads in a row came to nothing"
        return ""

    def _may_retry(self, what: str, trouble: Trouble) -> bool:
        """Whether there is a second attempt left, which is then taken."""
        with self._lock:
            if self._spare < 1:
                return False
            self._spare -= 1
            self._retried.setdefault(what, Counter())[trouble] += 1
            return True

    def _wait_s(self, what: str, attempt: int, outcome: Response | ClusterUnavailable) -> float:
        jitter = random.Random(f"{self._seed} {what} {attempt}").uniform(0.5, 1.0)
        usual_s = min(MAX_BACKOFF_S, BACKOFF_S * 2 ** (attempt - 1)) * jitter
        told_s = retry_after_s(outcome, self._now()) if isinstance(outcome, Response) else None
        return usual_s if told_s is None else max(told_s, usual_s)


class Patient:
    """A `ReadTransport` that asks another one again within a budget for all its reads together."""

    def __init__(
        self, transport: ReadTransport | TimedReadTransport, patience: Patience, *, request_s: float = REQUEST_S
    ) -> None:
        self._transport, self._patience, self._request_s = transport, patience, request_s

    @property
    def retried(self) -> Mapping[str, Mapping[Trouble, int]]:
        """By path: how often it was asked again, and after which trouble."""
        return self._patience.retried

    def read(self, request: ReadRequest) -> Response:
        """Send one GET, and again. Raises: ClusterUnavailable; HTTP errors are responses, 429 and 5xx included."""
        transport = self._transport

        def send(timeout_s: float) -> Response:
            if isinstance(transport, TimedReadTransport):
                return transport.read_within(request, timeout_s)
            return transport.read(request)

        group = "logs" if request.path.endswith("/log") else str(request.backend)
        return self._patience.ask(request.path, send, request_s=self._request_s, group=group)


def _attempted(send: Asked, timeout_s: float) -> Response | ClusterUnavailable:
    try:
        return send(timeout_s)
    except ClusterUnavailable as error:
        return error


def _trouble(outcome: Response | ClusterUnavailable) -> Trouble | None:
    """None for an answer that another attempt would not change."""
    if isinstance(outcome, ClusterUnavailable):
        return "no answer"
    if outcome.is_final or outcome.status not in RETRIED:
        return None
    return "throttled" if outcome.status == THROTTLED else "server error"


def retry_after_s(response: Response, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for, in either form; a date is compared with the answer's own Date.

    None without a header, or with one that is neither.
    """
    headers = {key.lower(): value for key, value in response.headers.items()}
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", value):
        return float(value)
    until = _date(value)
    if until is None:
        return None
    return max(0.0, (until - (_date(headers.get("date", "")) or now)).total_seconds())


def _date(value: str) -> datetime | None:
    try:
        return parsedate_to_datetime(value).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
