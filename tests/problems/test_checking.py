"""Checks of many problems: kept as they finish, over processes, and told as a table."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from aoi.problems import catalogue, checking
from aoi.problems.admission import Examination
from aoi.problems.checking import COLUMNS, check_all, markdown_table, table_rows
from aoi.problems.fanning import fan_out
from aoi.problems.faults import FAULTS, MECHANISM_SPLITS
from aoi.problems.sets import members
from aoi.records.problem import TaskKind
from aoi.store.objects import ObjectStore

IDS = [
    catalogue.problems(fault=fault, application="gen002", kind=TaskKind.DETECTION)[0].id
    for fault in ("scale_to_zero", "wrong_selector")
] + [catalogue.problems(fault="no_fault", application="gen002")[0].id]


def test_processes_find_what_one_finds_and_what_is_finished_is_not_looked_at_again(
    tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ObjectStore(str(tmp_path))
    alone = {report.problem_id: report for report in check_all(IDS, 1)}
    beside = {report.problem_id: report for report in check_all(IDS, 1, workers=2, store=store)}
    assert beside == alone
    assert all(report.is_admitted for report in alone.values()), alone

    def refuse(problem_id: str, seed: int) -> Examination:
        raise AssertionError(f"{problem_id} was examined again")

    monkeypatch.setattr(checking, "examine", refuse)
    assert {report.problem_id: report for report in check_all(IDS, 1, store=store)} == alone


def test_the_table_has_a_row_for_each_mechanism_that_was_checked() -> None:
    reports = list(check_all(IDS, 1))
    rows = {row[0]: dict(zip(COLUMNS, row, strict=True)) for row in table_rows(reports)}
    assert set(rows) == {"scale_to_zero", "wrong_selector"}
    for fault, row in rows.items():
        assert row["family"] == FAULTS[fault].family
        assert {row[column] for column in ("golden", "null", "delete all", "scale to 0", "restart all")} == {"1/1"}
        assert int(row["problems"]) > 0
        assert row["nearest confusable (distance)"].split()[0] in FAULTS
        assert row["admitted"] == "1/1"
    assert len(markdown_table(reports).splitlines()) == 2 + len(rows)


def test_a_world_that_refuses_a_problem_is_counted_in_its_row() -> None:
    report = next(check_all(IDS, 1))
    first, *rest = report.checks
    two = first.model_copy(update={"name": first.name.replace("seed 0", "seed 1"), "passed": False})
    refused = report.model_copy(update={"seeds": (0, 1), "checks": (first, *rest, two)})
    assert [one.admitted for one in (report, refused)] == [1, 1]
    rows = {row[0]: dict(zip(COLUMNS, row, strict=True)) for row in table_rows([refused])}
    assert [row["admitted"] for row in rows.values()] == ["1/2"]


def test_an_unknown_id_is_refused_before_anything_is_looked_at() -> None:
    with pytest.raises(Exception, match="no problem 'nonsense'"):
        list(check_all(["nonsense"], 1))


def _squared(number: int) -> int:
    if number < 0:
        raise ValueError("negative")
    return number * number


def test_work_that_is_left_in_its_middle_leaves_no_process_behind() -> None:
    results = fan_out(_squared, list(range(8)), 2)
    job, result = next(results)
    assert result == job * job
    results.close()
    assert dict(fan_out(_squared, list(range(8)), 2)) == {number: number * number for number in range(8)}
    with pytest.raises(ValueError, match="negative"):
        list(fan_out(_squared, [1, -1, 2], 2))


ORPHANS = """
import os, time
from aoi.problems.fanning import fan_out

def report(job):
    print(os.getpid(), flush=True)
    time.sleep(600)

if __name__ == "__main__":
    list(fan_out(report, [1, 2], 2))
"""


def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "orphans.py"
    script.write_text(ORPHANS)
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        workers = [int(parent.stdout.readline()) for _ in range(2)]
        assert all(_runs(pid) for pid in workers)
        parent.kill()
    for _ in range(200):
        if not any(_runs(pid) for pid in workers):
            break
        time.sleep(0.1)
    assert not any(_runs(pid) for pid in workers)


def _runs(pid: int) -> bool:
    """Whether a process is there, and no zombie that nobody has waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_catalogue_is_represented_by_one_of_each_mechanism_and_by_compounds() -> None:
    chosen = members("catalogue")
    assert {problem.fault for problem in chosen if problem.slice != "several"} == set(FAULTS)
    roots = {len(catalogue.roots_of(problem)) for problem in chosen if problem.slice == "several"}
    assert roots == {1, 2}
    assert {problem.fault for problem in members("controls")} == {None}
    assert all(catalogue.get(problem.id) == problem for problem in members("aiopslab"))


def test_the_page_of_mechanisms_has_a_row_for_each_with_its_family_and_split() -> None:
    page = Path("docs/mechanisms.md").read_text(encoding="utf-8")
    header, _, *rows = [line.strip("| \n").split(" | ") for line in page.splitlines() if line.startswith("|")]
    assert tuple(header) == COLUMNS
    told = {row[0]: dict(zip(COLUMNS, row, strict=True)) for row in rows}
    assert set(told) == {*FAULTS, "two at once", "cascade"}
    for key, fault in FAULTS.items():
        assert (told[key]["family"], told[key]["split"]) == (fault.family, MECHANISM_SPLITS[key])
