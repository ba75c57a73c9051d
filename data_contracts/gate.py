"""Applies a contract to a batch: accepts it, sets bad rows aside with their reasons, or refuses it whole.

Accepted and quarantined rows always add up to the input, in order. Great Expectations is imported when the first batch
is checked, because that takes seconds.
"""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import orjson
from pydantic import ValidationError

from aoi.errors import ContractViolation
from aoi.records.base import Record, canonical_bytes, sha256_hex
from aoi.records.contracts import ContractReport, QuarantinedRow, RuleResult
from aoi.store.objects import ObjectStore
from aoi.store.shards import put_rows
from data_contracts import docs
from data_contracts.contract import Contract, Value

R = TypeVar("R", bound=Record)

_POSITION = "position"
_NAMED = 5
"""Ids that a message names; the rest are in the quarantine."""


@dataclass(frozen=True, slots=True)
class Accepted(Generic[R]):
    """A batch after its contract."""

    rows: tuple[R, ...]
    quarantined: tuple[QuarantinedRow, ...]
    report: ContractReport
    docs_html: str
    """Data Docs of Great Expectations as one self-contained page."""


def accept(
    contract: Contract[R], rows: Sequence[R | Mapping[str, Any] | bytes], store: ObjectStore | None = None
) -> Accepted[R]:
    """The rows that keep the contract. With a store, quarantine and Data Docs are kept there, also if it refuses.

    Raises: ContractViolation if the batch as a whole breaks it: too few rows, too many set aside, or a broken rule
    of a contract that blocks.
    """
    checked = check(contract, rows)
    if store is not None:
        checked = _keep(checked, store)
    report = checked.report
    if report.refused:
        named = ", ".join(row.id[:16] for row in checked.quarantined[:_NAMED])
        where = f" Quarantined as quarantine:{report.quarantine[:12]}." if report.quarantine else ""
        ids = f" First rows: {named}." if named else ""
        advice = f"Inspect: aoi data show quarantine:{report.quarantine[:12]}" if report.quarantine else "Collect again"
        raise ContractViolation(f"{contract.title}: {report.refused}.{ids}{where} {advice}")
    return checked


def check(contract: Contract[R], rows: Sequence[R | Mapping[str, Any] | bytes]) -> Accepted[R]:
    """As `accept`, but a refusal is only in the report and nothing is raised."""
    reasons: dict[int, list[str]] = {}
    records: dict[int, R] = {}
    for position, row in enumerate(rows):
        try:
            records[position] = _as_record(contract, row)
        except (ValidationError, ValueError) as error:
            reasons[position] = [_schema_reason(error)]
    table = [{_POSITION: position, **contract.columns(record)} for position, record in records.items()]
    schema = RuleResult(
        rule="schema", column="", reason="is no such record", passed=not reasons, failed_rows=len(reasons)
    )
    result, rules, broken = _expect(contract, table, reasons)
    accepted = tuple(record for position, record in records.items() if position not in reasons)
    quarantined = tuple(_quarantined(rows[position], position, reasons[position]) for position in sorted(reasons))
    report = ContractReport(
        contract=contract.name,
        version=contract.version,
        owner=contract.owner,
        severity=contract.severity,
        rows=len(rows),
        accepted=len(accepted),
        quarantined=len(quarantined),
        refused=_refusal(contract, len(rows), quarantined, broken),
        rules=(schema, *rules),
    )
    return Accepted(accepted, quarantined, report, docs.page(report, result))


def _expect(
    contract: Contract[R], table: Sequence[Mapping[str, Value]], reasons: dict[int, list[str]]
) -> tuple[Any, list[RuleResult], list[str]]:
    """Run the suite; adds row findings to `reasons`. Returns the raw result, the rules, and what broke the batch."""
    if not table:
        return None, [], []
    import pandas as pd

    result = _validate(contract, pd.DataFrame(table), list(table[0]))
    rules: list[RuleResult] = []
    broken: list[str] = []
    for outcome in result.results:
        expectation = outcome.expectation_config
        column = expectation.kwargs.get("column", "")
        reason = expectation.description or f"{column or 'the batch'} breaks {expectation.type}"
        positions = _failed_positions(outcome, expectation.type)
        if not outcome.success and positions is None:
            broken.append(reason)
        for position in positions or ():
            reasons.setdefault(position, []).append(reason)
        # Uniqueness leaves the first of several: one copy may stay, so a rule can fail and set fewer rows aside.
        rules.append(
            RuleResult(
                rule=expectation.type,
                column=column,
                reason=reason,
                passed=bool(outcome.success),
                failed_rows=len(positions or ()),
            )
        )
    return result, rules, broken


def _validate(contract: Contract[R], frame: Any, columns: Sequence[str]) -> Any:
    import great_expectations as gx
    import great_expectations.expectations as gxe
    from great_expectations.data_context.types.base import ProgressBarsConfig

    # It tells of each temporary folder, from a logger with a level of its own.
    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    given = columns[1:]
    suite = gx.ExpectationSuite(
        name=contract.title,
        expectations=[
            gxe.ExpectTableColumnsToMatchSet(column_set=list(columns), description="columns are missing or unknown"),
            gxe.ExpectTableRowCountToBeBetween(
                min_value=contract.floor, description=f"fewer than {contract.floor} readable rows"
            ),
            # A column without any value passes every other expectation, so each has this one too.
            *(gxe.ExpectColumnValuesToNotBeNull(column=name, description=f"{name} is missing") for name in given),
            gxe.ExpectColumnValuesToBeUnique(column=given[0], description="a copy of an earlier row"),
            *contract.expectations(),
        ],
    )
    batch = (
        context.data_sources.add_pandas("rows").add_dataframe_asset("rows").add_batch_definition_whole_dataframe("all")
    )
    validation = gx.ValidationDefinition(name=contract.name, data=batch, suite=context.suites.add(suite))
    return validation.run(
        batch_parameters={"dataframe": frame},
        result_format={"result_format": "COMPLETE", "unexpected_index_column_names": [_POSITION]},
    )


def _failed_positions(result: Any, expectation: str) -> list[int] | None:
    """Positions of failing rows; None where the finding is about the batch, or the expectation itself failed."""
    if result.success:
        return []
    unexpected = result.result.get("unexpected_index_list")
    if not unexpected:
        return None
    positions = [int(entry[_POSITION]) for entry in unexpected]
    if expectation != "expect_column_values_to_be_unique":
        return positions
    column = result.expectation_config.kwargs["column"]
    seen: Counter[object] = Counter()
    copies = []
    for entry in sorted(unexpected, key=lambda entry: int(entry[_POSITION])):
        if seen[entry[column]]:
            copies.append(int(entry[_POSITION]))
        seen[entry[column]] += 1
    return copies


def _as_record(contract: Contract[R], row: R | Mapping[str, Any] | bytes) -> R:
    """The row as a record that holds what its type promises, however it was made."""
    types = contract.record if isinstance(contract.record, tuple) else (contract.record,)
    if isinstance(row, Record):
        if not isinstance(row, types):
            raise ValueError(f"a {type(row).__name__}")
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


def _quarantined(row: Record | Mapping[str, Any] | bytes, position: int, reasons: list[str]) -> QuarantinedRow:
    if isinstance(row, bytes):
        data = row
    else:
        value = row.model_dump(mode="json", warnings=False) if isinstance(row, Record) else row
        data = orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS, default=repr)
    text = data.decode("utf-8", "backslashreplace")[:20_000]
    return QuarantinedRow(position=position, id=sha256_hex(data), reasons=tuple(dict.fromkeys(reasons)), row=text)


def _refusal(contract: Contract[R], rows: int, quarantined: Sequence[QuarantinedRow], broken: list[str]) -> str:
    accepted = rows - len(quarantined)
    causes = Counter(reason for row in quarantined for reason in row.reasons)
    causes.update(broken)
    why = "; ".join(f"{reason} ({count})" for reason, count in causes.most_common(3))
    if accepted < contract.floor:
        return f"{accepted} of {rows} rows are good, expected at least {contract.floor}" + (f": {why}" if why else "")
    if broken:
        return f"the batch is broken: {why}"
    if len(quarantined) > contract.most_quarantined * rows:
        return f"{len(quarantined)} of {rows} rows rejected, allowed {contract.most_quarantined:.0%}: {why}"
    return ""


def _keep(checked: Accepted[R], store: ObjectStore) -> Accepted[R]:
    """Store what was set aside and the page, and name both in the report."""
    page = store.put("docs", checked.docs_html.encode())
    quarantine = put_rows(store, "quarantine", checked.quarantined) if checked.quarantined else None
    kept = {"docs": page.sha256, "quarantine": quarantine.sha256 if quarantine else None}
    report = checked.report.model_copy(update=kept)
    return Accepted(checked.rows, checked.quarantined, report, checked.docs_html)
