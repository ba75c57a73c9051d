"""Applies a contract to a batch: accepts it, sets bad rows aside with their reasons, or refuses it whole.

Accepted and quarantined rows always add up to the input, in order. Rows are gone through one at a time, and their
columns are looked at in parts: what is held of a batch are the ids of its rows and the reasons of the bad ones.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Generic, TypeAlias, TypeVar

import orjson
from pydantic import ValidationError

from aoi.errors import ContractViolation
from aoi.records.base import Record, canonical_bytes, sha256_hex
from aoi.records.contracts import ContractReport, QuarantinedRow, RuleResult
from aoi.store.objects import ObjectStore
from aoi.store.shards import Stored, put_rows
from data_contracts import docs
from data_contracts.contract import Contract, Value
from data_contracts.suite import POSITION, Suite

R = TypeVar("R", bound=Record)

PART = 1024
"""Rows whose columns are held at once. A suite of fifty expectations takes a second, however few they are."""
_NAMED = 5
"""Ids that a message names; the rest are in the quarantine."""

Given: TypeAlias = Sequence[R | Mapping[str, Any] | bytes] | Stored[R]
"""Rows as they came. They are gone through once to be checked, and again by whoever asks for them."""


@dataclass(frozen=True, slots=True)
class Accepted(Generic[R]):
    """A batch after its contract. Of the rows themselves none is held."""

    contract: Contract[R]
    given: Given[R]
    reasons: Mapping[int, Sequence[str]]
    """Position of each row that was set aside -> why."""
    report: ContractReport
    docs_html: str
    """Data Docs of Great Expectations as one self-contained page."""

    @property
    def rows(self) -> Stored[R]:
        """Those that keep the contract, in order."""
        return Stored(self._good)

    @property
    def quarantined(self) -> Stored[QuarantinedRow]:
        """Those that do not, in order."""
        return Stored(self._bad)

    def _good(self) -> Iterator[R]:
        for position, row in enumerate(self.given):
            if position not in self.reasons:
                yield _as_record(self.contract, row, self.given)

    def _bad(self) -> Iterator[QuarantinedRow]:
        for position, row in enumerate(self.given if self.reasons else ()):
            if position in self.reasons:
                yield _quarantined(row, position, self.reasons[position])


def accept(contract: Contract[R], rows: Given[R], store: ObjectStore | None = None) -> Accepted[R]:
    """The rows that keep the contract. With a store, quarantine and Data Docs are kept there, also if it refuses.

    Raises: ContractViolation if the batch as a whole breaks it: too few rows, too many set aside, or a broken rule
    of a contract that blocks.
    """
    checked = check(contract, rows)
    if store is not None:
        checked = _keep(checked, store)
    report = checked.report
    if report.refused:
        named = ", ".join(row.id[:16] for row in islice(checked.quarantined, _NAMED))
        where = f" Quarantined as quarantine:{report.quarantine[:12]}." if report.quarantine else ""
        ids = f" First rows: {named}." if named else ""
        advice = f"Inspect: aoi data show quarantine:{report.quarantine[:12]}" if report.quarantine else "Collect again"
        raise ContractViolation(f"{contract.title}: {report.refused}.{ids}{where} {advice}")
    return checked


def check(contract: Contract[R], rows: Given[R]) -> Accepted[R]:
    """As `accept`, but a refusal is only in the report and nothing is raised."""
    suite = Suite(contract)
    malformed: dict[int, list[str]] = {}
    table: list[Mapping[str, Value]] = []
    count = 0
    for position, row in enumerate(rows):
        count += 1
        try:
            record = _as_record(contract, row, rows)
        except (ValidationError, ValueError) as error:
            malformed[position] = [_schema_reason(error)]
            continue
        table.append({POSITION: position, **contract.columns(record)})
        if len(table) == PART:
            suite.look(table)
            table = []
    if table:
        suite.look(table)
    schema = RuleResult(
        rule="schema", column="", reason="is no such record", passed=not malformed, failed_rows=len(malformed)
    )
    rules = suite.rules()
    found = malformed | suite.reasons
    reasons = {position: tuple(dict.fromkeys(found[position])) for position in sorted(found)}
    report = ContractReport(
        contract=contract.name,
        version=contract.version,
        owner=contract.owner,
        severity=contract.severity,
        rows=count,
        accepted=count - len(reasons),
        quarantined=len(reasons),
        refused=_refusal(contract, count, reasons, suite.broken),
        rules=(schema, *rules),
    )
    return Accepted(contract, rows, reasons, report, docs.page(report, suite.result))


def _as_record(contract: Contract[R], row: R | Mapping[str, Any] | bytes, source: Given[R]) -> R:
    """The row as a record that holds what its type promises, however it was made."""
    types = contract.record if isinstance(contract.record, tuple) else (contract.record,)
    if isinstance(row, Record):
        if not isinstance(row, types):
            raise ValueError(f"a {type(row).__name__}")
        if isinstance(source, Stored):
            return row  # it was made of bytes a moment ago
        # Written and read: a copy that was changed without validation does not pass.
        data: bytes = canonical_bytes(row.model_dump(mode="json", warnings=False))
        return row.from_bytes(data)
    data = row if isinstance(row, bytes) else orjson.dumps(row)
    return types[0].from_bytes(data)


def _schema_reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        return f"schema: {'.'.join(str(part) for part in first['loc']) or 'row'}: {first['msg']}"[:300]
    return f"schema: {error}"[:300]


def _quarantined(row: Record | Mapping[str, Any] | bytes, position: int, reasons: Sequence[str]) -> QuarantinedRow:
    if isinstance(row, bytes):
        data = row
    else:
        value = row.model_dump(mode="json", warnings=False) if isinstance(row, Record) else row
        data = orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS, default=repr)
    text = data.decode("utf-8", "backslashreplace")[:20_000]
    return QuarantinedRow(position=position, id=sha256_hex(data), reasons=tuple(reasons), row=text)


def _refusal(contract: Contract[R], rows: int, reasons: Mapping[int, Sequence[str]], broken: Sequence[str]) -> str:
    accepted = rows - len(reasons)
    causes = Counter(reason for found in reasons.values() for reason in found)
    causes.update(broken)
    why = "; ".join(f"{reason} ({count})" for reason, count in causes.most_common(3))
    if accepted < contract.floor:
        return f"{accepted} of {rows} rows are good, expected at least {contract.floor}" + (f": {why}" if why else "")
    if broken:
        return f"the batch is broken: {why}"
    if len(reasons) > contract.most_quarantined * rows:
        return f"{len(reasons)} of {rows} rows rejected, allowed {contract.most_quarantined:.0%}: {why}"
    return ""


def _keep(checked: Accepted[R], store: ObjectStore) -> Accepted[R]:
    """Store what was set aside and the page, and name both in the report."""
    page = store.put("docs", checked.docs_html.encode())
    quarantine = put_rows(store, "quarantine", checked.quarantined) if checked.reasons else None
    kept = {"docs": page.sha256, "quarantine": quarantine.sha256 if quarantine else None}
    return replace(checked, report=checked.report.model_copy(update=kept))
