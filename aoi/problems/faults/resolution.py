"""How a pod resolves names: a DNS policy that leads past the cluster's DNS, a resolver that nobody is behind."""

import random
from typing import Any

from aoi.problems.faults.base import Action, Fault, Plan
from aoi.problems.faults.templates import changed_template
from aoi.problems.sites import Site, is_used
from aoi.records.problem import FaultType, SystemLevel
from aoi.worlds.applications.spec import Application, Component
from aoi.worlds.behaviour.names import DOMAIN


def _changed(site: Site, fields: dict[str, Any]) -> Plan:
    return changed_template(
        site,
        fields,
        {},
        actions=(Action("rollback", site.name),),
        evidence=(("describe", site.name), ("logs", site.name)),
    )


def _node_resolver(site: Site, choices: random.Random) -> Plan:
    fields: dict[str, Any] = {"dnsPolicy": "Default"}
    if choices.random() < 0.5:
        fields["dnsConfig"] = {"options": [{"name": "ndots", "value": choices.choice(("1", "2"))}]}
    return _changed(site, fields)


def _dead_resolver(site: Site, choices: random.Random) -> Plan:
    server = choices.choice(("10.96.0.100", "10.100.0.10", "10.43.0.10", "10.0.0.53"))
    searches = [f"{site.namespace}.svc.{DOMAIN}", f"svc.{DOMAIN}", DOMAIN]
    options = [{"name": "ndots", "value": "5"}]
    config = {"nameservers": [server], "searches": searches, "options": options}
    return _changed(site, {"dnsPolicy": "None", "dnsConfig": config})


def _looks_up(application: Application, component: Component) -> bool:
    """Cannot do its work without the name of another component."""
    critical = [call for operation in component.operations for call in operation.calls if call.critical]
    return bool(critical) and is_used(application, component)


def _fault(key: str, **parts: Any) -> Fault:
    return Fault(
        key=key,
        version="1",
        family="dns",
        causes=("dns",),
        level=SystemLevel.VIRTUALIZATION,
        type=FaultType.MISCONFIGURATION,
        eligible=_looks_up,
        **parts,
    )


NODE_RESOLVER = _fault("node_resolver", plan=_node_resolver)
DEAD_RESOLVER = _fault("dead_resolver", plan=_dead_resolver)

MECHANISMS = (
    NODE_RESOLVER,
    DEAD_RESOLVER,
)
