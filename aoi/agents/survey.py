"""What can be said of a namespace without any model: look at everything once, rank what is found.

`aoi diagnose` on a live cluster gives this, as inconclusive, where no model server is configured. It also makes the
situation that an Observer with a real model is put into.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from aoi import progress
from aoi.access.transport import ReadTransport
from aoi.agents import checks, topology
from aoi.agents.compressor import Compressor, Observation
from aoi.agents.compressor.ranking import tier
from aoi.agents.probe import Probe
from aoi.agents.topology import read_topology
from aoi.errors import ActionRefused, ClusterUnavailable
from aoi.language.handles import assign
from aoi.records.episode import Answer, Outcome, Signal
from aoi.records.problem import Problem, ProblemInstance, TaskKind

LOOKS = ("pods", "endpoints", "events", "network", "config", "logs")
"""Checks of a survey, per component, in order of what they cost."""
EVIDENCE = 12
"""Findings that an answer carries."""
CAUSES = 2
"""Tiers of findings that name a cause; the others are symptoms."""
SURVEY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class LiveAlert:
    """What pages the operator of a live cluster."""

    word: str
    component: str


class WallClock:
    """Time that passes by itself: a live cluster is not made to wait."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    @property
    def now_ms(self) -> int:
        """Milliseconds since the first look."""
        return int((time.monotonic() - self._start) * 1000)


class LiveWorld:
    """What an episode may do to a live cluster beside its transports: nothing."""

    def __init__(self) -> None:
        self.clock = WallClock()

    def advance(self, duration_ms: int) -> None:
        """Real time has passed already."""

    def digest(self) -> str:
        """A live cluster has no digest: an episode in it cannot be replayed."""
        return "0" * 64


class LiveSituation:
    """A namespace of a cluster that nobody prepared: what `run_episode` needs of it, read-only."""

    def __init__(
        self,
        transport: ReadTransport,
        namespace: str,
        *,
        kind: TaskKind = TaskKind.LOCALIZATION,
        alerts: tuple[LiveAlert, ...] = (),
    ) -> None:
        """Reads what stands in the namespace. Raises: ClusterUnavailable if it cannot be read.

        Without `alerts`, workloads that are not fully ready page as `down`.
        """
        if kind is TaskKind.MITIGATION:
            raise ActionRefused("a live situation is read-only: ask for a diagnosis, then approve actions one by one")
        self.namespace = namespace
        self.world = LiveWorld()
        self._transport = transport
        self._kind = kind
        self._alerts = alerts
        self._probe = Probe(transport, namespace)
        self.components = tuple(sorted(row["NAME"] for row in self._rows("services")))
        self.nodes = tuple(row["NAME"] for row in self._rows("nodes", required=False))

    @cached_property
    def instance(self) -> ProblemInstance:
        """A stand-in: a live case is no problem of the catalogue and is never learned from as one."""
        problem = Problem(
            id=f"live-{self.namespace}"[:120],
            application="live",
            application_version="1",
            fault=None,
            fault_version="1",
            kind=self._kind,
            target=0,
            split="test",
            slice="control",
        )
        return ProblemInstance(problem=problem, seed=0)

    def read_transport(self) -> ReadTransport:
        """The only one there is."""
        return self._transport

    def hands(self) -> None:
        """None: a namespace of a live cluster is looked at read-only."""

    def alerts(self) -> tuple[LiveAlert, ...]:
        """As given, else what is plainly not ready."""
        if self._alerts:
            return self._alerts
        known = set(self.components)
        names = (row["NAME"] for row in self._rows("deployments", required=False) if _is_short(row.get("READY", "")))
        return tuple(LiveAlert("down", name) for name in names if name in known)

    def grade(self, answer: Answer | None) -> Outcome:
        """Nobody knows the truth: never a success."""
        return Outcome(success=False, aiopslab_success=False, detail={"graded": False})

    def _rows(self, resource: str, *, required: bool = True) -> list[dict[str, str]]:
        scope = "" if resource == "nodes" else f" -n {self.namespace}"
        result = self._probe.run(f"kubectl get {resource}{scope}")
        if result.status != "ok" and required:
            raise ClusterUnavailable(f"{resource} of namespace {self.namespace} cannot be read: {result.error}")
        return topology.table(result.observation.decode("latin-1")) if result.status == "ok" else []


def survey(
    situation: LiveSituation,
    *,
    seconds: float = SURVEY_SECONDS,
    keep: Callable[[Observation], None] | None = None,
) -> Answer:
    """Look at every component and give the ranked findings, as inconclusive. Stops after `seconds`.

    Raises: ClusterUnavailable.
    """
    probe = Probe(situation.read_transport(), situation.namespace)
    known = read_topology(probe, situation.components, situation.nodes)
    compressor = Compressor(known, assign(situation.components, situation.nodes, seed=0, real=True))
    paged = [alert.component for alert in situation.alerts()]
    order = [*dict.fromkeys(name for name in paged if name in known.components)]
    order += [name for name in situation.components if name not in order]
    signals: dict[tuple[str, str, str | None], Signal] = {}
    until = time.monotonic() + seconds
    for done, check in enumerate(LOOKS):
        for place, name in enumerate(order):
            if time.monotonic() > until:
                return _answer(list(signals.values()))
            progress.advance(done * len(order) + place, len(LOOKS) * len(order), f"{check} {name}")
            observations = [_observe(probe, line, keep) for line in checks.lines(check, name, known)]
            for signal in compressor.signals(name, observations):
                if signal.word != "healthy":
                    signals.setdefault((signal.word, signal.subject, signal.other), signal)
    return _answer(list(signals.values()))


def _observe(probe: Probe, line: str, keep: Callable[[Observation], None] | None) -> Observation:
    result = probe.run(line)
    observation = Observation(line, result.observation, is_error=result.status != "ok")
    if keep is not None and result.observation:
        keep(observation)
    return observation


def _answer(signals: list[Signal]) -> Answer:
    """The most telling finding as a hypothesis; what many callers point at breaks ties."""
    pointed: Mapping[str, int] = _pointed_at(signals)
    ranked = sorted(signals, key=lambda s: (tier(s.word), -pointed.get(s.subject, 0), s.word, s.subject, s.other or ""))
    best = ranked[0] if ranked and tier(ranked[0].word) < CAUSES else None
    return Answer(
        verdict="inconclusive",
        component=best.subject if best and best.subject else None,
        cause=best.word if best else None,
        confidence=0.5 if best else 0.0,
        evidence=tuple(ranked[:EVIDENCE]),
    )


def _pointed_at(signals: list[Signal]) -> Mapping[str, int]:
    counts: dict[str, int] = {}
    for signal in signals:
        if signal.other:
            counts[signal.other] = counts.get(signal.other, 0) + 1
    return counts


def _is_short(ready: str) -> bool:
    have, _, want = ready.partition("/")
    return have.isdigit() and want.isdigit() and int(have) < int(want)
