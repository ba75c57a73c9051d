"""CronJob: starts Jobs by a schedule.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ and pkg/controller/cronjob.
"""

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from aoi.clusters.embedded.controllers import events, job
from aoi.clusters.embedded.controllers.deletion import request_deletion
from aoi.clusters.embedded.controllers.kinds import controller_key, owner_reference
from aoi.clusters.embedded.integers import natural
from aoi.clusters.embedded.store import Change, Name, Obj
from aoi.clusters.embedded.world import World

RESOURCE = "cronjobs.batch"
JOBS = "jobs.batch"
COMPONENT = "cronjob-controller"
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_MACROS = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}  # fmt: skip
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_NAMES = {name: at for at, name in enumerate(_MONTHS, 1)} | {name: at for at, name in enumerate(_DAYS)}


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
        last = (cron.get("status") or {}).get("lastScheduleTime") or cron["metadata"]["creationTimestamp"]
        due_ms = self._due_ms(world, schedule, zone, world.clock.at_ms(last))
        if due_ms is not None:
            cron = self._start(world, cron, due_ms)
        self._wait(world, cron, schedule, zone)

    def _due_ms(self, world: World, schedule: "Schedule", zone: tzinfo, last_ms: int) -> int | None:
        """The most recent scheduled time since the last one, if any."""
        latest: int | None = None
        at = _next(schedule, _moment(world, last_ms, zone))
        while at is not None and (at_ms := _since_start(world, at)) <= world.clock.now_ms:
            latest = at_ms
            at = _next(schedule, at)
        return latest

    def _wait(self, world: World, cron: Obj, schedule: "Schedule", zone: tzinfo) -> None:
        meta = cron["metadata"]
        at = _next(schedule, _moment(world, world.clock.now_ms, zone))
        key = f"cronjob-timer/{meta['uid']}"
        if at is None:
            return
        at_ms = _since_start(world, at)
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
        active = [one for one in world.store.owned(JOBS, meta["uid"]) if not job.is_finished(one)]
        policy = spec.get("concurrencyPolicy", "Allow")
        if active and policy == "Forbid":
            message = "Not starting job because prior execution is running and concurrency policy is Forbid"
            events.record(world, RESOURCE, cron, "JobAlreadyActive", message, component=COMPONENT)
            return cron
        if active and policy == "Replace":
            for one in active:
                request_deletion(world, JOBS, one)
                message = f"Deleted job {one['metadata']['name']}"
                events.record(world, RESOURCE, cron, "SuccessfulDelete", message, component=COMPONENT)
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
        active = [one for one in owned if not job.is_finished(one)]
        uids = {one["metadata"]["uid"] for one in active}
        for reference in status.get("active") or ():
            finished = next((one for one in owned if one["metadata"]["uid"] == reference["uid"]), None)
            if reference["uid"] in uids or finished is None:
                continue
            succeeded = "completionTime" in finished["status"]
            if succeeded:
                status["lastSuccessfulTime"] = finished["status"]["completionTime"]
            outcome = "Complete" if succeeded else "Failed"
            message = f"Saw completed job: {reference['name']}, condition: {outcome}"
            events.record(world, RESOURCE, cron, "SawCompletedJob", message, component=COMPONENT)
        references = [
            {"apiVersion": "batch/v1", "kind": "Job", "name": one["metadata"]["name"],
             "namespace": one["metadata"]["namespace"], "uid": one["metadata"]["uid"]}
            for one in active
        ]  # fmt: skip
        if references:
            status["active"] = references
        else:
            status.pop("active", None)
        return world.store.update(RESOURCE, {**cron, "status": status})

    def _prune(self, world: World, cron: Obj) -> None:
        finished = [one for one in world.store.owned(JOBS, cron["metadata"]["uid"]) if job.is_finished(one)]
        for succeeded, field, default in (
            (True, "successfulJobsHistoryLimit", 3),
            (False, "failedJobsHistoryLimit", 1),
        ):
            alike = [one for one in finished if ("completionTime" in one["status"]) is succeeded]
            alike.sort(key=lambda one: (one["status"].get("startTime", ""), one["metadata"]["name"]))
            for one in alike[: max(0, len(alike) - cron["spec"].get(field, default))]:
                request_deletion(world, JOBS, one)


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


Schedule = tuple[frozenset[int], frozenset[int], frozenset[int], frozenset[int], frozenset[int], bool, bool]
"""Minutes, hours, days, months, weekdays (0 is Sunday), and whether days and weekdays are restricted."""


def parse(text: str) -> Schedule:
    """A five-field cron expression or a macro. Raises: ValueError."""
    fields = _MACROS.get(text.strip(), text).split()
    if len(fields) != 5:
        raise ValueError(f"expected exactly 5 fields, found {len(fields)}: [{text}]")
    minutes, hours, days, months, weekdays = (
        _field(field, low, high) for field, (low, high) in zip(fields, _RANGES, strict=True)
    )
    weekdays = frozenset(day % 7 for day in weekdays)
    return minutes, hours, days, months, weekdays, not fields[2].startswith("*"), not fields[4].startswith("*")


def schedule_problem(text: str) -> str:
    """Why a schedule cannot be followed, or nothing."""
    if "TZ" in text:
        return "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
    try:
        parse(text)
    except ValueError as error:
        return str(error)
    return ""


def is_zone(name: str) -> bool:
    """Whether a time zone is known by this name."""
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return False
    return True


def _field(text: str, low: int, high: int) -> frozenset[int]:
    values: set[int] = set()
    for part in text.split(","):
        span, _, step_text = part.partition("/")
        step = int(step_text) if step_text else 1
        if span in ("*", "?"):
            first, last = low, high
        else:
            first_text, dash, last_text = span.partition("-")
            first = _number(first_text)
            last = _number(last_text) if dash else (high if step_text else first)
        # Words of github.com/robfig/cron, which validation of CronJobs passes on.
        if first < low:
            raise ValueError(f"beginning of range ({first}) below minimum ({low}): {part}")
        if last > high:
            raise ValueError(f"end of range ({last}) above maximum ({high}): {part}")
        if first > last:
            raise ValueError(f"beginning of range ({first}) beyond end of range ({last}): {part}")
        if step < 1:
            raise ValueError(f"step of range should be a positive number: {part}")
        values.update(range(first, last + 1, step))
    return frozenset(values)


def _number(text: str) -> int:
    known = _NAMES.get(text.lower())
    if known is not None:
        return known
    found = natural(text)
    if found is None:
        raise ValueError(f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": invalid syntax')
    return found


def _next(schedule: Schedule, after: datetime) -> datetime | None:
    """The first matching minute after a moment, within five years."""
    minutes, hours, days, months, weekdays, by_day, by_weekday = schedule
    at = after.replace(second=0, microsecond=0) + timedelta(minutes=1)
    limit = after + timedelta(days=5 * 366)
    while at < limit:
        day_matches, weekday_matches = at.day in days, (at.weekday() + 1) % 7 in weekdays
        # Both restricted: either suffices, as in Vixie cron.
        on_day = day_matches or weekday_matches if by_day and by_weekday else day_matches and weekday_matches
        if at.month not in months or not on_day:
            at = at.replace(hour=0, minute=0) + timedelta(days=1)
        elif at.hour not in hours:
            at = at.replace(minute=0) + timedelta(hours=1)
        elif at.minute not in minutes:
            at += timedelta(minutes=1)
        else:
            return at
    return None


def _moment(world: World, at_ms: int, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp((world.clock.epoch_ms + at_ms) / 1000, UTC).astimezone(zone)


def _since_start(world: World, moment: datetime) -> int:
    return int(moment.timestamp() * 1000) - world.clock.epoch_ms
