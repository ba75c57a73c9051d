"""The plan of `make mutants` names what is there."""

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PLAN = tomllib.loads((ROOT / "scripts" / "mutants.toml").read_text())


@pytest.mark.parametrize("module", PLAN["module"], ids=lambda module: module["path"])
def test_each_mutated_module_and_its_tests_are_there(module):
    assert (ROOT / module["path"]).is_file()
    written = "".join((ROOT / path).read_text() for path in module["tests"])
    assert [name for name in module.get("slow", ()) if name not in written] == []


@pytest.mark.parametrize("rule", [*PLAN["left_out"], *PLAN["equivalent"]])
def test_nothing_is_left_out_without_a_reason(rule):
    assert rule["reason"]


def test_each_explained_mutant_changes_a_line_of_a_mutated_module():
    for rule in PLAN["equivalent"]:
        source = (ROOT / rule["module"]).read_text()
        gone = [line[2:] for line in rule["change"].strip().splitlines() if line.startswith("- ")]
        assert gone
        assert [line for line in gone if line not in source] == [], rule["module"]
        assert rule["module"] in {module["path"] for module in PLAN["module"]}
