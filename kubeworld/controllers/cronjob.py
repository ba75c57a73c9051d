"""CronJob: starts Jobs by a schedule.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ and pkg/controller/cronjob.
"""

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kubeworld.controllers import job
from kubeworld.controllers.deletion import request_deletion
from kubeworld.kinds import events
from kubeworld.kinds.owners import controller_key, owner_reference
from kubeworld.kinds.schedule import Schedule, next_time, parse
from kubeworld.machine.store import Change, Name, Obj
from kubeworld.machine.world import World

RESOURCE = "cronjobs.batch"
JOBS = "jobs.batch"
COMPONENT = "cronjob-controller"


class CronJobController:
    """One timer per unsuspended CronJob, at its next time."""

    name = "cronjob"
    watches = (RESOURCE, JOBS)

    def wakes_for(self, world: World, change: Change) -> list[tuple[str, Name]]:
        """The CronJob, or the owner of a Job that changed."""
        if change.resource == RESOURCE:
            return [] if change.verb == "DELETED" else [(RESOURCE, change.name)]
        key = controller_key(change.obj, RESOURCE)
        return [key] if key else []

    def reconcile(self, world: World, resource: str, name: Name) -> None:
        """Note finished Jobs, start what is due, wait for the next time."""
        cron = world.store.get(RESOURCE, *name)
        if cron is None or "deletionTimestamp" in cron["metadata"]:
            return
        cron = self._note_jobs(world, cron)
        self._prune(world, cron)
        try:
            zone = ZoneInfo(cron["spec"]["timeZone"]) if cron["spec"].get("timeZone") else UTC
            schedule = parse(cron["spec"]["schedule"])
        except (ValueError, ZoneInfoNotFoundError) as error:
            message = f"unparseable schedule: {cron['spec']['schedule']!r} : {error}".replace("'", '"')
            events.record(world, RESOURCE, cron, "UnparseableSchedule", message, component=COMPONENT, type_="Warning")
            return
        if cron["spec"].get("suspend"):
            return
        # A CronJob owes nothing that was due before it existed.
        last = (cron.get("status") or {}).get("lastScheduleTime") or cron["metadata"]["creationTimestamp"]
        due_ms = self._due_ms(world, schedule, zone, world.clock.at_ms(last))
        if due_ms is not None:
            cron = self._start(world, cron, due_ms)
        self._wait(world, cron, schedule, zone)

    def _due_ms(self, world: World, schedule: Schedule, zone: tzinfo, last_ms: int) -> int | None:
        """The most recent scheduled time since the last one, if any."""
        latest: int | None = None
        at = next_time(schedule, _moment(world, last_ms, zone))
        # Of several missed times only the latest is made up for (mostRecentScheduleTime in utils.go).
        while at is not None and (at_ms := _since_start(world, at)) <= world.clock.now_ms:
            latest = at_ms
            at = next_time(schedule, at)
        return latest

    def _wait(self, world: World, cron: Obj, schedule: Schedule, zone: tzinfo) -> None:
        meta = cron["metadata"]
        at = next_time(schedule, _moment(world, world.clock.now_ms, zone))
        key = f"cronjob-timer/{meta['uid']}"
        if at is None:
            return
        at_ms = _since_start(world, at)
        # Every change of a Job comes by here; the timer for one time is set once.
        if world.state.get(key) != at_ms:
            world.state[key] = at_ms
            world.clock.set_timer(at_ms - world.clock.now_ms, self.name, RESOURCE, meta["namespace"], meta["name"])

    def _start(self, world: World, cron: Obj, due_ms: int) -> Obj:
        spec, meta = cron["spec"], cron["metadata"]
        deadline_s = spec.get("startingDeadlineSeconds")
        if deadline_s is not None and world.clock.now_ms > due_ms + deadline_s * 1000:
            message = f"Missed scheduled time to start a job: {world.clock.rfc3339(due_ms)}"
            events.record(world, RESOURCE, cron, "MissSchedule", message, component=COMPONENT, type_="Warning")
            return self._schedule_time(world, cron, due_ms)
        active = [run for run in world.store.owned(JOBS, meta["uid"]) if not job.is_finished(run)]
        policy = spec.get("concurrencyPolicy", "Allow")
        if active and policy == "Forbid":
            message = "Not starting job because prior execution is running and concurrency policy is Forbid"
            events.record(world, RESOURCE, cron, "JobAlreadyActive", message, component=COMPONENT)
            # lastScheduleTime stays, so that the run starts as soon as the active one has ended.
            return cron
        if active and policy == "Replace":
            for run in active:
                request_deletion(world, JOBS, run)
                message = f"Deleted job {run['metadata']['name']}"
                events.record(world, RESOURCE, cron, "SuccessfulDelete", message, component=COMPONENT)
        # The scheduled minute is the name (getJobName), which makes starting idempotent: a second attempt meets the
        # Job.
        name = f"{meta['name']}-{(world.clock.epoch_ms + due_ms) // 60_000}"
        if world.store.get(JOBS, meta["namespace"], name) is None:
            world.store.create(JOBS, _new_job(cron, name, world.clock.rfc3339(due_ms)))
            message = f"Created job {name}"
            events.record(world, RESOURCE, cron, "SuccessfulCreate", message, component=COMPONENT)
        return self._schedule_time(world, cron, due_ms)

    def _schedule_time(self, world: World, cron: Obj, due_ms: int) -> Obj:
        status = {**(cron.get("status") or {}), "lastScheduleTime": world.clock.rfc3339(due_ms)}
        return world.store.update(RESOURCE, {**cron, "status": status})

    def _note_jobs(self, world: World, cron: Obj) -> Obj:
        """Keep `status.active`, and report Jobs that left it."""
        status = dict(cron.get("status") or {})
        owned = world.store.owned(JOBS, cron["metadata"]["uid"])
        active = [run for run in owned if not job.is_finished(run)]
        uids = {run["metadata"]["uid"] for run in active}
        for reference in status.get("active") or ():
            finished = next((run for run in owned if run["metadata"]["uid"] == reference["uid"]), None)
            if reference["uid"] in uids or finished is None:
                continue
            succeeded = "completionTime" in finished["status"]
            if succeeded:
                status["lastSuccessfulTime"] = finished["status"]["completionTime"]
            outcome = "Complete" if succeeded else "Failed"
            message = f"Saw completed job: {reference['name']}, condition: {outcome}"
            events.record(world, RESOURCE, cron, "SawCompletedJob", message, component=COMPONENT)
        references = [
            {"apiVersion": "batch/v1", "kind": "Job", "name": run["metadata"]["name"],
             "namespace": run["metadata"]["namespace"], "uid": run["metadata"]["uid"]}
            for run in active
        ]  # fmt: skip
        if references:
            status["active"] = references
        else:
            status.pop("active", None)
        return world.store.update(RESOURCE, {**cron, "status": status})

    def _prune(self, world: World, cron: Obj) -> None:
        finished = [run for run in world.store.owned(JOBS, cron["metadata"]["uid"]) if job.is_finished(run)]
        # Defaults of batch/v1: three successes and one failure are kept, those that started last.
        for succeeded, field, default in (
            (True, "successfulJobsHistoryLimit", 3),
            (False, "failedJobsHistoryLimit", 1),
        ):
            alike = [run for run in finished if ("completionTime" in run["status"]) is succeeded]
            alike.sort(key=lambda run: (run["status"].get("startTime", ""), run["metadata"]["name"]))
            for run in alike[: max(0, len(alike) - cron["spec"].get(field, default))]:
                request_deletion(world, JOBS, run)


def _new_job(cron: Obj, name: str, scheduled: str) -> Obj:
    template = cron["spec"]["jobTemplate"]
    meta = template.get("metadata") or {}
    annotations = {**(meta.get("annotations") or {}), "batch.kubernetes.io/cronjob-scheduled-timestamp": scheduled}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": cron["metadata"]["namespace"],
            "labels": dict(meta.get("labels") or {}),
            "annotations": annotations,
            "ownerReferences": [owner_reference(RESOURCE, cron)],
        },
        "spec": dict(template["spec"]),
    }


def _moment(world: World, at_ms: int, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp((world.clock.epoch_ms + at_ms) / 1000, UTC).astimezone(zone)


def _since_start(world: World, moment: datetime) -> int:
    return int(moment.timestamp() * 1000) - world.clock.epoch_ms
