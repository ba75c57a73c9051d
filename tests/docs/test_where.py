"""The page of a newcomer's questions: what it names is there, and near the README."""

import ast
import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "where.md").read_text()
ROWS = [line.split(" | ") for line in PAGE.splitlines() if line.startswith("| ") and "question" not in line]
NAMED = re.findall(r"`([\w./-]+\.py)` `(\w+)`", PAGE)
FILES = re.findall(r"`([\w./-]+/[\w./-]+)`", PAGE)


def _defined(path: Path) -> set[str]:
    """Names of functions, classes and constants of a module, methods included."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


def test_every_question_is_answered_with_a_file() -> None:
    assert ROWS
    assert all(question.endswith("?") and FILES for question, *_ in ((row[0].strip("| "), row) for row in ROWS))
    assert all(re.search(r"`[\w./-]+`", row[1]) for row in ROWS)


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_what_the_page_names_is_defined_there(file: str, name: str) -> None:
    assert name in _defined(ROOT / file)


@pytest.mark.parametrize("file", FILES)
def test_every_file_that_the_page_names_is_there(file: str) -> None:
    assert (ROOT / file).is_file()


def test_the_page_is_one_hop_from_the_readme() -> None:
    assert "(docs/where.md)" in (ROOT / "README.md").read_text()
