"""How a promotion is decided, and the ledger that remembers it."""

from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from aoi.records.base import Record, Sha256, sha256_hex
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
    """Challenger minus champion success rate, paired by problem, by mechanism and application, 90 % interval."""
    power: float = Field(ge=0, le=1)
    """Probability that the whole gate promotes a challenger that is 10 points better, at this size."""
    detectable_gain: float = Field(ge=0, le=1)
    """Smallest gain that is promoted with probability 0.8 at this size."""
    further_runs: int | None = None
    """For `inconclusive`: further paired runs needed at the gain that was seen; None if none would do."""
    checks: tuple[GateCheck, ...]
    evaluation: Sha256


class Approval(Record):
    """A human decision about one promotion request. Binds exactly one request and evaluation.

    Version 2 brought `signature`. What was read as version 1 is written as it was, so that its digest stays.
    """

    schema_version: Literal[1, 2] = 2
    request: Sha256
    evaluation: Sha256
    decision: Literal["approve", "reject"]
    approver: str
    """Login name, or the name that its key has among the signers; `auto` where `--auto-approve` was passed openly."""
    comment: str = ""
    signed_at: str
    expires_at: str
    """RFC 3339, UTC. An expired approval is none."""
    signature: str = ""
    """Over everything else, as `ssh-keygen -Y sign -n aoi.approval` writes it; empty where nobody is asked to sign."""

    @property
    def unsigned(self) -> bytes:
        """What is signed: the decision without its signature, in canonical bytes."""
        return self.model_copy(update={"signature": ""}).to_bytes()

    @property
    def said(self) -> Sha256:
        """Names the decision, however the signature under it is written: what is used once is this."""
        return sha256_hex(self.unsigned)

    @model_serializer(mode="wrap")
    def _as_written(self, fields_of: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = fields_of(self)
        if self.schema_version == 1:
            fields.pop("signature", None)
        return fields


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


LedgerKind = Literal[
    "cycle_opened",
    "cycle_closed",
    "registered",
    "evaluated",
    "requested",
    "approved",
    "rejected",
    "promoted",
    "rolled_back",
]


class LedgerFacts(Record):
    """What an entry says. Which fields are set follows from its kind; all of them are covered by its hash."""

    bundle: str | None = None
    """Bundle digest that the entry is about: registered, evaluated as challenger, promoted, rolled back to."""
    replaces: str | None = None
    """Champion when the entry was made; None if there was none."""
    version: str | None = None
    """Registered version of `bundle`."""
    tree: Sha256 | None = None
    """Digest of the stored folder that holds the bundle."""
    evaluation: Sha256 | None = None
    request: Sha256 | None = None
    approval: Sha256 | None = None
    data: tuple[Sha256, ...] = ()
    """Sets that the bundle was trained on."""
    settings: Sha256 | None = None
    code_revision: str | None = None
    code_sha256: Sha256 | None = None
    reason: str = ""


class LedgerEntry(Record):
    """One link of the chain."""

    seq: int = Field(ge=0)
    cycle: int = Field(ge=0)
    """0 is the installation of the first champion."""
    kind: LedgerKind
    actor: str
    at: str
    """RFC 3339, UTC."""
    facts: LedgerFacts
    previous: Sha256
    """Digest of the entry before; 64 zeros for the first."""


class LedgerHead(Record):
    """The last link: written beside the chain, so that a chain cut short shows."""

    seq: int = Field(ge=0)
    hash: Sha256


class Champion(Record):
    """The bundle that answers, and the entry that made it so."""

    bundle: str
    version: str
    tree: Sha256
    cycle: int
    """Cycle that trained it; 0 for the first."""
    entry: int
    """Sequence number of the promotion or rollback."""
    since: str


class Cycle(Record):
    """One pass of the loop. Its number is where the seeds of its stages come from."""

    number: int = Field(ge=1)
    champion: str
    """Bundle digest at opening: what is collected with, warm-started from and compared against."""
    is_new: bool
    """False if an unfinished cycle is continued."""
