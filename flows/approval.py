"""The human part of a promotion: openly automatic, a paused flow with a form, or an open request."""

from prefect.flow_runs import pause_flow_run
from prefect.input import RunInput

from aoi.promotion.briefing import asked
from aoi.records.promotion import Approval, PromotionRequest
from tasks.approval import signed
from tasks.workspace import workspace

FORM_TIMEOUT_S = 72 * 3600


class PromotionForm(RunInput):
    """What a reviewer fills in. Nothing is approved by leaving it as it is."""

    decision: str = "reject"
    approver: str = ""
    comment: str = ""


def ask_for_approval(request: PromotionRequest, auto_approve: bool, wait: bool) -> Approval | None:
    """An approval bound to this request, or None: `None` is never an approval.

    `auto_approve` signs as `auto`, openly. `wait` pauses the flow until the form is filled in or times out. In team
    mode nobody is asked by form, since it cannot prove who fills it in: the request stays open for `aoi review`.
    """
    if request.decision.verdict != "promote":
        return None
    if auto_approve:
        return signed(request, "approve", "auto", "--auto-approve")
    if not wait or workspace().settings.gate.team:
        return None
    filled = pause_flow_run(
        wait_for_input=PromotionForm.with_initial_data(description=asked(request)), timeout=FORM_TIMEOUT_S
    )
    # A replayed pause returns None: only a form that names its reviewer says anything.
    if not isinstance(filled, PromotionForm) or not filled.approver:
        return None
    return signed(request, filled.decision, filled.approver, filled.comment)
