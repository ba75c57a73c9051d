"""The three stores of an episode, each given out in facets: who holds no facet cannot read or write.

    agent        raw store    compressed store    task store
    Observer     -            read                read and write
    Probe        write        -                   -
    Executor     write        -                   -
    Compressor   read         write               -

The paper lets Probe and Executor read the task; here what they need of it comes with each decision.
A facet holds one bound function and nothing else, so an agent's object graph does not reach what it may not see
(a test walks it).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from aoi.agents.compressor.observation import Observation
from aoi.records.decision import AlertLine, Do, ExecDo, Finding, Note, ProbeDo, Words
from aoi.records.episode import Signal


@dataclass(frozen=True, slots=True)
class RawWriter:
    """What the Probe and the Executor hold of the raw store."""

    put: Callable[[Observation], str]
    """Keep an observation; returns its digest."""


@dataclass(frozen=True, slots=True)
class RawReader:
    """What the Compressor holds of the raw store, and code that resolves citations."""

    get: Callable[[str], Observation | None]
    """The observation of a digest."""


@dataclass(frozen=True, slots=True)
class Compressed:
    """What the Compressor passes on of one iteration."""

    signals: tuple[Signal, ...] = ()
    text: str = ""
    """Condensed lines, for a profile that shows text; empty otherwise."""


@dataclass(frozen=True, slots=True)
class CompressedWriter:
    """What the Compressor holds of the compressed store."""

    put: Callable[[Compressed], None]


@dataclass(frozen=True, slots=True)
class CompressedReader:
    """What the Observer holds of the compressed store: the previous iteration alone."""

    last: Callable[[], Compressed]


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be found out, and what has been decided so far."""

    word: str
    """Of `lexicon.TASKS`."""
    alerts: tuple[AlertLine, ...]
    plan: tuple[ProbeDo | ExecDo, ...] = ()
    """Open steps of the guidance."""
    memory: tuple[Finding, ...] = ()
    """Summaries of all iterations but the previous one, oldest first."""
    changed: tuple[Finding, ...] = ()
    """Those of components that were changed since, where they stand apart."""
    notes: tuple[Note, ...] = ()
    """The same in the Observer's words, where it had any."""
    words: Words | None = None
    """What it said around its last decision."""
    components: tuple[str, ...] = ()
    """Names that a decision may use, for a layout that tells them."""
    current: Do | None = None
    """The decision that is being carried out, or was carried out last."""
    notice: str = ""
    """What the runtime says of the previous iteration; nothing of a cluster."""


@dataclass(frozen=True, slots=True)
class TaskDesk:
    """What the Observer holds of the task store."""

    get: Callable[[], Task]
    put: Callable[[Task], None]


@dataclass
class RawStore:
    """Observations by digest, for the length of an episode."""

    keep: Callable[[Observation], None] | None = None
    """Told of every observation: for people who are shown the evidence, never for an agent."""
    _kept: dict[str, Observation] = field(default_factory=dict)

    def writer(self) -> RawWriter:
        """For the Probe or the Executor."""
        return RawWriter(self._put)

    def reader(self) -> RawReader:
        """For the Compressor."""
        return RawReader(self._kept.get)

    def _put(self, observation: Observation) -> str:
        self._kept[observation.digest] = observation
        if self.keep is not None:
            self.keep(observation)
        return observation.digest


@dataclass
class CompressedStore:
    """The Compressor's output of the previous iteration."""

    _last: Compressed = Compressed()

    def writer(self) -> CompressedWriter:
        """For the Compressor."""
        return CompressedWriter(self._put)

    def reader(self) -> CompressedReader:
        """For the Observer."""
        return CompressedReader(self._get)

    def _put(self, compressed: Compressed) -> None:
        self._last = compressed

    def _get(self) -> Compressed:
        return self._last


@dataclass
class TaskStore:
    """The task and the memory of one episode."""

    _task: Task

    def desk(self) -> TaskDesk:
        """For the Observer."""
        return TaskDesk(self._get, self._put)

    def _get(self) -> Task:
        return self._task

    def _put(self, task: Task) -> None:
        self._task = task
