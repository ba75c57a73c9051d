"""Containers of one pod: waiting, ended, restarting, running but not ready. Init containers, sidecars and all.

Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-states
"""

import re
from collections.abc import Iterator

from aoi.estate.components import Component
from aoi.estate.estate import Estate, times_seen
from aoi.estate.finding import Finding, LogKey, Tier, sentence
from aoi.estate.objects import (
    Container,
    Obj,
    containers,
    entries,
    is_ready,
    name,
    namespace,
    number,
    part,
    spell,
    text,
)

RECENT_S = 900.0
"""A last death longer ago than this is the past: CrashLoopBackOff waits five minutes at most."""
OUTLIVED_S = 300.0
"""A ready container that has run for less than this may still end as its attempts before."""
INIT_PATIENCE_S = 300.0
"""How long an init container may run before that alone is a finding."""
START_S = 45.0
"""How long a container may be unready after its start before that alone is a finding."""
CREATING = ("ContainerCreating", "PodInitializing", "")
_IMAGE = {
    "ImagePullBackOff": "imagepull",
    "ErrImagePull": "imagepull",
    "ErrImageNeverPull": "imagepull",
    "RegistryUnavailable": "imagepull",
    "ImageInspectError": "imagepull",
    "SignatureValidationFailed": "imagepull",
    "InvalidImageName": "badimagename",
}
_START = ("RunContainerError", "StartError", "CreateContainerError", "ContainerCannotRun", "PostStartHookError")
_MISSING = re.compile(
    r"(?:configmap|secret|serviceaccount)s? \"[^\"]+\" not found|object \"[^\"]+\"/\"[^\"]+\" not registered", re.I
)
_MISSING_KEY = re.compile(r"couldn't find key|references non-existent (?:config|secret) key", re.IGNORECASE)
_OWN_PORT = re.compile(r"POD:(\d{1,5})")
_NO_PROGRAM = re.compile(
    r"executable file not found|no such file or directory|exec format error|exec: \"|permission denied"
)


def missing_word(message: str) -> str | None:
    """Word for a message about configuration that is not there; None if it is about something else."""
    if _MISSING_KEY.search(message):
        return "missingkey"
    return "missingconfig" if _MISSING.search(message) else None


def containers_of(estate: Estate, component: Component, pod: Obj) -> Iterator[Finding]:
    """Findings about a pod that has a node. Init containers come first: what follows them waits."""
    for container in containers(pod):
        state = part(container.status, "state")
        if container.role == "init container":
            finding = _init(estate, component, pod, container)
        elif container.role == "ephemeral container":
            continue  # somebody's debugger
        elif waiting := part(state, "waiting"):
            finding = _waiting(estate, component, pod, container, waiting)
        elif part(state, "terminated"):
            finding = _ended(estate, component, pod, container, part(state, "terminated"))
        else:
            finding = _running(estate, component, pod, container)
        if finding is not None:
            yield finding
            if container.role == "init container":
                return


def ended(estate: Estate, component: Component, pod: Obj) -> Iterator[Finding]:
    """Findings about a pod that failed for good: whatever ended with an error."""
    for container in containers(pod):
        terminated = part(container.status, "state", "terminated")
        if terminated and number(terminated, "exitCode") != 0:
            yield _death(estate, component, pod, container, terminated)


def _init(estate: Estate, component: Component, pod: Obj, container: Container) -> Finding | None:
    state = part(container.status, "state")
    if waiting := part(state, "waiting"):
        return _waiting(estate, component, pod, container, waiting)
    if terminated := part(state, "terminated"):
        return _death(estate, component, pod, container, terminated) if number(terminated, "exitCode") else None
    running = part(state, "running")
    if not running:
        return None
    lasted = estate.age_s(text(running, "startedAt"))
    is_late = lasted is not None and lasted > INIT_PATIENCE_S
    return Finding(
        "initwait",
        component.identity,
        sentence(f"{_place(component, pod, container)} has been running for {spell(lasted)}; the others wait for it"),
        Tier.ENDED,
        "failing" if is_late else "suspect",
        next=_look(pod, container, previous=False),
        sightings=(estate.witness.of(pod, container.name),),
        logs=(LogKey(namespace(pod), name(pod), container.name),),
    )


def _waiting(estate: Estate, component: Component, pod: Obj, container: Container, waiting: Obj) -> Finding | None:
    reason, message = text(waiting, "reason"), text(waiting, "message")
    place = _place(component, pod, container)
    if reason in CREATING:
        return None
    if reason == "CrashLoopBackOff":
        return _death(estate, component, pod, container, part(container.status, "lastState", "terminated"))
    if reason in _IMAGE:
        said = message if len(message) > len(reason) + 40 else _pull_message(estate, pod, container) or message
        unread = estate.events(pod, "FailedToRetrieveImagePullSecret")
        # Ahead of the registry's words, which are long: a pull without its Secret is anonymous.
        said = f"{text(unread[0], 'message')} {said}" if unread else said
        return Finding(
            _IMAGE[reason],
            component.identity,
            sentence(f"{place} cannot pull its image {text(container.spec, 'image')}: {reason}: {said}"),
            Tier.STATED,
            next=(f"kubectl describe pod {name(pod)} -n {namespace(pod)}",),
            sightings=(estate.witness.of(pod, reason), *map(estate.witness.of_event, unread[:1])),
        )
    if reason in _START:
        word = "badcommand" if _NO_PROGRAM.search(message) else missing_word(message) or "starterror"
    else:
        word = missing_word(message) or "configerror"
    return Finding(
        word,
        component.identity,
        sentence(f"{place} cannot start: {reason}: {message}"),
        Tier.STATED,
        next=(f"kubectl describe pod {name(pod)} -n {namespace(pod)}", *_remedy(word, message, pod)),
        sightings=(estate.witness.of(pod, message[:60] or reason),),
    )


def _pull_message(estate: Estate, pod: Obj, container: Container) -> str:
    """The registry's words stand in an event; the state repeats only that it waits."""
    image = text(container.spec, "image")
    failed = [e for e in estate.events(pod, "Failed") if image in text(e, "message") or "pull" in text(e, "message")]
    return max((text(event, "message") for event in failed), key=len, default="")


def _remedy(word: str, message: str, pod: Obj) -> tuple[str, ...]:
    place = f"-n {namespace(pod)}"
    if word == "missingconfig":
        kind = "secret" if "secret" in message.lower() else "configmap"
        return (f"kubectl get {kind}s {place}",)
    return (f"kubectl get configmaps {place} -o yaml",) if word == "missingkey" else ()


def _ended(estate: Estate, component: Component, pod: Obj, container: Container, terminated: Obj) -> Finding | None:
    """Between two attempts, or for good."""
    always = text(pod, "spec", "restartPolicy") in ("Always", "")
    if number(terminated, "exitCode") == 0 and not always:
        return None
    return _death(estate, component, pod, container, terminated)


def _death(estate: Estate, component: Component, pod: Obj, container: Container, last: Obj) -> Finding:
    reason, code = text(last, "reason"), number(last, "exitCode", default=-1)
    restarts = number(container.status, "restartCount")
    killed_by = _probe_that_kills(estate, pod, container)
    message = text(last, "message")
    again = f", {restarts} restart{'s' if restarts != 1 else ''}" if restarts else ""
    word, tier, why = "crashloop", Tier.ENDED, f"ended with exit code {code}{_signal(code)}"
    if reason == "OOMKilled":
        limit = text(container.spec, "resources", "limits", "memory")
        word, tier, why = (
            "oomkilled",
            Tier.STATED,
            f"was OOMKilled: it needs more memory than its limit {limit or 'or its node'} allows",
        )
    elif reason in _START:
        word, tier = ("badcommand" if _NO_PROGRAM.search(message) else "starterror"), Tier.STATED
        why = f"cannot start: {reason}"
    elif killed_by is not None and code in (137, 143, -1, 0):
        said_by_probe = text(killed_by, "message")
        wrong = _wrong_port(pod, container, said_by_probe) or ("404" in said_by_probe and "; it asks for a wrong path")
        word, tier = "liveness", Tier.STATED if wrong else Tier.ENDED
        why = f"is killed by its probe: {said_by_probe}{wrong or ''}"
    elif code == 0:
        why = "ended by itself with exit code 0, though it is to run on"
    elif last == {}:
        why = "keeps ending; nothing says with what"
    said = f": {message}" if message else ""
    sightings = (estate.witness.of(pod, f'"exitCode": {code}'),)
    sightings += (estate.witness.of_event(killed_by),) if word == "liveness" and killed_by is not None else ()
    return Finding(
        word,
        component.identity,
        sentence(f"{_place(component, pod, container)} {why}{again}{said}"),
        tier,
        next=_look(pod, container, previous=restarts > 0),
        sightings=sightings,
        logs=_logs(pod, container, restarts),
        is_explained=bool(message),
    )


def _logs(pod: Obj, container: Container, restarts: int) -> tuple[LogKey, ...]:
    """Of the attempt that died: the present log, until the next attempt has begun to write its own."""
    now = LogKey(namespace(pod), name(pod), container.name)
    return (now, now._replace(is_previous=True)) if restarts else (now,)


def _signal(code: int) -> str:
    return {
        137: " (killed)",
        139: " (segmentation fault)",
        143: " (terminated)",
        126: " (not executable)",
        127: " (command not found)",
    }.get(code, "")


def _probe_that_kills(estate: Estate, pod: Obj, container: Container) -> Obj | None:
    """The latest failure of a liveness or startup probe, if it is not the past."""
    for event in estate.events(pod, "Unhealthy", "Killing"):
        message, age = text(event, "message"), estate.event_age_s(event)
        is_recent = age is None or age < RECENT_S
        is_probe = message.startswith(("Liveness probe", "Startup probe"))
        if is_recent and is_probe and _is_about(event, container):
            return event
    return None


def _is_about(event: Obj, container: Container) -> bool:
    path = text(event, "involvedObject", "fieldPath")
    return not path or f"{{{container.name}}}" in path


def _running(estate: Estate, component: Component, pod: Obj, container: Container) -> Finding | None:
    last = part(container.status, "lastState", "terminated")
    since_death = estate.age_s(text(last, "finishedAt")) if last else None
    restarts = number(container.status, "restartCount")
    keeps_dying = since_death is not None and since_death < RECENT_S and restarts >= 2
    keeps_dying = keeps_dying and not _has_outlived(estate, container, last)
    if container.status.get("ready") or (not container.status and is_ready(pod)):
        # Up now. It was down a moment ago, and more than once: it will be again, unless it has outlived its back-off.
        if not keeps_dying or since_death is None:
            return None
        died = _death(estate, component, pod, container, last)
        words = sentence(f"{died.summary}; that was {spell(since_death)} ago, it runs again and is ready")
        return died.having(summary=words)
    if not container.status:
        return None
    if last and since_death is not None and since_death < RECENT_S and (restarts >= 2 or number(last, "exitCode")):
        return _death(estate, component, pod, container, last)
    return _unready(estate, component, pod, container)


def _has_outlived(estate: Estate, container: Container, last: Obj) -> bool:
    """Whether it has run for so much longer than the attempt before that it does not end in the same way."""
    up_s = estate.age_s(text(container.status, "state", "running", "startedAt"))
    began_s, ended_s = estate.age_s(text(last, "startedAt")), estate.age_s(text(last, "finishedAt"))
    if up_s is None or began_s is None or ended_s is None:
        return False
    return up_s > max(OUTLIVED_S, 3 * (began_s - ended_s))


def _unready(estate: Estate, component: Component, pod: Obj, container: Container) -> Finding | None:
    probes = [event for event in estate.events(pod, "Unhealthy") if _is_about(event, container)]
    failed = next((e for e in probes if text(e, "message").startswith(("Readiness probe", "Startup probe"))), None)
    lasted = estate.age_s(text(container.status, "state", "running", "startedAt"))
    threshold = number(container.spec, "readinessProbe", "failureThreshold", default=3)
    is_early = lasted is not None and lasted < START_S and (failed is None or times_seen(failed) < threshold)
    place = _place(component, pod, container)
    if failed is None:
        what = (
            "its startup probe has not succeeded" if container.status.get("started") is False else "no event says why"
        )
        words = f"{place} has been running for {spell(lasted)} and is not ready: {what}"
        word, tier, sighting = "notready", Tier.SYMPTOM, estate.witness.of(pod, '"ready": false')
    else:
        count, age = times_seen(failed), spell(estate.event_age_s(failed))
        wrong = _wrong_port(pod, container, text(failed, "message"))
        words = f"{place} is running and not ready: {text(failed, 'message')} ({count} times, last {age} ago){wrong}"
        word, tier = "readiness", Tier.STATED if wrong else Tier.SYMPTOM
        sighting = estate.witness.of_event(failed)
    return Finding(
        word,
        component.identity,
        sentence(words),
        tier,
        "suspect" if is_early else "failing",
        next=(f"kubectl describe pod {name(pod)} -n {namespace(pod)}", *_look(pod, container, previous=False)),
        sightings=(sighting,),
        logs=(LogKey(namespace(pod), name(pod), container.name),),
    )


def _wrong_port(pod: Obj, container: Container, message: str) -> str:
    """Of a probe that is refused where its container declares other ports: it asks at the wrong one."""
    if "refused" not in message:
        return ""
    declared = {number(port, "containerPort") for port in entries(container.spec, "ports")}
    asked = {int(port) for port in _OWN_PORT.findall(message.replace(text(pod, "status", "podIP") or "-", "POD"))}
    if not declared or not asked or asked & declared:
        return ""
    return f"; it asks at port {min(asked)}, the container declares {', '.join(sorted(map(str, declared)))}"


def _place(component: Component, pod: Obj, container: Container) -> str:
    # No colon behind the name: `token-api: ...` reads like a credential to the redaction.
    return f"{component.identity}, {container.role} {container.name} of pod {name(pod)},"


def _look(pod: Obj, container: Container, *, previous: bool) -> tuple[str, ...]:
    tail = " --previous" if previous else ""
    return (f"kubectl logs {name(pod)} -c {container.name} -n {namespace(pod)}{tail}",)
