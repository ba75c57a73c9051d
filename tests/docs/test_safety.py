"""docs/safety.md promises only what a test of this repository shows: each promise names one, and it is there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "safety.md").read_text()
NAMED = re.compile(r"`(test_[a-z0-9_]+)`")
_DEFINED = re.compile(r"^ *def (test_[a-z0-9_]+)", re.MULTILINE)


def promises() -> list[str]:
    """Rows of the tables, without their heads and rules; what is not proven stands in a list and not in a table."""
    lines = PAGE.splitlines()
    rules = {number for number, line in enumerate(lines) if re.fullmatch(r"\|[-| ]+\|", line)}
    heads = {number - 1 for number in rules}
    return [line for number, line in enumerate(lines) if line.startswith("| ") and number not in rules | heads]


def defined() -> set[str]:
    """Every test of the repository, and every module of tests."""
    files = list((ROOT / "tests").rglob("test_*.py"))
    return {path.stem for path in files} | {name for path in files for name in _DEFINED.findall(path.read_text())}


def test_every_promise_names_a_test():
    assert [row for row in promises() if not NAMED.search(row)] == []
    assert len(promises()) > 30


def test_every_test_that_is_named_is_there():
    assert sorted(set(NAMED.findall(PAGE)) - defined()) == []
