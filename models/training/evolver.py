"""The Evolver: an adapter of its own on the same base, taught on solved problems what a right plan looks like.

The pairs come from `aoi.learning.evolver`; here is only what touches weights. A plan that it proposes is worth
nothing until the world has verified it.
"""

import random
from collections.abc import Sequence
from pathlib import Path

from aoi.language.codec import Codec
from aoi.learning.evolver import EvolverExample, evolver_examples
from aoi.model_settings import TrainingSettings
from aoi.records.episode import Trajectory
from models.adapters import AdapterSettings
from models.bundle import Bundle
from models.policies.of_bundle import codec_of
from models.training import sft
from models.training.batches import Pair
from models.training.curves import TrainingRun
from models.training.sft import Progress, SftSettings


def teach(
    bundle: Bundle, solved: Sequence[Trajectory], folder: Path, *, seed: int, settings: TrainingSettings
) -> Path | None:
    """Teach a bundle's Evolver on solved episodes, from the adapter that it has. None if there is nothing to teach."""
    pairs = list(evolver_examples(solved, seed, bundle.profile))
    if not pairs or not settings.evolver_steps:
        return None
    random.Random(seed).shuffle(pairs)
    choice = SftSettings(
        epochs=sft.epochs_of(settings.evolver_steps, len(pairs)),
        learning_rate=settings.sft_learning_rate,
        microbatch=settings.microbatch,
        adapter=AdapterSettings.of(settings),
    )
    warm_start = bundle.adapters.get("evolver")
    train(bundle.base, pairs, folder, codec_of(bundle), seed=seed, settings=choice, warm_start=warm_start)
    return folder


def train(
    base: Path,
    examples: Sequence[EvolverExample],
    folder: Path,
    codec: Codec,
    *,
    seed: int,
    settings: SftSettings | None = None,
    warm_start: Path | None = None,
    progress: Progress | None = None,
) -> TrainingRun:
    """Fine-tune the Evolver's adapter and write it to `folder`. Deterministic and resumable, as `models.training.sft`.

    Raises: ValueError if there is no example, or one has a word that the tokenizer lacks.
    """
    pairs = [Pair(*_encoded(example, codec)) for example in examples]
    return sft.train_adapter(
        base, pairs, folder, seed=seed, settings=settings, warm_start=warm_start, progress=progress
    )


def _encoded(example: EvolverExample, codec: Codec) -> tuple[tuple[int, ...], tuple[int, ...]]:
    completion = codec.encode_completion(example.completion)
    for text in (example.prompt.user, example.completion):
        if (read := codec.decode(codec.encode_completion(text))) != text:
            raise ValueError(f"a word is outside the vocabulary: {text!r} reads as {read!r}")
    return codec.encode_prompt(example.prompt), completion
