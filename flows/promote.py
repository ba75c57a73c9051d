"""Ask a person about the open request, and promote if the answer is yes; as a deployment."""

from prefect import flow
from pydantic import BaseModel, ConfigDict

from flows.approval import ask_for_approval
from flows.runs import watched
from tasks.promote import enter
from tasks.review import find_request


class PromoteParameters(BaseModel):
    """Which request."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    request: str | None = None
    """First digits of its digest; none means the newest open one."""


@watched
@flow(name="promote", persist_result=True, result_serializer="json")
def promote_approved(parameters: PromoteParameters | None = None) -> str:
    """Wait until a reviewer has filled in the form; `None`, or a form left as it is, decides nothing."""
    parameters = parameters or PromoteParameters()
    opened = find_request(parameters.request)
    approval = ask_for_approval(opened.request, auto_approve=False, wait=True)
    if approval is None:
        return f"request {opened.sha256[:12]} still waits for a review"
    champion = enter(opened.request, approval)
    return f"promoted version {champion.version}" if champion else f"request {opened.sha256[:12]} was rejected"
