"""A small seed model, pre-trained for a few seconds, and adapters on it: shared by all tests of models/."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from aoi.records.learning import TrainingExample
from aoi.records.problem import Problem, ProblemInstance, TaskKind
from models.seed import invented, pretrain, tokenizer
from models.seed.examples import DecisionExample
from models.training import sft

SEED_STEPS = 40


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def lines() -> list[DecisionExample]:
    return list(itertools.islice(invented.examples(seed=5), 600))


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seed") / "base"
    pretrain.pretrain(invented.examples(seed=3), folder, SEED_STEPS, 1, recipe=pretrain.Recipe(batch=32))
    return folder


@pytest.fixture(scope="session")
def examples(base: Path, lines: list[DecisionExample]) -> list[TrainingExample]:
    words = tokenizer.load(base)
    observer = [line for line in lines if line.prompt.startswith("<obs>")][:96]
    return [
        _example(tuple(words(line.prompt)["input_ids"]), tuple(words(line.completion)["input_ids"]))
        for line in observer
    ]


@pytest.fixture(scope="session")
def adapter(base: Path, examples: list[TrainingExample], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _adapter(base, examples, tmp_path_factory.mktemp("adapter") / "observer", seed=1)


@pytest.fixture(scope="session")
def other_adapter(base: Path, examples: list[TrainingExample], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _adapter(base, examples[:48], tmp_path_factory.mktemp("adapter") / "other", seed=2)


def _adapter(base: Path, examples: list[TrainingExample], folder: Path, seed: int) -> Path:
    sft.sft(base, examples, folder, seed=seed, settings=sft.SftSettings(epochs=2))
    return folder


def _example(prompt: tuple[int, ...], target: tuple[int, ...]) -> TrainingExample:
    problem = Problem(
        id="wrong_target_port-localization-gen000-1",
        application="gen000",
        application_version="1",
        fault="wrong_target_port",
        fault_version="1",
        kind=TaskKind.LOCALIZATION,
        target=0,
        split="train",
        slice="seen",
    )
    return TrainingExample(
        instance=ProblemInstance(problem=problem, seed=1),
        kind=TaskKind.LOCALIZATION,
        split="train",
        slice="seen",
        prompt_ids=prompt,
        target_ids=target,
        step=0,
        commands=(),
        world="0" * 64,
        source="success",
        source_trajectory="0" * 64,
    )
