"""Alerts as Prometheus' rules would fire them: thresholds over the traffic of the last minutes, and seeded noise.

Rules look at programs, not at databases, and only some programs have a `ServiceDown` rule, as in most companies: the
component that is broken is often not the one whose alert is worst. Noise alerts fire in healthy worlds as well.
"""

from dataclasses import dataclass, replace

from aoi.worlds.applications.spec import Application
from aoi.worlds.behaviour import bursts
from aoi.worlds.behaviour.conditions import Conditions, Instances
from aoi.worlds.behaviour.noise import unit
from aoi.worlds.behaviour.traffic import Load, Traffic, evaluate
from aoi.worlds.telemetry.history import History, ready_at
from kubeworld.machine.world import World

ERROR_SHARE = 0.05
SLOW_FACTOR = 4.0
SLOW_EXTRA_MS = 150.0
LOW_TRAFFIC = 0.5
HIGH_TRAFFIC = 2.0
FOR_MS = 60_000
"""A condition must hold this long before its alert fires."""
KEEP_MS = 3_600_000
"""An alert of a burst keeps firing this long after it."""
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
    over_ms: int | None = None
    """When its condition ended, if it only keeps firing."""

    @property
    def severity(self) -> str:
        """As the rule's label says."""
        return "critical" if self.score >= 10 else "warning"


def firing(world: World, application: Application) -> list[Alert]:
    """Alerts that fire now, worst first."""
    history = History(world, application)
    usual = evaluate(application, healthy(application))
    alerts: dict[tuple[str, str], Alert] = {}
    for name in application.programs:
        for alert in _rules(world, application, history, usual, name):
            alerts[alert.name, alert.service] = alert
    for alert in _noise(world, application, usual):
        alerts.setdefault((alert.name, alert.service), alert)
    return sorted(alerts.values(), key=lambda alert: (-alert.score, alert.service, alert.name))


def labels_of(application: Application, alert: Alert) -> dict[str, str]:
    """Of an alert, wherever it is told."""
    return {
        "alertname": alert.name,
        "namespace": application.namespace,
        "service": alert.service,
        "severity": alert.severity,
    }


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
    errors = _errors(history.at(world.clock.now_ms), name, is_entry=is_entry)
    if errors > ERROR_SHARE:
        score = (20 if is_entry else 8) * errors + min(4.0, now.rate / 40)
        candidates.append(("HighErrorRate", errors, score, f"{errors:.1%} of requests fail"))
    if _is_slow(now, normal):
        score = (14 if is_entry else 6) * min(1.0, now.p99_ms / 3000) + 1
        candidates.append(("HighLatency", now.p99_ms / 1000, score, f"p99 is {now.p99_ms / 1000:.2f} s"))
    if ready == 0 and _is_watched(world, application, name):
        candidates.append(("ServiceDown", 0.0, 9.0, "no target is up"))
    ratio = now.rate / normal.rate if normal.rate else 1.0
    if ready and is_monitored(world, name, "traffic") and not LOW_TRAFFIC <= ratio <= HIGH_TRAFFIC:
        candidates.append(("TrafficAnomaly", ratio, 3.0, f"{ratio:.0%} of the usual request rate"))
    alerts = []
    for rule, value, score, summary in candidates:
        since = _since(history, usual, name, rule)
        if world.clock.now_ms - since >= FOR_MS:
            alerts.append(Alert(rule, name, round(value, 4), score, since, summary))
    return alerts


def watched(world: World, application: Application, rule: str) -> tuple[str, ...]:
    """Programs that somebody wrote a rule for: nobody writes them all."""
    match rule:
        case "ServiceDown":
            return tuple(name for name in application.programs if _is_watched(world, application, name))
        case "TrafficAnomaly":
            return tuple(name for name in application.programs if is_monitored(world, name, "traffic"))
    return tuple(application.programs)


def _is_watched(world: World, application: Application, name: str) -> bool:
    """Whether somebody is told when nothing of it runs. A worker's queue would only grow, so its owners watch that."""
    return any(worker == name for worker, _, _ in application.workload.queued) or is_monitored(world, name, "down")


def is_monitored(world: World, name: str, rule: str) -> bool:
    """Whether somebody wrote this rule for it: nobody writes them all."""
    return unit(world.seed, name, rule, "rule") < 0.45


def _errors(traffic: Traffic, name: str, *, is_entry: bool) -> float:
    """Share of failed requests as measured at the component; at the entry, as its users measure it."""
    if is_entry:
        return traffic.users.errors
    load = traffic.components[name]
    return load.errors if load.rate > 0.05 else 0.0


def _is_slow(now: Load, normal: Load) -> bool:
    return now.rate > 0.05 and now.p99_ms > SLOW_FACTOR * normal.p99_ms and now.p99_ms > normal.p99_ms + SLOW_EXTRA_MS


def _since(history: History, usual: Traffic, name: str, rule: str) -> int:
    """Since when a rule's condition has held without a break."""
    since = history.world.clock.now_ms
    is_entry = name == history.application.workload.entry
    normal = usual.components[name]
    for start, _, traffic in reversed(history.parts):
        load, ready = traffic.components[name], ready_at(traffic, name)
        ratio = load.rate / normal.rate if normal.rate else 1.0
        holds = {
            "HighErrorRate": _errors(traffic, name, is_entry=is_entry) > ERROR_SHARE,
            "HighLatency": _is_slow(load, normal),
            "ServiceDown": ready == 0,
            "TrafficAnomaly": bool(ready) and not LOW_TRAFFIC <= ratio <= HIGH_TRAFFIC,
        }[rule]
        if not holds:
            break
        since = start
    return since


def _noise(world: World, application: Application, usual: Traffic) -> list[Alert]:
    """Alerts that bursts raised and that have not been let go yet."""
    alerts: list[Alert] = []
    now = world.clock.now_ms
    for burst in bursts.lately(world.seed, application.programs, now):
        if not burst.start_ms + FOR_MS <= now < burst.end_ms + KEEP_MS:
            continue
        since, value = max(0, burst.start_ms), burst.magnitude
        match burst.what:
            case "slow":
                value *= usual.components[burst.service].p99_ms / 1000
                alert = Alert("HighLatency", burst.service, value, 1 + 3 * burst.size, since, f"p99 was {value:.2f} s")
            case "traffic":
                value += 1
                text = f"{value:.0%} of the usual request rate"
                alert = Alert("TrafficAnomaly", burst.service, value, 1 + burst.size, since, text)
            case "errors":
                text = f"{value:.1%} of requests failed"
                alert = Alert("HighErrorRate", burst.service, value, 1.5 + 4 * burst.size, since, text)
            case "down":
                alert = Alert("ServiceDown", burst.service, value, 6.0, since, "its target was down")
        alerts.append(replace(alert, over_ms=burst.end_ms if burst.end_ms <= now else None))
    return alerts
