"""What a pod template refers to and is given: Secrets, keys, volumes, variables."""

import base64
import random
from typing import Any

from aoi.problems.faults.base import Action, Fault, Mark, Plan, never
from aoi.problems.faults.configuration import restarts
from aoi.problems.faults.templates import changed_container, changed_template, restart
from aoi.problems.sites import Site, is_used
from aoi.problems.writes import Create, Delete, Key, Patch
from aoi.records.problem import FaultType, SystemLevel
from aoi.worlds.applications.spec import Application, Component, Setting


def _secrets(application: Application, component: Component) -> list[Setting]:
    """Essential settings from Secrets that no other component reads."""
    others = {s.holder for c in application.components if c.name != component.name for s in c.settings}
    return [s for s in component.settings if s.source == "secret_env" and s.essential and s.holder not in others]


def _has_own_secret(application: Application, component: Component) -> bool:
    return is_used(application, component) and bool(_secrets(application, component))


def _missing_secret(site: Site, choices: random.Random) -> Plan:
    name = choices.choice(_secrets(site.application, site.spec)).holder
    key: Key = ("secrets", site.namespace, name)
    data = {k: base64.b64encode(v.encode()).decode() for k, v in site.application.secrets()[name].items()}
    metadata: dict[str, Any] = {"name": name, "namespace": site.namespace}
    if site.application.common_labels:
        metadata["labels"] = dict(site.application.common_labels)
    obj = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": data}
    return Plan(
        writes=(Delete(key), *restarts(site)),
        repair=(Create(key, obj),),
        marks=(Mark(key, absent=True),),
        actions=(Action("rollback", site.name),),
        evidence=(("pods", site.name), ("events", site.name)),
        accepted=(site.name,),
    )


def _supplied(plan: Plan, key: Key, *path: str, value: Any = None) -> Plan:
    """The same plan, which is as well repaired by whoever makes what it refers to."""
    return plan.while_also(Mark(key, path, value, absent=True))


def _environment(site: Site) -> list[dict[str, Any]]:
    return [dict(entry) for entry in site.container.get("env") or ()]


def _wrong_secret_key(site: Site, choices: random.Random) -> Plan:
    setting = choices.choice(_secrets(site.application, site.spec))
    taken = site.application.secrets()[setting.holder]
    names = (f"{setting.key}s", setting.key.upper(), f"db-{setting.key}", f"{setting.key}-v2", "mongodb-password")
    wrong = choices.choice([name for name in names if name not in taken])
    reference = {"secretKeyRef": {"key": wrong, "name": setting.holder}}
    env = [
        {"name": entry["name"], "valueFrom": reference} if entry["name"] == setting.name else entry
        for entry in _environment(site)
    ]
    change = changed_container(
        site,
        {"env": env},
        actions=(Action("rollback", site.name),),
        evidence=(("pods", site.name), ("events", site.name)),
    )
    right = base64.b64encode(taken[setting.key].encode()).decode()
    return _supplied(change, ("secrets", site.namespace, setting.holder), "data", wrong, value=right)


def _from_maps(component: Component) -> list[Setting]:
    return [s for s in component.settings if s.source in ("config_env", "config_file") and s.essential]


def _reads_maps(application: Application, component: Component) -> bool:
    return is_used(application, component) and bool(_from_maps(component))


def _missing_key(site: Site, choices: random.Random) -> Plan:
    setting = choices.choice(_from_maps(site.spec))
    key: Key = ("configmaps", site.namespace, setting.holder)
    value = site.config_maps[setting.holder]["data"][setting.key]
    return Plan(
        writes=(Patch(key, {"data": {setting.key: None}}), *restarts(site)),
        repair=(Patch(key, {"data": {setting.key: value}}), restart(site.key)),
        marks=(Mark(key, ("data", setting.key), None),),
        actions=(Action("set_config", site.name),),
        evidence=(("pods", site.name), ("events", site.name), ("config", site.name), ("logs", site.name)),
        accepted=(site.name,),
    )


def _has_scripts(application: Application, component: Component) -> bool:
    return is_used(application, component) and any(mount.source == "configmap" for mount in component.mounts)


def _missing_scripts(site: Site, choices: random.Random) -> Plan:
    """A volume of a ConfigMap by a name that none has."""
    spec = site.workload["spec"]["template"]["spec"]
    named = [volume["name"] for volume in spec["volumes"] if "configMap" in volume]
    chosen = choices.choice(named)
    volumes: list[dict[str, Any]] = []
    old = wrong = ""
    for volume in spec["volumes"]:
        if volume["name"] != chosen:
            volumes.append(volume)
            continue
        old = volume["configMap"]["name"]
        names = [f"{old}-v2", f"{old}s", f"{site.namespace}-{old}", old.removesuffix("s") + "-scripts"]
        wrong = choices.choice([name for name in names if name not in site.config_maps])
        volumes.append({**volume, "configMap": {**volume["configMap"], "name": wrong}})
    change = changed_template(
        site,
        {"volumes": volumes},
        {},
        actions=(Action("rollback", site.name),),
        evidence=(("events", site.name), ("config", site.name)),
    )
    data = site.config_maps[old].get("data")
    return _supplied(change, ("configmaps", site.namespace, wrong), "data", value=data)


def _missing_certificate(site: Site, choices: random.Random) -> Plan:
    """A release that mounts a Secret which nobody has made yet."""
    spec = site.workload["spec"]["template"]["spec"]
    name = choices.choice((f"{site.name}-tls", f"{site.namespace}-server-cert", "internal-ca", f"{site.name}-keys"))
    path = choices.choice(("/etc/tls", "/var/run/secrets/tls", "/certs"))
    label = choices.choice(("tls", "certs", "keys"))
    volume = {"name": label, "secret": {"defaultMode": 420, "secretName": name}}
    mount = {"mountPath": path, "name": label, "readOnly": True}
    change = changed_template(
        site,
        {"volumes": [*(spec.get("volumes") or ()), volume]},
        {"volumeMounts": [*(site.container.get("volumeMounts") or ()), mount]},
        actions=(Action("rollback", site.name),),
        evidence=(("events", site.name), ("pods", site.name)),
    )
    return _supplied(change, ("secrets", site.namespace, name), "data")


def missing_reference(site: Site, choices: random.Random) -> Plan:
    """A release with one more variable, out of a ConfigMap that nobody has made yet."""
    name = choices.choice((f"{site.name}-features", f"{site.namespace}-limits", f"{site.name}-config-v2"))
    variable = choices.choice(("FEATURES", "RATE_LIMITS", "REGION"))
    reference = {"configMapKeyRef": {"key": variable.lower(), "name": name}}
    change = changed_container(
        site,
        {"env": [*_environment(site), {"name": variable, "valueFrom": reference}]},
        actions=(Action("rollback", site.name),),
        evidence=(("pods", site.name), ("events", site.name)),
    )
    return _supplied(change, ("configmaps", site.namespace, name), "data", variable.lower())


def _plain(component: Component) -> list[Setting]:
    return [s for s in component.settings if s.source == "env" and s.essential]


def _is_told(application: Application, component: Component) -> bool:
    return is_used(application, component) and bool(_plain(component))


def _variable_removed(site: Site, choices: random.Random) -> Plan:
    setting = choices.choice(_plain(site.spec))
    return changed_container(
        site,
        {"env": [entry for entry in _environment(site) if entry["name"] != setting.name] or None},
        actions=(Action("rollback", site.name),),
        evidence=(("logs", site.name), ("describe", site.name)),
    )


def _told_addresses(component: Component) -> list[Setting]:
    """Variables with the address of a component without which this one fails."""
    needed = {call.callee for operation in component.operations for call in operation.calls if call.critical}
    told = (s for s in component.settings if s.source in ("env", "config_env") and s.callee in needed)
    return [setting for setting in told if setting.value.rpartition(":")[2].isdecimal()]  # a connection string is none


def _is_told_addresses(application: Application, component: Component) -> bool:
    return is_used(application, component) and bool(_told_addresses(component))


def _variable_shadowed(site: Site, choices: random.Random) -> Plan:
    """A literal where the ConfigMap's value was: left over from somebody's own machine, or from an old name."""
    setting = choices.choice(_told_addresses(site.spec))
    host, _, port = setting.value.rpartition(":")
    name, dot, domain = host.partition(".")
    wrong = [f"{name}-dev{dot}{domain}:{port}", f"{name}-old{dot}{domain}:{port}", f"{host}:{int(port) + 1000}"]
    containers = site.workload["spec"]["template"]["spec"]["containers"]
    ports = {entry["containerPort"] for container in containers for entry in container.get("ports") or ()}
    if all(container.get("ports") for container in containers) and int(port) not in ports:
        wrong.append(f"localhost:{port}")  # where a container may listen there, nothing of the cluster tells it wrong
    value = choices.choice(wrong)
    env = [
        {"name": entry["name"], "value": value} if entry["name"] == setting.name else entry
        for entry in _environment(site)
    ]
    return changed_container(
        site,
        {"env": env},
        actions=(Action("rollback", site.name),),
        evidence=(("config", site.name), ("describe", site.name)),
    )


MISSING_SECRET = Fault(
    key="missing_secret",
    version="1",
    family="reference",
    causes=("missingconfig", "configerror"),
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.MISCONFIGURATION,
    eligible=_has_own_secret,
    plan=_missing_secret,
    mendable=never,  # nobody of ours may read a Secret, or write one
)
WRONG_SECRET_KEY = Fault(
    key="wrong_secret_key",
    version="1",
    family="reference",
    causes=("missingkey", "configerror"),
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.MISCONFIGURATION,
    eligible=_has_own_secret,
    plan=_wrong_secret_key,
)
MISSING_KEY = Fault(
    key="missing_key",
    version="1",
    family="reference",
    causes=("missingkey", "configerror"),
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.MISCONFIGURATION,
    eligible=_reads_maps,
    plan=_missing_key,
)
MISSING_SCRIPTS = Fault(
    key="missing_scripts",
    version="1",
    family="reference",
    causes=("missingconfig",),
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.MISCONFIGURATION,
    eligible=_has_scripts,
    plan=_missing_scripts,
)
MISSING_CERTIFICATE = Fault(
    key="missing_certificate",
    version="1",
    family="reference",
    causes=("missingconfig",),
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.MISCONFIGURATION,
    eligible=is_used,
    plan=_missing_certificate,
)
VARIABLE_REMOVED = Fault(
    key="variable_removed",
    version="1",
    family="value",
    causes=("badenv", "missingkey"),
    level=SystemLevel.APPLICATION,
    type=FaultType.MISCONFIGURATION,
    eligible=_is_told,
    plan=_variable_removed,
)
VARIABLE_SHADOWED = Fault(
    key="variable_shadowed",
    version="1",
    family="value",
    causes=("badenv", "badconfig"),
    level=SystemLevel.APPLICATION,
    type=FaultType.MISCONFIGURATION,
    eligible=_is_told_addresses,
    plan=_variable_shadowed,
)

MECHANISMS = (
    MISSING_SECRET,
    WRONG_SECRET_KEY,
    MISSING_KEY,
    MISSING_SCRIPTS,
    MISSING_CERTIFICATE,
    VARIABLE_REMOVED,
    VARIABLE_SHADOWED,
)
