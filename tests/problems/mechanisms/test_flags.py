"""Feature flags as faults: where they show, what expert and survey make of them, and that a typed action mends."""

import pytest

from aoi.agents.journal import Journal
from aoi.problems import catalogue
from aoi.problems.admission import looker
from aoi.problems.faults import FAULTS
from aoi.problems.sandbox import sandbox_executor
from aoi.problems.scenario import Scenario, build
from aoi.problems.telemetry import features
from aoi.problems.writes import Patch, send
from aoi.records.problem import ProblemInstance, TaskKind
from aoi.worlds.transport import EmbeddedTransport
from kubeworld.machine.identity import ADMIN

SEED = 4
FLAGS = [key for key, fault in FAULTS.items() if fault.family == "flag"]


def scenario(fault: str, kind: TaskKind = TaskKind.MITIGATION) -> Scenario:
    problem = catalogue.problems(fault=fault, kind=kind)[0]
    return build(ProblemInstance(problem=problem, seed=SEED))


@pytest.mark.parametrize("fault", FLAGS)
def test_the_configuration_of_whom_it_breaks_says_so_and_the_survey_finds_it(fault: str) -> None:
    found = scenario(fault, TaskKind.LOCALIZATION)
    component = found.truth.component
    assert component is not None
    said = [(signal.word, signal.subject) for signal in looker(found)("config", component)]
    assert ("flag", component) in said
    assert found.grade(found.survey().answer).success


@pytest.mark.parametrize("fault", ["flag_payment_failure", "flag_flood_homepage"])
def test_putting_the_config_map_back_mends(fault: str) -> None:
    found = scenario(fault)
    executor = sandbox_executor(
        found.world, found.write_transport(), found.namespace, journal=Journal(), recorded=found.recorded_transport()
    )
    for action in found.truth.actions:
        assert executor.perform(action.name, action.component, action.value).status == "ok"
    assert found.grade(None).success


@pytest.mark.parametrize("fault", ["flag_payment_failure", "flag_payment_unreachable", "flag_kafka_queue_problems"])
def test_the_configuration_of_whom_it_breaks_is_that_of_its_flags_too(fault: str) -> None:
    found = scenario(fault)
    executor = sandbox_executor(
        found.world, found.write_transport(), found.namespace, journal=Journal(), recorded=found.recorded_transport()
    )
    component = found.truth.component
    assert component is not None
    result = executor.perform("set_config", component)
    assert result.status == "ok", result.text
    assert found.grade(None).success
    # Nothing is left to restore, of it or of anybody who asks for flags.
    assert executor.perform("set_config", component).status == "refused"


def test_the_config_map_alone_does_not_mend_what_flagd_still_serves() -> None:
    found = scenario("flag_flood_homepage")
    service = found.application.flags
    assert service is not None
    key = ("configmaps", found.namespace, service.config_map)
    send(EmbeddedTransport(found.world, ADMIN), Patch(key, {"data": {service.key: service.text()}}))
    outcome = found.grade(None)
    assert not outcome.success
    assert "still there" in str(outcome.detail["fault"])


def test_flags_of_one_program_are_told_apart_by_what_they_show() -> None:
    seen = {}
    for fault in ("flag_ad_failure", "flag_ad_high_cpu", "flag_ad_manual_gc"):
        found = scenario(fault, TaskKind.DETECTION)
        seen[fault] = features(found.world, found.application)
    assert ("metrics", "ad", "CPU far above usual") in seen["flag_ad_high_cpu"] - seen["flag_ad_manual_gc"]
    assert ("alerts", "ad", "errors") in seen["flag_ad_failure"] - seen["flag_ad_high_cpu"]
    assert any(f[0] == "logs" and "manual gc" in f[2] for f in seen["flag_ad_manual_gc"])
