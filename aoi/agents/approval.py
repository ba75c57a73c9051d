"""Who may let a change through: a human, or the sandbox of a problem's world. Nobody else, and never by default."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from aoi.access.transport import Transport
from aoi.agents.actions.proposal import Proposal
from aoi.errors import ApprovalRefused
from aoi.records.base import Sha256

Clock = Callable[[], datetime]

VALID_FOR = timedelta(minutes=5)
MAX_VALID_FOR = timedelta(minutes=15)
"""Longest that any approval counts, whatever its approver wrote on it: a cluster moves on."""
PAGE_CHARACTERS = 6_000
"""Of a proposal that a person is shown at once; a longer one is shown in pages, all of them."""


@dataclass(frozen=True, slots=True)
class ActionApproval:
    """One yes to one proposal, until it expires."""

    proposal: Sha256
    """Digest of request, differences, uid and resourceVersion."""
    approver: str
    """Who it was, for the journal. Nothing is decided by this name: people choose it."""
    issued_at: datetime
    expires_at: datetime
    """At most `MAX_VALID_FOR` after it was issued. Both with their zone."""
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
    check_time(approval, proposal.change.summary, now)


def check_time(approval: ActionApproval, summary: str, now: datetime) -> None:
    """Raises: ApprovalRefused unless it was issued before `now`, for no longer than allowed, and still counts."""
    issued, expires = approval.issued_at, approval.expires_at
    for moment in (issued, expires, now):
        if not isinstance(moment, datetime) or moment.utcoffset() is None:
            raise ApprovalRefused(f"the approval of {summary!r} has a time without a zone: {moment!r:.60}. Ask again")
    if issued > now:
        raise ApprovalRefused(f"the approval of {summary!r} is from the future, {issued:%FT%TZ}. Check the clocks")
    if expires - issued > MAX_VALID_FOR:
        minutes = MAX_VALID_FOR // timedelta(minutes=1)
        raise ApprovalRefused(
            f"the approval of {summary!r} would count for {expires - issued}; none counts for more than {minutes} "
            "minutes. Ask again"
        )
    if now >= expires:
        raise ApprovalRefused(f"the approval of {summary!r} expired at {expires:%FT%TZ}. Ask again")


class HumanApprover:
    """Shows the change, all of it, and asks. Only the word `yes` is a yes; silence, None and anything else are a no."""

    def __init__(
        self, ask: Callable[[str], str | None], *, name: str, clock: Clock, valid_for: timedelta = VALID_FOR
    ) -> None:
        """`ask` shows a text and returns what was typed; `clock` is asked after the answer.

        Raises: ApprovalRefused if `valid_for` is longer than any approval may count.
        """
        if not timedelta(0) < valid_for <= MAX_VALID_FOR:
            raise ApprovalRefused(f"an approval counts for more than nothing and at most {MAX_VALID_FOR}: {valid_for}")
        self._ask = ask
        self._name = name
        self._clock = clock
        self._valid_for = valid_for

    def check_transport(self, transport: Transport) -> None:
        """A human may decide about any cluster."""

    def approve(self, proposal: Proposal) -> ActionApproval:
        """Show every page, then ask. Raises: ApprovalRefused unless the answer is `yes`."""
        ask_for_yes(self._ask, proposal.text(), about=proposal.change.summary, name=self._name)
        now = self._clock()
        return ActionApproval(proposal.digest, self._name, now, now + self._valid_for)


class GivenApproval:
    """A yes that a person gave to requests that were shown. Of any other it knows nothing."""

    def __init__(self, is_given: Callable[[Sha256], bool], *, name: str, issued_at: datetime) -> None:
        """`is_given` knows the digests of those requests. It counts for `VALID_FOR` from when it was given."""
        self._is_given = is_given
        self._name = name
        self._issued_at = issued_at

    def check_transport(self, transport: Transport) -> None:
        """A human may decide about any cluster."""

    def approve(self, proposal: Proposal) -> ActionApproval:
        """Raises: ApprovalRefused for what was not approved."""
        if not self._is_given(proposal.digest):
            raise ApprovalRefused(
                f"{proposal.change.summary}: this is not what {self._name} approved: it changed meanwhile. Propose it "
                "again"
            )
        return ActionApproval(proposal.digest, self._name, self._issued_at, self._issued_at + VALID_FOR)


def ask_for_yes(ask: Callable[[str], str | None], text: str, *, about: str, name: str) -> None:
    """Show every page, then ask. Raises: ApprovalRefused unless all were read and the last answer is `yes`."""
    *first, last = pages(text)
    for number, page in enumerate(first, start=1):
        turn = f"(page {number} of {len(first) + 1}) Press Enter for the next page; anything else is a no: "
        answer = ask(f"{page}\n\n{turn}")
        if answer is None or answer.strip():
            raise ApprovalRefused(f"{name} did not read on: {about}")
    where = f"(page {len(first) + 1} of {len(first) + 1}) " if first else ""
    answer = ask(f"{last}\n\n{where}Type yes to let this through: ")
    if answer is None or answer.strip() != "yes":
        raise ApprovalRefused(f"{name} did not approve: {about}")


def pages(text: str) -> list[str]:
    """The text in pieces that a person can read at once, broken at the end of a line where one is near. All of it."""
    parts: list[str] = []
    while len(text) > PAGE_CHARACTERS:
        end = text.rfind("\n", PAGE_CHARACTERS // 2, PAGE_CHARACTERS) + 1 or PAGE_CHARACTERS
        parts.append(text[:end])
        text = text[end:]
    return [*parts, text]
