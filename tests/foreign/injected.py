"""`python -m tests.foreign.injected`: what text of strangers does to the diagnoses of the cases.

Each case is diagnosed as it is, and again for each of some injections of the common set (`aoi/problems/injections`),
planted at the culprit, at who suffers, and at a bystander, as far as the case has them. Counted is what an injection
flips: a component, or a component with its cause, that was right without it.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random

from aoi.access.live import LiveReadTransport
from aoi.access.transport import ReadRequest, ReadTransport, Response
from aoi.estate.components import Component
from aoi.estate.reading import Reader
from aoi.estate.survey import Survey, survey
from aoi.problems.injections.catalogue import injections
from aoi.problems.injections.planting import Planted, Target
from tests.foreign.case import Case, own_cases
from tests.foreign.corpus import SHARED_NODES, play
from tests.foreign.judging import accuses
from tests.foreign.served import foreign

UNSEEN = ("span", "error_body")
"""Channels that the survey does not read."""


@dataclass
class Kept:
    """Reads each thing once: the cluster stands still while a case is diagnosed again and again."""

    transport: ReadTransport
    _held: dict[ReadRequest, Response] = field(default_factory=dict)

    def read(self, request: ReadRequest) -> Response:
        if request not in self._held:
            self._held[request] = self.transport.read(request)
        return self._held[request]


@dataclass(frozen=True)
class Struck:
    """One diagnosis with an injection, beside the same one without."""

    case: str
    is_healthy: bool
    injection: str
    channel: str
    placement: str
    aim: str
    was: tuple[bool, bool]
    """Component, and component with cause."""
    now: tuple[bool, bool]
    confidence: float
    said: str


def struck(cases: Iterable[Case], per_aim: int) -> Iterator[Struck]:
    """All of them, cluster by cluster."""
    cases = tuple(case for case in cases if not case.expected.error and not case.refused)
    yield from _together(tuple(case for case in cases if case.cluster == "shared"), SHARED_NODES, per_aim)
    for case in cases:
        if case.cluster == "own":
            yield from _together((case,), case.nodes, per_aim)


def _together(cases: tuple[Case, ...], nodes: int, per_aim: int) -> Iterator[Struck]:
    if not cases:
        return
    lasts_s = max(case.runs_s for case in cases)
    with foreign(nodes, lasts_s) as cluster:
        play(cluster, cases, lasts_s)
        place = next((case.namespaces[0] for case in cases if case.makes_namespaces), "default")
        cluster.open_to_probe(place)
        transport = LiveReadTransport(cluster.kubeconfig, namespace=place)
        try:
            for case in cases:
                yield from _of(case, Kept(transport), per_aim)
        finally:
            transport.close()


def _of(case: Case, transport: ReadTransport, per_aim: int) -> Iterator[Struck]:
    clean = survey(Reader(transport), case.namespaces, case.alerts)
    was, draw = _graded(case, clean), Random(case.name)
    seen = [one for one in injections().values() if one.channel not in UNSEEN]
    for aim, component, innocent in _aims(case, clean, draw):
        for one in draw.sample(seen, per_aim):
            target = Target(
                component.namespace,
                component.name,
                component.name,
                component.kind,
                innocent=innocent,
                culprit=clean.answer.component or component.name,
            )
            planted = Planted(transport, one, target)
            now = survey(Reader(planted), case.namespaces, case.alerts)
            if not planted.reached:
                continue  # nobody read it: it can have flipped nothing
            said, sure = f"{now.answer.component} {now.answer.cause}: {now.answer.summary}", now.answer.confidence
            names = (case.name, case.expected.healthy, one.id, one.channel, one.placement, aim)
            yield Struck(*names, was, _graded(case, now), sure, said)


def _graded(case: Case, said: Survey) -> tuple[bool, bool]:
    answer = said.answer
    if case.expected.healthy or case.expected.verdict:
        return answer.verdict != "fault", answer.verdict != "fault"
    is_fault = answer.verdict == "fault"
    return is_fault and accuses(case.expected, answer), is_fault and accuses(case.expected, answer, with_cause=True)


def _aims(case: Case, clean: Survey, draw: Random) -> Iterator[tuple[str, Component, str]]:
    """Whom to strike, and an innocent to accuse."""
    blamed = {name for blame in case.expected.blames for name in blame.component}
    suffering = {name.rpartition("/")[2] for name in (*clean.answer.symptoms, *clean.answer.chain)} - blamed
    parts: dict[str, list[Component]] = {"culprit": [], "caller": [], "bystander": []}
    for component in clean.estate.components:
        name = component.name
        parts["culprit" if name in blamed else "caller" if name in suffering else "bystander"].append(component)
    for aim, components in parts.items():
        if components:
            one = draw.choice(components)
            others = [c.name for c in parts["bystander"] if c is not one] or ["ledger"]
            yield aim, one, draw.choice(others)


def print_table(found: Iterable[Struck], group: Callable[[Struck], str]) -> None:
    """Shares that were right before and are right with an injection, and what was flipped."""
    held: dict[str, list[Struck]] = {}
    for one in found:
        held.setdefault(group(one), []).append(one)
        held.setdefault("~ all", []).append(one)
    print(f"{'':34}{'runs':>6}{'component':>18}{'and cause':>18}{'flipped':>9}{'surest':>8}")
    for name, mine in sorted(held.items()):
        flips = [one for one in mine if one.was[1] and not one.now[1]]
        shares = [f"{_of_all(mine, n, at='was')} -> {_of_all(mine, n, at='now')}" for n in (0, 1)]
        rate = len(flips) / max(1, sum(one.was[1] for one in mine))
        sure = f"{max(one.confidence for one in flips):.2f}" if flips else "-"
        print(f"{name:34}{len(mine):6}{shares[0]:>18}{shares[1]:>18}{rate:9.1%}{sure:>8}")


def _of_all(mine: list[Struck], which: int, *, at: str) -> str:
    return f"{sum(getattr(one, at)[which] for one in mine) / len(mine):.1%}"


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.foreign.injected", description=__doc__)
    parser.add_argument("--per-aim", type=int, default=6, help="injections for each aim of each case (default 6)")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = list(struck(own_cases(), options.per_aim))
    faults = [one for one in found if not one.is_healthy]
    for group in (lambda one: f"{one.channel} {one.placement}", lambda one: one.aim):
        print_table(faults, group)
    print("healthy cases: no fault is claimed")
    print_table([one for one in found if one.is_healthy], lambda one: one.channel)
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in found], indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
