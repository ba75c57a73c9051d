"""A namespace of a cluster that nobody prepared, as an episode needs it: read-only, and surveyed before it begins."""

import time
from dataclasses import dataclass
from functools import cached_property

from aoi.access.transport import ReadTransport
from aoi.errors import ActionRefused
from aoi.estate.objects import name
from aoi.estate.survey import Survey
from aoi.records.episode import Answer, Outcome
from aoi.records.problem import Problem, ProblemInstance, TaskKind

PAGE = "down"
"""Word of `lexicon.ALERTS` for a component that does not do what it should: its state says no more."""


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
    """What `run_episode` needs of a surveyed namespace."""

    def __init__(
        self,
        transport: ReadTransport,
        survey: Survey,
        *,
        kind: TaskKind = TaskKind.LOCALIZATION,
        alerts: tuple[LiveAlert, ...] = (),
    ) -> None:
        """Without `alerts`, what the survey found failing pages. Raises: ActionRefused for a mitigation."""
        if kind is TaskKind.MITIGATION:
            raise ActionRefused("a live situation is read-only: ask for a diagnosis, then approve actions one by one")
        self.namespace = survey.estate.namespaces[0]
        self.world = LiveWorld()
        self._transport, self._survey, self._kind, self._alerts = transport, survey, kind, alerts

    @cached_property
    def components(self) -> tuple[str, ...]:
        """What owns pods, unhealthy before healthy, and whatever else a finding is about."""
        estate = self._survey.estate
        accused = [finding.owner for finding in self._survey.findings if finding.owner.kind != "Node"]
        everything = [*accused, *(component.identity for component in estate.components)]
        return tuple(dict.fromkeys(estate.label(identity) for identity in everything))

    @cached_property
    def nodes(self) -> tuple[str, ...]:
        """Nodes under the pods first."""
        estate = self._survey.estate
        used = {str((pod.get("spec") or {}).get("nodeName")) for pod in estate.of("pods")}
        names = [name(node) for node in estate.of("nodes")]
        return tuple(sorted(names, key=lambda node: (node not in used, node)))

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
        """As given, else what fails: the likeliest cause first."""
        if self._alerts:
            return self._alerts
        estate = self._survey.estate
        failing = [root.identity for root in self._survey.ranked.roots]
        suffering = [chain[0] for root in self._survey.ranked.roots for chain in root.explains]
        return tuple(LiveAlert(PAGE, estate.label(identity)) for identity in dict.fromkeys([*suffering, *failing]))

    def survey(self) -> Survey:
        """As it was when the situation was made."""
        return self._survey

    def grade(self, answer: Answer | None) -> Outcome:
        """Nobody knows the truth: never a success."""
        return Outcome(success=False, aiopslab_success=False, detail={"graded": False})
