"""Takes diagnoses that are asked for, makes them in their turn, and gives them back: what `aoi serve` stands on.

Each is on disk before whoever asked is told its name. A server that is killed leaves what it had not finished to the
next one on the same database. Looking changes nothing, so what was begun may be begun again.
"""

import secrets
import sys
import threading
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from typing_extensions import override

from aoi import progress
from aoi.access.asked import redacted
from aoi.access.redaction import redact_text
from aoi.database.leases import Lease
from aoi.database.submissions import SubmissionBook
from aoi.errors import AoiError, QueueFull, StoreUnavailable, UnknownSubmission
from aoi.problems import catalogue
from aoi.records.event import Event
from aoi.records.request import DiagnosisRequest
from aoi.records.submission import State, Submission
from aoi.settings import ServeSettings
from tasks.clusters import cluster_named
from tasks.diagnose import diagnose
from tasks.live import SurveyClock
from tasks.troubles import INTERNAL, trouble_of
from tasks.workspace import workspace

PROBLEMS = "(problem)"
"""Stands for a cluster where worlds of ours are diagnosed; no cluster can be called that."""
MAX_ATTEMPTS = 3
"""After so many servers that did not survive one diagnosis, it is not begun again."""
MAX_EVENTS = 2_000
REMEMBERED = 500
"""Diagnoses that are over and whose events are still told."""
RETRY_S, RETRIES = 5.0, 12
"""A result is written again for a minute where the database is away."""
STALE = timedelta(days=1)
"""What was asked for longer ago and not finished is not begun again: whoever asked has asked again."""
TAKE_OVER_S = 30.0
"""How often an idle worker looks for what other servers left."""
JOIN_S = 20.0
"""How long the end waits for those that run: longer than one request to a cluster may take."""

Observe = Callable[[str, str, float], None]
"""Is told of each end: state, cluster, seconds."""


@dataclass(eq=False)
class Job:
    """A submission that this server makes, or has made."""

    submission: Submission
    clock: SurveyClock = field(default_factory=SurveyClock)
    events: list[Event] = field(default_factory=list)
    is_cancelled: bool = False

    @property
    def cluster(self) -> str:
        """Of which so many run at once."""
        return self.submission.request.cluster or PROBLEMS

    def become(self, **changes: Any) -> Submission:
        """The submission, changed. Raises: pydantic.ValidationError."""
        self.submission = Submission.model_validate({**dict(self.submission), **changes})
        return self.submission


class _Heard(progress.Silence):
    """Keeps what happens, for those who listen now and later."""

    def __init__(self, events: list[Event]) -> None:
        self._events = events

    @override
    def tell(self, event: Event) -> None:
        if len(self._events) < MAX_EVENTS:
            self._events.append(event)


class Desk:
    """One server's queue and its workers. Any thread may call."""

    def __init__(self, settings: ServeSettings, observe: Observe = lambda *_: None) -> None:
        """Nothing is begun before `open`."""
        self._settings, self._observe = settings, observe
        self._book = SubmissionBook(workspace().database)
        self._server = f"serve:{secrets.token_hex(8)}"
        self._lease: Lease | None = None
        self._is_heir = False
        self._jobs: dict[str, Job] = {}
        self._over: deque[str] = deque()
        self._queue: list[Job] = []
        self._entering = 0
        """Places in the queue of those that are being written down."""
        self._running: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._once = threading.Lock()
        self.is_draining = False
        self._threads: list[threading.Thread] = []

    def open(self, *, is_heir: bool = True) -> None:
        """Begin; an heir takes over what dead servers left, now and later. Raises: DatabaseUnavailable."""
        self._is_heir = is_heir
        self._lease = workspace().leases.take(self._server)
        if is_heir:
            self.take_over()
        for number in range(self._settings.workers):
            # Daemons: an end that waited long enough for them need not wait for ever.
            thread = threading.Thread(target=self._work, name=f"diagnosis-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def take_over(self) -> int:
        """Queue what servers left that are gone. Returns how many. Raises: DatabaseUnavailable."""
        self._book.forget(datetime.now(UTC) - timedelta(days=self._settings.keep_days))
        left = self._book.unfinished()
        others = {name for name, _ in left} - {self._server}
        gone = {name for name in others if not workspace().leases.is_taken(name)}
        found = 0
        for former, submission in left:
            if len(self._queue) + self._entering >= self._settings.queue:
                break  # the rest when there is room, by whoever has it
            if former in gone and self._book.adopt(submission.id, former, self._server):
                self._inherit(Job(submission))
                found += 1
        return found

    def _inherit(self, job: Job) -> None:
        """Queue what another server left, unless whoever asked has long stopped waiting."""
        self._jobs[job.submission.id] = job
        if datetime.now(UTC) - job.submission.submitted_at > STALE:
            self._end(job, "failed", time.monotonic(), trouble=_LATE)
            return
        job.become(state="queued", started_at=None)
        with self._changed:
            self._queue.append(job)
            self._changed.notify()

    def submit(self, request: DiagnosisRequest, by: str) -> Submission:
        """Take a request, its budget cut to what the settings allow.

        Raises: UnknownCluster, UnknownProblem; QueueFull if it cannot be taken now.
        """
        return self._enter(self._checked(request), by)

    def submit_once(self, request: DiagnosisRequest, by: str) -> Submission:
        """As `submit`; one that asks the same and is not over stands for it."""
        asked = self._checked(request)
        with self._once:  # two that come at the same moment are one as well
            held = [job.submission for job in list(self._jobs.values())]
            known = next((one for one in held if one.request == asked and not one.is_over), None)
            return known or self._enter(asked, by)

    def _checked(self, request: DiagnosisRequest) -> DiagnosisRequest:
        """As it is kept. Raises: UnknownCluster, UnknownProblem."""
        if request.problem is not None:
            catalogue.get(request.problem)
        else:
            cluster_named(request.cluster or "")
        most_s = self._settings.budget_s
        return redacted(request).model_copy(update={"budget_s": min(request.budget_s or most_s, most_s)})

    def _enter(self, asked: DiagnosisRequest, by: str) -> Submission:
        with self._changed:
            self._refuse_if_full()
            self._entering += 1
        job = Job(Submission(id=secrets.token_hex(16), request=asked, by=by, submitted_at=datetime.now(UTC)))
        is_entered = False
        try:
            self._book.enter(job.submission, self._server)
            is_entered = True
        finally:
            with self._changed:
                self._entering -= 1
                if is_entered:
                    self._jobs[job.submission.id] = job
                    self._queue.append(job)
                    self._changed.notify()
        return job.submission

    def _refuse_if_full(self) -> None:
        if self.is_draining:
            raise QueueFull("this server is about to end and takes nothing more: ask again, another one may answer")
        waiting = len(self._queue) + self._entering
        if waiting >= self._settings.queue:
            raise QueueFull(f"{waiting} diagnoses wait already, and no more may (AOI_SERVE__QUEUE). Ask again later")

    def held(self, identity: str) -> Submission | None:
        """One that this server makes or has lately made, from memory."""
        job = self._jobs.get(identity)
        return job.submission if job else None

    def find(self, identity: str) -> Submission:
        """Of this server, or of any on the same database. Raises: UnknownSubmission."""
        return self.held(identity) or self._book.get(identity)

    def newest(self, most: int) -> list[Submission]:
        """At most so many, the newest first."""
        return self._book.newest(most)

    def told(self, identity: str, after: int = 0) -> list[Event]:
        """What has happened in it, beyond the first so many; nothing of one that another server makes."""
        job = self._jobs.get(identity)
        return job.events[after:] if job else []

    def cancel(self, identity: str) -> Submission:
        """End it early; what it has come to is its answer. One that is over stays as it is. Raises: UnknownSubmission.

        One that another server makes cannot be reached from here, and says so.
        """
        job = self._jobs.get(identity)
        if job is None:
            known = self._book.get(identity)
            if known.is_over:
                return known
            raise UnknownSubmission(f"diagnosis {identity} is made by another server: cancel it there")
        with self._changed:
            is_waiting = job in self._queue
            if is_waiting:
                self._queue.remove(job)
        if is_waiting:
            self._end(job, "cancelled", time.monotonic())
        elif not job.submission.is_over:
            job.is_cancelled = True
            job.clock.stop()
        return job.submission

    def counts(self) -> tuple[int, Mapping[str, int]]:
        """How many wait, and how many run by cluster."""
        return len(self._queue), dict(self._running)

    def drain(self) -> None:
        """Take nothing more, and let those that run end with what they have. Takes no lock: a signal handler calls."""
        self.is_draining = True
        for job in list(self._jobs.values()):
            if job.submission.state == "running":
                job.clock.stop()

    def close(self) -> None:
        """Drain, wait for those that run, and leave what waits to the next server."""
        self.drain()
        with self._changed:
            self._changed.notify_all()
        ends_s = time.monotonic() + JOIN_S
        for thread in self._threads:
            thread.join(max(0.0, ends_s - time.monotonic()))
        if self._lease is not None:
            workspace().leases.give_back(self._lease)

    # In the workers' threads -----------------------------------------------------------------------------------

    def _work(self) -> None:
        while not self.is_draining:
            try:
                if (job := self._next()) is not None:
                    self._make(job)
                elif self._is_heir and not self.is_draining:
                    self.take_over()
            except Exception as error:  # a worker outlives whatever broke
                log(error)

    def _next(self) -> Job | None:
        """The oldest whose cluster has room, taken out of the queue; None if none came for a while."""
        with self._changed:
            if not self._ready():
                self._changed.wait(TAKE_OVER_S)
            ready = self._ready()
            if not ready or self.is_draining:
                return None
            job = ready[0]
            self._queue.remove(job)
            self._running[job.cluster] += 1
            job.clock = SurveyClock()  # its time begins now
            job.become(state="running", started_at=datetime.now(UTC), attempts=job.submission.attempts + 1)
            return job

    def _ready(self) -> list[Job]:
        most = self._settings.per_cluster
        return [job for job in self._queue if self._running[job.cluster] < most]

    def _make(self, job: Job) -> None:
        began_s = time.monotonic()
        try:
            if job.submission.attempts > MAX_ATTEMPTS:
                self._end(job, "failed", began_s, trouble=_OUTLIVED)
            elif self._is_begun(job):
                self._ask(job, began_s)
        finally:
            with self._changed:
                self._running[job.cluster] -= 1
                self._changed.notify_all()

    def _is_begun(self, job: Job) -> bool:
        """Whether the database knows that it runs here. If it is away the job waits again; if it is no longer this
        server's, whoever has it tells of it."""
        try:
            is_ours = self._book.change(job.submission, self._server)
        except AoiError as error:
            log(error)
            with self._changed:
                self._put_back(job)
                self._queue.insert(0, job)
            time.sleep(RETRY_S)
            return False
        if not is_ours:
            self._drop(job)
        return is_ours

    def _put_back(self, job: Job) -> None:
        """It was not begun after all."""
        job.become(state="queued", started_at=None, attempts=job.submission.attempts - 1)

    def _drop(self, job: Job) -> None:
        """Another server took it over, or it was purged: nothing is told of it from here."""
        job.clock.stop()
        self._jobs.pop(job.submission.id, None)

    def _ask(self, job: Job, began_s: float) -> None:
        """Diagnose. Whatever comes of it, the submission says it."""
        try:
            with progress.reporting_to(_Heard(job.events)):
                diagnosis = diagnose(job.submission.request, clock=job.clock)
            if diagnosis.kept_as is None:
                raise StoreUnavailable("an answer was found, and the store did not take it. Ask again later")
        except AoiError as error:
            if self.is_draining and not job.is_cancelled:
                self._put_back(job)
                self._write(job)  # nothing was seen: the next server begins again
            else:
                state: State = "cancelled" if job.is_cancelled else "failed"
                self._end(job, state, began_s, trouble=trouble_of(error))
        except Exception as error:
            log(error)
            self._end(job, "failed", began_s, trouble=INTERNAL)
        else:
            is_early = diagnosis.ended in ("interrupted", "cancelled")
            self._end(job, "cancelled" if is_early else "done", began_s, answer=diagnosis.kept_as)

    def _end(self, job: Job, state: State, began_s: float, **outcome: Any) -> None:
        job.become(state=state, ended_at=datetime.now(UTC), **outcome)
        self._observe(state, job.cluster, time.monotonic() - began_s)
        self._write(job)
        with self._changed:
            self._over.append(job.submission.id)
            while len(self._over) > REMEMBERED:
                self._jobs.pop(self._over.popleft(), None)

    def _write(self, job: Job) -> None:
        """Until the database has it, or for a minute: a row that stays unfinished is made again by the next server."""
        for _ in range(RETRIES):
            try:
                if not self._book.change(job.submission, self._server):
                    self._drop(job)
                return
            except AoiError as error:
                log(error)
                time.sleep(RETRY_S)


_LATE = INTERNAL.model_copy(update={"detail": "the server that had taken it was gone for longer than a day: ask again"})
_OUTLIVED = INTERNAL.model_copy(
    update={"detail": f"{MAX_ATTEMPTS} servers ended while they made this diagnosis: it is not begun again"}
)


def log(error: Exception) -> None:
    """For whoever runs the server; what strangers wrote may stand in it."""
    shown = "".join(traceback.format_exception(error)) if not isinstance(error, AoiError) else f"{error}\n"
    print(redact_text(shown), file=sys.stderr, end="", flush=True)
