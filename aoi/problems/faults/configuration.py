"""What a component reads at start: a ConfigMap that is gone, a value that is wrong."""

import random

from aoi.problems.faults.base import Action, Fault, Mark, Plan
from aoi.problems.faults.templates import restart
from aoi.problems.sites import Site, is_used
from aoi.problems.writes import Create, Delete, Key, Patch, Write
from aoi.records.problem import FaultType, SystemLevel
from aoi.worlds.applications.spec import Application, Component, Setting


def _holders(application: Application, component: Component) -> dict[str, list[Setting]]:
    """ConfigMaps that feed essential settings of this component and of no other."""
    holders: dict[str, list[Setting]] = {}
    for setting in component.settings:
        if setting.source in ("config_env", "config_file") and setting.essential:
            holders.setdefault(setting.holder, []).append(setting)
    for other in application.components:
        if other.name != component.name:
            for setting in other.settings:
                holders.pop(setting.holder, None)
    return holders


def restarts(site: Site) -> tuple[Write, ...]:
    """The pods are deleted, as after a node's maintenance: their successors read the configuration anew."""
    return tuple(Delete(("pods", site.namespace, name)) for name in site.pods)


def _has_own_config_map(application: Application, component: Component) -> bool:
    return is_used(application, component) and bool(_holders(application, component))


def _missing_configmap(site: Site, choices: random.Random) -> Plan:
    name = choices.choice(sorted(_holders(site.application, site.spec)))
    key: Key = ("configmaps", site.namespace, name)
    healthy = site.config_maps[name]
    obj = {field: value for field, value in healthy.items() if field != "metadata"}
    kept = ("name", "namespace", "labels", "annotations")
    obj["metadata"] = {field: healthy["metadata"][field] for field in kept if field in healthy["metadata"]}
    return Plan(
        writes=(Delete(key), *restarts(site)),
        repair=(Create(key, obj),),
        marks=(Mark(key, absent=True),),
        actions=(Action("set_config", site.name),),
        evidence=(("pods", site.name), ("config", site.name)),
        accepted=(site.name,),
    )


def _addresses(application: Application, component: Component) -> list[Setting]:
    """Settings from a ConfigMap that hold the address of a component without which this one fails."""
    needed = {call.callee for operation in component.operations for call in operation.calls if call.critical}
    return [
        setting
        for setting in component.settings
        if setting.source in ("config_env", "config_file")
        and setting.callee in needed
        and setting.value.rpartition(":")[2].isdecimal()
    ]


def _has_address(application: Application, component: Component) -> bool:
    return is_used(application, component) and bool(_addresses(application, component))


def _config_drift(site: Site, choices: random.Random) -> Plan:
    setting = choices.choice(_addresses(site.application, site.spec))
    host, _, port = setting.value.rpartition(":")
    wrong = choices.choice((f"{host}:{int(port) + 1}", f"{host}:{int(port) + 10000}", f"{host}-old:{port}"))
    key: Key = ("configmaps", site.namespace, setting.holder)
    return Plan(
        writes=(Patch(key, {"data": {setting.key: wrong}}), *restarts(site)),
        repair=(Patch(key, {"data": {setting.key: setting.value}}), restart(site.key)),
        marks=(Mark(key, ("data", setting.key), wrong),),
        actions=(Action("set_config", site.name),),
        evidence=(("logs", site.name), ("config", site.name)),
        accepted=(site.name,),
    )


MISSING_CONFIGMAP = Fault(
    key="missing_configmap",
    version="1",
    family="reference",
    causes=("missingconfig", "configerror"),
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.MISCONFIGURATION,
    eligible=_has_own_config_map,
    plan=_missing_configmap,
)
CONFIG_DRIFT = Fault(
    key="config_drift",
    version="1",
    family="value",
    causes=("badconfig",),
    level=SystemLevel.APPLICATION,
    type=FaultType.MISCONFIGURATION,
    eligible=_has_address,
    plan=_config_drift,
)

MECHANISMS = (
    MISSING_CONFIGMAP,
    CONFIG_DRIFT,
)
