"""Chaos Mesh experiments beyond loss and delay: cut, corrupted and narrow networks, names, HTTP, CPU, disks.

And those that come and go: a share of the packets, a kill every minute, a network that is cut now and then.
"""

import random
from typing import Any

from aoi.problems import names
from aoi.problems.faults.base import Fault, Plan
from aoi.problems.faults.chaos import chaos_plan, is_called, resource_of, schedule_plan
from aoi.problems.sites import Site, flow, is_used
from aoi.records.problem import FaultType, SystemLevel
from aoi.worlds.applications.spec import Application, Component

EXERCISE_S = 3600
"""How long an exercise goes on that kills pods two or three times a minute."""
WORKERS = (16, 24, 32)
"""Stress workers: of a limit of one core they leave the program a thirtieth."""


def _network(site: Site, action: str, parameters: dict[str, Any], choices: random.Random) -> Plan:
    spec = {"action": action, "mode": "all", "direction": "both", **parameters}
    return chaos_plan(site, resource_of("NetworkChaos"), names.experiment(site, action, choices), spec)


def _partition(site: Site, choices: random.Random) -> Plan:
    """From the namespace's other pods, or from everybody."""
    if choices.random() < 0.5:
        return _network(site, "partition", {}, choices)
    target = {"mode": "all", "selector": {"namespaces": [site.namespace]}}
    return _network(site, "partition", {"target": target}, choices)


def _corrupt(site: Site, choices: random.Random) -> Plan:
    share = choices.choice(("60", "75", "90"))
    return _network(site, "corrupt", {"corrupt": {"corrupt": share, "correlation": "25"}}, choices)


def _bandwidth(site: Site, choices: random.Random) -> Plan:
    rate = choices.choice(("400bps", "4kbit", "512bps"))
    return _network(site, "bandwidth", {"bandwidth": {"rate": rate, "limit": 20_971_520, "buffer": 10_000}}, choices)


def _some_loss(site: Site, choices: random.Random) -> Plan:
    share = choices.choice(("40", "50", "60"))
    return _network(site, "loss", {"loss": {"loss": share, "correlation": "0"}}, choices)


def _wrong_names(site: Site, choices: random.Random) -> Plan:
    """Look-ups of what it calls fail, or lead anywhere."""
    callee = choices.choice(_needed(site.spec))
    host = callee if not site.application.by_name[callee].namespace else site.application.host_of(callee)
    patterns = choices.choice(([f"{host}.*"], ["*"], [f"*.{site.namespace}.svc.cluster.local"]))
    spec = {"action": "error", "mode": "all", "patterns": patterns}
    return chaos_plan(site, resource_of("DNSChaos"), names.experiment(site, "dns", choices), spec)


def _needed(component: Component) -> list[str]:
    calls = (call for operation in component.operations for call in operation.calls)
    return list(dict.fromkeys(call.callee for call in calls if call.critical))


def _http(site: Site, parameters: dict[str, Any], what: str, choices: random.Random) -> Plan:
    spec = {"mode": "all", "target": "Request", "port": site.spec.port, "method": "*", "path": "*", **parameters}
    return chaos_plan(site, resource_of("HTTPChaos"), names.experiment(site, what, choices), spec)


def _http_abort(site: Site, choices: random.Random) -> Plan:
    return _http(site, {"abort": True}, "http", choices)


def _http_delay(site: Site, choices: random.Random) -> Plan:
    return _http(site, {"delay": choices.choice(("5s", "8s", "12s"))}, "latency", choices)


def _cpu_stress(site: Site, choices: random.Random) -> Plan:
    stressors = {"cpu": {"workers": choices.choice(WORKERS), "load": 100}}
    spec = {"mode": "all", "stressors": stressors, "containerNames": [site.container["name"]]}
    return chaos_plan(site, resource_of("StressChaos"), names.experiment(site, "cpu", choices), spec)


def _io_latency(site: Site, choices: random.Random) -> Plan:
    path = _data_folder(site.spec)
    spec = {
        "action": "latency",
        "mode": "all",
        "volumePath": path,
        "path": f"{path}/**/*",
        "delay": choices.choice(("3s", "5s", "8s")),
        "percent": 100,
        "containerNames": [site.container["name"]],
    }
    return chaos_plan(site, resource_of("IOChaos"), names.experiment(site, "io", choices), spec)


def _data_folder(component: Component) -> str:
    return next((mount.path for mount in component.mounts if mount.source == "claim"), "")


def _every(choices: random.Random) -> str:
    return choices.choice(("* * * * *", "@every 60s", "@every 45s"))


def _often(choices: random.Random) -> str:
    """A new pod is up within seconds: only what is killed soon again is missed for long."""
    return choices.choice(("@every 20s", "@every 25s", "@every 30s"))


def _pod_kills(site: Site, choices: random.Random) -> Plan:
    spec = {"action": "pod-kill", "mode": "all", "gracePeriod": 0}
    return schedule_plan(site, "PodChaos", names.experiment(site, "pod-kill", choices), spec, _often(choices))


def _container_kills(site: Site, choices: random.Random) -> Plan:
    spec = {"action": "container-kill", "mode": "all", "containerNames": [site.container["name"]]}
    return schedule_plan(site, "PodChaos", names.experiment(site, "container-kill", choices), spec, _every(choices))


def _network_flaps(site: Site, choices: random.Random) -> Plan:
    spec = {
        "action": "partition",
        "mode": "all",
        "direction": "both",
        "duration": choices.choice(("30s", "40s", "50s")),
    }
    return schedule_plan(
        site,
        "NetworkChaos",
        names.experiment(site, "flaps", choices),
        spec,
        choices.choice(("* * * * *", "@every 90s")),
    )


def _speaks_http(application: Application, component: Component) -> bool:
    return component.protocol == "http" and (is_called(application, component) or _is_entry(application, component))


def _answers_http(application: Application, component: Component) -> bool:
    """To components, who measure how long it takes."""
    return component.protocol == "http" and is_called(application, component)


def _is_entry(application: Application, component: Component) -> bool:
    return component.name == application.workload.entry


def _looks_up(application: Application, component: Component) -> bool:
    """Cannot do its work without the name of another component, and asks DNS for it, not a registry."""
    needs = [application.by_name[name] for name in _needed(component)]
    is_registry = application.discovery == "registry"
    return is_used(application, component) and bool(needs) and not (is_registry and needs[0].protocol == "grpc")


def _starves(application: Application, component: Component) -> bool:
    """Needs more than what the fewest stress workers leave of its limit."""
    limit, rate = component.resources.cpu_limit_m, flow(application).get(component.name, 0.0)
    used = (component.demand.cpu_idle_m + rate * component.demand.cpu_ms_per_request) / (component.replicas + 1)
    return bool(limit) and used > 2 * limit / (1 + min(WORKERS)) and is_used(application, component)


def _keeps_data(application: Application, component: Component) -> bool:
    return component.kind == "database" and bool(_data_folder(component)) and is_called(application, component)


def _fault(key: str, causes: tuple[str, ...], **parts: Any) -> Fault:
    return Fault(
        key=key,
        version="1",
        family="chaos",
        causes=causes,
        level=SystemLevel.VIRTUALIZATION,
        type=FaultType.NETWORK_STORAGE,
        **parts,
    )


MECHANISMS = (
    _fault("network_partition", ("chaos",), eligible=is_called, plan=_partition),
    _fault("network_corrupt", ("chaos", "loss"), eligible=is_called, plan=_corrupt),
    _fault("network_bandwidth", ("chaos", "delay"), eligible=is_called, plan=_bandwidth),
    _fault("some_loss", ("chaos", "loss"), eligible=is_called, plan=_some_loss),
    _fault("dns_chaos", ("chaos", "dns"), eligible=_looks_up, plan=_wrong_names),
    _fault("http_abort", ("chaos", "reset"), eligible=_speaks_http, plan=_http_abort),
    _fault("http_delay", ("chaos", "delay"), eligible=_answers_http, plan=_http_delay),
    _fault("cpu_stress", ("chaos", "throttled"), eligible=_starves, plan=_cpu_stress),
    _fault("io_latency", ("chaos", "delay"), eligible=_keeps_data, plan=_io_latency),
    _fault("pod_kills", ("chaos",), eligible=is_called, plan=_pod_kills, oldest_s=EXERCISE_S),
    _fault("container_kills", ("chaos", "restarted"), eligible=is_called, plan=_container_kills),
    _fault("network_flaps", ("chaos",), eligible=is_called, plan=_network_flaps),
)
