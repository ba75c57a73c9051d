"""Great Expectations over a batch that it is shown part by part, with the findings of one that it is shown whole.

Great Expectations is imported when the first part is looked at, because that takes seconds.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from aoi.records.base import Record
from aoi.records.contracts import RuleResult
from data_contracts.contract import Contract, Value

R = TypeVar("R", bound=Record)

POSITION = "position"
"""Column with the place of a row in its batch."""
_UNIQUE = "expect_column_values_to_be_unique"
_ENOUGH = "expect_table_row_count_to_be_between"
_SHOWN = 20
"""Bad values that a page shows of a rule."""


@dataclass(slots=True)
class _Rule:
    """What one expectation found so far."""

    rule: str
    column: str
    reason: str
    passed: bool = True
    failed_rows: int = 0
    is_broken: bool = False
    """Whether it failed without naming rows: the finding is about the batch, or the expectation itself failed."""


@dataclass(slots=True)
class Suite(Generic[R]):
    """The expectations of a contract. Show it every row once, in order; then ask what it found."""

    contract: Contract[R]
    reasons: dict[int, list[str]] = field(default_factory=dict)
    """Position of each row that breaks a rule -> what it breaks."""
    result: Any = None
    """Great Expectations' own, summed up over all parts; None if no row was shown."""
    _rules: dict[tuple[str, str], _Rule] = field(default_factory=dict)
    """By type and column: no contract has two of one type for one column."""
    _ids: set[Value] = field(default_factory=set)
    _rows: int = 0

    def look(self, table: Sequence[Mapping[str, Value]]) -> None:
        """Look at the columns of the next rows: their positions, then what the contract lays out, ids first."""
        import pandas as pd

        columns = list(table[0])
        self._rows += len(table)
        copies = self._copies(table, columns[1])
        result = _validate(self.contract, pd.DataFrame(table), columns)
        for outcome in result.results:
            rule = self._rules.setdefault(_key(outcome), _rule(outcome.expectation_config))
            # An id that an earlier part had, and how many rows all parts have, are nothing that a part can see.
            if rule.rule in (_UNIQUE, _ENOUGH):
                outcome.success = rule.rule == _ENOUGH or not copies
            positions = copies if rule.rule == _UNIQUE else _failed_positions(outcome)
            rule.passed &= bool(outcome.success)
            rule.is_broken |= positions is None
            rule.failed_rows += len(positions or ())
            for position in positions or ():
                self.reasons.setdefault(position, []).append(rule.reason)
        self.result = result if self.result is None else _added(self.result, result)

    def rules(self) -> list[RuleResult]:
        """Every expectation, in order. One about copies leaves the first of several, so it sets fewer rows aside."""
        for outcome in self.result.results if self.result else ():
            if (rule := self._rules[_key(outcome)]).rule == _ENOUGH:
                outcome.success = rule.passed = self._rows >= self.contract.floor
                rule.is_broken = not rule.passed
        return [
            RuleResult(rule=r.rule, column=r.column, reason=r.reason, passed=r.passed, failed_rows=r.failed_rows)
            for r in self._rules.values()
        ]

    @property
    def broken(self) -> list[str]:
        """What breaks the batch as a whole."""
        return [rule.reason for rule in self._rules.values() if rule.is_broken]

    def _copies(self, table: Sequence[Mapping[str, Value]], column: str) -> list[int]:
        """Positions of rows whose id an earlier one had."""
        copies = []
        for row in table:
            if row[column] in self._ids:
                copies.append(int(row[POSITION]))
            self._ids.add(row[column])
        return copies


def _key(outcome: Any) -> tuple[str, str]:
    return outcome.expectation_config.type, outcome.expectation_config.kwargs.get("column", "")


def _rule(expectation: Any) -> _Rule:
    column = expectation.kwargs.get("column", "")
    return _Rule(
        expectation.type, column, expectation.description or f"{column or 'the batch'} breaks {expectation.type}"
    )


def _failed_positions(outcome: Any) -> list[int] | None:
    """Positions of failing rows; None where it fails without any."""
    if outcome.success:
        return []
    unexpected = outcome.result.get("unexpected_index_list")
    return [int(entry[POSITION]) for entry in unexpected] if unexpected else None


def _validate(contract: Contract[R], frame: Any, columns: Sequence[str]) -> Any:
    """Great Expectations' result on one part. What it keeps of a part goes with the context that is made for it."""
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
        result_format={"result_format": "COMPLETE", "unexpected_index_column_names": [POSITION]},
    )


def _added(whole: Any, part: Any) -> Any:
    """The result of all parts so far and of one more, as its page shows it: counts, and the first bad values."""
    of_part = {_key(outcome): outcome for outcome in part.results}
    for before in whole.results:
        now = of_part[_key(before)]
        before.success = before.success and now.success
        before.result = _counted(before.result, now.result)
    passed = sum(bool(outcome.success) for outcome in whole.results)
    whole.success = passed == len(whole.results)
    whole.statistics = {
        "evaluated_expectations": len(whole.results),
        "successful_expectations": passed,
        "unsuccessful_expectations": len(whole.results) - passed,
        "success_percent": 100 * passed / len(whole.results),
    }
    return whole


def _counted(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """One expectation's figures over both; the complete lists of what it found stay behind."""
    both: dict[str, Any] = {**now, **before}
    for name in ("unexpected_list", "unexpected_index_list", "unexpected_index_query", "partial_unexpected_counts"):
        both.pop(name, None)
    for name in ("element_count", "missing_count", "unexpected_count"):
        if name in both:
            both[name] = before.get(name, 0) + now.get(name, 0)
    for name in ("partial_unexpected_list", "partial_unexpected_index_list"):
        if name in both:
            both[name] = [*before.get(name, ()), *now.get(name, ())][:_SHOWN]
    if isinstance(both.get("observed_value"), int):
        both["observed_value"] = before.get("observed_value", 0) + now.get("observed_value", 0)
    rows, missing, unexpected = (both.get(f"{name}_count", 0) for name in ("element", "missing", "unexpected"))
    shares = {
        "missing_percent": (missing, rows),
        "unexpected_percent": (unexpected, rows - missing),
        "unexpected_percent_total": (unexpected, rows),
        "unexpected_percent_nonmissing": (unexpected, rows - missing),
    }
    return both | {name: 100 * part / of if of else 0.0 for name, (part, of) in shares.items() if name in both}
