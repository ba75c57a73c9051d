"""What a data contract found: shown on the review page and kept with the set that it accepted."""

from typing import Literal

from pydantic import Field

from aoi.records.base import Record, Sha256

Severity = Literal["blocks", "quarantines"]
"""`blocks`: one bad row refuses the batch. `quarantines`: bad rows are set aside, up to a share."""


class RuleResult(Record):
    """One expectation of a contract."""

    rule: str
    column: str
    """Empty for a rule about the whole batch."""
    reason: str
    """What a row that fails it is."""
    passed: bool
    failed_rows: int = Field(default=0, ge=0)


class QuarantinedRow(Record):
    """A row that was set aside, as it came."""

    position: int = Field(ge=0)
    """Place in the input, from 0."""
    id: str
    """Digest of the row, or of its bytes where it is no record."""
    reasons: tuple[str, ...]
    row: str
    """JSON of the row, as far as it is JSON; cut at 20,000 characters."""


class ContractReport(Record):
    """A contract's finding on one batch. Accepted and quarantined rows add up to its rows."""

    contract: str
    version: int = Field(ge=1)
    owner: str
    severity: Severity
    rows: int = Field(ge=0)
    accepted: int = Field(ge=0)
    quarantined: int = Field(ge=0)
    refused: str = ""
    """Why the whole batch was refused; empty if it was not."""
    rules: tuple[RuleResult, ...]
    docs: Sha256 | None = None
    """Digest of the stored Data Docs page."""
    quarantine: Sha256 | None = None
    """Digest of the stored quarantined rows."""
