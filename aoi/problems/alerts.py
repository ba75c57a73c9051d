"""What pages the operator, and what users still feel, read from the application's telemetry."""

from dataclasses import dataclass

import orjson

from aoi.agents import lexicon
from aoi.clusters.apps.telemetry import prometheus
from aoi.clusters.apps.traffic import traffic
from aoi.clusters.embedded.world import World

USER_ERRORS = 0.01
"""Share of users' requests that may fail in a healthy application."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One firing alert: a word of `lexicon.ALERTS` and the component it is about."""

    word: str
    component: str


def alerts_of(world: World) -> tuple[Alert, ...]:
    """Firing alerts, worst first as the backend orders them."""
    response = prometheus(world, "/api/v1/alerts", ())
    found = orjson.loads(response.body)["data"]["alerts"]
    return tuple(
        Alert(alert["labels"]["alertname"].lower(), alert["labels"]["service"])
        for alert in found
        if alert["state"] == "firing" and alert["labels"]["alertname"].lower() in lexicon.ALERTS
    )


def symptoms(world: World) -> list[str]:
    """What is still wrong for users and callers now; empty when all is well."""
    now = traffic(world)
    found = [f"users: {now.users.errors:.1%} of requests fail"] if now.users.errors > USER_ERRORS else []
    for edge in now.conditions.edges:
        words = ", ".join(f"{word} {share:.0%}" for word, share in edge.outcomes if word != "ok")
        if words or edge.delay_ms:
            found.append(f"{edge.caller or 'users'} -> {edge.callee}: {words or f'{edge.delay_ms:.0f} ms slower'}")
    found += [f"alert {alert.word} {alert.component}" for alert in alerts_of(world) if alert.word != "traffic"]
    return found
