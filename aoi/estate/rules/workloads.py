"""What makes pods: refused creations, rollouts that stand still, Jobs that gave up, scale on purpose.

Sources: https://kubernetes.io/docs/concepts/workloads/controllers/ (deployment, job, cron-jobs)
"""

from collections.abc import Iterator

from aoi.estate.components import Component
from aoi.estate.estate import Estate, times_seen
from aoi.estate.finding import Finding, LogKey, Tier, sentence
from aoi.estate.objects import (
    Obj,
    condition,
    containers,
    entries,
    is_ready,
    name,
    namespace,
    number,
    part,
    reference,
    spell,
    text,
)
from aoi.estate.rules.refusals import refusal_word

FRESH_S = 3_600.0
"""A refusal that was last seen longer ago than this is the past: controllers try again every few minutes."""
SETTLE_S = 60.0
LONGER = 3
"""Times as long as its predecessors that a run may take."""
SKIPPED = 5
"""Runs that a CronJob leaves out for one that still runs, before that is worth a word."""


def workloads(estate: Estate) -> Iterator[Finding]:
    """Findings about owners of pods."""
    for component in estate.components:
        if component.obj is None or component.kind == "Pod":
            continue
        if component.kind == "Job":
            yield from _job(estate, component, component.obj)
        elif component.kind == "CronJob":
            yield from _cron_job(estate, component, component.obj)
        else:
            yield from _replicated(estate, component, component.obj)


def _replicated(estate: Estate, component: Component, obj: Obj) -> Iterator[Finding]:
    wanted = component.wanted or 0
    if not estate.shows_absence("pods", component.namespace) and not component.pods:
        return  # pods that could not be read are not pods that are missing
    running = [pod for pod in component.pods if text(pod, "status", "phase") in ("Pending", "Running")]
    if wanted == 0:
        yield from _at_zero(estate, component, obj)
        return
    told_ready = number(obj, "status", "readyReplicas") or number(obj, "status", "numberReady")
    if told_ready and not running:
        yield _contradicted(estate, component, obj, told_ready)
        return
    is_refused = len(running) < wanted or _is_rollout_refused(estate, component, obj, wanted)
    if is_refused and (refused := _refusal(estate, component, obj)):
        yield refused
        return
    ready = sum(1 for pod in running if is_ready(pod))
    if ready < wanted:
        yield from _short(estate, component, obj, ready, wanted)


def _is_rollout_refused(estate: Estate, component: Component, obj: Obj, wanted: int) -> bool:
    """Whether a new revision gets no pods while the former one serves: the count of pods does not show that."""
    is_failing = text(condition(obj, "ReplicaFailure"), "status") == "True"
    is_behind = number(obj, "status", "updatedReplicas") < wanted
    return component.kind == "Deployment" and is_failing and is_behind and not _is_moving(estate, component, obj)


def _contradicted(estate: Estate, component: Component, obj: Obj, ready: int) -> Finding:
    """A status that counts pods which the list of pods does not hold: one of the two answers is not to be believed."""
    words = f"{component.identity} has {ready} ready pods by its status, and none by the list of pods"
    return Finding(
        "unclassified",
        component.identity,
        sentence(words),
        Tier.STATED,
        "suspect",
        next=(f"kubectl get pods -n {component.namespace}",),
        sightings=(estate.witness.of(obj, '"readyReplicas"'),),
    )


def _at_zero(estate: Estate, component: Component, obj: Obj) -> Iterator[Finding]:
    if component.kind == "DaemonSet":
        words = f"{component.identity} runs on no node: its node selector and tolerations fit none"
    else:
        words = f"{component.identity} is scaled to zero: spec.replicas is 0"
    yield Finding(
        "zeroreplicas",
        component.identity,
        sentence(words),
        Tier.STATED,
        "suspect",
        next=(f"kubectl scale {component.kind.lower()}/{component.name} -n {component.namespace} --replicas=1",),
        sightings=(estate.witness.of(obj, '"replicas": 0'),),
    )


def _refusal(estate: Estate, component: Component, obj: Obj) -> Finding | None:
    """What the API server said when a controller wanted to make a pod."""
    failing = condition(obj, "ReplicaFailure")
    message, holder = (text(failing, "message"), obj) if text(failing, "status") == "True" else ("", obj)
    sighting = estate.witness.of(obj, "ReplicaFailure")
    if not message:
        event = next(
            (
                event
                for maker in (obj, *component.between)
                for event in estate.events(maker, "FailedCreate")
                if (age := estate.event_age_s(event)) is None or age < FRESH_S
            ),
            None,
        )
        if event is None:
            return None
        message, sighting = text(event, "message"), estate.witness.of_event(event)
    word = refusal_word(message)
    place = f"-n {component.namespace}"
    commands = {
        "quota": (f"kubectl describe resourcequotas {place}",),
        "limitrange": (f"kubectl describe limitranges {place}",),
        "missingconfig": (f"kubectl get serviceaccounts {place}",),
    }
    return Finding(
        word,
        component.identity,
        sentence(f"{component.identity} cannot make its pods{_by(word)}: {message}"),
        Tier.STATED,
        next=(*commands.get(word, ()), f"kubectl describe {holder.get('kind', '')}/{name(holder)} {place}".lower()),
        sightings=(sighting,),
    )


def _by(word: str) -> str:
    kinds = {"quota": "ResourceQuota", "limitrange": "LimitRange"}
    return f" because of a {kinds[word]} of the namespace" if word in kinds else ""


def _short(estate: Estate, component: Component, obj: Obj, ready: int, wanted: int) -> Iterator[Finding]:
    """Fewer ready pods than wanted: what their own states do not explain is told as this."""
    progressing = condition(obj, "Progressing")
    is_stalled = text(progressing, "reason") == "ProgressDeadlineExceeded"
    if not is_stalled and _is_moving(estate, component, obj):
        return
    why = f": {text(progressing, 'message')}" if is_stalled else ""
    yield Finding(
        "stalled" if is_stalled else "notready",
        component.identity,
        sentence(f"{component.identity} has {ready} of {wanted} pods ready{why}"),
        Tier.SYMPTOM,
        next=(f"kubectl describe {component.kind.lower()}/{component.name} -n {component.namespace}",),
        sightings=(estate.witness.of(obj, "ProgressDeadlineExceeded" if is_stalled else '"replicas"'),),
    )


def _is_moving(estate: Estate, component: Component, obj: Obj) -> bool:
    """Whether something was made or taken away a moment ago: a rollout, a new size, a node that came."""
    moments = [text(obj, "metadata", "creationTimestamp"), text(condition(obj, "Progressing"), "lastUpdateTime")]
    moments += [text(made, "metadata", "creationTimestamp") for made in component.between]
    for pod in component.pods:
        if not is_ready(pod):
            moments.append(text(pod, "metadata", "creationTimestamp"))
    recent = (estate.events(obj, "SuccessfulCreate", "SuccessfulDelete", "ScalingReplicaSet") or [{}])[0]
    ages = [estate.age_s(moment) for moment in moments if moment] + ([estate.event_age_s(recent)] if recent else [])
    return any(age is not None and age < SETTLE_S for age in ages)


def _job(estate: Estate, component: Component, obj: Obj) -> Iterator[Finding]:
    if (finding := _failed_job(estate, component, obj, component.pods)) is not None:
        yield finding
    elif refused := _refused_job(estate, component, obj):
        yield refused


def _refused_job(estate: Estate, component: Component, job: Obj) -> Finding | None:
    is_idle = not number(job, "status", "active") and not number(job, "status", "succeeded")
    is_meant = not part(job, "spec").get("suspend")
    return _refusal(estate, component, job) if is_idle and is_meant else None


def _failed_job(estate: Estate, component: Component, job: Obj, pods: tuple[Obj, ...]) -> Finding | None:
    failed = condition(job, "Failed")
    is_over = text(failed, "status") == "True"
    is_complete = text(condition(job, "Complete"), "status") == "True"
    if is_complete or (not is_over and not number(job, "status", "failed")):
        return None
    mine = [pod for pod in pods if _is_of(pod, job) and text(pod, "status", "phase") == "Failed"]
    newest = max(mine, key=lambda pod: text(pod, "metadata", "creationTimestamp"), default=None)
    if is_over:
        why = f"{text(failed, 'reason')}: {text(failed, 'message')}"
    else:
        limit = number(job, "spec", "backoffLimit", default=6)
        why = f"{number(job, 'status', 'failed')} of its pods failed, it gives up after {limit} retries"
    where, logs, code = "", (), None
    if newest is not None:
        dead = [c for c in containers(newest) if number(c.status, "state", "terminated", "exitCode") != 0]
        if dead:
            last = part(dead[0].status, "state", "terminated")
            said = f": {text(last, 'message')}" if text(last, "message") else ""
            code = number(last, "exitCode")
            where = f"; {dead[0].role} {dead[0].name} of pod {name(newest)} ended with exit code {code}{said}"
            logs = (LogKey(namespace(newest), name(newest), dead[0].name),)
    via = f" of {component.identity}" if component.kind == "CronJob" else ""
    return Finding(
        "jobfailed",
        component.identity,
        sentence(f"{reference(job)}{via} failed ({why}){where}"),
        Tier.ENDED,
        next=(
            f"kubectl describe job {name(job)} -n {namespace(job)}",
            f"kubectl logs job/{name(job)} -n {namespace(job)} --all-containers",
        ),
        sightings=(estate.witness.of(job, '"Failed"' if is_over else '"failed"'),),
        logs=logs,
        exit_code=code,
    )


def _is_of(pod: Obj, job: Obj) -> bool:
    wanted = text(job, "metadata", "uid")
    return any(text(owner, "uid") == wanted for owner in entries(pod, "metadata", "ownerReferences"))


def _cron_job(estate: Estate, component: Component, obj: Obj) -> Iterator[Finding]:
    """The newest run that ended decides: earlier ones are the past."""
    jobs = sorted(component.between, key=lambda job: text(job, "metadata", "creationTimestamp"), reverse=True)
    for job in jobs:
        is_complete = text(condition(job, "Complete"), "status") == "True"
        if is_complete:
            break
        finding = _failed_job(estate, component, job, component.pods) or _refused_job(estate, component, job)
        if finding is not None:
            yield finding
            break
    if part(obj, "spec").get("suspend"):
        return
    yield from _overdue(estate, component, obj, jobs)
    troubles = estate.events(
        obj,
        "UnparseableSchedule",
        "InvalidSchedule",
        "UnknownTimeZone",
        "TooManyMissedTimes",
        "FailedNeedsStart",
        "FailedCreate",
        "InvalidCronJob",
    )
    fresh = [event for event in troubles if (estate.event_age_s(event) or 0.0) < FRESH_S]
    if fresh and not jobs:
        age = spell(estate.age_s(text(obj, "metadata", "creationTimestamp")))
        yield Finding(
            "unclassified",
            component.identity,
            sentence(f"{component.identity} has started no Job in {age}: {text(fresh[0], 'message')}"),
            Tier.STATED,
            next=(f"kubectl describe cronjob {component.name} -n {component.namespace}",),
            sightings=(estate.witness.of_event(fresh[0]),),
        )


def _overdue(estate: Estate, component: Component, obj: Obj, jobs: list[Obj]) -> Iterator[Finding]:
    """A run that keeps the next ones from starting, for longer than those that are still there took."""
    held = [e for e in estate.events(obj, "JobAlreadyActive") if (estate.event_age_s(e) or 0.0) < FRESH_S]
    running = [job for job in jobs if number(job, "status", "active")]
    if not held or not running or times_seen(held[0]) < SKIPPED:
        return
    job, lasted_s = running[-1], estate.age_s(text(running[-1], "status", "startTime")) or 0.0
    if lasted_s <= LONGER * max((_took_s(estate, other) for other in jobs), default=0.0):
        return
    yield Finding(
        "unclassified",
        component.identity,
        sentence(
            f"{reference(job)} of {component.identity} has been running for {spell(lasted_s)}, and"
            f" {times_seen(held[0])} runs were left out for it: {text(held[0], 'message')}"
        ),
        Tier.STATED,
        "suspect",
        next=(f"kubectl logs job/{name(job)} -n {namespace(job)} --all-containers",),
        sightings=(estate.witness.of_event(held[0]),),
    )


def _took_s(estate: Estate, job: Obj) -> float:
    """How long a run took that is complete; 0 for others."""
    began_s = estate.age_s(text(job, "status", "startTime"))
    ended_s = estate.age_s(text(job, "status", "completionTime"))
    return began_s - ended_s if began_s is not None and ended_s is not None else 0.0
