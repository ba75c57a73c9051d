"""The page of the learning benchmark: what it claims, what it names as missing, and that it stands alone."""

import re
from pathlib import Path

import pytest

from benchmarks import learning_report
from benchmarks.experiment import keep_plan, measured_at, others, read, trained_at, write
from benchmarks.learning_costs import unequal
from benchmarks.learning_tables import PAPER_TEST, PAPER_TRAIN, gains, over_grpo, parts, trust
from tests.benchmarks.made import SAYS, keep, measured, plan, trained

CLEAR = (0.10, 0.125, 0.075, 0.10, 0.125)
NONE = (0.05, -0.05, 0.025, -0.025, 0.0)


def row(page: str, arm: str, worlds: str = "development") -> str:
    """What the verdict table says of an arm, without markup."""
    found = re.search(rf'<tr data-arm="{arm}" data-worlds="{worlds}">(.*?)</tr>', page, re.DOTALL)
    assert found, arm
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found[1]))


def page_of(out: Path) -> str:
    return learning_report.write(out).read_text()


@pytest.fixture
def page(tmp_path: Path) -> str:
    keep(tmp_path, {"sft": CLEAR, "grpo": NONE, "shuffled": NONE})
    return page_of(tmp_path)


def test_an_interval_with_zero_in_it_is_said_to_show_nothing(page: str) -> None:
    assert "not shown: the interval has zero in it" in row(page, "grpo")
    assert "gain shown" not in row(page, "grpo")
    assert "gain shown" in row(page, "sft")
    assert "A gain over the seed model is shown for sft. No difference over the seed model is shown for grpo" in page


def test_too_few_seeds_show_nothing_and_what_they_could_show_is_said(tmp_path: Path) -> None:
    keep(tmp_path, {"sft": CLEAR[:3], "grpo": NONE[:3]}, plan(seeds=range(3)))
    page = page_of(tmp_path)
    assert "not shown: 3 of at least 5 seeds" in row(page, "sft")
    assert "A gain" not in page
    assert re.search(r"\+\d+\.\d +with +5 +seeds", row(page, "sft"))
    assert "3 seeds were planned; fewer than 5 show nothing" in page


def test_missing_arms_and_seeds_are_named(tmp_path: Path) -> None:
    keep(tmp_path, {"sft": (*CLEAR[:3], None, None), "grpo": NONE, "imitation": ()})
    page = page_of(tmp_path)
    assert "missing: no seed of it was measured" in row(page, "imitation")
    assert "missing 3, 4" in row(page, "sft")
    assert "sft is missing for seed 3, 4" in page
    assert "not planned were the arms shuffled" in page
    for told in ("test worlds", "AIOpsLab&#39;s 86 problems"):
        assert f"Not measured at all: {told}" in page


def test_nothing_kept_is_said_and_not_a_crash(tmp_path: Path) -> None:
    assert "Nothing is kept here" in page_of(tmp_path)
    keep_plan(tmp_path, plan())
    page = page_of(tmp_path)
    assert "missing: no seed of it was measured" in row(page, "sft")
    assert "Nothing was measured" in page


def test_the_page_loads_nothing_and_runs_nothing(page: str) -> None:
    assert not re.search(r"https?:|//[a-z]|url\(|@import|<script|<link|<img|<iframe|\son\w+=|javascript:", page)
    assert "default-src 'none'" in page


def test_the_page_is_small_with_all_arms_and_many_seeds(tmp_path: Path) -> None:
    ten = [*CLEAR, *NONE]
    for worlds in ("development", "test", "styles", "aiopslab"):
        keep(tmp_path, dict.fromkeys(SAYS, ten), plan(worlds, range(10), tuple(SAYS)))
    assert len(page_of(tmp_path).encode()) < 500_000


def test_it_can_be_read_at_400_pixels_and_without_colour(page: str) -> None:
    assert 'name="viewport"' in page
    style = page.partition("<style>")[2].partition("</style>")[0]
    assert not re.search(r"(?:^|[;{ ])(?:background|color):", style)
    for table in re.finditer(r"<table[ >]", page):
        assert page[: table.start()].rstrip().endswith('<div class="wide">')
    assert page.count("<svg") == page.count('role="img"')
    assert "@media print" in style


def test_seeds_are_the_units_whatever_they_ran(tmp_path: Path) -> None:
    keep(tmp_path, {"sft": CLEAR, "grpo": NONE})
    (kept,) = read(tmp_path)
    assert list(gains(kept, "sft").values()) == pytest.approx(CLEAR)
    assert list(over_grpo(kept, "sft").values()) == pytest.approx([a - b for a, b in zip(CLEAR, NONE, strict=True)])
    assert over_grpo(kept, "grpo") == {}
    assert all(one is not None and one.n == 5 for part in parts(kept) for one in part.gains)


def test_controls_are_in_no_other_part(tmp_path: Path) -> None:
    keep(tmp_path, {"sft": CLEAR})
    (kept,) = read(tmp_path)
    by_name = {part.part: part for part in parts(kept)}
    assert by_name["no-fault controls: no false alarm"].problems == 6
    assert by_name["all faults"].problems == 40
    assert by_name["no-fault controls: no false alarm"].before == 1.0


def test_the_86_are_judged_by_what_the_paper_tests_on(tmp_path: Path) -> None:
    keep(tmp_path, {"sft": CLEAR}, plan("aiopslab", arms=("sft",)))
    (kept,) = read(tmp_path)
    by_name = {part.part: part for part in parts(kept)}
    both = (by_name[PAPER_TEST], by_name[PAPER_TRAIN])
    assert sum(part.problems for part in both) == by_name["all faults"].problems
    judged = both[0].gains[0]
    assert judged is not None
    assert sum(gains(kept, "sft").values()) / 5 == pytest.approx(judged.interval.estimate)


def test_equal_budgets_are_said_to_be_equal_only_where_they_are(tmp_path: Path) -> None:
    planned = keep(tmp_path, {"sft": CLEAR, "grpo": NONE})
    told = unequal(read(tmp_path))
    assert told["optimiser steps"] == "equal in every seed"
    assert told["episodes of collection and search"] == "equal in every seed"
    write(trained_at(tmp_path, 2, "sft", planned.training), trained(2, "sft", optimiser_steps=120))
    assert unequal(read(tmp_path))["optimiser steps"] == "not equal: sft 136, grpo 140"


def test_calibration_is_compared_seed_by_seed(tmp_path: Path) -> None:
    keep(tmp_path, {"sft": CLEAR})
    (one,) = trust(read(tmp_path)[0])
    assert one.difference is not None
    assert one.difference.interval.estimate == pytest.approx(-0.05)
    assert one.champion.stated == 5 * sum(each.runs for each in measured(0, "sft", 0.0).believed.champion.bins)


def test_a_second_run_adds_to_the_plan_of_the_first(tmp_path: Path) -> None:
    keep_plan(tmp_path, plan(seeds=range(2), arms=("grpo",)))
    both = keep_plan(tmp_path, plan(seeds=range(1, 4), arms=("sft",)))
    assert (both.arms, both.seeds) == (("sft", "grpo"), (0, 1, 2, 3))


def test_results_of_other_code_are_in_no_figure_and_counted(tmp_path: Path) -> None:
    keep(tmp_path, {"sft": CLEAR})
    former = plan().model_copy(update={"measuring": "33333333", "begun": "2025-01-01T00:00:00+00:00"})
    keep_plan(tmp_path, former)
    write(measured_at(tmp_path, 0, "sft", former), measured(0, "sft", -0.5))
    found = read(tmp_path)
    assert [kept.plan.measuring for kept in found] == ["22222222"]
    assert others(tmp_path, found) == 1
    assert "1 measurements in this folder stand on other code" in page_of(tmp_path)


def test_a_file_that_was_being_written_when_the_run_was_killed_is_passed_over(tmp_path: Path) -> None:
    planned = keep(tmp_path, {"sft": CLEAR})
    path = measured_at(tmp_path, 0, "sft", planned)
    path.with_suffix(".part").write_bytes(path.read_bytes()[:100])
    path.unlink()
    (kept,) = read(tmp_path)
    assert kept.lacking() == {"sft": [0]}


def test_the_same_results_give_the_same_page(tmp_path: Path) -> None:
    keep(tmp_path, {"sft": CLEAR, "grpo": NONE})
    assert page_of(tmp_path) == page_of(tmp_path)
