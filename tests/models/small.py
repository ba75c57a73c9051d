"""A seed model pre-trained for seconds, examples in its words, adapters on it: small, and real in every part."""

import itertools
from pathlib import Path

from aoi.records.learning import TrainingExample
from aoi.records.problem import Problem, ProblemInstance, TaskKind
from models.loading import tokenizer
from models.seed import invented, pretrain
from models.seed.examples import DecisionExample
from models.training import sft

SEED_STEPS = 40


def make_lines() -> list[DecisionExample]:
    return list(itertools.islice(invented.examples(seed=5), 600))


def make_base(folder: Path, steps: int = SEED_STEPS) -> Path:
    pretrain.pretrain(invented.examples(seed=3), folder, steps, 1, recipe=pretrain.Recipe(batch=32))
    return folder


def make_examples(base: Path, lines: list[DecisionExample]) -> list[TrainingExample]:
    words = tokenizer(base)
    observer = [line for line in lines if line.prompt.startswith("<obs>")][:96]
    return [
        example(tuple(words(line.prompt)["input_ids"]), tuple(words(line.completion)["input_ids"])) for line in observer
    ]


def make_adapter(base: Path, examples: list[TrainingExample], folder: Path, seed: int, epochs: int = 3) -> Path:
    sft.sft(base, examples, folder, seed=seed, settings=sft.SftSettings(epochs=epochs))
    return folder


def example(
    prompt: tuple[int, ...], target: tuple[int, ...] | None, kind: TaskKind = TaskKind.LOCALIZATION
) -> TrainingExample:
    problem = Problem(
        id="wrong_target_port-localization-gen000-1",
        application="gen000",
        application_version="1",
        fault="wrong_target_port",
        fault_version="1",
        kind=kind,
        target=0,
        split="train",
        slice="seen",
    )
    return TrainingExample(
        instance=ProblemInstance(problem=problem, seed=1),
        kind=kind,
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
