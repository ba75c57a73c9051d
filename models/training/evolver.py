"""The Evolver: an adapter of its own on the same base, taught on solved problems what a right plan looks like.

The pairs come from `aoi.learning.evolver`; here is only what touches weights. A plan that it proposes is worth
nothing until the world has verified it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from models.seed import tokenizer
from models.training import sft
from models.training.batches import Pair
from models.training.curves import TrainingRun
from models.training.sft import Progress, SftSettings


class EvolverExample(Protocol):
    """A failed episode in brief, and the plan that was right, both as text."""

    @property
    def prompt(self) -> str:
        """`<evo> ...`."""
        ...

    @property
    def completion(self) -> str:
        """`{"plan":" ..."}`."""
        ...


def train(
    base: Path,
    examples: Sequence[EvolverExample],
    folder: Path,
    *,
    seed: int,
    settings: SftSettings | None = None,
    warm_start: Path | None = None,
    progress: Progress | None = None,
) -> TrainingRun:
    """Fine-tune the Evolver's adapter and write it to `folder`. Deterministic and resumable, as `models.training.sft`.

    Raises: ValueError if there is no example, or one has a word that the tokenizer lacks.
    """
    words = tokenizer.load(base)
    pairs = []
    for example in examples:
        prompt, completion = words(example.prompt)["input_ids"], words(example.completion)["input_ids"]
        if words.unk_token_id is not None and words.unk_token_id in (*prompt, *completion):
            raise ValueError(f"a word is outside the vocabulary: {example.prompt!r} -> {example.completion!r}")
        pairs.append(Pair(tuple(prompt), (*completion, words.eos_token_id)))
    return sft.train_adapter(
        base, pairs, folder, seed=seed, settings=settings, warm_start=warm_start, progress=progress
    )
