"""DaemonSets, Jobs, CronJobs, autoscaling and disruption budgets."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeworld.controllers import cronjob
from kubeworld.machine.runtime import ContainerPlan, ExitPlan, Usage
from kubeworld.machine.store import Store
from tests.kubeworld.controllers.cluster import (
    NAMESPACE,
    SteeredRuntime,
    condition,
    create,
    deployment,
    edit,
    events_of,
    get,
    make_world,
    pods_of,
    template,
)


def meta(name):
    return {"name": name, "namespace": NAMESPACE}


def daemon_set(**spec):
    selector = {"matchLabels": {"app": "agent"}}
    body = {"selector": selector, "template": template("agent"), **spec}
    return {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": meta("agent"), "spec": body}


def test_a_name_that_is_taken_is_drawn_again(monkeypatch):
    drawn = Store.new_suffix
    monkeypatch.setattr(Store, "new_suffix", lambda store, hint, length=5: drawn(store, hint, 1))
    world = make_world(cpu="64", memory="64Gi")
    create(world, "deployments.apps", deployment("web", replicas=20))  # 27 letters
    world.advance(30_000)
    assert len({pod["metadata"]["name"] for pod in pods_of(world, "web")}) == 20


def test_a_daemon_runs_once_on_every_node_and_follows_new_ones():
    world = make_world()
    create(world, "daemonsets.apps", daemon_set())
    world.advance(10_000)
    assert sorted(pod["spec"]["nodeName"] for pod in pods_of(world, "agent")) == ["node-1", "node-2", "node-3"]
    create(world, "nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-4"}, "spec": {}})
    world.advance(10_000)
    status = get(world, "daemonsets.apps", "agent")["status"]
    assert (status["desiredNumberScheduled"], status["numberReady"], status["numberAvailable"]) == (4, 4, 4)


def test_a_daemon_ignores_cordons_but_not_taints():
    world = make_world()
    edit(world, "nodes", "node-1", "spec", unschedulable=True)
    edit(world, "nodes", "node-2", "spec", taints=[{"key": "dedicated", "effect": "NoSchedule"}])
    create(world, "daemonsets.apps", daemon_set())
    world.advance(10_000)
    assert sorted(pod["spec"]["nodeName"] for pod in pods_of(world, "agent")) == ["node-1", "node-3"]


def test_a_daemon_is_replaced_one_node_at_a_time():
    world = make_world()
    create(world, "daemonsets.apps", daemon_set())
    world.advance(10_000)
    old = get(world, "daemonsets.apps", "agent")["spec"]["template"]["spec"]["containers"][0]
    changed = [{**old, "image": "shop/app:2"}]
    edit(world, "daemonsets.apps", "agent", "spec", "template", "spec", containers=changed)
    lowest = 3
    for _ in range(80):
        world.advance(250)
        ready = [pod for pod in pods_of(world, "agent") if world_ready(pod)]
        lowest = min(lowest, len(ready))
    assert lowest == 2
    assert {pod["spec"]["containers"][0]["image"] for pod in pods_of(world, "agent")} == {"shop/app:2"}


def world_ready(pod):
    found = [one for one in pod["status"].get("conditions", []) if one["type"] == "Ready"]
    return bool(found) and found[0]["status"] == "True" and "deletionTimestamp" not in pod["metadata"]


def job_world(code=0, after_ms=2000):
    world = make_world()
    reason = "Error" if code else "Completed"
    world.runtime.plans["shop/task:1"] = ContainerPlan(exit=ExitPlan(after_ms, code, reason))
    return world


def job(name="task", policy="Never", **spec):
    body = {"template": template(name, "shop/task:1", restartPolicy=policy), **spec}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta(name), "spec": body}


def test_a_job_completes():
    world = job_world()
    create(world, "jobs.batch", job(completions=3, parallelism=2))
    assert len(pods_of(world, "task")) == 2
    world.advance(30_000)
    done = get(world, "jobs.batch", "task")
    assert (done["status"]["succeeded"], condition(done, "Complete")["status"]) == (3, "True")
    assert "completionTime" in done["status"]
    assert [event["message"] for event in events_of(world, "task", "Completed")] == ["Job completed"]


def test_a_failing_job_gives_up_at_its_limit():
    world = job_world(code=1)
    create(world, "jobs.batch", job(backoffLimit=2))
    world.advance(300_000)
    failed = get(world, "jobs.batch", "task")
    assert condition(failed, "Failed")["reason"] == "BackoffLimitExceeded"
    assert condition(failed, "Failed")["message"] == "Job has reached the specified backoff limit"
    assert failed["status"]["failed"] == 3
    assert events_of(world, "task", "BackoffLimitExceeded")[0]["type"] == "Warning"


def failure_rule(action, **more):
    rule = {"action": action, "onExitCodes": {"operator": "In", "values": [42]}, **more}
    return {"podFailurePolicy": {"rules": [rule]}}


def test_an_exit_code_fails_the_job_if_its_policy_says_so():
    world = job_world(code=42)
    create(world, "jobs.batch", job(backoffLimit=6, **failure_rule("FailJob")))
    world.advance(30_000)
    failed = condition(get(world, "jobs.batch", "task"), "Failed")
    assert failed["reason"] == "PodFailurePolicy"
    assert failed["message"].endswith("failed with exit code 42 matching FailJob rule at index 0")


def test_failures_that_the_policy_ignores_do_not_use_up_the_limit():
    world = job_world(code=42)
    create(world, "jobs.batch", job(backoffLimit=0, **failure_rule("Ignore")))
    world.advance(120_000)
    running = get(world, "jobs.batch", "task")
    assert "conditions" not in running["status"]
    assert len(pods_of(world, "task")) > 1


def test_a_job_that_takes_too_long_is_ended():
    world = job_world(after_ms=10_000_000)
    create(world, "jobs.batch", job(activeDeadlineSeconds=60))
    world.advance(59_000)
    assert len(pods_of(world, "task")) == 1
    world.advance(30_000)
    assert pods_of(world, "task") == []
    assert condition(get(world, "jobs.batch", "task"), "Failed")["reason"] == "DeadlineExceeded"
    assert len(events_of(world, "task", "SuccessfulDelete")) == 1


def test_a_sidecar_without_end_keeps_its_job_active():
    world = job_world()
    create(world, "jobs.batch", job())
    endless = job("mixed")
    endless["spec"]["template"]["spec"]["containers"].append({"name": "proxy", "image": "shop/proxy:1"})
    create(world, "jobs.batch", endless)
    world.advance(600_000)
    assert get(world, "jobs.batch", "mixed")["status"]["active"] == 1
    (pod,) = pods_of(world, "mixed")
    assert condition(pod, "Ready")["message"] == "containers with unready status: [mixed]"


def test_indexed_jobs_number_their_pods():
    world = job_world()
    create(world, "jobs.batch", job(completions=3, parallelism=3, completionMode="Indexed"))
    indexes = {p["metadata"]["annotations"]["batch.kubernetes.io/job-completion-index"] for p in pods_of(world, "task")}
    assert indexes == {"0", "1", "2"}


def test_a_pod_of_an_indexed_job_can_tell_which_one_it_is():
    world = job_world()
    create(world, "jobs.batch", job(completions=3, parallelism=3, completionMode="Indexed"))
    pod = world.store.owned("pods", get(world, "jobs.batch", "task")["metadata"]["uid"])[1]
    assert pod["metadata"]["labels"][cronjob.job.INDEX] == "1"
    assert pod["spec"]["hostname"] == "task-1"
    assert pod["metadata"]["generateName"] == "task-1-"
    assert [item["name"] for item in pod["spec"]["containers"][0]["env"]] == ["JOB_COMPLETION_INDEX"]
    world.advance(10_000)
    assert get(world, "jobs.batch", "task")["status"]["completedIndexes"] == "0-2"


@pytest.mark.parametrize(("numbers", "text"), [(set(), ""), ({3}, "3"), ({0, 1, 2, 5, 7, 8}, "0-2,5,7-8")])
def test_index_sets_are_written_as_runs(numbers, text):
    assert cronjob.job._indexes(numbers) == text


def test_a_suspended_job_says_so_and_starts_when_it_is_resumed():
    world = job_world()
    create(world, "jobs.batch", job(suspend=True))
    status = get(world, "jobs.batch", "task")["status"]
    assert condition({"status": status}, "Suspended")["reason"] == "JobSuspended"
    assert "startTime" not in status
    world.advance(60_000)
    edit(world, "jobs.batch", "task", "spec", suspend=False)
    resumed = get(world, "jobs.batch", "task")
    assert condition(resumed, "Suspended")["status"] == "False"
    assert resumed["status"]["startTime"] == world.clock.rfc3339()
    assert [event["reason"] for event in events_of(world, "task") if event["involvedObject"]["kind"] == "Job"] == [
        "Suspended",
        "SuccessfulCreate",
        "Resumed",
    ]


def test_finished_jobs_expire_by_their_time_to_live():
    world = job_world()
    create(world, "jobs.batch", job(ttlSecondsAfterFinished=60))
    world.advance(50_000)
    assert get(world, "jobs.batch", "task")
    world.advance(30_000)
    assert world.store.get("jobs.batch", NAMESPACE, "task") is None
    assert pods_of(world, "task") == []


def cron(schedule="*/5 * * * *", **spec):
    body = {"schedule": schedule, "jobTemplate": {"spec": job()["spec"]}, **spec}
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": meta("nightly"), "spec": body}


def test_a_cron_job_starts_jobs_at_its_times_and_keeps_three():
    world = job_world()
    create(world, "cronjobs.batch", cron())
    world.advance(26 * 60_000)
    jobs = [one["metadata"]["name"] for one in world.store.objects("jobs.batch", NAMESPACE)]
    minute = (world.clock.epoch_ms + world.clock.now_ms) // 60_000
    latest = minute - minute % 5
    assert jobs == [f"nightly-{latest - 10}", f"nightly-{latest - 5}", f"nightly-{latest}"]
    assert len(events_of(world, "nightly", "SawCompletedJob")) >= 1
    assert "lastSuccessfulTime" in get(world, "cronjobs.batch", "nightly")["status"]


def test_a_suspended_or_unparseable_cron_job_starts_nothing():
    world = job_world()
    create(world, "cronjobs.batch", cron(suspend=True))
    world.advance(3_600_000)
    assert world.store.objects("jobs.batch", NAMESPACE) == []
    edit(world, "cronjobs.batch", "nightly", "spec", schedule="every night", suspend=False)
    world.advance(60_000)
    assert events_of(world, "nightly", "UnparseableSchedule")[0]["message"].startswith('unparseable schedule: "every')


def test_forbidden_concurrency_waits_for_the_running_job():
    world = job_world(after_ms=8 * 60_000)
    create(world, "cronjobs.batch", cron(concurrencyPolicy="Forbid"))
    world.advance(11 * 60_000)
    assert len(world.store.objects("jobs.batch", NAMESPACE)) == 1
    message = "Not starting job because prior execution is running and concurrency policy is Forbid"
    assert events_of(world, "nightly", "JobAlreadyActive")[0]["message"] == message


@pytest.mark.parametrize("text", ["* * * *", "60 * * * *", "* 24 * * *", "a * * * *", "*/0 * * * *", "5-1 * * * *"])
def test_bad_schedules_are_refused(text):
    with pytest.raises(ValueError, match=r"."):
        cronjob.parse(text)


@given(st.integers(0, 59), st.integers(0, 23), st.integers(0, 6))
def test_schedules_mean_what_cron_means(minute, hour, weekday):
    minutes, hours, _, _, weekdays, by_day, by_weekday = cronjob.parse(f"{minute} {hour} * * {weekday}")
    assert (minutes, hours, weekdays) == ({minute}, {hour}, {weekday})
    assert (by_day, by_weekday) == (False, True)


@dataclass
class BusyRuntime(SteeredRuntime):
    millicores: int = 0

    def usage(self, world, pod, container):
        return Usage(self.millicores, 64 * 1024 * 1024)


def scaled_world(millicores, *, requests=None, replicas=2, **spec):
    world = make_world(cpu="64")
    world.runtime = BusyRuntime(millicores=millicores)
    container = {"resources": {"requests": {"cpu": "100m"} if requests is None else requests}}
    create(world, "deployments.apps", deployment("geo", replicas, template=template("geo", container=container)))
    world.advance(10_000)
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "geo"}
    goal = {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
    }
    body = {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 10, "metrics": [goal], **spec}
    create(world, "horizontalpodautoscalers.autoscaling", {"metadata": meta("geo"), "spec": body})
    return world


def replicas_of(world):
    return get(world, "deployments.apps", "geo")["spec"]["replicas"]


def autoscaler(world):
    return get(world, "horizontalpodautoscalers.autoscaling", "geo")


def test_load_above_the_target_adds_pods_up_to_the_maximum():
    world = scaled_world(150)
    assert replicas_of(world) == 6  # 150 % of the request against 50 %: three times two
    (event,) = events_of(world, "geo", "SuccessfulRescale")
    assert event["message"] == "New size: 6; reason: cpu resource utilization (percentage of request) above target"
    world.advance(60_000)
    assert replicas_of(world) == 10
    limited = condition(autoscaler(world), "ScalingLimited")
    assert limited["message"] == "the desired replica count is more than the maximum replica count"


def test_load_below_the_target_removes_pods_only_after_the_window():
    world = scaled_world(10, replicas=6)
    world.advance(240_000)
    assert replicas_of(world) == 6
    world.advance(120_000)
    assert replicas_of(world) < 6
    assert events_of(world, "geo", "SuccessfulRescale")[-1]["message"].endswith("reason: All metrics below target")


def test_load_within_tolerance_changes_nothing():
    world = scaled_world(52)
    world.advance(120_000)
    assert replicas_of(world) == 2
    assert condition(autoscaler(world), "ScalingActive")["reason"] == "ValidMetricFound"


def test_a_missing_request_is_named():
    world = scaled_world(150, requests={})
    pod = pods_of(world, "geo")[0]["metadata"]["name"]
    error = f"failed to get cpu utilization: missing request for cpu in container geo of Pod {pod}"
    assert events_of(world, "geo", "FailedGetResourceMetric")[0]["message"] == error
    active = condition(autoscaler(world), "ScalingActive")
    assert (active["status"], active["reason"]) == ("False", "FailedGetResourceMetric")
    assert replicas_of(world) == 2


@pytest.mark.parametrize(
    ("replicas", "bound", "why"), [(12, 10, "above Spec.MaxReplicas"), (1, 3, "below Spec.MinReplicas")]
)
def test_a_size_out_of_bounds_is_brought_back_also_without_metrics(replicas, bound, why):
    world = scaled_world(150, requests={}, replicas=replicas, minReplicas=3)
    assert replicas_of(world) == bound
    (event,) = events_of(world, "geo", "SuccessfulRescale")
    assert event["message"] == f"New size: {bound}; reason: Current number of replicas {why}"


QUEUE = {"metric": {"name": "queue"}, "target": {"type": "AverageValue", "averageValue": "5"}}


@pytest.mark.parametrize(
    ("metric", "reason", "words"),
    [
        ({"type": "Pods", "pods": QUEUE}, "FailedGetPodsMetric", "no custom metrics API (custom.metrics.k8s.io)"),
        ({"type": "External", "external": QUEUE}, "FailedGetExternalMetric", "(get queue.external.metrics.k8s.io)"),
    ],
)
def test_a_metric_that_nobody_serves_keeps_the_size_from_shrinking_alone(metric, reason, words):
    resource = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}
    metrics = [metric, {"type": "Resource", "resource": resource}]
    idle = scaled_world(0, replicas=3, metrics=metrics)
    idle.advance(900_000)
    assert replicas_of(idle) == 3
    assert words in events_of(idle, "geo", reason)[0]["message"]
    assert "(1 invalid out of 2)" in events_of(idle, "geo", "FailedComputeMetricsReplicas")[0]["message"]
    assert condition(autoscaler(idle), "ScalingActive")["reason"] == reason
    busy = scaled_world(150, replicas=3, metrics=metrics)
    assert replicas_of(busy) > 3


def test_a_missing_target_and_one_scaled_to_zero():
    world = scaled_world(150, replicas=0)
    assert condition(autoscaler(world), "ScalingActive")["reason"] == "ScalingDisabled"
    edit(world, "horizontalpodautoscalers.autoscaling", "geo", "spec", "scaleTargetRef", name="gone")
    assert condition(autoscaler(world), "AbleToScale")["reason"] == "FailedGetScale"


def budget_world(**spec):
    world = make_world()
    create(world, "deployments.apps", deployment("geo", 3))
    world.advance(10_000)
    body = {"selector": {"matchLabels": {"app": "geo"}}, **spec}
    create(world, "poddisruptionbudgets.policy", {"metadata": meta("geo"), "spec": body})
    return world


@pytest.mark.parametrize(
    ("spec", "allowed"),
    [
        ({"minAvailable": 3}, 0),
        ({"minAvailable": 2}, 1),
        ({"minAvailable": "50%"}, 1),
        ({"maxUnavailable": 1}, 1),
        ({"maxUnavailable": 0}, 0),
        ({"maxUnavailable": "100%"}, 3),
    ],
)
def test_budgets_count_what_may_be_evicted(spec, allowed):
    world = budget_world(**spec)
    status = get(world, "poddisruptionbudgets.policy", "geo")["status"]
    assert (status["disruptionsAllowed"], status["currentHealthy"], status["expectedPods"]) == (allowed, 3, 3)


def test_an_unhealthy_pod_uses_up_the_budget():
    world = budget_world(minAvailable=2)
    pod = pods_of(world, "geo")[0]
    edit(world, "nodes", pod["spec"]["nodeName"], "spec", taints=[{"key": "x", "effect": "NoExecute"}])
    assert get(world, "poddisruptionbudgets.policy", "geo")["status"]["disruptionsAllowed"] == 0
    world.advance(20_000)
    assert get(world, "poddisruptionbudgets.policy", "geo")["status"]["disruptionsAllowed"] == 1


def test_a_job_that_restarts_in_place_gives_up_by_its_restarts():
    world = job_world(code=1)
    create(world, "jobs.batch", job(policy="OnFailure", backoffLimit=3))
    world.advance(300_000)
    assert condition(get(world, "jobs.batch", "task"), "Failed")["reason"] == "BackoffLimitExceeded"
    assert pods_of(world, "task") == []


def test_a_native_sidecar_does_not_keep_a_job_from_completing():
    world = job_world()
    one = job()
    sidecar = {"name": "proxy", "image": "shop/proxy:1", "restartPolicy": "Always"}
    one["spec"]["template"]["spec"]["initContainers"] = [sidecar]
    create(world, "jobs.batch", one)
    world.advance(60_000)
    assert condition(get(world, "jobs.batch", "task"), "Complete")["status"] == "True"
    (pod,) = pods_of(world, "task")
    assert "terminated" in pod["status"]["initContainerStatuses"][0]["state"]
