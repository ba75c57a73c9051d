"""Who may let a change through: a human, or the sandbox of a problem's world. Nobody else, and never by default."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from aoi.access.transport import Transport
from aoi.agents.actions.change import Proposal
from aoi.errors import ApprovalRefused
from aoi.records.base import Sha256

Clock = Callable[[], datetime]

VALID_FOR = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class ActionApproval:
    """One yes to one proposal, until it expires."""

    proposal: Sha256
    """Digest of request, differences, uid and resourceVersion."""
    approver: str
    """Who it was, for the journal. Nothing is decided by this name: people choose it."""
    expires_at: datetime
    is_standing: bool = False
    """Good for as many writes as fit before it expires; a person's yes is good for one."""


class Approver(Protocol):
    """Decides about proposals."""

    def approve(self, proposal: Proposal) -> ActionApproval:
        """Say yes. Raises: ApprovalRefused."""
        ...

    def check_transport(self, transport: Transport) -> None:
        """Whether it may decide about changes on this transport. Raises: ApprovalRefused."""
        ...


def check_approval(approval: ActionApproval, proposal: Proposal, now: datetime) -> None:
    """Raises: ApprovalRefused unless this is a present yes to exactly this proposal."""
    if not isinstance(approval, ActionApproval):
        raise ApprovalRefused(f"{type(approval).__name__} is not an approval of {proposal.change.summary!r}")
    if approval.proposal != proposal.digest:
        raise ApprovalRefused(
            f"the approval is for {approval.proposal[:12]}, the change is {proposal.digest[:12]}: "
            f"{proposal.change.summary}. Ask again for the change as it is now"
        )
    if now >= approval.expires_at:
        raise ApprovalRefused(f"the approval of {proposal.change.summary!r} expired at {approval.expires_at:%FT%TZ}")


class HumanApprover:
    """Shows the change and asks. Only the word `yes` is a yes; silence, None and anything else are a no."""

    def __init__(
        self, ask: Callable[[str], str | None], *, name: str, clock: Clock, valid_for: timedelta = VALID_FOR
    ) -> None:
        """`ask` shows a text and returns what was typed; `clock` is asked after the answer."""
        self._ask = ask
        self._name = name
        self._clock = clock
        self._valid_for = valid_for

    def check_transport(self, transport: Transport) -> None:
        """A human may decide about any cluster."""

    def approve(self, proposal: Proposal) -> ActionApproval:
        """Ask. Raises: ApprovalRefused unless the answer is `yes`."""
        answer = self._ask(f"{proposal.text()}\n\nType yes to let this through: ")
        if answer is None or answer.strip() != "yes":
            raise ApprovalRefused(f"{self._name} did not approve: {proposal.change.summary}")
        return ActionApproval(proposal.digest, self._name, self._clock() + self._valid_for)
