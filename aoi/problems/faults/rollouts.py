"""Releases that cannot start where old pods serve until new ones are ready: nobody is harmed, and nothing moves.

Mechanisms of families that training meets, at components that are rolled (`Component.rolls`).
"""

from collections.abc import Callable

from aoi.problems.faults.base import Fault
from aoi.problems.faults.images import BAD_IMAGE_NAME, PULL_SECRET_LOST, REGISTRY_UNRESOLVED, is_private
from aoi.problems.faults.references import missing_reference
from aoi.problems.faults.workload import BAD_IMAGE_TAG, BAD_READINESS_PROBE, counts_readiness
from aoi.problems.sites import is_used
from aoi.records.problem import FaultType, SystemLevel
from aoi.worlds.applications.spec import Application, Component


def _stalled(key: str, fault: Fault, eligible: Callable[[Application, Component], bool] = is_used) -> Fault:
    """The mechanism where it stalls a rollout instead of taking the component down."""
    return Fault(
        key=key,
        version="1",
        family="rollout",
        causes=(*fault.causes, "stalled"),
        level=fault.level,
        type=fault.type,
        eligible=lambda application, component: component.rolls and eligible(application, component),
        plan=fault.plan,
        at_rolled=True,
    )


STALLED_REFERENCE = Fault(
    key="stalled_reference",
    version="1",
    family="rollout",
    causes=("missingconfig", "configerror", "stalled"),
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.MISCONFIGURATION,
    eligible=lambda application, component: component.rolls and is_used(application, component),
    plan=missing_reference,
    at_rolled=True,
)

MECHANISMS = (
    _stalled("stalled_tag", BAD_IMAGE_TAG),
    _stalled("stalled_name", BAD_IMAGE_NAME),
    _stalled("stalled_login", PULL_SECRET_LOST, is_private),
    _stalled("stalled_registry", REGISTRY_UNRESOLVED),
    _stalled("stalled_readiness", BAD_READINESS_PROBE, counts_readiness),
    STALLED_REFERENCE,
)
