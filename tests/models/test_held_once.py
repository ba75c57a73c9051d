"""A base is held once: one training ends before the next begins, and a reference is an adapter on the same base."""

import gc
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig

from aoi.records.learning import TrainingExample
from models.policies.in_process import InProcessPolicy
from models.training import grpo, preferences, sft
from models.training.grpo import GrpoSettings
from models.training.sft import SftSettings

STEPS = SftSettings(steps=2)
FEW = GrpoSettings(steps=2, prompts=2, group=2, microbatch=4, max_completion_tokens=8)


@pytest.fixture(autouse=True)
def _no_collector() -> Iterator[None]:
    """What is held must go by itself, not when a collector happens to run."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def copies(base: Path) -> int:
    """How often the base's embedding is in this process."""
    config = AutoConfig.from_pretrained(str(base))
    shape = (config.vocab_size, config.hidden_size)
    tensors = (each for each in gc.get_objects() if issubclass(type(each), torch.Tensor))
    return len({each.data_ptr() for each in tensors if each.shape == shape})


def test_trainings_follow_each_other_on_one_base(base: Path, examples: list[TrainingExample], tmp_path: Path) -> None:
    held: list[int] = []

    def reward(_: Sequence[TrainingExample], completions: Sequence[tuple[int, ...]]) -> list[float]:
        held.append(copies(base))
        return [len(completion) / 8 for completion in completions]

    wrong = [each.model_copy(update={"rejected_ids": (1, 2)}) for each in examples[:8]]
    sft.sft(base, examples[:8], tmp_path / "imitated", seed=1, settings=STEPS)
    assert copies(base) == 0
    preferences.prefer(base, wrong, tmp_path / "preferred", seed=1, settings=STEPS)
    assert copies(base) == 0
    grpo.grpo(base, examples[:4], reward, tmp_path / "a", seed=1, settings=FEW, warm_start=tmp_path / "imitated")
    assert held == [1, 1], "the KL term's reference is on the base in training"
    assert copies(base) == 0


def test_a_policy_with_several_adapters_has_one_table(base: Path, adapter: Path, other_adapter: Path) -> None:
    policy = InProcessPolicy(base, {"observer": adapter, "evolver": other_adapter})
    assert copies(base) == 1
    del policy
    assert copies(base) == 0
