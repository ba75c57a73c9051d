"""How near to the cause an episode has come: what a look is paid for beside where it leads."""

from collections.abc import Iterable, Mapping, Sequence

from aoi.problems.oracle import Truth
from aoi.records.decision import Finding
from aoi.records.episode import Signal, Step
from aoi.worlds.applications.spec import Application


class Nearness:
    """How near to the cause an episode has come, as an integer that only ever grows.

    With a fault: call hops between the nearest component that anything pointed at and the culprit, then the cause
    itself. In a control: how many paged components were found healthy, at most two.
    """

    CONTROL_LOOKS = 2

    def __init__(
        self,
        application: Application,
        truth: Truth,
        handles: Mapping[str, str],
        suspects: Iterable[str],
        surveyed: Sequence[Finding] = (),
    ) -> None:
        """`suspects` are handles that page; `surveyed` is what was known before the first look."""
        self._truth = truth
        self._names = handles
        self._surveyed = surveyed
        self._suspects = {handles[handle] for handle in suspects if handle in handles}
        self._hops = _hops(application, truth.accepted)

    def of(self, steps: Sequence[Step]) -> int:
        """Compare two of these, never one alone."""
        looks = [signal for step in steps for signal in step.signals]
        signals: list[Signal | Finding] = [*self._surveyed, *looks]
        if self._truth.component is None:
            healthy = {self._names.get(signal.subject) for signal in signals if signal.word == "healthy"}
            return min(len(healthy & self._suspects), self.CONTROL_LOOKS)
        if any(self._is_cause(signal) for signal in signals):
            return 1
        pointed = {self._names.get(handle) for signal in signals for handle in _named(signal)} | self._suspects
        return -min((self._hops[name] for name in pointed if name in self._hops), default=len(self._hops) + 1)

    def _is_cause(self, signal: Signal | Finding) -> bool:
        return signal.word in self._truth.causes and self._names.get(signal.subject) in self._truth.accepted


def _named(signal: Signal | Finding) -> tuple[str, ...]:
    """Handles that an unhealthy signal makes suspect."""
    if signal.word == "healthy":
        return ()
    return (signal.subject, signal.other) if signal.other else (signal.subject,)


def _hops(application: Application, culprits: Sequence[str]) -> dict[str, int]:
    """Calls between each component and the nearest culprit, walking up the callers."""
    hops = dict.fromkeys(culprits, 0)
    frontier = list(culprits)
    while frontier:
        reached = [(caller, hops[name] + 1) for name in frontier for caller in application.callers.get(name, ())]
        frontier = []
        for caller, distance in reached:
            if caller not in hops:
                hops[caller] = distance
                frontier.append(caller)
    return hops
