"""Owners of pods: refusals, rollouts, Jobs, and scale on purpose; autoscalers and custom owners beside them."""

import pytest

from aoi.estate.components import Identity
from aoi.estate.rules.owners import owners
from aoi.estate.rules.scaling import scaling
from aoi.estate.rules.workloads import workloads
from tests.estate.estates import ago, deployed, died, estate_of, event, owned_by, pod, running, thing, told, workload

QUOTA = 'pods "web-1" is forbidden: exceeded quota: team, requested: pods=1, used: pods=4, limited: pods=4'


def _bare(age_s=20):
    parts = deployed("web")
    parts["pods"] = []
    parts["events"] = [event(parts["replicasets.apps"][0], "FailedCreate", QUOTA, age_s=age_s)]
    return parts


def test_a_healthy_deployment_is_no_finding():
    assert told(workloads(estate_of(deployed("web")))) == []


def test_a_refused_creation_is_told_in_the_servers_words():
    (finding,) = workloads(estate_of(_bare()))
    assert (finding.word, str(finding.owner), finding.standing) == ("quota", "Deployment/web", "failing")
    assert "exceeded quota: team" in finding.summary


def test_a_refusal_long_ago_or_of_pods_that_now_run_is_the_past():
    assert [f.word for f in workloads(estate_of(_bare(age_s=90_000)))] == ["notready"]
    parts = deployed("web")
    parts["events"] = _bare()["events"]
    assert told(workloads(estate_of(parts))) == []


def test_pods_that_could_not_be_read_are_not_missing():
    assert told(workloads(estate_of(deployed("web"), unread=["pods"]))) == []


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
def test_scale_to_zero_may_be_on_purpose(kind):
    key = f"{kind.lower()}s.apps"
    assert told(workloads(estate_of({key: [workload(kind, "web", 0)]}))) == [("zeroreplicas", f"{kind}/web", "suspect")]


def test_a_rollout_under_way_is_not_stuck_and_one_past_its_deadline_is():
    parts = deployed("web", running(ready=False))
    assert told(workloads(estate_of(parts))) == [("notready", "Deployment/web", "failing")]
    parts["deployments.apps"][0]["status"]["conditions"] = [
        {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "late"}
    ]
    assert told(workloads(estate_of(parts))) == [("stalled", "Deployment/web", "failing")]
    parts = deployed("web", running(ready=False))
    parts["pods"][0]["metadata"]["creationTimestamp"] = ago(10)
    assert told(workloads(estate_of(parts))) == []


def _job(status, *, of=None, age_s=600, label="load", **spec):
    job = thing("Job", label, owner=of, spec={"backoffLimit": 2, **spec}, status=status)
    job["metadata"]["creationTimestamp"] = ago(age_s)
    return job


FAILED = {
    "failed": 3,
    "conditions": [
        {
            "type": "Failed",
            "status": "True",
            "reason": "BackoffLimitExceeded",
            "message": "Job has reached the specified backoff limit",
        }
    ],
}
COMPLETE = {"succeeded": 1, "failed": 2, "conditions": [{"type": "Complete", "status": "True"}]}


def test_a_failed_job_is_told_with_how_its_last_pod_ended():
    job = _job(FAILED)
    made = pod("load-1", {**running(ready=False), "state": died(3, message="no input")}, owner=job)
    made["status"]["phase"] = "Failed"
    (finding,) = workloads(estate_of({"jobs.batch": [job], "pods": [made]}))
    assert finding.word == "jobfailed"
    for words in ("BackoffLimitExceeded", "exit code 3", "no input"):
        assert words in finding.summary
    assert finding.logs[0].pod == "load-1"


@pytest.mark.parametrize("status", [COMPLETE, {"active": 1}, {}])
def test_a_job_that_completed_or_runs_is_no_finding(status):
    assert told(workloads(estate_of({"jobs.batch": [_job(status)]}))) == []


@pytest.mark.parametrize(
    ("older", "newer", "words"),
    [(FAILED, COMPLETE, []), (COMPLETE, FAILED, ["jobfailed"]), (FAILED, FAILED, ["jobfailed"])],
)
def test_of_a_cron_job_the_newest_run_decides(older, newer, words):
    cron = thing("CronJob", "nightly", spec={})
    jobs = [_job(older, of=cron, age_s=9000, label="n-1"), _job(newer, of=cron, age_s=100, label="n-2")]
    assert [f.word for f in workloads(estate_of({"cronjobs.batch": [cron], "jobs.batch": jobs}))] == words


@pytest.mark.parametrize(("suspend", "is_told"), [(False, True), (True, False)])
def test_a_cron_job_that_starts_nothing_is_told_unless_it_is_suspended(suspend, is_told):
    cron = thing("CronJob", "nightly", spec={"suspend": suspend})
    parts = {"cronjobs.batch": [cron], "events": [event(cron, "UnparseableSchedule", "unparseable schedule: x")]}
    assert bool(told(workloads(estate_of(parts)))) is is_told


def _scaler(*conditions, current=2, most=4, age_s=7200):
    made = thing(
        "HorizontalPodAutoscaler",
        "web",
        spec={"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "maxReplicas": most},
        status={"currentReplicas": current, "conditions": list(conditions)},
    )
    made["metadata"]["creationTimestamp"] = ago(age_s)
    return told(scaling(estate_of(deployed("web"), {"horizontalpodautoscalers.autoscaling": [made]})))


def _state(kind, status, reason):
    return {"type": kind, "status": status, "reason": reason, "message": "words"}


def test_an_autoscaler_without_metrics_is_told_after_its_warm_up():
    broken = _state("ScalingActive", "False", "FailedGetResourceMetric")
    assert _scaler(broken) == [("nometrics", "Deployment/web", "failing")]
    assert _scaler(broken, age_s=30) == []


def test_an_autoscaler_at_its_minimum_or_whose_target_rests_is_healthy():
    assert _scaler(_state("ScalingLimited", "True", "TooFewReplicas"), current=1) == []
    assert _scaler(_state("ScalingActive", "False", "ScalingDisabled")) == []
    assert _scaler(_state("ScalingActive", "True", "ValidMetricFound")) == []


def test_an_autoscaler_at_its_maximum_is_only_suspicious():
    limited = _state("ScalingLimited", "True", "TooManyReplicas")
    assert _scaler(limited, current=4) == [("hpapinned", "Deployment/web", "suspect")]
    assert _scaler(limited, current=3) == []


@pytest.mark.parametrize(("status", "is_told"), [("False", True), ("True", False), ("Unknown", False)])
def test_a_custom_owner_is_believed_where_it_says_that_it_is_not_ready(status, is_told):
    operator = thing("Database", "orders", status={"conditions": [_state("Ready", status, "Degraded")]})
    made = pod("orders-0")
    made["metadata"]["ownerReferences"] = [owned_by(operator)]
    estate = estate_of({"pods": [made]})
    estate.custom[Identity("Database", "shop", "orders")] = operator
    assert told(owners(estate)) == ([("notready", "Database/orders", "failing")] if is_told else [])
