"""A decision about one promotion request, signed where a person makes it at a terminal and has set a key."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from aoi.promotion.approval import decided
from aoi.records.promotion import Approval, PromotionRequest
from tasks.workspace import workspace

Word = Literal["approve", "reject"]


def decision_of(approver: str, request: PromotionRequest, decision: Word, comment: str) -> Approval:
    """A decision about exactly this request, not signed."""
    hours = workspace().settings.gate.approval_hours
    return decided(request, decision, approver, now=datetime.now(UTC), hours=hours, comment=comment)


def signed(given: Approval, passphrase: Callable[[], str]) -> Approval:
    """The same with the signature of the person here, under the name that the signers have for their key.

    Without `AOI_APPROVAL__KEY` it is what it was. Raises: SettingsError for a key that cannot be used.
    """
    settings, approvers = workspace().settings, workspace().approvers
    if not settings.approval.key:
        return given
    from aoi.promotion.signing import open_key, sign

    key = open_key(Path(settings.approval.key).expanduser(), passphrase)
    name = approvers.name_of(key.public_key()) if approvers else None
    return sign(given.model_copy(update={"approver": name or given.approver}), key)
