"""What makes a human decision count: it names one request and one evaluation, is fresh, and is used once.

Single use and revocation are the ledger's (one transaction with the swap); the rest is checked here.
"""

from datetime import UTC, datetime, timedelta
from typing import Literal

from aoi.errors import ApprovalRefused
from aoi.records.promotion import Approval, PromotionRequest

AUTO = "auto"
"""The approver where `--auto-approve` was passed openly."""

MAX_HOURS = 168.0
"""Longest that any decision counts, whatever is written on it: after a week the evaluation is old news."""

_CLOCK_SKEW = timedelta(minutes=5)


def decided(
    asked: PromotionRequest,
    decision: Literal["approve", "reject"],
    approver: str,
    *,
    now: datetime,
    hours: float,
    comment: str = "",
) -> Approval:
    """A decision about exactly this request, valid for `hours`."""
    return Approval(
        request=asked.digest(),
        evaluation=asked.evaluation,
        decision=decision,
        approver=approver,
        comment=comment,
        signed_at=now.astimezone(UTC).isoformat(),
        expires_at=(now.astimezone(UTC) + timedelta(hours=hours)).isoformat(),
    )


def required(given: Approval | None, asked: PromotionRequest) -> Approval:
    """`given` if it is an approval at all. A pause that is replayed answers None: that never approves."""
    if not isinstance(given, Approval):
        raise ApprovalRefused(f"request {asked.digest()[:12]} has no approval. Decide it: `aoi review`")
    if given.decision != "approve":
        raise ApprovalRefused(
            f"request {asked.digest()[:12]} was rejected by {given.approver}: {given.comment or 'no reason'}"
        )
    return given


def check_fits(given: Approval, asked: PromotionRequest, *, now: datetime, asked_by: str, team: bool) -> None:
    """Raise ApprovalRefused unless the decision is about this request, is in time, and is by someone who may decide."""
    where = f"approval by {given.approver or 'nobody'}"
    if given.request != asked.digest():
        raise ApprovalRefused(
            f"{where} is for request {given.request[:12]}, not {asked.digest()[:12]}. Decide this one"
        )
    if given.evaluation != asked.evaluation or asked.decision.evaluation != asked.evaluation:
        raise ApprovalRefused(
            f"{where} is for evaluation {given.evaluation[:12]}, the request rests on {asked.evaluation[:12]} and its "
            f"verdict on {asked.decision.evaluation[:12]}. Evaluate and ask again: `aoi retrain`"
        )
    signed, expires = _moment(given.signed_at, where), _moment(given.expires_at, where)
    if signed > now + _CLOCK_SKEW:
        raise ApprovalRefused(
            f"{where} is signed in the future, at {given.signed_at}. Check the clocks and decide again"
        )
    if expires <= now or expires <= signed:
        raise ApprovalRefused(f"{where} expired at {given.expires_at}. Decide again: `aoi review`")
    if expires - signed > timedelta(hours=MAX_HOURS):
        raise ApprovalRefused(
            f"{where} would count until {given.expires_at}; none counts for more than {MAX_HOURS:.0f} hours. Decide "
            "again: `aoi review`"
        )
    _check_person(given.approver, asked_by, team)


def _check_person(approver: str, asked_by: str, team: bool) -> None:
    person = _login(approver)
    if not person:
        raise ApprovalRefused("an approval names its approver. Log in as the person who decides")
    if team and person in (_login(asked_by), AUTO):
        raise ApprovalRefused(
            f"{approver} asked for this promotion, or nobody decided it: in team mode someone else approves "
            "(AOI_GATE__TEAM). Ask a colleague to run `aoi review`"
        )


def _login(name: str) -> str:
    """The person in `login@host`: another host does not make another person."""
    return name.strip().casefold().partition("@")[0]


def _moment(text: str, where: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ApprovalRefused(f"{where} has no readable time: {text!r}. Decide again: `aoi review`") from None
    if moment.tzinfo is None:
        raise ApprovalRefused(f"{where} has a time without a zone: {text!r}. Decide again: `aoi review`")
    return moment
