"""Scheduling, nodes, quotas, storage, admission and identity: what the cluster says of each, and that undoing heals."""

import pytest

from aoi.problems import catalogue
from aoi.problems.scenario import Scenario, build, repair
from aoi.problems.writes import Delete, send
from aoi.records.problem import ProblemInstance, TaskKind
from aoi.worlds.transport import EmbeddedTransport
from kubeworld.machine.identity import ADMIN
from kubeworld.machine.world import World
from tests.problems.ages import fresh

TOLD = {
    "memory_request_too_large": ("hotel_reservation", "FailedScheduling", "Insufficient memory"),
    "node_affinity": ("hotel_reservation", "FailedScheduling", "didn't match Pod's node affinity/selector"),
    "anti_affinity": ("hotel_reservation", "FailedScheduling", "3 node(s) didn't match pod anti-affinity rules"),
    "topology_spread": ("gen001", "FailedScheduling", "topology spread constraints (missing required label)"),
    "host_port": ("gen001", "FailedScheduling", "3 node(s) didn't have free ports for the requested pod ports"),
    "preempted": ("gen001", "Preempted", "Preempted by pod "),
    "taint_no_schedule": ("hotel_reservation", "FailedScheduling", "3 node(s) had untolerated taint {"),
    "taint_no_execute": ("gen001", "TaintManagerEviction", "Marking for deletion Pod "),
    "node_cordoned": ("gen002", "FailedScheduling", "1 node(s) were unschedulable"),
    "node_not_ready": ("hotel_reservation", "NodeNotReady", "Node is not ready"),
    "node_disk_pressure": ("gen002", "Evicted", "The node was low on resource: ephemeral-storage. Threshold quantity"),
    "quota_exhausted": ("hotel_reservation", "FailedCreate", "is forbidden: exceeded quota: "),
    "quota_needs_limits": ("gen001", "FailedCreate", ": must specify limits."),
    "limit_range": ("gen002", "FailedCreate", "maximum memory usage per Container is "),
    "hpa_without_request": ("gen001", "FailedGetResourceMetric", "missing request for cpu"),
    "claim_missing": ("gen002", "FailedScheduling", 'persistentvolumeclaim "'),
    "claim_without_class": ("hotel_reservation", "ProvisioningFailed", "storageclass.storage.k8s.io "),
    "claim_unsatisfiable": ("gen001", "FailedBinding", "no persistent volumes available for this claim"),
    "volume_elsewhere": ("gen002", "FailedScheduling", "3 node(s) had volume node affinity conflict"),
    "volume_shared": ("hotel_reservation", "FailedAttachVolume", "Multi-Attach error for volume"),
    "volume_released": ("hotel_reservation", "FailedScheduling", "unbound immediate PersistentVolumeClaims"),
    "ephemeral_storage": ("gen002", "Evicted", "Pod ephemeral local storage usage exceeds the total limit of"),
    "pod_security": ("gen001", "FailedCreate", 'violates PodSecurity "restricted'),
    "missing_service_account": ("gen002", "FailedCreate", "error looking up service account"),
}
"""Mechanism -> (application, reason of an event, what its message holds)."""


def broken(fault: str, application: str) -> Scenario:
    problems = [p for p in catalogue.problems(fault=fault, kind=TaskKind.DETECTION) if p.application == application]
    problem = problems[len(problems) // 2].model_copy(update={"kind": TaskKind.MITIGATION})
    return build(ProblemInstance(problem=problem, seed=fresh(application)))


def heals(found: Scenario) -> bool:
    """By the fault's own undoing, and not by itself."""
    assert not found.grade(None).success
    mended = found.fork()
    assert mended.plan is not None
    repair(mended.world, mended.plan)
    return mended.grade(None).success


def messages(world: World, reason: str) -> list[str]:
    return [event["message"] for event in world.store.objects("events") if event["reason"] == reason]


def pods(found: Scenario) -> list:
    component = found.application.by_name[found.truth.component]
    every = found.world.store.objects("pods", found.namespace)
    return [pod for pod in every if found.application.component_of(pod) is component]


@pytest.mark.parametrize("fault", TOLD)
def test_the_cluster_says_what_is_wrong_and_undoing_it_heals(fault: str) -> None:
    application, reason, words = TOLD[fault]
    found = broken(fault, application)
    assert any(words in message for message in messages(found.world, reason))
    assert heals(found)


def test_without_a_scheduler_pods_wait_and_nobody_says_a_word() -> None:
    found = broken("scheduler_down", "hotel_reservation")
    waiting = [pod for pod in pods(found) if not pod["spec"].get("nodeName")]
    assert waiting
    assert not any("conditions" in pod["status"] for pod in waiting)
    names = {pod["metadata"]["name"] for pod in waiting}
    assert not [e for e in found.world.store.objects("events") if e["involvedObject"]["name"] in names]
    assert heals(found)


def test_a_finalizer_keeps_a_pod_and_so_the_next_of_its_name() -> None:
    found = broken("finalizer", "gen002")
    (pod,) = pods(found)
    assert {"deletionTimestamp", "finalizers"} <= pod["metadata"].keys()
    assert pod["status"]["phase"] == "Failed"
    assert heals(found)


@pytest.mark.parametrize(
    ("fault", "said", "code"),
    [("volume_read_only", "Read-only file system", 100), ("volume_denied", "Permission denied", 100)],
)
def test_a_database_that_cannot_write_its_files_says_so_and_ends(fault: str, said: str, code: int) -> None:
    found = broken(fault, "hotel_reservation")
    (pod,) = [p for p in pods(found) if "deletionTimestamp" not in p["metadata"]]
    (status,) = pod["status"]["containerStatuses"]
    ended = status["lastState"].get("terminated") or status["state"]["terminated"]
    assert ended["exitCode"] == code
    lines = found.world.runtime.log(found.world, pod, status["name"], previous=False)
    assert said in lines[-1].text
    assert heals(found)


@pytest.mark.parametrize("fault", ["taint_no_schedule", "quota_exhausted", "pod_security"])
def test_of_a_fault_that_hits_whoever_needs_a_pod_everybody_hit_is_a_right_answer(fault: str) -> None:
    found = broken(fault, "hotel_reservation")
    hit = {
        c.name
        for c in found.application.components
        if (w := found.world.store.get(c.resource, found.namespace, c.workload))
        and w["status"].get("readyReplicas", 0) < w["spec"]["replicas"]
    }
    assert found.truth.component in hit
    assert hit <= set(found.truth.accepted)


def test_a_fault_of_a_node_may_be_answered_by_its_name() -> None:
    found = broken("node_not_ready", "hotel_reservation")
    assert set(found.nodes) & set(found.truth.accepted)


@pytest.mark.parametrize("fault", ["host_port", "preempted", "quota_needs_limits"])
def test_taking_away_what_others_live_by_mends_nothing(fault: str) -> None:
    found = broken(fault, "gen001").fork()
    assert found.plan is not None
    for key in found.plan.kept:
        send(EmbeddedTransport(found.world, ADMIN), Delete(key))
    found.world.advance(60_000)
    outcome = found.grade(None)
    assert not outcome.success
    assert "is gone" in str(outcome.detail["lost"])
