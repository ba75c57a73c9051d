"""The human part of a promotion: openly automatic, a flow that waits for a form, or an open request."""

from typing import Literal

from prefect.exceptions import FlowPauseTimeout
from prefect.flow_runs import pause_flow_run, suspend_flow_run
from prefect.input import RunInput
from prefect.runtime import deployment

from aoi.promotion.briefing import asked
from aoi.records.promotion import Approval, PromotionRequest
from tasks.approval import decision_of
from tasks.status import open_requests
from tasks.workspace import workspace

FORM_TIMEOUT_S = 72 * 3600
BY_FORM = "by form"
MOST_NAME = 100


class PromotionForm(RunInput):
    """What a reviewer fills in. Left as it is it decides nothing."""

    decision: Literal["keep open", "approve", "reject"] = "keep open"
    request: str = ""
    """Digest of the request that was read: the form comes with it, and another one decides nothing."""
    approver: str = ""
    comment: str = ""


def ask_for_approval(request: PromotionRequest, auto_approve: bool, wait: bool) -> Approval | None:
    """An approval bound to this request, or None: `None` is never an approval.

    `auto_approve` signs as `auto`, openly. `wait` asks by a form: a run of a deployment is suspended, so that it holds
    no process and whoever fills the form in while nothing runs is heard when a worker returns; any other run waits in
    its process. In team mode, and where decisions are signed, nobody is asked by form, since it cannot prove who
    fills it in: the request stays open for `aoi review`.
    """
    if request.decision.verdict != "promote":
        return None
    if auto_approve:
        return decision_of("auto", request, "approve", "--auto-approve")
    if not wait or workspace().settings.gate.team or workspace().approvers:
        return None
    form = PromotionForm.with_initial_data(description=_described(request), request=request.digest())
    ask = suspend_flow_run if deployment.id else pause_flow_run
    try:
        filled = ask(wait_for_input=form, timeout=FORM_TIMEOUT_S)
    except FlowPauseTimeout:
        return None
    return read_form(filled, request)


def read_form(filled: object, request: PromotionRequest) -> Approval | None:
    """What a form says; nothing unless it names its reviewer, a decision, and this request, which still waits."""
    if not isinstance(filled, PromotionForm) or filled.decision == "keep open":  # a replayed pause returns None
        return None
    name, digest = filled.approver.strip(), request.digest()
    is_named = bool(name) and name.isprintable() and len(name) <= MOST_NAME
    if not is_named or filled.request != digest or digest not in {each.sha256 for each in open_requests()}:
        return None
    # Whoever typed the name is not known: the ledger says that it was typed, and nobody signs for them.
    return decision_of(f"{name} ({BY_FORM})", request, filled.decision, filled.comment)


def _described(request: PromotionRequest) -> str:
    """What is decided, above the fields."""
    return (
        f"{asked(request)}\n\nBundle {request.challenger[:12]} would replace {request.champion[:12]}. Left as it is "
        "this form decides nothing, and the request stays open. Your name is kept as typed in a form."
    )
