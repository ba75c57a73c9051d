"""How much is asked of an application, and what it makes of it: floods, retries that feed on themselves, queues."""

import math
import random
import sys
from collections.abc import Callable
from typing import Any

from aoi.problems.faults.base import Action, Fault, Mark, Plan, Such, never
from aoi.problems.faults.runtimes import FEWEST_RPS, MOST_PODS, need_m, pods_of
from aoi.problems.faults.templates import changed_container
from aoi.problems.sites import Site, flow, is_used
from aoi.problems.writes import Create, Delete, Key, Patch, Wait, restart
from aoi.records.problem import FaultType, SystemLevel
from aoi.worlds.applications.lookup import application
from aoi.worlds.applications.spec import Application, Component
from aoi.worlds.behaviour.conditions import Conditions, Instances
from aoi.worlds.behaviour.strains import Strain
from aoi.worlds.behaviour.traffic import evaluate
from aoi.worlds.behaviour.tuning import RETRIES_VARIABLE
from kubeworld.machine.world import World

TOOL = "fortio/fortio:1.63.7"
TIGHT = 1.75
"""A callee's CPU limit over what it needs: thrifty, and enough as long as nobody asks twice."""
STEADY_M = 5.0
"""What requests take of a callee's pod, at least, for a limit to be cut to it."""
STORM = 2.8
"""Times its capacity that a callee is asked for when every call is tried as often as may be."""
FEWEST_ATTEMPTS = 6
TRIGGER_S = 75
"""From the change of the caller to the restart of its callee."""
MAJORITY = 0.7
"""Share of a callee's requests that come from one caller."""


def _can_be_flooded(application: Application, component: Component) -> bool:
    return component.name == application.workload.entry and not application.furniture.fence


def _flood(site: Site, choices: random.Random) -> Plan:
    demand, limit = site.spec.demand, site.spec.resources.cpu_limit_m
    capacity = (limit - demand.cpu_idle_m) / demand.cpu_ms_per_request * pods_of(site)
    qps = int(capacity * choices.uniform(1.3, 2.4))
    name = choices.choice(("load-test", "perf-runner", "soak", "checkout-bench", "warmup-client"))
    service = site.application.service_of(site.name)
    url = f"http://{service.name}:{service.ports[0].port}/"
    labels = {"app": name}
    container = {
        "name": "client",
        "image": TOOL,
        "args": ["load", "-qps", str(qps), "-c", str(choices.choice((32, 64, 128))), "-t", "0", url],
        "resources": {"requests": {"cpu": "50m", "memory": "32Mi"}, "limits": {"cpu": "1", "memory": "128Mi"}},
    }
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": site.namespace, "labels": labels},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }
    key: Key = ("deployments.apps", site.namespace, name)
    return Plan(
        writes=(Create(key, deployment),),
        repair=(Delete(key),),
        marks=(Mark(key),),
        actions=(Action("scale", site.name),),
        evidence=(("metrics", site.name),),
        accepted=(site.name, name),
    )


def _retried(application: Application, component: Component) -> list[Component]:
    """Services that it cannot do without, that it asks most, and that have enough to do."""
    found = []
    usual = evaluate(application, Conditions((), ()))
    for operation in component.operations:
        for call in operation.calls:
            callee = application.by_name[call.callee]
            asked = usual.flows[component.name, callee.name].rate
            is_most = asked >= MAJORITY * application.rates[callee.name] and not callee.rolls
            quiet_m = need_m(application, callee, MOST_PODS, FEWEST_RPS) - callee.demand.cpu_idle_m
            is_busy = quiet_m >= STEADY_M
            if callee.kind == "service" and call.critical and is_most and is_busy and callee not in found:
                found.append(callee)
    return [callee for callee in found if _lasts(application, component, callee)]


def _tight(application: Application, callee: Component, pods: int) -> tuple[int, int]:
    """(CPU limit that suffices in quiet times, attempts that make too much of it)."""
    need, cost_ms = need_m(application, callee, pods), callee.demand.cpu_ms_per_request
    # A request must fit into what a period of the quota allows, or it would be slow at all times.
    limit_m = math.ceil(max(need * TIGHT, 10.5 * cost_ms))
    return limit_m, math.ceil(STORM * limit_m / max(1.0, MAJORITY * (need - callee.demand.cpu_idle_m)))


def _lasts(application: Application, caller: Component, callee: Component) -> bool:
    """Whether the storm feeds itself: where the callee's failures keep others from asking, it blows over."""
    limit_m, attempts = _tight(application, callee, callee.replicas)
    instances = tuple(
        Instances(c.name, c.replicas, c.replicas, limit_m if c is callee else c.resources.cpu_limit_m)
        for c in application.components
    )
    strains = (Strain(caller.name, attempts=max(FEWEST_ATTEMPTS, attempts)),)
    failing = ((caller.name, callee.name, 1.0),)
    storm = evaluate(application, Conditions((), instances, strains, failing=failing))
    return storm.flows[caller.name, callee.name].failing > 0.5


def _retries(application: Application, component: Component) -> bool:
    is_program = component.kind in ("gateway", "service")
    return is_program and is_used(application, component) and bool(_retried(application, component))


def _retry_storm(site: Site, choices: random.Random) -> Plan:
    """A caller that does not give up, before a callee with little to spare; a restart is enough to set it off."""
    every = _retried(site.application, site.spec) or _retried(application(site.application.key, 0), site.spec)
    callee = site.application.by_name[choices.choice([found.name for found in every])]
    pods = max(1, len(site.pods_of[callee.name]))
    limit_m, enough = _tight(site.application, callee, pods)
    attempts = max(choices.choice((FEWEST_ATTEMPTS, 8, 10)), enough)
    # With fewer the callee is asked for no more than it can do.
    too_many = max(_attempts(site.container.get("env")) + 1, math.ceil(enough / STORM))
    kept = [entry for entry in site.container.get("env", ()) if entry["name"] != RETRIES_VARIABLE]
    changed = changed_container(
        site,
        {"env": [*kept, {"name": RETRIES_VARIABLE, "value": str(attempts)}]},
        actions=(Action("rollback", site.name),),
        evidence=(("metrics", callee.name), ("logs", site.name)),
    )
    limit = f"{limit_m}m"
    key = site.key_of(callee.name)
    container = {"name": callee.container, "resources": {"limits": {"cpu": limit}, "requests": {"cpu": limit}}}
    tightened = Patch(key, {"spec": {"template": {"spec": {"containers": [container]}}}}, "strategic")
    restarted = restart(key, site.now)
    return Plan(
        writes=(tightened, *changed.writes, Wait(TRIGGER_S), restarted),
        repair=changed.repair,
        marks=changed.marked_by(Such(lambda env: _attempts(env) >= too_many)).marks,
        actions=changed.actions,
        evidence=changed.evidence,
        accepted=(site.name, callee.name),
        neighbours=_feeding(site.application, callee.name),
    )


def _attempts(env: Any) -> int:
    """How often a caller tries, as its environment says; once, unless it is told."""
    every = [entry for entry in env or () if entry["name"] == RETRIES_VARIABLE]
    if not every:
        return 1
    if "valueFrom" in every[-1]:  # the last one counts; what lies elsewhere is taken for no repair
        return sys.maxsize
    return int(told) if (told := every[-1].get("value", "")).isdigit() else 1


def _feeding(application: Application, callee: str) -> tuple[str, ...]:
    """Components without which fewer requests reach a callee: while one of them restarts, a storm blows over."""
    usual = flow(application).get(callee, 0.0)
    return tuple(name for name in application.by_name if flow(application, name).get(callee, 0.0) < usual)


def _consumes(application: Application, component: Component) -> bool:
    return any(worker == component.name for worker, _, _ in application.workload.queued)


def _poison(site: Site, choices: random.Random) -> Plan:
    return Plan(
        writes=tuple(Delete(("pods", site.namespace, name)) for name in site.pods),
        repair=(),
        marks=(),
        actions=(Action("restart", site.name),),
        evidence=(("logs", site.name), ("pods", site.name)),
        accepted=(site.name,),
        state=_message(site.name, is_there=True),
        undo_state=_message(site.name, is_there=False),
        state_holds=lambda world: bool(world.state.get("queues", {}).get(site.name)),
    )


def _message(worker: str, *, is_there: bool) -> Callable[[World], None]:
    def write(world: World) -> None:
        queues = {name: kept for name, kept in world.state.get("queues", {}).items() if name != worker}
        world.state = {**world.state, "queues": {**queues, **({worker: {"poison": True}} if is_there else {})}}

    return write


TRAFFIC_FLOOD = Fault(
    key="traffic_flood",
    version="1",
    family="traffic",
    causes=("flood", "throttled"),
    level=SystemLevel.APPLICATION,
    type=FaultType.OPERATION,
    eligible=_can_be_flooded,
    plan=_flood,
    mendable=never,
    at_rolled=True,
)
RETRY_STORM = Fault(
    key="retry_storm",
    version="1",
    family="traffic",
    causes=("flood", "throttled", "badenv"),
    level=SystemLevel.APPLICATION,
    type=FaultType.MISCONFIGURATION,
    eligible=_retries,
    plan=_retry_storm,
)
POISON_MESSAGE = Fault(
    key="poison_message",
    version="1",
    family="queue",
    causes=("panic", "exception", "crashloop"),
    level=SystemLevel.APPLICATION,
    type=FaultType.CODE_DEFECT,
    eligible=_consumes,
    plan=_poison,
    mendable=never,
    at_rolled=True,
    needs_control=True,
)

MECHANISMS = (
    TRAFFIC_FLOOD,
    RETRY_STORM,
    POISON_MESSAGE,
)
