"""Probes of one container: which of them kills it, and what they say of one that runs and is not ready.

Source: https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/
"""

import re
from dataclasses import dataclass
from datetime import datetime

from aoi.estate.components import Component
from aoi.estate.estate import Estate, times_seen
from aoi.estate.finding import Finding, LogKey, Tier, sentence
from aoi.estate.objects import Container, Obj, entries, name, namespace, number, spell, text

RECENT_S = 900.0
"""A last death, or a failed probe, longer ago than this is the past: CrashLoopBackOff waits five minutes at most."""
START_S = 45.0
"""How long a container may be unready after its start before that alone is a finding."""
KILLED = 137
STOPPED = (0, 143, KILLED)
"""Exit codes of what was asked to stop."""
STOPPING_S, GRACE_S = 3, 33
"""How long a program takes to stop, and one that has to be killed by default."""
_OWN_PORT = re.compile(r"POD:(\d{1,5})")


def probe_that_kills(estate: Estate, pod: Obj, container: Container) -> Obj | None:
    """The latest failure of a liveness or startup probe, if it is not the past."""
    for event in estate.events(pod, "Unhealthy", "Killing"):
        message, age = text(event, "message"), estate.event_age_s(event)
        is_recent = age is None or age < RECENT_S
        is_probe = message.startswith(("Liveness probe", "Startup probe"))
        if is_recent and is_probe and _is_about(event, container):
            return event
    return None


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a liveness or startup probe lets a container live that never passes it."""

    delay_s: int
    period_s: int
    failures: int

    def fits(self, lasted_s: float, code: int) -> bool:
        """Whether a container that ended with `code` after this time may have been stopped by the probe.

        The kubelet sends SIGTERM, which a program answers with 0 or 143, and SIGKILL after a grace period.
        """
        if code not in STOPPED:
            return False
        soonest = self.delay_s + self.period_s * (self.failures - 1)
        latest = self.delay_s + self.period_s * self.failures + (GRACE_S if code == KILLED else STOPPING_S)
        return soonest - 1 <= lasted_s <= latest  # times of a status are whole seconds


def probe_that_fits(pod: Obj, container: Container, last: Obj) -> str:
    """`liveness` or `startup`, if the last attempt lived as long as that probe lets it: events expire after an hour."""
    began, ended = text(last, "startedAt"), text(last, "finishedAt")
    if not began or not ended:
        return ""
    lasted_s = (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()
    for kind in ("startup", "liveness"):
        if f"{kind}Probe" in container.spec:
            delay = number(container.spec, f"{kind}Probe", "initialDelaySeconds")
            period = number(container.spec, f"{kind}Probe", "periodSeconds", default=10)
            failures = number(container.spec, f"{kind}Probe", "failureThreshold", default=3)
            if Patience(delay, period, failures).fits(lasted_s, number(last, "exitCode", default=-1)):
                return kind
    return ""


def _is_about(event: Obj, container: Container) -> bool:
    path = text(event, "involvedObject", "fieldPath")
    return not path or f"{{{container.name}}}" in path


def unready(estate: Estate, component: Component, pod: Obj, container: Container) -> Finding:
    """A container that runs and is not ready, with what its readiness or startup probe says."""
    probes = [event for event in estate.events(pod, "Unhealthy") if _is_about(event, container)]
    failed = next((e for e in probes if text(e, "message").startswith(("Readiness probe", "Startup probe"))), None)
    lasted = estate.age_s(text(container.status, "state", "running", "startedAt"))
    threshold = number(container.spec, "readinessProbe", "failureThreshold", default=3)
    is_early = lasted is not None and lasted < START_S and (failed is None or times_seen(failed) < threshold)
    place = place_of(component, pod, container)
    if failed is None:
        what = (
            "its startup probe has not succeeded" if container.status.get("started") is False else "no event says why"
        )
        words = f"{place} has been running for {spell(lasted)} and is not ready: {what}"
        word, tier, sighting = "notready", Tier.SYMPTOM, estate.witness.of(pod, '"ready": false')
    else:
        count, age = times_seen(failed), spell(estate.event_age_s(failed))
        wrong = wrong_port(pod, container, text(failed, "message"))
        words = f"{place} is running and not ready: {text(failed, 'message')} ({count} times, last {age} ago){wrong}"
        word, tier = "readiness", Tier.STATED if wrong else Tier.SYMPTOM
        sighting = estate.witness.of_event(failed)
    return Finding(
        word,
        component.identity,
        sentence(words),
        tier,
        "suspect" if is_early else "failing",
        next=(f"kubectl describe pod {name(pod)} -n {namespace(pod)}", *log_command(pod, container, previous=False)),
        sightings=(sighting,),
        logs=(LogKey(namespace(pod), name(pod), container.name),),
    )


def wrong_port(pod: Obj, container: Container, message: str) -> str:
    """Of a probe that is refused where its container declares other ports: it asks at the wrong one."""
    if "refused" not in message:
        return ""
    declared = {number(port, "containerPort") for port in entries(container.spec, "ports")}
    asked = {int(port) for port in _OWN_PORT.findall(message.replace(text(pod, "status", "podIP") or "-", "POD"))}
    if not declared or not asked or asked & declared:
        return ""
    return f"; it asks at port {min(asked)}, the container declares {', '.join(sorted(map(str, declared)))}"


def place_of(component: Component, pod: Obj, container: Container) -> str:
    """How a summary names a container: with its component and its pod."""
    # No colon behind the name: `token-api: ...` reads like a credential to the redaction.
    return f"{component.identity}, {container.role} {container.name} of pod {name(pod)},"


def log_command(pod: Obj, container: Container, *, previous: bool) -> tuple[str, ...]:
    """What to ask next: its log, or that of the attempt before."""
    tail = " --previous" if previous else ""
    return (f"kubectl logs {name(pod)} -c {container.name} -n {namespace(pod)}{tail}",)
