"""Open and close a cycle. Its number is the root of every seed, so an unfinished one goes on as it was."""

from typing import NamedTuple

from aoi.records.base import Ref
from aoi.records.promotion import Approval, Cycle, PromotionRequest
from tasks.bundles import tree_ref
from tasks.tracking import begin_run
from tasks.workspace import actor, workspace


class OpenCycle(NamedTuple):
    """The cycle and the stored folder of the champion at its opening."""

    cycle: Cycle
    champion: Ref


def open_cycle() -> OpenCycle:
    """The unfinished cycle, or the next one. Not cached: the ledger is asked each time."""
    ledger = workspace().ledger
    cycle = ledger.open_cycle(actor())
    tree = next(former.tree for former in ledger.former_champions() if former.bundle == cycle.champion)
    begin_run(cycle.number)
    # `is_new` says how this process met the cycle; it must not change the cache keys of the stages.
    return OpenCycle(cycle.model_copy(update={"is_new": True}), tree_ref("bundle", tree))


def close_cycle(cycle: Cycle, request: PromotionRequest, approval: Approval | None) -> str:
    """End the cycle, and say how. A request that waits for a person ends it too: the next night must not wait."""
    reason = how_it_ended(request, approval)
    ledger = workspace().ledger
    if ledger.is_open(cycle.number):
        ledger.close_cycle(cycle.number, actor(), reason)
    return reason


def how_it_ended(request: PromotionRequest, approval: Approval | None) -> str:
    """In the words of the report."""
    if request.decision.verdict != "promote":
        return "not proposed"
    if approval is None:
        return "waiting for review"
    return "promoted" if approval.decision == "approve" else "refused by the reviewer"
