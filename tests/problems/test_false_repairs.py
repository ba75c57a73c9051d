"""What looks mended and is not: each was once passed by the strict grade."""

from collections.abc import Callable

import pytest

from aoi.problems import catalogue
from aoi.problems.scenario import Scenario, build
from aoi.problems.sites import find
from aoi.problems.writes import Create, Delete, Patch, Write, send
from aoi.records.problem import ProblemInstance, TaskKind
from aoi.worlds.transport import EmbeddedTransport
from kubeworld.machine.identity import ADMIN
from kubeworld.machine.store import Obj


def broken(fault: str, application: str) -> Scenario:
    """A mitigation of the mechanism, in a world that may be spoilt."""
    problems = [p for p in catalogue.problems(fault=fault, kind=TaskKind.DETECTION) if p.application == application]
    problem = problems[0].model_copy(update={"kind": TaskKind.MITIGATION})
    return build(ProblemInstance(problem=problem, seed=29))


def write(found: Scenario, *writes: Write) -> None:
    for one in writes:
        send(EmbeddedTransport(found.world, ADMIN), one)


def root(found: Scenario) -> Obj:
    assert found.plan is not None
    held = found.world.store.get(*found.plan.touched[0])
    assert held is not None
    return held


def wait_longer_than_anybody_looks(found: Scenario) -> None:
    """The wrong probe stays, behind a startup probe that takes its time and with a patience of its own."""
    site = find(found.world, found.application, found.plan.accepted[0] if found.plan else "")
    containers = site.workload["spec"]["template"]["spec"]["containers"]
    place = f"/spec/template/spec/containers/{containers.index(site.container)}"
    patient = {**site.container["livenessProbe"], "periodSeconds": 10, "failureThreshold": 40, "initialDelaySeconds": 0}
    started = {"tcpSocket": {"port": site.spec.port}, "initialDelaySeconds": 300, "failureThreshold": 10}
    steps = [("livenessProbe", patient), ("startupProbe", started)]
    write(
        found,
        Patch(site.key, [{"op": "add", "path": f"{place}/{name}", "value": value} for name, value in steps], "json"),
    )


def empty_the_file_of_flags(found: Scenario) -> None:
    """All flags are off where there are none."""
    assert found.plan is not None
    (key, *_) = found.plan.touched
    write(found, Patch(key, {"data": dict.fromkeys(root(found)["data"], '{"flags":{}}')}))
    site = find(found.world, found.application, found.application.flags.component if found.application.flags else "")
    write(found, *(Delete(("pods", found.namespace, name)) for name in site.pods))


def let_the_storm_pass(found: Scenario) -> None:
    """A variable beside the one that is wrong, and users who stay away for a while."""
    site = find(found.world, found.application, found.plan.accepted[0] if found.plan else "")
    container = {"name": site.container["name"], "env": [{"name": "REVIEWED", "value": "yes"}]}
    beside = {"spec": {"template": {"spec": {"containers": [container]}}}}
    write(found, Patch(site.key, beside, "strategic"), Patch(site.key, {"spec": {"replicas": 0}}))
    found.world.advance(120_000)
    write(found, Patch(site.key, {"spec": {"replicas": site.workload["spec"]["replicas"]}}))


def call_it_otherwise(found: Scenario) -> None:
    """The same schedule under another name, and seldom enough to be missed."""
    assert found.plan is not None
    (key, *_) = found.plan.touched
    held = root(found)
    spec = {**held["spec"], "schedule": "@every 45m"}
    again = {**held, "metadata": {"name": "nightly", "namespace": key[1]}, "spec": spec}
    write(found, Delete(key), Create((key[0], key[1], "nightly"), again))


def pause_the_rollouts(found: Scenario) -> None:
    """Undone, and nothing that comes after it will be rolled out."""
    assert found.plan is not None
    write(found, *(deed for deed in found.plan.repair if isinstance(deed, Patch)))
    found.world.advance(60_000)
    write(found, Patch(found.plan.touched[0], {"spec": {"paused": True}}))


def drop_a_port(found: Scenario) -> None:
    """Undone, and one of the ports that nobody calls just now is gone."""
    assert found.plan is not None
    write(found, *(deed for deed in found.plan.repair if isinstance(deed, Patch)))
    (first, *_) = root(found)["spec"]["ports"]
    write(found, Patch(found.plan.touched[0], [{"op": "replace", "path": "/spec/ports", "value": [first]}], "json"))


@pytest.mark.parametrize(
    ("fault", "application", "trick", "check", "says"),
    [
        ("bad_liveness_probe", "hotel_reservation", wait_longer_than_anybody_looks, "lost", "asked too late"),
        ("flag_ad_failure", "astronomy_shop", empty_the_file_of_flags, "lost", "flags/cartFailure"),
        ("retry_storm", "gen000", let_the_storm_pass, "fault", "still there"),
        ("network_flaps", "hotel_reservation", call_it_otherwise, "fault", "nightly acts"),
        ("pod_kills", "hotel_reservation", call_it_otherwise, "fault", "nightly acts"),
        ("bad_image_tag", "hotel_reservation", pause_the_rollouts, "lost", "rollouts are paused"),
    ],
)
def test_what_only_looks_mended_fails(
    fault: str, application: str, trick: Callable[[Scenario], None], check: str, says: str
) -> None:
    found = broken(fault, application)
    trick(found)
    outcome = found.grade(None)
    assert not outcome.success
    assert says in str(outcome.detail[check])


def test_a_service_that_was_mended_keeps_its_ports() -> None:
    problems = catalogue.problems(fault="wrong_target_port", kind=TaskKind.DETECTION)
    several = next(
        p.model_copy(update={"kind": TaskKind.MITIGATION})
        for p in problems
        if p.application == "astronomy_shop"
        and len(root(build(ProblemInstance(problem=p, seed=29)))["spec"]["ports"]) > 1
    )
    found = build(ProblemInstance(problem=several, seed=29))
    drop_a_port(found)
    outcome = found.grade(None)
    assert not outcome.success
    assert "ports" in str(outcome.detail["lost"])
