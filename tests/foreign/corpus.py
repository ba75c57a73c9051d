"""Runs cases: those that do not disturb each other in one cluster, the others in clusters of their own.

Cases of the shared cluster begin at different times and are diagnosed at the same one.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import count

from aoi.access.live import LiveReadTransport
from aoi.errors import UnknownNamespace
from aoi.estate.reading import Reader
from aoi.estate.survey import Survey, survey
from tests.foreign.case import Case, Deed
from tests.foreign.judging import Judgement, judge
from tests.foreign.served import Foreign, foreign

SHARED_NODES = 8
ESTABLISHED_S = 2
"""After so long custom resources are applied, as their definitions need a moment."""


def run(cases: Iterable[Case]) -> Iterator[Judgement]:
    """Judgements, case by case; the clusters are gone afterwards."""
    cases = tuple(cases)
    shared = tuple(case for case in cases if case.cluster == "shared")
    if shared:
        yield from run_together(shared, SHARED_NODES)
    for case in cases:
        if case.cluster == "own":
            yield from run_together((case,), case.nodes)


def run_together(cases: tuple[Case, ...], nodes: int) -> Iterator[Judgement]:
    """Cases in one cluster."""
    lasts_s = max(case.runs_s for case in cases)
    with foreign(nodes, lasts_s) as cluster:
        play(cluster, cases, lasts_s)
        existing = next((c.namespaces[0] for c in cases if c.makes_namespaces), None)
        if existing is None or cases[0].refused:  # an identity is checked where it may read what it needs
            existing = "default"
            cluster.open_to_probe(existing)
        transport = LiveReadTransport(cluster.kubeconfig, namespace=existing)
        try:
            for case in cases:
                yield judge(case, diagnose(transport, case))
        finally:
            transport.close()


def diagnose(transport: LiveReadTransport, case: Case) -> Survey | None:
    """The survey alone, without any model. None if there is no such namespace."""
    try:
        return survey(Reader(transport), case.namespaces, case.alerts)
    except UnknownNamespace:
        return None


@dataclass
class _Timetable:
    """What is to happen when, in simulated seconds."""

    _queue: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _order: Iterator[int] = field(default_factory=count)

    def add(self, at_s: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (at_s, next(self._order), action))

    def run(self, advance: Callable[[float], None], until_s: float) -> None:
        now_s = 0.0
        while self._queue:
            at_s, _, action = heapq.heappop(self._queue)
            advance(at_s - now_s)
            now_s = max(now_s, at_s)
            action()
        advance(until_s - now_s)


def play(cluster: Foreign, cases: Iterable[Case], lasts_s: float) -> None:
    """Let all of them happen, so that each has run as long as it wants when `lasts_s` have passed."""
    timetable = _Timetable()
    for case in cases:
        timetable.add(lasts_s - case.runs_s, partial(_begin, cluster, timetable, case, lasts_s))
    timetable.run(cluster.advance, lasts_s)


def _begin(cluster: Foreign, timetable: _Timetable, case: Case, lasts_s: float) -> None:
    first = case.namespaces[0]
    if case.makes_namespaces:
        named = {d["metadata"]["name"] for d in case.manifests if d["kind"] == "Namespace"}
        for namespace in case.namespaces:
            if namespace not in named and namespace != "default":
                cluster.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}], namespace)
    for deed in case.before:
        cluster.do(deed, first)
    if case.behaviours and not case.behaviours_from_s:
        cluster.behave(case.name, first, case.behaviours, case.folder)
    later = cluster.apply(case.manifests, first)
    began_s = lasts_s - case.runs_s
    if later:
        timetable.add(began_s + ESTABLISHED_S, partial(_complete, cluster, case, later))
    if case.makes_namespaces:
        for namespace in case.namespaces:
            cluster.open_to_probe(namespace, case.refused)
    for deed in case.deeds:
        timetable.add(began_s + deed.at_s, partial(_do, cluster, case, deed))


def _complete(cluster: Foreign, case: Case, documents: list[dict[str, object]]) -> None:
    unknown = cluster.apply(documents, case.namespaces[0])
    assert not unknown, f"{case.name}: the cluster has no kind for {unknown}"


def _do(cluster: Foreign, case: Case, deed: Deed) -> None:
    if deed.behaviours is not None:
        cluster.behave(case.name, case.namespaces[0], deed.behaviours, case.folder)
    cluster.do(deed, case.namespaces[0])
