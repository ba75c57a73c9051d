"""A person's decision about one promotion request, signed with their key where they have set one."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from aoi.errors import SettingsError
from aoi.promotion.approval import AUTO, decided
from aoi.records.promotion import Approval, PromotionRequest
from tasks.workspace import workspace


def nobody_to_ask() -> str:
    """Where no terminal is. Raises: SettingsError."""
    raise SettingsError("AOI_APPROVAL__KEY has a passphrase, and nobody can be asked for it here: use `aoi review`")


def decision_of(
    approver: str,
    request: PromotionRequest,
    decision: Literal["approve", "reject"],
    comment: str,
    *,
    passphrase: Callable[[], str] = nobody_to_ask,
) -> Approval:
    """A decision about exactly this request.

    Where a key is set, a person signs, under the name that the file of signers has for the key. Raises: SettingsError.
    """
    settings = workspace().settings
    given = decided(
        request, decision, approver, now=datetime.now(UTC), hours=settings.gate.approval_hours, comment=comment
    )
    if not settings.approval.key or approver == AUTO:
        return given
    from aoi.promotion.signing import open_key, sign

    key = open_key(Path(settings.approval.key).expanduser(), passphrase)
    approvers = workspace().approvers
    name = approvers.name_of(key.public_key()) if approvers else None
    return sign(given.model_copy(update={"approver": name or approver}), key)
