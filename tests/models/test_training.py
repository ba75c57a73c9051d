from collections.abc import Sequence
from pathlib import Path

import pytest

from aoi.agents.policy import Turn
from aoi.language.codec import Prompt, WordCodec
from aoi.learning.evolver import EvolverExample
from aoi.records.learning import TrainingExample
from models import files
from models.policies.in_process import InProcessPolicy
from models.seed.examples import DecisionExample
from models.training import evolver, grpo, sft
from models.training.curves import CurvePoint
from models.training.grpo import GrpoSettings
from models.training.sft import SftSettings

SMALL = GrpoSettings(steps=4, prompts=4, group=4, microbatch=8, checkpoint_every=2, learning_rate=2e-3)


class Cut(Exception):
    """Ends a run in its middle, as a kill does."""


def _cut_at(step: int) -> grpo.Progress:
    def progress(point: CurvePoint) -> None:
        if point.step >= step:
            raise Cut

    return progress


def likeness(examples: Sequence[TrainingExample], completions: Sequence[tuple[int, ...]]) -> list[float]:
    """Share of the target that a completion reproduces, place by place."""
    return [
        sum(a == b for a, b in zip(completion, example.target_ids or (), strict=False)) / len(example.target_ids or ())
        for example, completion in zip(examples, completions, strict=True)
    ]


def test_fine_tuning_learns_its_targets(base: Path, examples: list[TrainingExample], tmp_path: Path) -> None:
    few = examples[:16]
    run = sft.sft(base, few, tmp_path / "a", seed=1, settings=SftSettings(epochs=20, batch=16, learning_rate=4e-3))
    assert run.points[-1].loss < run.points[0].loss / 2
    turns = [Turn("observer", example.prompt_ids, 20, 0.0, 0) for example in few]
    before, after = (
        sum(likeness(few, [answer.token_ids for answer in policy.generate(turns)]))
        for policy in (InProcessPolicy(base), InProcessPolicy(base, {"observer": tmp_path / "a"}))
    )
    assert after > before


def test_fine_tuning_is_deterministic(base: Path, examples: list[TrainingExample], tmp_path: Path) -> None:
    runs = [sft.sft(base, examples[:32], tmp_path / name, seed=1) for name in ("a", "b")]
    assert runs[0] == runs[1]
    assert runs[0].result == files.adapter_digest(tmp_path / "a")
    assert sft.sft(base, examples[:32], tmp_path / "c", seed=2).result != runs[0].result


def test_fine_tuning_cut_off_anywhere_ends_as_if_it_had_not(
    base: Path, examples: list[TrainingExample], tmp_path: Path
) -> None:
    settings = SftSettings(epochs=2, batch=16, checkpoint_every=2, log_every=1)
    whole = sft.sft(base, examples[:48], tmp_path / "whole", seed=1, settings=settings)
    for step in (1, 3, 4):
        folder = tmp_path / f"cut{step}"
        with pytest.raises(Cut):
            sft.sft(base, examples[:48], folder, seed=1, settings=settings, progress=_cut_at(step))
        assert sft.sft(base, examples[:48], folder, seed=1, settings=settings) == whole
        assert sorted(path.name for path in folder.iterdir()) == sorted(files.ADAPTER_FILES)


def test_a_checkpoint_of_other_inputs_is_not_resumed(
    base: Path, examples: list[TrainingExample], tmp_path: Path
) -> None:
    settings = SftSettings(epochs=2, batch=16, checkpoint_every=2, log_every=1)
    with pytest.raises(Cut):
        sft.sft(base, examples[:48], tmp_path / "a", seed=1, settings=settings, progress=_cut_at(4))
    other = sft.sft(base, examples[:32], tmp_path / "a", seed=1, settings=settings)
    assert other == sft.sft(base, examples[:32], tmp_path / "b", seed=1, settings=settings)


def test_a_warm_start_continues_from_the_adapter(
    base: Path, adapter: Path, examples: list[TrainingExample], tmp_path: Path
) -> None:
    gentle = SftSettings(epochs=1, learning_rate=1e-9)
    warm = sft.sft(base, examples[:32], tmp_path / "warm", seed=1, settings=gentle, warm_start=adapter)
    cold = sft.sft(base, examples[:32], tmp_path / "cold", seed=1, settings=gentle)
    assert warm.points[0].loss < cold.points[0].loss


def test_steps_are_taken_exactly_whatever_a_pass_has(
    base: Path, examples: list[TrainingExample], tmp_path: Path
) -> None:
    for steps in (1, 3, 7):
        run = sft.sft(base, examples[:40], tmp_path / str(steps), seed=1, settings=SftSettings(steps=steps, batch=16))
        assert run.steps == run.points[-1].step == steps


def test_an_example_without_target_is_refused(base: Path, examples: list[TrainingExample], tmp_path: Path) -> None:
    bare = examples[0].model_copy(update={"target_ids": None})
    with pytest.raises(ValueError, match="1 of 2 examples have no target"):
        sft.sft(base, [examples[1], bare], tmp_path / "a", seed=1)
    with pytest.raises(ValueError, match="nothing to learn"):
        sft.sft(base, [], tmp_path / "a", seed=1)


def test_the_evolver_learns_plans_on_its_own_adapter(base: Path, lines: list[DecisionExample], tmp_path: Path) -> None:
    plans = [EvolverExample(Prompt(line.prompt), line.completion) for line in lines if line.prompt.startswith("<evo>")]
    run = evolver.train(
        base, plans, tmp_path / "evolver", WordCodec(), seed=1, settings=SftSettings(epochs=6, log_every=1)
    )
    assert run.points[-1].loss < run.points[0].loss
    policy = InProcessPolicy(base, {"evolver": tmp_path / "evolver"})
    planned, observed = policy.generate([Turn(role, (3,), 1, 0.0, 0) for role in ("evolver", "observer")])
    assert planned.adapter == run.result
    assert observed.adapter.startswith("base:")


def test_grpo_raises_the_reward(base: Path, examples: list[TrainingExample], tmp_path: Path) -> None:
    def brevity(_: Sequence[TrainingExample], completions: Sequence[tuple[int, ...]]) -> list[float]:
        return [1 - len(completion) / 32 for completion in completions]

    settings = GrpoSettings(steps=10, prompts=4, group=8, learning_rate=3e-3, beta=0.0)
    points = grpo.grpo(base, examples[:4], brevity, tmp_path / "a", seed=1, settings=settings).points
    assert len(points) == 10
    assert sum(point.reward or 0 for point in points[-3:]) > sum(point.reward or 0 for point in points[:3]) + 0.1


def test_grpo_is_deterministic_and_resumes_bit_for_bit(
    base: Path, adapter: Path, examples: list[TrainingExample], tmp_path: Path
) -> None:
    def train(name: str, progress: grpo.Progress | None = None) -> grpo.TrainingRun:
        return grpo.grpo(
            base, examples[:8], likeness, tmp_path / name, seed=1, settings=SMALL, warm_start=adapter, progress=progress
        )

    whole = train("whole")
    assert train("again") == whole
    assert whole.result != files.adapter_digest(adapter)
    with pytest.raises(Cut):
        train("cut", _cut_at(3))
    assert list((tmp_path / "cut").rglob("checkpoint-2"))
    assert train("cut") == whole
    assert sorted(path.name for path in (tmp_path / "cut").iterdir()) == sorted(files.ADAPTER_FILES)


def test_the_reward_sees_whole_groups_of_exact_ids(base: Path, examples: list[TrainingExample], tmp_path: Path) -> None:
    calls: list[tuple[list[TrainingExample], list[tuple[int, ...]]]] = []

    def reward(found: Sequence[TrainingExample], completions: Sequence[tuple[int, ...]]) -> list[float]:
        calls.append((list(found), list(completions)))
        return likeness(found, completions)

    run = grpo.grpo(base, examples[:8], reward, tmp_path / "a", seed=1, settings=SMALL)
    assert len(calls) == SMALL.steps
    for found, completions in calls:
        assert len(found) == len(completions) == SMALL.prompts * SMALL.group
        for start in range(0, len(found), SMALL.group):
            assert len({example.digest() for example in found[start : start + SMALL.group]}) == 1
        assert all(0 < len(completion) <= SMALL.max_completion_tokens for completion in completions)
    assert run.points[0].kl == 0
    assert all(point.kl is not None and point.entropy is not None for point in run.points)


def test_a_constant_reward_teaches_nothing(base: Path, examples: list[TrainingExample], tmp_path: Path) -> None:
    settings = SMALL.model_copy(update={"beta": 0.0})
    run = grpo.grpo(base, examples[:8], lambda found, _: [0.5] * len(found), tmp_path / "a", seed=1, settings=settings)
    assert all(point.reward_deviation == 0 and point.gradient_norm == 0 for point in run.points)


def test_a_plan_with_a_word_outside_the_vocabulary_is_refused(base: Path, tmp_path: Path) -> None:
    stray = EvolverExample(
        Prompt("<evo> locate ; errors s7 <mem> <did> ; submit no"), '{"plan":" probe logs checkout"}'
    )
    with pytest.raises(ValueError, match="outside the vocabulary"):
        evolver.train(base, [stray], tmp_path / "evolver", WordCodec(), seed=1)


def test_prompts_reach_the_policy_as_they_were_recorded(
    base: Path, examples: list[TrainingExample], tmp_path: Path
) -> None:
    """Ids that the tokenizer would never give for their own text: through text they would come back as others."""
    words = WordCodec()
    odd = [example.model_copy(update={"prompt_ids": (*example.prompt_ids, words.eos_id)}) for example in examples[:4]]
    assert all(words.encode(words.decode(example.prompt_ids)) != example.prompt_ids for example in odd)
    said: dict[str, list[tuple[int, ...]]] = {}
    settings = SMALL.model_copy(update={"steps": 1, "checkpoint_every": 0})
    for name, chosen in {"plain": examples[:4], "again": examples[:4], "odd": odd}.items():

        def reward(
            found: Sequence[TrainingExample], completions: Sequence[tuple[int, ...]], name: str = name
        ) -> list[float]:
            said[name] = list(completions)
            return likeness(found, completions)

        grpo.grpo(base, chosen, reward, tmp_path / name, seed=1, settings=settings)
    assert said["again"] == said["plain"]
    assert said["odd"] != said["plain"]


def test_too_few_examples_for_a_step_are_refused(base: Path, examples: list[TrainingExample], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="2 examples for 4 prompts"):
        grpo.grpo(base, examples[:2], likeness, tmp_path / "a", seed=1, settings=SMALL)
