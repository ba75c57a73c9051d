"""Job: runs pods until enough of them have succeeded, or too many have failed.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/job/ and pkg/controller/job.
"""

from kubeworld.controllers import failure_policy, pods
from kubeworld.controllers.deletion import request_deletion
from kubeworld.kinds import conditions, events
from kubeworld.kinds.owners import controller_key
from kubeworld.kinds.pod import is_active, is_ready
from kubeworld.machine.store import Change, Name, Obj, fork
from kubeworld.machine.world import World

RESOURCE = "jobs.batch"
COMPONENT = "job-controller"
# DefaultJobPodFailureBackOff and MaxJobPodFailureBackOff of pkg/controller/job.
FIRST_BACKOFF_MS = 10_000
LAST_BACKOFF_MS = 600_000
INDEX = "batch.kubernetes.io/job-completion-index"


class JobController:
    """Creates pods up to parallelism, counts how they end, and gives up by backoffLimit or deadline."""

    name = "job"
    watches = (RESOURCE, "pods")

    def wakes_for(self, world: World, change: Change) -> list[tuple[str, Name]]:
        """The Job, or the owner of a pod that changed."""
        if change.resource == RESOURCE:
            return [] if change.verb == "DELETED" else [(RESOURCE, change.name)]
        key = controller_key(change.obj, RESOURCE)
        return [key] if key else []

    def reconcile(self, world: World, resource: str, name: Name) -> None:
        """Count, decide, act, report."""
        job = world.store.get(RESOURCE, *name)
        if job is None:
            return
        if is_finished(job):
            self._expire(world, job)
            return
        job = _complete_spec(world, job)
        owned = world.store.owned("pods", job["metadata"]["uid"])
        counts = _Counts(job, owned)
        started_ms = _started_ms(world, job)
        verdict = _verdict(world, job, counts, started_ms)
        active = [pod for pod in owned if is_active(pod)]
        if verdict is None and not job["spec"].get("suspend") and "deletionTimestamp" not in job["metadata"]:
            self._create(world, job, owned, active, counts)
        elif verdict is not None or job["spec"].get("suspend"):
            for pod in active:
                request_deletion(world, "pods", pod)
                message = f"Deleted pod: {pod['metadata']['name']}"
                events.record(world, RESOURCE, job, "SuccessfulDelete", message, component=COMPONENT)
        self._report(world, job, counts, verdict, started_ms)

    def _create(self, world: World, job: Obj, owned: list[Obj], active: list[Obj], counts: "_Counts") -> None:
        spec, meta = job["spec"], job["metadata"]
        parallelism, completions = spec.get("parallelism", 1), spec.get("completions")
        left = parallelism if completions is None else min(parallelism, completions - counts.succeeded)
        if completions is None and counts.succeeded:
            left = 0
        missing = left - len(active)
        if missing <= 0:
            return
        wait_ms = _backoff_left_ms(world, counts)
        if wait_ms > 0:
            world.clock.set_timer(wait_ms, self.name, RESOURCE, meta["namespace"], meta["name"])
            return
        # An index is free again when its pod has failed: the lowest goes first (firstPendingIndexes).
        taken = {_index_of(pod) for pod in owned if (pod.get("status") or {}).get("phase") != "Failed"}
        for _ in range(missing):
            pod_name = pods.new_name(world, meta)
            pod = pods.from_template(spec["template"], RESOURCE, job, pod_name)
            if spec.get("completionMode") == "Indexed":
                index = next(i for i in range(completions or 1) if str(i) not in taken)
                taken.add(str(index))
                _give_index(pod, meta["name"], index)
                pod["metadata"]["name"] = pods.new_name(world, meta, f"{index}-")
            if pods.create(world, RESOURCE, job, pod, COMPONENT) is not None:
                world.clock.set_timer(FIRST_BACKOFF_MS, self.name, RESOURCE, meta["namespace"], meta["name"])
                return

    def _report(
        self, world: World, job: Obj, counts: "_Counts", verdict: tuple[str, str, str] | None, started_ms: int
    ) -> None:
        now = world.clock.rfc3339()
        meta = job["metadata"]
        owned = [pod for pod in world.store.owned("pods", meta["uid"]) if is_active(pod)]
        suspended = bool(job["spec"].get("suspend")) and verdict is None
        status: Obj = {"uncountedTerminatedPods": {}}
        if not suspended:
            status["startTime"] = world.clock.rfc3339(started_ms)
        if job["spec"].get("completionMode") == "Indexed":
            status["completedIndexes"] = _indexes(counts.done)
        numbers = {"active": len(owned), "succeeded": counts.succeeded, "failed": counts.failed}
        status |= {key: value for key, value in numbers.items() if value}
        status["ready"] = sum(is_ready(pod) for pod in owned)
        status["terminating"] = 0
        current = self._suspension(world, job, suspended)
        if verdict is not None:
            type_, reason, message = verdict
            # The interim condition says that the outcome is decided, the final one that no pod runs any more. Source:
            # https://kubernetes.io/docs/concepts/workloads/controllers/job/#termination-of-job-pods
            interim = "SuccessCriteriaMet" if type_ == "Complete" else "FailureTarget"
            for condition_type in (interim, type_):
                current = conditions.with_condition(
                    current, now, type_=condition_type, status="True", reason=reason, message=message, lastProbeTime=now
                )
            if type_ == "Complete":
                status["completionTime"] = now
        if current:
            status["conditions"] = current
        if status != job.get("status"):
            job = world.store.update(RESOURCE, {**job, "status": status})
        if verdict is not None:
            type_, reason, message = verdict
            if type_ == "Complete":
                events.record(world, RESOURCE, job, "Completed", "Job completed", component=COMPONENT)
            else:
                events.record(world, RESOURCE, job, reason, message, component=COMPONENT, type_="Warning")
            self._expire(world, job)
        elif (deadline_s := job["spec"].get("activeDeadlineSeconds")) and not suspended:
            left_ms = started_ms + deadline_s * 1000 - world.clock.now_ms
            world.clock.set_timer(left_ms, self.name, RESOURCE, meta["namespace"], meta["name"])

    def _suspension(self, world: World, job: Obj, suspended: bool) -> conditions.Conditions:
        """The conditions, with what suspending or resuming the Job changes; a Job that never was has none of it."""
        current: conditions.Conditions = (job.get("status") or {}).get("conditions") or []
        former = conditions.find(current, "Suspended")
        if suspended is (former is not None and former["status"] == "True"):
            return current
        reason = "Suspended" if suspended else "Resumed"
        message, now = f"Job {reason.lower()}", world.clock.rfc3339()
        events.record(world, RESOURCE, job, reason, message, component=COMPONENT)
        status = {"status": str(suspended), "reason": f"Job{reason}", "message": message, "lastProbeTime": now}
        return conditions.with_condition(current, now, type_="Suspended", **status)

    def _expire(self, world: World, job: Obj) -> None:
        """ttlSecondsAfterFinished."""
        ttl_s = job["spec"].get("ttlSecondsAfterFinished")
        if ttl_s is None:
            return
        # The clock runs from when the Job ended, not from its creation (pkg/controller/ttlafterfinished).
        finished = max(world.clock.at_ms(c["lastTransitionTime"]) for c in job["status"]["conditions"])
        left_ms = finished + ttl_s * 1000 - world.clock.now_ms
        meta = job["metadata"]
        if left_ms > 0:
            world.clock.set_timer(left_ms, self.name, RESOURCE, meta["namespace"], meta["name"])
        else:
            request_deletion(world, RESOURCE, job)


class _Counts:
    """How the pods of a Job have ended."""

    def __init__(self, job: Obj, owned: list[Obj]) -> None:
        phases = [(pod.get("status") or {}).get("phase") for pod in owned]
        self.succeeded = phases.count("Succeeded")
        failed = [failure_policy.judge(job, pod) for pod in owned if (pod.get("status") or {}).get("phase") == "Failed"]
        self.failed = sum(action != "Ignore" for action, _ in failed)
        self.fatal = next((message for action, message in failed if action == "FailJob"), None)
        ended = zip(owned, phases, strict=True)
        self.done = {int(index) for pod, phase in ended if phase == "Succeeded" and (index := _index_of(pod))}
        self.restarts = sum(
            status.get("restartCount", 0)
            for pod in owned
            if is_active(pod) and pod["spec"].get("restartPolicy") == "OnFailure"
            for status in (pod.get("status") or {}).get("containerStatuses") or ()
        )
        self.last_failure = max(
            (_ended(p) for p in owned if (p.get("status") or {}).get("phase") == "Failed"), default=""
        )


def is_finished(job: Obj) -> bool:
    """Complete or Failed."""
    return conditions.is_true(job, "Complete") or conditions.is_true(job, "Failed")


def _verdict(world: World, job: Obj, counts: _Counts, started_ms: int) -> tuple[str, str, str] | None:
    """(condition, reason, message) that ends the Job, or None."""
    spec = job["spec"]
    completions = spec.get("completions")
    enough = counts.succeeded >= completions if completions is not None else counts.succeeded > 0
    if enough and (completions is not None or not counts.failed):
        return "Complete", "CompletionsReached", "Reached expected number of succeeded pods"
    if counts.fatal is not None:
        return "Failed", "PodFailurePolicy", counts.fatal
    # With restartPolicy OnFailure the kubelet restarts in place, so restarts count too, and reaching the limit is
    # enough (pastBackoffLimitOnFailure); pods that failed have to exceed it.
    if counts.failed > spec.get("backoffLimit", 6) or (
        counts.restarts and counts.restarts + counts.failed >= max(1, spec.get("backoffLimit", 6))
    ):
        return "Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit"
    deadline_s = spec.get("activeDeadlineSeconds")
    if deadline_s is not None and world.clock.now_ms >= started_ms + deadline_s * 1000:
        return "Failed", "DeadlineExceeded", "Job was active longer than specified deadline"
    return None


def _complete_spec(world: World, job: Obj) -> Obj:
    """The selector and labels that the API server generates, for a Job that was not written through it."""
    spec, meta = job["spec"], job["metadata"]
    if spec.get("selector") and "completions" in spec:
        return job
    uid = meta["uid"]
    own = {"batch.kubernetes.io/controller-uid": uid, "batch.kubernetes.io/job-name": meta["name"],
           "controller-uid": uid, "job-name": meta["name"]}  # fmt: skip
    changed, new_spec = fork(job, "spec")
    if not spec.get("selector"):
        new_spec["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
        template, template_meta = fork(spec["template"], "metadata")
        template_meta["labels"] = {**(template_meta.get("labels") or {}), **own}
        new_spec["template"] = template
    if "completions" not in spec and "parallelism" not in spec:
        new_spec["completions"] = new_spec["parallelism"] = 1
    if new_spec == spec:
        return job
    return world.store.update(RESOURCE, changed)


def _started_ms(world: World, job: Obj) -> int:
    """A Job that was suspended starts anew when it is resumed."""
    started = (job.get("status") or {}).get("startTime")
    return world.clock.at_ms(started) if started else world.clock.now_ms


def _backoff_left_ms(world: World, counts: _Counts) -> int:
    """A failed pod is replaced after 10 s, doubling with every failure up to ten minutes."""
    if not counts.failed:
        return 0
    # Ten doublings are far beyond the maximum: no need for larger powers.
    delay_ms = min(FIRST_BACKOFF_MS * 2 ** min(counts.failed - 1, 10), LAST_BACKOFF_MS)
    return world.clock.at_ms(counts.last_failure) + delay_ms - world.clock.now_ms


def _ended(pod: Obj) -> str:
    times = [
        status["state"]["terminated"]["finishedAt"]
        for status in (pod.get("status") or {}).get("containerStatuses") or ()
        if "terminated" in status["state"]
    ]
    return max(times, default=pod["metadata"]["creationTimestamp"])


def _give_index(pod: Obj, job: str, index: int) -> None:
    """What tells a pod of an Indexed Job which part of the work is its own."""
    meta, spec = pod["metadata"], pod["spec"]
    meta["annotations"] = {**(meta.get("annotations") or {}), INDEX: str(index)}
    meta["labels"] = {**meta["labels"], INDEX: str(index)}
    meta["generateName"] = f"{job}-{index}-"
    spec["hostname"] = f"{job}-{index}"
    field = {"fieldRef": {"apiVersion": "v1", "fieldPath": f"metadata.labels['{INDEX}']"}}
    for kind in ("containers", "initContainers"):
        if spec.get(kind):
            spec[kind] = [
                {
                    **container,
                    "env": [*(container.get("env") or ()), {"name": "JOB_COMPLETION_INDEX", "valueFrom": field}],
                }
                for container in spec[kind]
            ]


def _indexes(numbers: set[int]) -> str:
    """`0-2,5`, as completedIndexes writes a set."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and runs[-1][-1] == number - 1:
            runs[-1][-1] = number
        else:
            runs.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def _index_of(pod: Obj) -> str:
    return (pod["metadata"].get("annotations") or {}).get(INDEX, "")
