"""How an estate is read: lists in pages and in parallel, logs in bounded ranges, and of each what was not read.

Only a complete answer of the expected shape is data. What was refused, cut, throttled or never asked is a `Gap`, so
that nobody concludes from it that something is absent.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal, TypeVar

from aoi.access.reading import MAX_LIST, READABLES, Readable
from aoi.access.redaction import redact, without_colours
from aoi.access.transport import ReadRequest, ReadTransport, Response
from aoi.errors import ClusterUnavailable, CommandRefused
from aoi.estate.answers import Page, is_item, is_shallow, object_of, page_of, reason_of, words_of
from aoi.estate.objects import Obj
from aoi.estate.pruning import Pruner
from aoi.records.coverage import Coverage, Gap, GapReason, Look

K = TypeVar("K")
V = TypeVar("V")

State = Literal["complete", "unserved", "partial", "unread"]
"""`unserved`: this cluster has no such resource, so there are none of it.
Only `complete` and `unserved` show absence."""

LOG_BYTES = 524_288
"""Of one answer."""
TOTAL_BYTES = 128 * 1024 * 1024
"""Of all answers to one reader, decompressed: what they become in memory is several times as much."""
MAX_PAGES = 40
"""Of one list: 20,000 objects."""
SERVED_BY_ALL = frozenset(
    {
        *("pods", "events", "services", "configmaps", "namespaces", "nodes", "endpoints", "persistentvolumeclaims"),
        *("persistentvolumes", "resourcequotas", "limitranges", "serviceaccounts", "replicationcontrollers"),
        *("deployments.apps", "replicasets.apps", "statefulsets.apps", "daemonsets.apps", "jobs.batch"),
    }
)
"""Every cluster has these: 404 for one of them comes from somebody who is no API server, or not yet."""


@dataclass(frozen=True)
class Listing:
    """The objects of one resource in one namespace, as far as they could be read."""

    key: str
    namespace: str
    items: tuple[Obj, ...] = ()
    state: State = "complete"
    gap: Gap | None = None

    @property
    def shows_absence(self) -> bool:
        """Whether what is not in here is not in the cluster."""
        return self.state in ("complete", "unserved")


@dataclass(frozen=True)
class LogText:
    """What was read of one container's log, redacted."""

    data: bytes = b""
    gap: Gap | None = None


@dataclass
class Reader:
    """Reads one cluster within a budget of wall-clock time, and keeps account of it."""

    transport: ReadTransport
    threads: int = 1
    """Reads at a time. An embedded world is read by one: it is no server."""
    budget_s: float = 60.0
    clock: Callable[[], float] = time.monotonic
    now: datetime | None = None
    """The server's time: its Date header, so that ages do not depend on this machine's clock."""
    _looked: list[Look] = field(default_factory=list)
    _gaps: list[Gap] = field(default_factory=list)
    _pruner: Pruner = field(default_factory=Pruner)
    _received_bytes: int = 0
    _redacting: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._until = self.clock() + self.budget_s

    @property
    def is_spent(self) -> bool:
        """Whether the budget is used up."""
        return bool(self._over())

    def _over(self) -> str:
        """Why nothing more is asked; empty as long as it may be."""
        now_s = self.clock()
        if now_s == float("inf"):
            return "interrupted by whoever asked"
        if self._received_bytes > TOTAL_BYTES:
            return f"{TOTAL_BYTES} bytes were read in all, which is what one survey may read"
        return "the time budget was spent" if now_s > self._until else ""

    def coverage(self, namespaces: tuple[str, ...]) -> Coverage:
        """What has been looked at so far."""
        return Coverage(namespaces=namespaces, looked=tuple(self._looked), gaps=tuple(self._gaps))

    def skip(self, what: str, namespace: str, why: str) -> None:
        """Tell of something that is not read, and why."""
        self._gaps.append(Gap(what=what, namespace=namespace, reason="skipped", detail=why))

    def lists(self, wanted: Iterable[tuple[str, str]]) -> list[Listing]:
        """Read lists of (resource, namespace), several at a time, in the order in which they were asked for."""
        listings = self._all(lambda pair: self._list(*pair), list(wanted))
        for listing in listings:
            if listing.gap is not None:
                self._gaps.append(listing.gap)
            if listing.state in ("complete", "partial"):
                self._looked.append(Look(what=listing.key, namespace=listing.namespace, items=len(listing.items)))
        return listings

    def logs(
        self, wanted: Sequence[tuple[str, str, str, bool]], *, tail: int, since_s: int | None = None
    ) -> list[LogText]:
        """Ends of the logs of (namespace, pod, container, previous), several at a time, in order."""
        logs = self._all(lambda key: self._end_of_log(*key, tail=tail, since_s=since_s), list(wanted))
        for (namespace, pod, container, is_previous), log in zip(wanted, logs, strict=True):
            what = _log_name(pod, container, is_previous=is_previous)
            if log.gap is not None:
                self._gaps.append(log.gap)
            elif log.data:
                self._looked.append(Look(what=what, namespace=namespace, items=log.data.count(b"\n")))
        return logs

    def get(self, key: str | Readable, namespace: str, name: str) -> tuple[Obj | None, int]:
        """One object, or None with the HTTP status that said why. Raises: ClusterUnavailable."""
        readable = READABLES[key] if isinstance(key, str) else key
        try:
            response = self.ask(ReadRequest(readable.path(namespace, name)))
        except CommandRefused:
            return None, 400
        body = object_of(response)
        is_it = body is not None and is_item(body, readable, namespace) and is_shallow(body)
        if not is_it or body is None or body["metadata"]["name"] != name:
            return None, response.status
        typed = {"apiVersion": readable.api_version, "kind": readable.kind}
        return {**typed, **body}, response.status

    def _all(self, read: Callable[[K], V], wanted: list[K]) -> list[V]:
        if self.threads == 1 or len(wanted) < 2:
            return [read(key) for key in wanted]
        with ThreadPoolExecutor(self.threads) as pool:
            return list(pool.map(read, wanted))

    def ask(self, request: ReadRequest) -> Response:
        """Send one GET, and keep the server's time. Raises: ClusterUnavailable."""
        response = self.transport.read(request)
        self._received_bytes += len(response.body)
        date = next((value for key, value in response.headers.items() if key.lower() == "date"), "")
        if date:
            with suppress(ValueError, OverflowError):  # a date that nobody can read says nothing
                self.now = parsedate_to_datetime(date).astimezone(UTC)
        return response

    def _list(self, key: str, namespace: str) -> Listing:
        readable = READABLES[key]
        typed = {"apiVersion": readable.api_version, "kind": readable.kind}
        items: list[Obj] = []
        follow, odd, asked = "", 0, {""}
        for _ in range(MAX_PAGES):
            page = self._page(readable, namespace, follow)
            if page is None and not items and key not in SERVED_BY_ALL:
                return Listing(key, namespace, (), "unserved")
            if not isinstance(page, Page):
                gone = "its further pages are gone" if items else "the server says that it has no such resource"
                reason, detail = page or ("unreadable", gone)
                return self._stopped(key, namespace, items, reason, detail)
            odd += page.odd
            items += [self._pruner.prune({**item, **typed}) for item in page.items]
            if page.follow is None or (page.follow and page.follow in asked):
                return self._stopped(key, namespace, items, "cut", f"the first {len(items)} were read, there are more")
            if not page.follow and odd:
                detail = f"{odd} entries are nested too deeply, or are no {readable.kind} of this namespace in shape"
                return self._stopped(key, namespace, items, "unreadable", detail)
            if not page.follow:
                return Listing(key, namespace, tuple(items))
            follow = page.follow
            asked.add(follow)
        return self._stopped(key, namespace, items, "cut", f"the first {len(items)} were read, there are more")

    def _page(self, readable: Readable, namespace: str, follow: str) -> Page | tuple[GapReason, str] | None:
        """One page of a list, or why there is none; None where the cluster serves no such resource."""
        if why := self._over():
            return "skipped", why
        query = (("limit", str(MAX_LIST)), *((("continue", follow),) if follow else ()))
        try:
            response = self.ask(ReadRequest(readable.path(namespace), query))
        except ClusterUnavailable as error:
            return "unreachable", str(error)
        except CommandRefused as error:  # a token that goes into no query
            return "unreadable", str(error)
        return None if response.status == 404 else page_of(response, readable, namespace)

    def _stopped(self, key: str, namespace: str, items: list[Obj], reason: GapReason, detail: str) -> Listing:
        reason = "cut" if items and reason == "skipped" else reason
        gap = Gap(what=key, namespace=namespace, reason=reason, detail=detail)
        return Listing(key, namespace, tuple(items), "partial" if items else "unread", gap)

    def _end_of_log(
        self, namespace: str, pod: str, container: str, is_previous: bool, *, tail: int, since_s: int | None
    ) -> LogText:
        """The last lines, whole. A server counts `limitBytes` from the first: of long lines, fewer are asked."""
        read = LogText()
        for lines in (tail, *(fewer for fewer in (20, 3, 1) if fewer < tail)):
            read = self._log(namespace, pod, container, is_previous, tail=lines, since_s=since_s)
            if len(read.data) < LOG_BYTES or read.gap is not None:
                return read
        what = _log_name(pod, container, is_previous=is_previous)
        gap = Gap(what=what, namespace=namespace, reason="cut", detail=f"a line has more than {LOG_BYTES} bytes")
        return LogText(read.data, gap)

    def _log(
        self, namespace: str, pod: str, container: str, is_previous: bool, *, tail: int, since_s: int | None
    ) -> LogText:
        what = _log_name(pod, container, is_previous=is_previous)

        def lost(reason: GapReason, detail: str) -> LogText:
            return LogText(b"", Gap(what=what, namespace=namespace, reason=reason, detail=detail))

        if why := self._over():
            return lost("skipped", why)
        query = (("container", container), ("tailLines", str(tail)), ("limitBytes", str(LOG_BYTES)))
        query += (("previous", "true"),) if is_previous else ()
        query += (("sinceSeconds", str(since_s)),) if since_s else ()
        try:
            request = ReadRequest(READABLES["pods"].path(namespace, pod) + "/log", query, accept="*/*")
            response = self.ask(request)
        except ClusterUnavailable as error:
            return lost("unreachable", str(error))
        except CommandRefused as error:
            return lost("unreadable", str(error))
        if response.status in (400, 404):
            return LogText()  # it has not started, or there was none before: the server's way of saying "no log"
        if response.status != 200:
            return lost(reason_of(response), words_of(response))
        with self._redacting:
            # Half a second for a full one: those that came with the last of the budget are not all redacted after it.
            return lost("skipped", why) if (why := self._over()) else self._redacted(response.body, lost)

    @staticmethod
    def _redacted(body: bytes, lost: Callable[[GapReason, str], LogText]) -> LogText:
        """Only a server that heeds no `limitBytes` sends more than that: what it was asked for is the end."""
        gap = lost("cut", f"the last {LOG_BYTES} bytes of {len(body)} were kept").gap
        return LogText(redact(without_colours(body[-LOG_BYTES:])), gap if len(body) > LOG_BYTES else None)


def _log_name(pod: str, container: str, *, is_previous: bool) -> str:
    return f"logs {pod} -c {container}" + (" --previous" if is_previous else "")
