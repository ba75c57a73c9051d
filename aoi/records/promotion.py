"""How a promotion is decided, and the ledger that remembers it."""

from typing import Literal

from pydantic import Field

from aoi.records.base import Record, Sha256
from aoi.records.evaluation import Interval

Verdict = Literal["promote", "reject", "inconclusive"]


class GateCheck(Record):
    """One reason of the verdict."""

    name: str
    passed: bool
    blocking: bool
    """Whether its failure alone rejects."""
    detail: str
    """Expected against found, in words with numbers."""


class GateDecision(Record):
    """The gate's verdict with all that it rests on."""

    verdict: Verdict
    gain: Interval
    """Challenger minus champion success rate, paired by problem, 90 % interval, in [-1, 1]."""
    power: float = Field(ge=0, le=1)
    """Probability that the whole gate promotes a challenger that is 10 points better, at this size."""
    detectable_gain: float = Field(ge=0, le=1)
    """Smallest gain that is promoted with probability 0.8 at this size."""
    further_runs: int | None = None
    """For `inconclusive`: further paired runs needed at the gain that was seen; None if none would do."""
    checks: tuple[GateCheck, ...]
    evaluation: Sha256


class Approval(Record):
    """A human decision about one promotion request. Binds exactly one request and evaluation."""

    request: Sha256
    evaluation: Sha256
    decision: Literal["approve", "reject"]
    approver: str
    """Login name, or `auto` where `--auto-approve` was passed openly."""
    comment: str = ""
    signed_at: str
    expires_at: str
    """RFC 3339, UTC. An expired approval is none."""


class PromotionRequest(Record):
    """Asks that one challenger replace one champion. Nothing else can be approved with it."""

    cycle: int
    champion: str
    """Bundle digest that must still be the champion when the swap is made."""
    challenger: str
    challenger_version: str
    """Registered version."""
    evaluation: Sha256
    decision: GateDecision
