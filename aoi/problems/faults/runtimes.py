"""What a program has to run with: CPU, memory, descriptors, connections, time; and builds that use too much of it."""

import math
import random
import re
from dataclasses import replace
from typing import Any

from aoi.problems.faults.base import Action, Fault, Mark, Plan, Such
from aoi.problems.faults.templates import below, changed_container, restart, with_resources
from aoi.problems.sites import Site, is_used
from aoi.problems.writes import Delete, Key, Patch
from aoi.records.problem import FaultType, SystemLevel
from aoi.worlds.applications.spec import MIB, Application, Component, Setting
from aoi.worlds.behaviour.network import OWN_FILES, POOL, USERS_CONNECTIONS
from aoi.worlds.behaviour.tuning import HOT_MS, LIVE_SHARE

FEWEST_RPS = 20.0
"""What an application is asked for at its quietest installation; MOST_PODS share it at most."""
MOST_PODS = 4
LARGEST_LIMIT_M = 1500
"""That an installation gives a pod which has little to do."""
_ULIMIT = re.compile(r"ulimit\s+-S?H?n\s+(?P<files>\d+)")
LEAST_LIMIT_M = 10
"""Millicores below which no container runtime sets a quota."""
BUSY_M = 11.0
"""CPU need of a pod that can be starved by a limit which can be set."""


def need_m(application: Application, component: Component, pods: int, rps: float | None = None) -> float:
    """Millicores that each of so many pods of a component needs, at so many requests a second of the users."""
    rate = application.rates[component.name] * (1.0 if rps is None else min(1.0, rps / application.workload.rps))
    return component.demand.cpu_idle_m + rate * component.demand.cpu_ms_per_request / pods


def pods_of(site: Site) -> int:
    """How many pods of the component are asked for now."""
    return max(1, site.workload["spec"].get("replicas", 1))


def _is_program(application: Application, component: Component) -> bool:
    return component.kind in ("gateway", "service") and is_used(application, component)


def _is_busy(application: Application, component: Component) -> bool:
    is_enough = need_m(application, component, MOST_PODS, FEWEST_RPS) >= BUSY_M
    return _is_program(application, component) and is_enough and bool(component.resources.cpu_limit_m)


def _cpu_limit(site: Site, choices: random.Random) -> Plan:
    need = need_m(site.application, site.spec, pods_of(site))
    limit = f"{max(LEAST_LIMIT_M, int(need * choices.uniform(0.4, 0.7)))}m"
    change = changed_container(
        site,
        {"resources": with_resources(site, {"cpu": limit}, {"cpu": limit})},
        actions=(Action("rollback", site.name),),
        evidence=(("metrics", site.name),),
    )
    place = change.marks[0].path or ()
    return replace(change, marks=(Mark(site.key, (*place, "limits", "cpu"), below("cpu", need)),))


def _slow_builds(application: Application, component: Component, flaw: str) -> list[str]:
    """Builds of the component's image that run, and have this flaw."""
    image = application.image_of(component)
    return [f"{image.repository}:{tag}" for tag, what in image.slow if what == flaw]


def _has_leaking_build(application: Application, component: Component) -> bool:
    has_limit = bool(component.resources.memory_limit_bytes)
    return _is_program(application, component) and has_limit and bool(_slow_builds(application, component, "leak"))


def _leaking_build(site: Site, choices: random.Random) -> Plan:
    return changed_container(
        site,
        {"image": choices.choice(_slow_builds(site.application, site.spec, "leak"))},
        actions=(Action("rollback", site.name),),
        evidence=(("pods", site.name), ("metrics", site.name)),
    )


def _has_hot_build(application: Application, component: Component) -> bool:
    quiet = application.rates[component.name] * min(1.0, FEWEST_RPS / application.workload.rps) / MOST_PODS
    is_felt = quiet * HOT_MS >= LARGEST_LIMIT_M
    return _is_program(application, component) and is_felt and bool(_slow_builds(application, component, "hot"))


def _hot_build(site: Site, choices: random.Random) -> Plan:
    return changed_container(
        site,
        {"image": choices.choice(_slow_builds(site.application, site.spec, "hot"))},
        actions=(Action("rollback", site.name),),
        evidence=(("metrics", site.name),),
    )


def _has_heap(application: Application, component: Component) -> bool:
    return _is_program(application, component) and component.dialect in ("spring", "pino", "dotnet")


def _small_heap(site: Site, choices: random.Random) -> Plan:
    size_mib = math.ceil(site.spec.demand.memory_bytes * LIVE_SHARE * choices.uniform(1.02, 1.12) / MIB)
    name, value = {
        "spring": ("JAVA_TOOL_OPTIONS", f"-Xmx{size_mib}m"),
        "pino": ("NODE_OPTIONS", f"--max-old-space-size={size_mib}"),
        "dotnet": ("DOTNET_GCHeapHardLimit", hex(size_mib * MIB)),
    }[site.spec.dialect]
    env = [entry for entry in site.container.get("env", ()) if entry["name"] != name]
    return changed_container(
        site,
        {"env": [*env, {"name": name, "value": value}]},
        actions=(Action("rollback", site.name),),
        evidence=(("logs", site.name),),
    )


def _has_shell(application: Application, component: Component) -> bool:
    image = application.image_of(component)
    is_called = bool(application.callers[component.name]) or component.name == application.workload.entry
    return _is_program(application, component) and is_called and bool(component.command) and "sh" in image.tools


def inbound(site: Site) -> float:
    """Connections that each of its pods is asked for."""
    callers = sum(len(site.pods_of[caller]) for caller in site.callers)
    is_entry = site.name == site.application.workload.entry
    return (POOL * callers + (USERS_CONNECTIONS if is_entry else 0)) / pods_of(site)


def _open_files(site: Site, choices: random.Random) -> Plan:
    wanted, others = inbound(site), OWN_FILES + POOL * len(site.spec.callees)
    limit = int(others + wanted * choices.uniform(0.1, 0.5))
    line = [*(site.container.get("command") or site.spec.command), *(site.container.get("args") or ())]
    fields = {"command": ["sh", "-c", f"ulimit -n {limit} && exec {' '.join(line)}"]}
    if site.container.get("args"):
        fields["args"] = []
    plan = changed_container(
        site,
        fields,
        actions=(Action("rollback", site.name),),
        evidence=(("logs", site.name), ("describe", site.name)),
    )
    # The command; an empty list of arguments is as good as none. A few files more are as few.
    return replace(plan, marks=plan.marks[:1]).marked_by(Such(lambda said: _files(said) < others + wanted))


def _number(text: Any) -> float:
    """A setting that counts; more than anything where it does not."""
    return float(text) if str(text).isdigit() else math.inf


def _files(command: Any) -> float:
    """Descriptors that a command leaves itself; as many as it likes if it says nothing."""
    told = _ULIMIT.search(" ".join(command or ()))
    return int(told["files"]) if told else math.inf


def _settings_like(component: Component, ending: str) -> list[Setting]:
    return [
        setting
        for setting in component.settings
        if setting.source in ("config_env", "config_file") and setting.name.upper().replace(".", "_").endswith(ending)
    ]


def _counts_connections(application: Application, component: Component) -> bool:
    is_called = bool(application.callers[component.name]) or component.name == application.workload.entry
    return _is_program(application, component) and is_called and bool(_settings_like(component, "MAX_CONNECTIONS"))


def _connection_limit(site: Site, choices: random.Random) -> Plan:
    wanted = inbound(site)
    few = max(1, int(wanted * choices.uniform(0.1, 0.45)))
    plan = _misconfigured(site, _settings_like(site.spec, "MAX_CONNECTIONS")[0], str(few), site.observer)
    return plan.marked_by(Such(lambda said: _number(said) < wanted))


def _hurries(application: Application, component: Component) -> bool:
    needed = [c for o in component.operations for c in o.calls if c.critical and c.weight >= 0.5]
    slow = [c for c in needed if application.by_name[c.callee].operation(c.operation).own_ms >= 2.5]
    return _is_program(application, component) and bool(slow) and bool(_settings_like(component, "REQUEST_TIMEOUT"))


def _short_timeout(site: Site, choices: random.Random) -> Plan:
    return _misconfigured(
        site, _settings_like(site.spec, "REQUEST_TIMEOUT")[0], choices.choice(("1ms", "2ms")), site.name
    )


def _misconfigured(site: Site, setting: Setting, wrong: str, speaker: str) -> Plan:
    """A value that the program takes, and that does not serve it."""
    key: Key = ("configmaps", site.namespace, setting.holder)
    return Plan(
        writes=(
            Patch(key, {"data": {setting.key: wrong}}),
            *(Delete(("pods", site.namespace, name)) for name in site.pods),
        ),
        repair=(Patch(key, {"data": {setting.key: setting.value}}), restart(site.key)),
        marks=(Mark(key, ("data", setting.key), wrong),),
        actions=(Action("set_config", site.name),),
        evidence=(("logs", speaker), ("logs", site.name)),
        accepted=(site.name,),
    )


CPU_LIMIT = Fault(
    key="cpu_limit",
    version="1",
    family="resources",
    causes=("throttled",),
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.MISCONFIGURATION,
    eligible=_is_busy,
    plan=_cpu_limit,
    needs_requests=True,
)
LEAKING_BUILD = Fault(
    key="leaking_build",
    version="1",
    family="resources",
    causes=("leak", "oomkilled"),
    level=SystemLevel.APPLICATION,
    type=FaultType.CODE_DEFECT,
    eligible=_has_leaking_build,
    plan=_leaking_build,
)
HOT_BUILD = Fault(
    key="hot_build",
    version="1",
    family="resources",
    causes=("cpuhot", "throttled"),
    level=SystemLevel.APPLICATION,
    type=FaultType.CODE_DEFECT,
    eligible=_has_hot_build,
    plan=_hot_build,
    needs_requests=True,
)
SMALL_HEAP = Fault(
    key="small_heap",
    version="1",
    family="resources",
    causes=("gc",),
    level=SystemLevel.APPLICATION,
    type=FaultType.MISCONFIGURATION,
    eligible=_has_heap,
    plan=_small_heap,
    needs_requests=True,
)
OPEN_FILES = Fault(
    key="open_files",
    version="1",
    family="resources",
    causes=("fds",),
    level=SystemLevel.OPERATING_SYSTEM,
    type=FaultType.MISCONFIGURATION,
    eligible=_has_shell,
    plan=_open_files,
    needs_requests=True,
)
CONNECTION_LIMIT = Fault(
    key="connection_limit",
    version="1",
    family="value",
    causes=("connlimit",),
    level=SystemLevel.APPLICATION,
    type=FaultType.MISCONFIGURATION,
    eligible=_counts_connections,
    plan=_connection_limit,
)
SHORT_TIMEOUT = Fault(
    key="short_timeout",
    version="1",
    family="value",
    causes=("badconfig", "timeout"),
    level=SystemLevel.APPLICATION,
    type=FaultType.MISCONFIGURATION,
    eligible=_hurries,
    plan=_short_timeout,
)

MECHANISMS = (
    CPU_LIMIT,
    LEAKING_BUILD,
    HOT_BUILD,
    SMALL_HEAP,
    OPEN_FILES,
    CONNECTION_LIMIT,
    SHORT_TIMEOUT,
)
