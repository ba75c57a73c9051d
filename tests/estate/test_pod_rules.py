"""Pods: placed or not, leaving, failed: present trouble beside what only looks like it."""

import pytest

from aoi.estate.finding import Tier
from aoi.estate.rules.pods import pods
from tests.estate.estates import ago, deployed, died, estate_of, event, pod, running, thing, told, waiting


def _unplaced(message="", reason="Unschedulable", age_s=600, **spec):
    made = pod("x", running(ready=False), **spec)
    made["metadata"]["creationTimestamp"] = ago(age_s)
    del made["spec"]["nodeName"]
    made["status"] = {
        "phase": "Pending",
        "conditions": [{"type": "PodScheduled", "reason": reason, "message": message}],
    }
    return list(pods(estate_of({"pods": [made]})))


@pytest.mark.parametrize(("age_s", "standing"), [(600, "failing"), (10, "suspect")])
def test_a_pod_that_no_node_takes_is_told_with_the_schedulers_words(age_s, standing):
    words = "0/1 nodes are available: 1 Insufficient memory."
    (finding,) = _unplaced(words, age_s=age_s)
    assert (finding.word, finding.standing) == ("insufficient", standing)
    assert "Insufficient memory" in finding.summary


def test_a_pod_that_waits_for_its_claim_is_a_symptom_of_the_claim():
    (finding,) = _unplaced("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.")
    assert (finding.word, finding.tier) == ("unbound", Tier.ENDED)


@pytest.mark.parametrize(("age_s", "is_told"), [(600, True), (20, False)])
def test_a_pod_that_no_scheduler_looks_at_is_told_after_a_while(age_s, is_told):
    findings = _unplaced(reason="", age_s=age_s, schedulerName="mine")
    assert bool(findings) is is_told
    assert all("mine" in finding.summary for finding in findings)


def test_scheduling_gates_are_named():
    (finding,) = _unplaced(reason="SchedulingGated", schedulingGates=[{"name": "example.com/quota"}])
    assert "example.com/quota" in finding.summary


@pytest.mark.parametrize(("overdue_s", "is_told"), [(600, True), (10, False), (-30, False)])
def test_a_pod_hangs_only_after_its_grace_period(overdue_s, is_told):
    made = pod("x")
    made["metadata"] |= {"deletionTimestamp": ago(overdue_s), "finalizers": ["example.com/hold"]}
    findings = list(pods(estate_of({"pods": [made]})))
    assert [f.word for f in findings] == (["terminating"] if is_told else [])
    assert all("example.com/hold" in finding.summary for finding in findings)


def _evicted(owner=None, label="old"):
    made = pod(label, running(ready=False), owner=owner, labels={"app": "web"})
    made["status"] = {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}
    return made


def test_an_evicted_pod_is_told_where_nothing_replaced_it():
    assert told(pods(estate_of({"pods": [_evicted()]}))) == [("evicted", "Pod/old", "failing")]


def test_an_evicted_leftover_beside_healthy_pods_is_the_past():
    parts = deployed("web")
    parts["pods"].append(_evicted(parts["replicasets.apps"][0]))
    assert told(pods(estate_of(parts))) == []


def test_a_failed_pod_is_told_by_the_container_that_ended_it():
    made = pod("x", {**running(ready=False), "state": died(3)}, restartPolicy="Never")
    made["status"]["phase"] = "Failed"
    assert told(pods(estate_of({"pods": [made]}))) == [("crashloop", "Pod/x", "failing")]


def test_pods_of_jobs_that_are_over_are_the_jobs_business():
    job = thing("Job", "load")
    made = pod("load-1", {**running(ready=False), "state": died(3)}, owner=job)
    made["status"]["phase"] = "Failed"
    assert told(pods(estate_of({"jobs.batch": [job], "pods": [made]}))) == []


@pytest.mark.parametrize(
    ("reason", "message", "word"),
    [
        ("FailedMount", 'MountVolume.SetUp failed for volume "v": configmap "cm" not found', "missingconfig"),
        ("FailedMount", "MountVolume.SetUp failed: references non-existent config key: a.conf", "missingkey"),
        ("FailedAttachVolume", "AttachVolume.Attach failed: volume is already attached", "unbound"),
        ("FailedCreatePodSandBox", "plugin returned no address", "unclassified"),
    ],
)
def test_what_keeps_a_placed_pod_from_being_created_stands_in_its_events(reason, message, word):
    made = pod("x", waiting("ContainerCreating"))
    assert told(pods(estate_of({"pods": [made], "events": [event(made, reason, message)]}))) == [
        (word, "Pod/x", "failing")
    ]


def test_trouble_that_a_running_pod_had_when_it_was_created_is_the_past():
    made = pod("x")
    assert (
        told(pods(estate_of({"pods": [made], "events": [event(made, "FailedMount", 'configmap "cm" not found')]})))
        == []
    )


def test_what_succeeded_is_no_finding():
    made = pod("x", {**running(ready=False), "state": died(0)})
    made["status"]["phase"] = "Succeeded"
    assert told(pods(estate_of({"pods": [made]}))) == []


@pytest.mark.parametrize(("since_s", "is_told"), [(5, False), (600, True)])
def test_a_pod_that_waits_for_a_readiness_gate_names_the_gate(since_s, is_told):
    gated = pod("web-1", readinessGates=[{"conditionType": "target-health.lb.example/web"}])
    message = 'corresponding condition of pod readiness gate "target-health.lb.example/web" does not exist.'
    gated["status"]["conditions"] = [
        {"type": "Ready", "status": "False", "message": message, "lastTransitionTime": ago(since_s)}
    ]
    findings = list(pods(estate_of({"pods": [gated]})))
    assert [finding.word for finding in findings] == (["notready"] if is_told else [])
    assert not is_told or "target-health.lb.example/web" in findings[0].summary


_TWO_REASONS = (
    "0/3 nodes are available: 1 node(s) had untolerated taint {team: data},"
    " 2 node(s) didn't match Pod's node affinity/selector."
)


@pytest.mark.parametrize(("zone", "word"), [("a", "tainted"), ("z", "nodeselector")])
def test_a_selector_that_a_node_fulfils_is_not_what_keeps_the_pod_from_it(zone, word):
    nodes = [thing("Node", name) for name in ("n1", "n2", "n3")]
    for node, place in zip(nodes, "abc", strict=True):
        node["metadata"]["labels"] = {"zone": place}
    made = pod("x", running(ready=False), nodeSelector={"zone": zone})
    del made["spec"]["nodeName"]
    scheduled = {"type": "PodScheduled", "reason": "Unschedulable", "message": _TWO_REASONS}
    made["status"] = {"phase": "Pending", "conditions": [scheduled]}
    (finding,) = pods(estate_of({"pods": [made], "nodes": nodes}))
    assert finding.word == word


@pytest.mark.parametrize(("ages_s", "is_told"), [((30, 90, 150), True), ((30, 4000, 8000), False)])
def test_evictions_one_after_another_are_told_though_a_pod_runs(ages_s, is_told):
    parts = deployed("web")
    for number, age_s in enumerate(ages_s):
        made = _evicted(parts["replicasets.apps"][0], f"old-{number}")
        made["status"]["conditions"] = [{"type": "DisruptionTarget", "lastTransitionTime": ago(age_s)}]
        parts["pods"].append(made)
    assert {finding.word for finding in pods(estate_of(parts))} == ({"evicted"} if is_told else set())
