"""Alerts as Prometheus' rules would fire them: thresholds over the traffic of the last minutes, and seeded noise.

Rules look at programs, not at databases, and only some programs have a `ServiceDown` rule, as in most companies: the
component that is broken is often not the one whose alert is worst. Noise alerts fire in healthy worlds as well.
"""

from dataclasses import dataclass

from aoi.clusters.apps.conditions import Conditions, Instances
from aoi.clusters.apps.noise import unit
from aoi.clusters.apps.series import History, ready_at
from aoi.clusters.apps.spec import Application
from aoi.clusters.apps.traffic import Load, Traffic, evaluate
from aoi.clusters.embedded.world import World

ERROR_SHARE = 0.05
SLOW_FACTOR = 4.0
SLOW_EXTRA_MS = 150.0
LOW_TRAFFIC = 0.5
HIGH_TRAFFIC = 2.0
FOR_MS = 60_000
"""A condition must hold this long before its alert fires."""
NOISE_HOURS_MS = 3_600_000
NAMES = ("HighErrorRate", "HighLatency", "ServiceDown", "TrafficAnomaly")


@dataclass(frozen=True, slots=True)
class Alert:
    """One firing alert."""

    name: str
    service: str
    value: float
    score: float
    """Orders alerts: larger is worse."""
    active_ms: int
    summary: str

    @property
    def severity(self) -> str:
        """As the rule's label says."""
        return "critical" if self.score >= 10 else "warning"


def firing(world: World, application: Application) -> list[Alert]:
    """Alerts that fire now, worst first."""
    history = History(world, application)
    usual = evaluate(application, healthy(application))
    found: dict[tuple[str, str], Alert] = {}
    for component in application.components:
        if component.kind not in ("gateway", "service"):
            continue
        for alert in _rules(world, application, history, usual, component.name):
            found[alert.name, alert.service] = alert
    for alert in _noise(world, application, usual):
        found.setdefault((alert.name, alert.service), alert)
    return sorted(found.values(), key=lambda alert: (-alert.score, alert.service, alert.name))


def healthy(application: Application) -> Conditions:
    """Conditions of an installation in which nothing is wrong: what thresholds are relative to."""
    instances = tuple(
        Instances(component.name, component.replicas, component.replicas, component.resources.cpu_limit_m)
        for component in application.components
    )
    return Conditions((), instances)


def _rules(world: World, application: Application, history: History, usual: Traffic, name: str) -> list[Alert]:
    """The four rules for one component."""
    now, normal = history.at(world.clock.now_ms).components[name], usual.components[name]
    is_entry = name == application.workload.entry
    ready = ready_at(history.at(world.clock.now_ms), name)
    candidates: list[tuple[str, float, float, str]] = []
    if now.errors > ERROR_SHARE and now.rate > 0.05:
        score = (20 if is_entry else 8) * now.errors + min(4.0, now.rate / 40)
        candidates.append(("HighErrorRate", now.errors, score, f"{now.errors:.1%} of requests fail"))
    if _is_slow(now, normal):
        score = (14 if is_entry else 6) * min(1.0, now.p99_ms / 3000) + 1
        candidates.append(("HighLatency", now.p99_ms / 1000, score, f"p99 is {now.p99_ms / 1000:.2f} s"))
    if ready == 0 and is_monitored(world, name):
        candidates.append(("ServiceDown", 0.0, 9.0, "no target is up"))
    ratio = now.rate / normal.rate if normal.rate else 1.0
    if ready and not LOW_TRAFFIC <= ratio <= HIGH_TRAFFIC:
        candidates.append(("TrafficAnomaly", ratio, 3.0, f"{ratio:.0%} of the usual request rate"))
    alerts = []
    for rule, value, score, summary in candidates:
        since = _since(world, history, usual, name, rule)
        if world.clock.now_ms - since >= FOR_MS:
            alerts.append(Alert(rule, name, round(value, 4), score, since, summary))
    return alerts


def is_monitored(world: World, name: str) -> bool:
    """Whether somebody wrote a `ServiceDown` rule for it."""
    return unit(world.seed, name, "down rule") < 0.4


def _is_slow(now: Load, normal: Load) -> bool:
    return now.rate > 0.05 and now.p99_ms > SLOW_FACTOR * normal.p99_ms and now.p99_ms > normal.p99_ms + SLOW_EXTRA_MS


def _since(world: World, history: History, usual: Traffic, name: str, rule: str) -> int:
    """Since when a rule's condition has held without a break."""
    since = world.clock.now_ms
    normal = usual.components[name]
    for start, _, traffic in reversed(history.parts):
        load, ready = traffic.components[name], ready_at(traffic, name)
        ratio = load.rate / normal.rate if normal.rate else 1.0
        holds = {
            "HighErrorRate": load.errors > ERROR_SHARE,
            "HighLatency": _is_slow(load, normal),
            "ServiceDown": ready == 0,
            "TrafficAnomaly": bool(ready) and not LOW_TRAFFIC <= ratio <= HIGH_TRAFFIC,
        }[rule]
        if not holds:
            break
        since = start
    return since


def _noise(world: World, application: Application, usual: Traffic) -> list[Alert]:
    """Zero to two alerts an hour that no fault explains: a batch job, a scrape that failed, a burst of bad input."""
    hour = world.clock.now_ms // NOISE_HOURS_MS
    draw = unit(world.seed, "noise alerts", hour)
    count = 0 if draw < 0.25 else (1 if draw < 0.75 else 2)
    names = [c.name for c in application.components if c.kind in ("gateway", "service")]
    alerts = []
    for index in range(count):
        roll = unit(world.seed, "noise alert", hour, index)
        service = names[int(unit(world.seed, "noise service", hour, index) * len(names))]
        size = unit(world.seed, "noise size", hour, index)
        active = max(0, hour * NOISE_HOURS_MS - int((2 + 38 * size) * 60_000))
        load = usual.components[service]
        if roll < 0.35:
            value = load.p99_ms * (4.1 + 4 * size) / 1000
            alerts.append(Alert("HighLatency", service, round(value, 4), 1 + 3 * size, active, f"p99 is {value:.2f} s"))
        elif roll < 0.65:
            value = 2.05 + size
            text = f"{value:.0%} of the usual request rate"
            alerts.append(Alert("TrafficAnomaly", service, round(value, 4), 1 + size, active, text))
        elif roll < 0.9:
            value = 0.051 + 0.2 * size
            text = f"{value:.1%} of requests fail"
            alerts.append(Alert("HighErrorRate", service, round(value, 4), 1.5 + 4 * size, active, text))
        else:
            alerts.append(Alert("ServiceDown", service, 0.0, 6.0, active, "no target is up"))
    return alerts
