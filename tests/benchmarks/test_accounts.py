"""What an arm is charged for, and that results are named after what decides them."""

import subprocess
import sys
from pathlib import Path

from aoi.language.codec import WordCodec
from aoi.language.profile import SEED_PROFILE
from aoi.language.prompting import Prompter
from aoi.records.base import Ref
from aoi.records.episode import Trajectory
from aoi.records.learning import TrainingExample
from aoi.settings import Settings
from benchmarks.accounts import foundations, spent_by
from benchmarks.arms import Material
from models.training.curves import TrainingRun
from tests.learning.handmade import plan
from tests.store.episodes import trajectory

COLLECTED = [trajectory(number) for number in range(3)]
FURTHER = [trajectory(number) for number in range(10, 14)]
PLANS = [plan(f"probe pods s{number}", source=COLLECTED[0]) for number in range(5)]
MATERIAL = Material(
    rows=(),
    plans={one.digest(): one for one in PLANS},
    episodes=COLLECTED,
    further=FURTHER,
    prompter=Prompter(SEED_PROFILE, WordCodec()),
    reward="measured",
    seed=1,
)


def point(of: Trajectory) -> TrainingExample:
    content = of.content
    return TrainingExample(
        instance=content.instance,
        kind=content.kind,
        split="train",
        slice="seen",
        prompt_ids=(1,),
        target_ids=None,
        step=0,
        commands=(),
        world=content.world,
        source="decision_point",
        source_trajectory=content.digest(),
    )


def ran(method: str, steps: int) -> TrainingRun:
    return TrainingRun(method=method, points=(), steps=steps, examples=10 * steps, tokens=steps, result="0" * 64)


def test_who_learns_from_the_search_is_charged_for_all_of_it_and_for_no_further_problem() -> None:
    spent = spent_by(MATERIAL, [point(COLLECTED[0])], [ran("sft", 20), ran("grpo", 120)], 1.0)
    assert (spent.collected, spent.searched, spent.further, spent.episodes) == (3, 5, 0, 8)
    assert (spent.optimiser_steps, spent.imitated, spent.measured, spent.tokens) == (140, 200, 1200, 140)


def test_who_learns_from_further_problems_is_charged_for_these_and_not_for_the_search() -> None:
    spent = spent_by(MATERIAL, [point(COLLECTED[0]), point(FURTHER[0])], [ran("grpo", 140)], 1.0)
    assert (spent.collected, spent.searched, spent.further, spent.episodes) == (3, 0, 4, 7)
    assert (spent.optimiser_steps, spent.imitated) == (140, 0)


def test_the_report_is_written_by_its_own_program(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.learning_report", "--out", str(tmp_path)]
    assert "report.html" in subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Nothing is kept here" in (tmp_path / "report.html").read_text()


def test_names_hold_what_results_stand_on() -> None:
    def of(digit: str = "0", **settings) -> tuple[str, str]:
        return foundations(Settings.load(**settings), Ref(kind="bundle", sha256=digit * 64, size_bytes=1))

    training, measuring = of()
    assert of("1")[0] != training
    assert of(training={"grpo_steps": 7})[0] != training
    further = of(evaluation={"seeds": 5})
    assert further[0] == training
    assert further[1] != measuring
    assert of(evaluation={"injected": 0}) == (training, measuring)
