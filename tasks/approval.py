"""Sign a person's decision about one promotion request."""

from datetime import UTC, datetime

from aoi.promotion.approval import sign
from aoi.records.promotion import Approval, PromotionRequest
from tasks.workspace import workspace


def signed(request: PromotionRequest, decision: str, approver: str, comment: str) -> Approval:
    """A decision about exactly this request. Anything but `approve` rejects."""
    return sign(
        request,
        "approve" if decision == "approve" else "reject",
        approver,
        now=datetime.now(UTC),
        hours=workspace().settings.gate.approval_hours,
        comment=comment,
    )
