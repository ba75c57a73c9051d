"""Alerting rules of a cluster and what they fire, in the shapes of Prometheus and of Alertmanager."""

from collections.abc import Iterator
from typing import Any

from aoi.worlds.applications.spec import Application
from aoi.worlds.behaviour.noise import digest
from aoi.worlds.runtime import applications_of
from aoi.worlds.telemetry import alerts as alerting
from kubeworld.machine.world import World

RECEIVER = "default"
_RATIO = (
    'sum by (namespace, service) (rate(http_requests_total{code="500"}[1m])) / '
    "sum by (namespace, service) (rate(http_requests_total[1m]))"
)
_P99 = "histogram_quantile(0.99, sum by (namespace, service, le) (rate(http_request_duration_seconds_bucket[1m]{})))"
_RATE = "sum by (namespace, service) (rate(http_requests_total[1m]{}))"
EXPRESSIONS = {
    "HighErrorRate": f"{_RATIO} > {alerting.ERROR_SHARE:g}",
    "HighLatency": f"{_P99.replace('{}', '')} > {alerting.SLOW_FACTOR:g} * {_P99.replace('{}', ' offset 1d')}",
    "ServiceDown": 'up{job="services"} == 0',
    "TrafficAnomaly": f"{_RATE.replace('{}', '')} / {_RATE.replace('{}', ' offset 1d')} < {alerting.LOW_TRAFFIC:g}",
}
"""The rules in words of PromQL. What is usual is known here, and not looked up a day ago."""


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
                "rules": [_rule(world, application, name, firing) for name in alerting.NAMES],
                "evaluationTime": 0.004,
                "lastEvaluation": world.clock.rfc3339(),
            }
        )
    return listed


def notifications(world: World) -> list[dict[str, Any]]:
    """Firing alerts as Alertmanager's API of version 2 has them."""
    return [_alertmanager(world, application, alert) for application, alert in _firing(world)]


def _firing(world: World) -> Iterator[tuple[Application, alerting.Alert]]:
    for application in applications_of(world):
        for alert in alerting.firing(world, application):
            yield application, alert


def _labels(application: Application, alert: alerting.Alert) -> dict[str, str]:
    return {
        "alertname": alert.name,
        "namespace": application.namespace,
        "service": alert.service,
        "severity": alert.severity,
    }


def _annotations(alert: alerting.Alert) -> dict[str, str]:
    return {"summary": f"{alert.service}: {alert.summary}"}


def _prometheus(world: World, application: Application, alert: alerting.Alert) -> dict[str, Any]:
    return {
        "labels": _labels(application, alert),
        "annotations": _annotations(alert),
        "state": "firing",
        "activeAt": world.clock.rfc3339(alert.active_ms),
        "value": f"{alert.value:g}",
    }


def _rule(world: World, application: Application, name: str, firing: list[alerting.Alert]) -> dict[str, Any]:
    mine = [_prometheus(world, application, alert) for alert in firing if alert.name == name]
    return {
        "name": name,
        "query": EXPRESSIONS[name],
        "duration": alerting.FOR_MS // 1000,
        "keepFiringFor": 0,
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
    labels = _labels(application, alert)
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
