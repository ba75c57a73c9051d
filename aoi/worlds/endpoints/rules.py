"""Alerting rules of a cluster and what they fire, in the shapes of Prometheus and of Alertmanager."""

from collections.abc import Iterator, Sequence
from typing import Any

from aoi.worlds.applications.spec import Application
from aoi.worlds.behaviour.noise import digest
from aoi.worlds.runtime import applications_of
from aoi.worlds.telemetry import alerts as alerting
from kubeworld.machine.world import World

RECEIVER = "default"


def alerts(world: World) -> list[dict[str, Any]]:
    """Firing alerts as Prometheus lists them, worst first."""
    return [_prometheus(world, application, alert) for application, alert in _firing(world)]


def groups(world: World) -> list[dict[str, Any]]:
    """One group of rules for each application."""
    listed = []
    for application in applications_of(world):
        firing = [alert for owner, alert in _firing(world) if owner is application]
        listed.append(
            {
                "name": application.namespace,
                "file": f"/etc/prometheus/rules/{application.namespace}.yaml",
                "interval": 60,
                "limit": 0,
                "rules": [
                    _rule(world, application, name, watched, firing)
                    for name in alerting.NAMES
                    if (watched := alerting.watched(world, application, name))
                ],
                "evaluationTime": 0.004,
                "lastEvaluation": world.clock.rfc3339(),
            }
        )
    return listed


def expression(application: Application, rule: str, services: Sequence[str]) -> str:
    """A rule in words of PromQL, for the programs that it is written for."""
    chosen = f'namespace="{application.namespace}",service=~"{"|".join(services)}"'
    by = "sum by (namespace, service)"
    rate = f"{by} (rate(http_requests_total{{{chosen}}}[1m]))"
    match rule:
        case "HighErrorRate":
            failed = f'{by} (rate(http_requests_total{{{chosen},code="500"}}[1m]))'
            return f"{failed} / {rate} > {alerting.ERROR_SHARE:g}"
        case "HighLatency":
            buckets = f"sum by (namespace, service, le) (rate(http_request_duration_seconds_bucket{{{chosen}}}[1m]))"
            p99, usual = f"histogram_quantile(0.99, {buckets})", "slo_latency_p99_seconds"
            extra = alerting.SLOW_EXTRA_MS / 1000
            return f"{p99} > {alerting.SLOW_FACTOR:g} * {usual} and {p99} > {usual} + {extra:g}"
        case "ServiceDown":
            return f'up{{job="services",{chosen}}} == 0'
    share = f"{rate} / slo_requests_per_second"
    odd = f"({share} < {alerting.LOW_TRAFFIC:g} or {share} > {alerting.HIGH_TRAFFIC:g})"
    return f'{odd} and on (namespace, service) up{{job="services",{chosen}}} == 1'


def notifications(world: World) -> list[dict[str, Any]]:
    """Firing alerts as Alertmanager's API of version 2 has them."""
    return [_alertmanager(world, application, alert) for application, alert in _firing(world)]


def _firing(world: World) -> Iterator[tuple[Application, alerting.Alert]]:
    for application in applications_of(world):
        for alert in alerting.firing(world, application):
            yield application, alert


def _annotations(alert: alerting.Alert) -> dict[str, str]:
    return {"summary": f"{alert.service}: {alert.summary}"}


def _prometheus(world: World, application: Application, alert: alerting.Alert) -> dict[str, Any]:
    kept = {} if alert.over_ms is None else {"keepFiringSince": world.clock.rfc3339(alert.over_ms)}
    return {
        "labels": alerting.labels_of(application, alert),
        "annotations": _annotations(alert),
        "state": "firing",
        "activeAt": world.clock.rfc3339(alert.active_ms),
        **kept,
        "value": f"{alert.value:g}",
    }


def _rule(
    world: World, application: Application, name: str, watched: Sequence[str], firing: list[alerting.Alert]
) -> dict[str, Any]:
    mine = [_prometheus(world, application, alert) for alert in firing if alert.name == name]
    return {
        "name": name,
        "query": expression(application, name, watched),
        "duration": alerting.FOR_MS // 1000,
        "keepFiringFor": alerting.KEEP_MS // 1000,
        "labels": {},
        "annotations": {},
        "alerts": mine,
        "state": "firing" if mine else "inactive",
        "health": "ok",
        "evaluationTime": 0.001,
        "lastEvaluation": world.clock.rfc3339(),
        "type": "alerting",
    }


def _alertmanager(world: World, application: Application, alert: alerting.Alert) -> dict[str, Any]:
    labels = alerting.labels_of(application, alert)
    now = world.clock.now_ms
    return {
        "labels": labels,
        "annotations": _annotations(alert),
        "startsAt": world.clock.rfc3339(alert.active_ms),
        "updatedAt": world.clock.rfc3339(now // 60_000 * 60_000),
        "endsAt": world.clock.rfc3339(now // 60_000 * 60_000 + 240_000),
        "fingerprint": digest(*sorted(labels.items())).hex()[:16],
        "generatorURL": "",
        "receivers": [{"name": RECEIVER}],
        "status": {"state": "active", "silencedBy": [], "inhibitedBy": [], "mutedBy": []},
    }
