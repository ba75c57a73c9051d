"""As whom pods run."""

import random

from aoi.problems.faults.base import Action, Fault, Mark, Plan
from aoi.problems.faults.templates import changed_template
from aoi.problems.sites import Site, is_used
from aoi.problems.writes import Key
from aoi.records.problem import FaultType, SystemLevel


def _missing_service_account(site: Site, choices: random.Random) -> Plan:
    name = choices.choice((f"{site.spec.workload}-sa", f"{site.spec.workload}-runner", "app-runtime", "workload-id"))
    change = changed_template(
        site,
        {"serviceAccountName": name, "serviceAccount": name},  # the API server writes the older field too
        {},
        actions=(Action("rollback", site.name),),
        evidence=(("events", site.name), ("quota", site.name)),
    )
    key: Key = ("serviceaccounts", site.namespace, name)
    return Plan(
        writes=change.writes,
        repair=change.repair,
        marks=(*change.marks, Mark(key, absent=True)),
        actions=change.actions,
        evidence=change.evidence,
        accepted=change.accepted,
    )


MECHANISMS = (
    Fault(
        key="missing_service_account",
        version="1",
        family="identity",
        causes=("missingconfig", "forbidden"),
        level=SystemLevel.VIRTUALIZATION,
        type=FaultType.AUTHENTICATION,
        eligible=is_used,
        plan=_missing_service_account,
    ),
)
