"""Verdicts: no fault only with coverage, gaps named with what would settle them, names as people use them."""

import pytest

from aoi.access.transport import Response
from aoi.estate.verdict import ESSENTIAL, NO_FAULT
from tests.estate.estates import (
    ago,
    container,
    deployed,
    died,
    pod,
    running,
    service,
    surveyed,
    together,
    waiting,
    workload,
)

CRASH = waiting("CrashLoopBackOff", restartCount=4, lastState=died(1))


def _refusing(*resources, status=403, place=""):
    def answer(request):
        is_hit = request.path.rsplit("/", 1)[1] in resources and f"/{place}" in request.path
        return Response(status, b'{"message": "forbidden: no right"}') if is_hit else None

    return answer


def test_a_healthy_namespace_has_no_fault():
    answer = surveyed(deployed("web"), {"services": [service("web", {"app": "web"})]}).answer
    assert (answer.verdict, answer.confidence, answer.component) == ("no_fault", NO_FAULT, None)
    assert answer.summary.startswith("1 component looked at")


@pytest.mark.parametrize("key", ESSENTIAL)
@pytest.mark.parametrize("status", [403, 429, 500])
def test_no_fault_is_not_said_of_what_could_not_be_read(key, status):
    answer = surveyed(deployed("web"), answer=_refusing(key.partition(".")[0], status=status)).answer
    assert answer.verdict == "inconclusive"
    assert answer.confidence == 0
    assert key in answer.summary
    assert any("aoi access print" in step if status == 403 else "again" in step for step in answer.next)


@pytest.mark.parametrize("resource", ["configmaps", "nodes", "networkpolicies", "persistentvolumes"])
def test_what_is_not_essential_may_be_refused(resource):
    answer = surveyed(deployed("web"), answer=_refusing(resource)).answer
    assert answer.verdict == "no_fault"
    assert answer.coverage.gaps  # and is told all the same


def test_a_fault_is_a_fault_though_something_could_not_be_read():
    answer = surveyed(deployed("web", CRASH), answer=_refusing("services")).answer
    assert (answer.verdict, answer.component, answer.cause) == ("fault", "web", "crashloop")
    assert answer.coverage.lacks("services")


def test_of_an_empty_namespace_nothing_is_said():
    answer = surveyed({"services": []}).answer
    assert answer.verdict == "inconclusive"
    assert "nothing that owns pods" in answer.summary


def test_an_alert_that_nothing_explains_is_not_waved_away():
    answer = surveyed(deployed("web"), symptoms=["web answers slowly"]).answer
    assert answer.verdict == "inconclusive"
    assert "web" in answer.summary


def test_what_has_just_started_is_not_yet_well():
    parts = deployed("web", running(ready=False, since_s=5))
    for made in (*parts["pods"], *parts["replicasets.apps"]):
        made["metadata"]["creationTimestamp"] = ago(8)
    answer = surveyed(parts).answer
    assert answer.verdict == "inconclusive"
    assert "web-6f-x is 8s old" in answer.summary


def test_names_carry_their_kind_or_namespace_only_where_that_is_needed():
    assert surveyed(deployed("web", CRASH)).answer.component == "web"
    twins = together(deployed("web", CRASH), {"statefulsets.apps": [workload("StatefulSet", "web", 0)]})
    assert surveyed(twins).answer.component == "deployment/web"
    far = together(deployed("web", CRASH), deployed("web", place="blog"))
    assert surveyed(far, places=("shop", "blog")).answer.component == "shop/web"


def test_a_chain_names_its_symptoms_and_the_cause():
    env = {"containers": [container(env=[{"name": "DB_HOST", "value": "db"}])]}
    db = deployed("db", waiting("ImagePullBackOff", "manifest unknown"))
    parts = together(deployed("web", running(ready=False), **env), db, {"services": [service("db", {"app": "db"})]})
    answer = surveyed(parts).answer
    assert (answer.component, answer.cause) == ("db", "imagepull")
    assert answer.chain[0] == "web"
    assert answer.chain[-1] == "db"
    assert answer.symptoms == ("web",)


def test_incidents_beside_each_other_are_all_named():
    parts = together(
        deployed("web", CRASH), deployed("api", waiting("ErrImagePull", "denied")), {"pods": [pod("calm")]}
    )
    answer = surveyed(parts).answer
    assert answer.component == "api"
    assert [other.component for other in answer.also] == ["web"]


def test_every_signal_cites_what_was_observed():
    survey = surveyed(deployed("web", CRASH), logs={"web-6f-x": b"ok\nKeyError: 'DATABASE_URL'\n"})
    held = {observation.digest: observation for observation in survey.observations}
    assert survey.answer.evidence
    for signal in survey.answer.evidence:
        cited = held[signal.citation.observation].data[signal.citation.start_byte : signal.citation.end_byte]
        assert cited
    assert "KeyError" in survey.answer.summary
