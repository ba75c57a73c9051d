"""The Evolver: an adapter of its own on the same base, taught on solved problems what a right plan looks like.

First it imitates what was right there (`aoi.learning.evolver`), then GRPO pays its own plans for what they come to in
those worlds (`aoi.learning.replanning`). A plan that it proposes for a failure is worth nothing until the world has
verified it.
"""

import random
from collections.abc import Iterable, Sequence
from pathlib import Path

from aoi import progress
from aoi.language.codec import Codec
from aoi.learning.drawing import drawn
from aoi.learning.evolver import EvolverExample, evolver_examples
from aoi.learning.replanning import prompts_of
from aoi.model_settings import TrainingSettings
from aoi.records.episode import Trajectory
from aoi.store.objects import ObjectStore
from aoi.store.shards import Rows
from models.bundle import Bundle
from models.policies.of_bundle import Serving, codec_of, prompter_of
from models.training import sft
from models.training.batches import Pair
from models.training.curves import TrainingRun, shown
from models.training.grpo import GrpoSettings
from models.training.measuring import Start
from models.training.pooled import PooledPlans, proven, proven_workers
from models.training.ranks import grpo_of
from models.training.sampling import sampler_of
from models.training.sft import Progress, SftSettings


def teach(
    bundle: Bundle, solved: Iterable[Trajectory], folder: Path, *, seed: int, settings: TrainingSettings
) -> Path | None:
    """Teach a bundle's Evolver on solved episodes, from the adapter that it has. None if there is nothing to teach.

    Held are as many pairs as its steps can read.
    """
    if not settings.evolver_steps:
        return None
    pairs = drawn(evolver_examples(solved, seed, bundle.profile), settings.evolver_steps * sft.BATCH, seed)
    if not pairs:
        return None
    random.Random(seed).shuffle(pairs)
    progress.stage("teach the Evolver")
    choice = SftSettings.of(settings, settings.evolver_steps)
    warm_start = bundle.adapters.get("evolver")
    train(bundle.base, pairs, folder, codec_of(bundle), seed=seed, settings=choice, warm_start=warm_start)
    return folder


def reinforce(
    bundle: Bundle,
    episodes: Rows[Trajectory],
    taught: Path,
    folder: Path,
    *,
    seed: int,
    settings: TrainingSettings,
    serving: Serving,
    kept: ObjectStore | None = None,
) -> Path:
    """Pay the Evolver's plans for solved problems by what they come to. `taught` if there is nothing to try them on.

    Held are as many prompts as its steps can sample at. `kept` as in `fit`. Raises: SettingsError; StageBusy if a
    worker that measures or a rank died; IdentityMismatch.
    """
    if not settings.evolver_grpo_steps:
        return taught
    reached = settings.evolver_grpo_steps * settings.prompts
    prompts = drawn(prompts_of(episodes, prompter_of(bundle), seed), reached, seed)
    if len(prompts) < settings.prompts:
        return taught
    progress.stage("reinforce the Evolver")
    by = grpo_of(settings)
    choice = GrpoSettings.of(settings, settings.evolver_grpo_steps, bundle.profile.plan_tokens)
    start = Start(bundle.folder, bundle.base, bundle.adapters.get("observer"), serving)
    with (
        proven_workers(start, settings.ray_url, kept) as (workers, watch),
        sampler_of(bundle, serving, settings, folder.with_name("sampled")) as sampler,
    ):
        reward = proven(PooledPlans(workers, start, settings.group_size), watch)
        by(
            bundle.base,
            prompts,
            reward,
            folder,
            seed=seed,
            settings=choice,
            warm_start=taught,
            progress=shown(settings.evolver_grpo_steps),
            sampler=sampler,
        )
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
