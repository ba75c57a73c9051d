"""Containers of one pod: waiting, ended, restarting, running but not ready. Init containers, sidecars and all.

Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-states
"""

import re
from collections.abc import Iterator

from aoi.estate.components import Component
from aoi.estate.estate import Estate
from aoi.estate.finding import Finding, LogKey, Tier, sentence
from aoi.estate.objects import Container, Obj, containers, is_ready, name, namespace, number, part, spell, text
from aoi.estate.rules.probes import (
    RECENT_S,
    log_command,
    place_of,
    probe_that_fits,
    probe_that_kills,
    unready,
    wrong_port,
)

OUTLIVED_S = 300.0
"""A ready container that has run for less than this may still end as its attempts before."""
INIT_PATIENCE_S = 300.0
"""How long an init container may run before that alone is a finding."""
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
        sentence(f"{place_of(component, pod, container)} has been running for {spell(lasted)}; the others wait for it"),
        Tier.ENDED,
        "failing" if is_late else "suspect",
        next=log_command(pod, container, previous=False),
        sightings=(estate.witness.of(pod, container.name),),
        logs=(LogKey(namespace(pod), name(pod), container.name),),
    )


def _waiting(estate: Estate, component: Component, pod: Obj, container: Container, waiting: Obj) -> Finding | None:
    reason, message = text(waiting, "reason"), text(waiting, "message")
    place = place_of(component, pod, container)
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
    killed_by = probe_that_kills(estate, pod, container)
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
        wrong = wrong_port(pod, container, said_by_probe) or ("404" in said_by_probe and "; it asks for a wrong path")
        word, tier = "liveness", Tier.STATED if wrong else Tier.ENDED
        why = f"is killed by its probe: {said_by_probe}{wrong or ''}"
    elif restarts >= 2 and (kind := probe_that_fits(pod, container, last)):
        word, why = "liveness", f"ends each time when its {kind} probe would have it killed, with code {code}"
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
        sentence(f"{place_of(component, pod, container)} {why}{again}{said}"),
        tier,
        next=log_command(pod, container, previous=restarts > 0),
        sightings=sightings,
        logs=_logs(pod, container, restarts),
        exit_code=code if last else None,
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


def _running(estate: Estate, component: Component, pod: Obj, container: Container) -> Finding | None:
    last = part(container.status, "lastState", "terminated")
    since_death = estate.age_s(text(last, "finishedAt")) if last else None
    restarts = number(container.status, "restartCount")
    keeps_dying = since_death is not None and since_death < RECENT_S and restarts >= 2
    keeps_dying = keeps_dying and not _has_outlived(estate, container, last)
    if container.status.get("ready") or (not container.status and is_ready(pod)):
        # Up now. It was down a moment ago, and more than once: it will be again, unless it has outlived its back-off.
        is_starved = text(last, "reason") == "OOMKilled" and not _has_outlived(estate, container, last)
        if since_death is None or since_death >= RECENT_S or not (keeps_dying or is_starved):
            return None
        died = _death(estate, component, pod, container, last)
        words = sentence(f"{died.summary}; that was {spell(since_death)} ago, it runs again and is ready")
        return died.having(summary=words, standing="failing" if keeps_dying else "suspect")
    if not container.status:
        return None
    if last and since_death is not None and since_death < RECENT_S and (restarts >= 2 or number(last, "exitCode")):
        return _death(estate, component, pod, container, last)
    return unready(estate, component, pod, container)


def _has_outlived(estate: Estate, container: Container, last: Obj) -> bool:
    """Whether it has run for so much longer than the attempt before that it does not end in the same way."""
    up_s = estate.age_s(text(container.status, "state", "running", "startedAt"))
    began_s, ended_s = estate.age_s(text(last, "startedAt")), estate.age_s(text(last, "finishedAt"))
    if up_s is None or began_s is None or ended_s is None:
        return False
    return up_s > max(OUTLIVED_S, 3 * (began_s - ended_s))
