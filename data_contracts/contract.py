"""What a contract is. One module for each record set states one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from aoi.records.base import Record
from aoi.records.contracts import Severity

R = TypeVar("R", bound=Record)

Value = str | int | float | bool
"""What a column holds. Never None: a missing value is a finding, so it is a column of its own."""


@dataclass(frozen=True, slots=True)
class Contract(Generic[R]):
    """The rules for one kind of record. Rows are read as records first, then laid out as columns, then expected."""

    name: str
    version: int
    """Raised with every change of a rule, so that a report says which rules it applied."""
    owner: str
    """Who decides about these rules."""
    severity: Severity
    record: type[R] | tuple[type[R], ...]
    columns: Callable[[R], Mapping[str, Value]]
    """One record as flat columns; the first is its id. Findings are counts and flags, so that a rule can bound them."""
    expectations: Callable[[], Sequence[Any]]
    """Great Expectations beyond those that every contract has: columns exactly these, each never null, ids unique,
    rows at least the floor. A function, because importing the library takes seconds."""
    floor: int = 1
    """Fewest rows of a batch."""
    most_quarantined: float = 0.2
    """Share of rows that may be set aside before the whole batch is refused."""

    @property
    def title(self) -> str:
        """Name and version, as messages show them."""
        return f"{self.name} v{self.version}"


def is_zero(column: str, reason: str) -> Any:
    """The expectation that a count of defects is 0, in every row."""
    import great_expectations.expectations as gxe

    return gxe.ExpectColumnValuesToBeBetween(column=column, min_value=0, max_value=0, description=reason)


def between(column: str, low: float, high: float, reason: str) -> Any:
    """The expectation that a column lies in [low, high], in every row."""
    import great_expectations.expectations as gxe

    return gxe.ExpectColumnValuesToBeBetween(column=column, min_value=low, max_value=high, description=reason)


def one_of(column: str, values: Sequence[str], reason: str) -> Any:
    """The expectation that a column is one of some words, in every row."""
    import great_expectations.expectations as gxe

    return gxe.ExpectColumnValuesToBeInSet(column=column, value_set=list(values), description=reason)


def digests(column: str) -> Any:
    """The expectation that a column is a SHA-256 in every row."""
    import great_expectations.expectations as gxe

    reason = f"{column} is no SHA-256"
    return gxe.ExpectColumnValuesToMatchRegex(column=column, regex=r"^[0-9a-f]{64}$", description=reason)


def bundles(column: str) -> Any:
    """The expectation that a column names a policy: a bundle's digest, or `scripted:<name>`."""
    import great_expectations.expectations as gxe

    pattern = r"^(?:[0-9a-f]{64}|(?:scripted|base):[A-Za-z0-9_.-]{1,80})$"
    return gxe.ExpectColumnValuesToMatchRegex(column=column, regex=pattern, description=f"{column} names no policy")
