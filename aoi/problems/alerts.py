"""What pages the operator, and what users still feel, read from the application's telemetry."""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from aoi.worlds.applications.spec import Application
from aoi.worlds.behaviour.traffic import evaluate
from aoi.worlds.endpoints import prometheus
from aoi.worlds.runtime import traffic
from aoi.worlds.telemetry import alerts as rules
from aoi.worlds.telemetry.series import History
from kubeworld.machine.world import World

WORDS: Mapping[str, str] = {
    "HighErrorRate": "errors",
    "HighLatency": "slow",
    "ServiceDown": "down",
    "TrafficAnomaly": "traffic",
}
"""Name of a Prometheus rule -> word of `lexicon.ALERTS`."""
SHOWN = 3
"""Alerts that an operator looks at first; the decision layout shows as many."""
WINDOW_MS = 300_000
COMPLAINTS = 0.05
"""Share of failing requests within the window that pages somebody."""
USER_ERRORS = 0.01
"""Share of users' requests that may fail in a healthy application."""
SLOW_FACTOR, SLOW_EXTRA_MS = 3.0, 100.0
"""A component is slow above this multiple of its healthy p99, and this much more: below what pages."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One firing alert: a word of `lexicon.ALERTS` and the component it is about."""

    word: str
    component: str


def alerts_of(world: World, application: Application) -> tuple[Alert, ...]:
    """What pages the operator, worst first. Some of it fires in healthy worlds as well.

    Prometheus' rules look at what programs report of themselves, so an entry that is down says nothing: the check
    from outside, which every company has, complains about the entry first.
    """
    firing = orjson.loads(prometheus(world, "/api/v1/alerts", ()).body)["data"]["alerts"]
    alerts = [
        Alert(WORDS[alert["labels"]["alertname"]], alert["labels"]["service"])
        for alert in firing
        if alert["state"] == "firing"
    ]
    entry = application.workload.entry
    if failing_share(world, application) > COMPLAINTS and not any(alert.component == entry for alert in alerts[:SHOWN]):
        alerts.insert(0, Alert("errors", entry))
    return tuple(dict.fromkeys(alerts))


def failing_share(world: World, application: Application) -> float:
    """Share of users' requests that failed over the last minutes."""
    now, history = world.clock.now_ms, History(world, application)
    start = max(0, now - WINDOW_MS)
    failed = history.integral(lambda t: t.users.rate * t.users.errors, start, now)
    asked = history.integral(lambda t: t.users.rate, start, now)
    return failed / asked if asked else 0.0


def symptoms(world: World, application: Application) -> list[str]:
    """What is still wrong for users and callers now; empty when all is well.

    Stricter than the alert rules and free of their noise: whatever the rules would fire for shows here first.
    """
    now, usual = traffic(world), evaluate(application, rules.healthy(application))
    said = [f"users: {now.users.errors:.1%} of requests fail"] if now.users.errors > USER_ERRORS else []
    for edge in now.conditions.edges:
        words = ", ".join(f"{word} {share:.0%}" for word, share in edge.outcomes if word != "ok")
        if words or edge.delay_ms:
            said.append(f"{edge.caller or 'users'} -> {edge.callee}: {words or f'{edge.delay_ms:.0f} ms slower'}")
    for name, load in now.components.items():
        normal = usual.components[name].p99_ms
        if load.rate and load.p99_ms > SLOW_FACTOR * normal and load.p99_ms > normal + SLOW_EXTRA_MS:
            said.append(f"{name}: p99 {load.p99_ms:.0f} ms, usually {normal:.0f}")
    return said
