"""The situation that an Observer with a real model is put into: a namespace that nobody prepared."""

import time
from dataclasses import dataclass
from functools import cached_property

from aoi.access.transport import ReadTransport
from aoi.agents import topology
from aoi.agents.probe import Probe
from aoi.errors import ActionRefused, ClusterUnavailable
from aoi.records.episode import Answer, Outcome
from aoi.records.problem import Problem, ProblemInstance, TaskKind


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


def _is_short(ready: str) -> bool:
    have, _, want = ready.partition("/")
    return have.isdigit() and want.isdigit() and int(have) < int(want)
