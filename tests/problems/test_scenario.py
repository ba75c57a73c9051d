"""What a built problem promises: repeatable, forkable, paired with its control, and without a tell."""

import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import pytest

from aoi.access.transport import ReadRequest
from aoi.problems import catalogue, preparing
from aoi.problems.faults import FAULTS
from aoi.problems.inventory import RECORDED
from aoi.problems.ordinary import ordinary_work
from aoi.problems.places import Place, places_of
from aoi.problems.preparing import base, opened, plan_of
from aoi.problems.sampling import control_of
from aoi.problems.scenario import Scenario, build, schedule
from aoi.problems.tells import ORDINARY
from aoi.problems.writes import Create, Delete, Patch, Wait, send
from aoi.records.problem import Problem, ProblemInstance, TaskKind
from aoi.worlds.transport import EmbeddedTransport
from kubeworld.machine.identity import ADMIN
from tests.problems.representatives import one_of_each_family

SEED = 11


def instance(problem_id: str, seed: int = SEED) -> ProblemInstance:
    """A problem of the catalogue in one world."""
    return ProblemInstance(problem=catalogue.get(problem_id), seed=seed)


def one_of(fault: str, application: str) -> Problem:
    """The first detection problem of a fault on an application."""
    return next(p for p in catalogue.problems(fault=fault, kind=TaskKind.DETECTION) if p.application == application)


def test_the_same_instance_gives_the_same_world_in_every_process() -> None:
    code = (
        "from aoi.problems import catalogue, scenario; from aoi.records.problem import ProblemInstance as I;"
        "print(scenario.build(I(problem=catalogue.get('wrong_bin_usage-mitigation-1'), seed=11)).world.digest())"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert ran == build(instance("wrong_bin_usage-mitigation-1")).world.digest()


def test_a_world_does_not_depend_on_what_was_built_before_it() -> None:
    wanted = instance("misconfig_app_hotel_res-detection-1")
    first = build(wanted).world.digest()
    preparing.prepare.cache_clear()
    preparing.base.cache_clear()
    build(instance("network_loss_hotel_res-detection-1"))
    assert build(wanted).world.digest() == first


def test_all_kinds_of_one_target_share_one_world() -> None:
    digests = {build(instance(f"misconfig_app_hotel_res-{kind}-1")).world.digest() for kind in TaskKind}
    assert len(digests) == 1


def test_a_fork_goes_its_own_way() -> None:
    original = build(instance("misconfig_app_hotel_res-mitigation-1"))
    before = original.world.digest()
    other = original.fork()
    assert other.world.digest() == before
    key = ("deployments.apps", other.namespace, "geo")
    send(EmbeddedTransport(other.world, ADMIN), Patch(key, {"spec": {"replicas": 3}}))
    other.world.advance(60_000)
    assert original.world.digest() == before
    assert other.world.digest() != before


def test_grading_a_mitigation_leaves_the_world_as_it_is() -> None:
    found = build(instance("misconfig_app_hotel_res-mitigation-1"))
    before = found.world.digest()
    assert not found.grade(None).success
    assert found.world.digest() == before


def _age_s(seed: int) -> int:
    times = schedule("gen001", seed)
    return sum(times.after) + times.rest


@pytest.mark.parametrize("seed", range(20))
def test_faults_are_three_minutes_to_six_hours_old_among_ordinary_writes(seed: int) -> None:
    times = schedule("gen001", seed)
    assert 180 <= _age_s(seed) <= 6 * 3600
    assert 3 <= len(times.before) + 1 + len(times.after) <= 5


def test_a_fault_is_minutes_old_as_often_as_hours() -> None:
    ages = sorted(map(_age_s, range(200)))
    assert ages[50] < 15 * 60 < ages[100] < 60 * 60 < ages[150]


@pytest.mark.parametrize("seed", range(20))
def test_what_may_not_be_old_comes_later_and_moves_nothing_else(seed: int) -> None:
    times = schedule("gen001", seed)
    asked = times.with_deeds(["instead"], 900)
    (before, _), (after, rest) = (times.with_deeds([], 900), asked)
    assert _moments(after)["instead"] == max(_moments(before)["instead"], sum(w for w, _ in after) + rest - 900)
    assert all(at == _moments(before)[name] for name, at in _moments(after).items() if name != "instead")
    assert sum(w for w, _ in after) + rest == sum(w for w, _ in times.slots) + times.rest


def _moments(slots: Sequence[tuple[int, str]]) -> dict[str, int]:
    """When each write comes."""
    return dict(zip((name for _, name in slots), accumulate(wait for wait, _ in slots), strict=True))


def test_what_fails_all_the_time_is_still_in_the_events_hours_later() -> None:
    """The scheduler, the kubelet and the controllers say it again and again, though events expire within an hour."""
    place = next(catalogue.places(fault="node_selector", application="gen003"))
    problem = catalogue.problem_at(place, TaskKind.DETECTION)
    seed = next(s for s in range(99) if sum(schedule("gen003", s).after) + schedule("gen003", s).rest > 3 * 3600)
    found = build(ProblemInstance(problem=problem, seed=seed)).world
    warned = [event for event in found.store.objects("events") if event["reason"] == "FailedScheduling"]
    assert any(found.clock.now_ms - found.clock.at_ms(event["lastTimestamp"]) < 600_000 for event in warned)


def test_a_control_shares_clock_and_ordinary_work_with_its_problem() -> None:
    faulty = build(instance("wrong_bin_usage-localization-1"))
    control = build(control_of(faulty.instance))
    assert control.world.clock.now_ms == faulty.world.clock.now_ms
    assert control.truth.component is None
    assert control.components == faulty.components


@pytest.mark.parametrize("place", one_of_each_family().values(), ids=lambda place: place.fault)
def test_a_fault_leaves_no_mark_that_ordinary_work_does_not_leave(place: Place) -> None:
    faulty = build(ProblemInstance(problem=catalogue.problem_at(place, TaskKind.DETECTION), seed=SEED))
    control = build(control_of(faulty.instance))
    assert _managers(faulty) == _managers(control)
    # Marks of ordinary work differ with what it hit; what only the faulty world has must be one of them.
    assert _marks(faulty) - _marks(control) <= ORDINARY


def _managers(found: Scenario) -> set[str]:
    return {entry.get("manager", "") for obj in _objects(found) for entry in obj["metadata"].get("managedFields", ())}


def _marks(found: Scenario) -> set[str]:
    return {
        key
        for obj in _objects(found)
        for field in ("annotations", "labels")
        for key in obj["metadata"].get(field) or {}
    }


def _objects(found: Scenario) -> list[dict[str, Any]]:
    return [obj for resource in RECORDED for obj in found.world.store.objects(resource, found.namespace)]


def test_an_agents_transports_read_pods_and_refuse_secrets() -> None:
    found = build(instance("misconfig_app_hotel_res-detection-1"))
    pods = found.read_transport().read(ReadRequest(f"/api/v1/namespaces/{found.namespace}/pods"))
    assert pods.status == 200
    assert not hasattr(found.read_transport(), "request")


def test_the_truth_is_not_printed() -> None:
    shown = repr(build(instance("misconfig_app_hotel_res-detection-1")))
    assert "truth" not in shown
    assert "baseline" not in shown


def test_the_recorded_cluster_still_has_what_the_fault_took() -> None:
    problem = one_of("missing_configmap", "hotel_reservation")
    found = build(ProblemInstance(problem=problem, seed=SEED))
    assert found.plan is not None
    _, namespace, name = found.plan.writes[0].key
    request = ReadRequest(f"/api/v1/namespaces/{namespace}/configmaps/{name}")
    assert found.read_transport().read(request).status == 404
    assert found.recorded_transport().read(request).status == 200


@pytest.mark.parametrize("key", ["hotel_reservation", "gen000", "gen003"])
def test_no_fault_makes_what_ordinary_work_has_made_already(key: str) -> None:
    """Up to two of each sort of thing that people make are there, and every mechanism still finds a name of its own."""
    built, snapshot = base(key, 1)
    world = opened(built, snapshot)
    made: Counter[str] = Counter()
    for slot in range(1000):
        deeds = ordinary_work(world, built, slot, ())
        sorts = [deed.key[0] for deed in deeds if isinstance(deed, Create)]
        if sorts and all(made[sort] < 2 for sort in sorts):
            made.update(sorts)
            for deed in deeds:
                if not isinstance(deed, Wait):
                    send(EmbeddedTransport(world, ADMIN), deed)
    assert {"limitranges", "persistentvolumeclaims", "resourcequotas"} <= made.keys()
    places = [place for fault in FAULTS for place in places_of(fault, key)[:1]]
    for place in places:
        plan = plan_of(world, built, place.fault, place.roots[0].component)
        deleted = {deed.key for deed in plan.writes if isinstance(deed, Delete)}
        there = [
            deed.key for deed in plan.writes if isinstance(deed, Create) and world.store.get(*deed.key) is not None
        ]
        assert set(there) <= deleted, place.fault
