"""One cycle's training of the Observer's adapter: learn from what was verified, then improve on rewards.

Verified corrections enter in one of three ways (`AOI_TRAINING__CORRECTIONS`): imitated before GRPO, preferred before it
to what failed in the same state, or as a completion of their own groups in it.
"""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from aoi import progress
from aoi.model_settings import TrainingSettings
from aoi.records.learning import TrainingExample
from aoi.store.objects import ObjectStore
from aoi.store.shards import Rows
from models.bundle import Bundle
from models.policies.of_bundle import Serving, codec_of
from models.training.balance import balanced
from models.training.choosing import CANDIDATES, Sort, chosen, corrected, read, rewarded, sorts_of, untold
from models.training.curves import TrainingRun, shown
from models.training.grpo import GrpoSettings, Reward
from models.training.judged import Judge, JudgedReward
from models.training.measuring import Start
from models.training.pooled import PooledReward, proven, proven_workers
from models.training.preferences import prefer
from models.training.ranks import Grpo, grpo_of
from models.training.renaming import Renamed, met_again, paid_by_former_names, under_other_names
from models.training.sampling import Sampler, sampler_of
from models.training.sft import BATCH, SftSettings, sft
from models.training.sifting import sifted

MINIMUM = 8
"""Fewer decisions to imitate than this teach nothing but themselves: SFT is left out."""


def fit(
    parent: Bundle,
    warm_start: Path | None,
    rows: Rows[TrainingExample],
    work: Path,
    *,
    seed: int,
    settings: TrainingSettings,
    serving: Serving,
    judge: Judge | None = None,
    kept: ObjectStore | None = None,
    shuffled: bool = False,
) -> tuple[list[TrainingRun], Path | None]:
    """SFT, then GRPO. Returns the curves and the adapter's folder: `warm_start` if nothing was learnt from.

    Without a judge every sampled decision is executed in its world. `kept` is where proofs of the server that carries
    episodes on leave their figures. `shuffled` deals the rewards out at random: the control that must not improve.
    Raises: SettingsError; StageBusy if a worker that measures or a rank died; IdentityMismatch; what a sampler and the
    judge raise.
    """
    runs: list[TrainingRun] = []
    by = grpo_of(settings)
    start = Start(parent.folder, parent.base, warm_start, serving)
    sorts = sorts_of(rows)
    imitated = corrected(sorts, settings.corrections, seed)
    targets = chosen(rows, sorts, imitated, seed, most=settings.sft_steps * BATCH)
    if settings.sft_steps and len(targets) >= MINIMUM:
        if parent.profile.names == "handles":
            drawn = under_other_names(targets, settings.sft_steps * BATCH, codec_of(parent), seed)
            targets = [each.row for each in drawn]
        runs.append(_correct(start, targets, work / settings.corrections, seed, settings))
        start = start._replace(adapter=work / settings.corrections)
    prompts = _prompts(parent, start, rows, sorts, seed, settings, is_judged=judge is not None)
    if settings.grpo_steps and len(prompts) >= settings.prompts:
        tokens, is_seeded = parent.profile.completion_tokens, settings.corrections == "seeded"
        choice = GrpoSettings.of(settings, settings.grpo_steps, tokens, seeded=is_seeded)
        renamed = _met_again(parent, prompts, settings, seed) if judge is None else []
        with (
            _rewarding(start, judge, settings.ray_url, kept) as reward,
            sampler_of(parent, serving, settings, work / "sampled") as sampler,
        ):
            paid = dealt_out(reward, seed) if shuffled else reward
            if renamed:
                prompts, paid = [each.row for each in renamed], paid_by_former_names(paid, renamed, codec_of(parent))
            folder = work / "grpo"
            runs.append(_reinforce(by, start, prompts, paid, folder, seed=seed, settings=choice, sampler=sampler))
        start = start._replace(adapter=work / "grpo")
    return runs, start.adapter


def _met_again(
    parent: Bundle, prompts: Sequence[TrainingExample], settings: TrainingSettings, seed: int
) -> list[Renamed]:
    """What GRPO samples at, each time under other names; nothing where names are real."""
    if parent.profile.names != "handles":
        return []
    # No more than it reaches: of copies to spare some points would have many in the draw, and others none.
    return met_again(prompts, settings.grpo_steps * settings.prompts, codec_of(parent), seed)


@contextmanager
def _rewarding(start: Start, judge: Judge | None, ray_url: str, kept: ObjectStore | None) -> Iterator[Reward]:
    if judge is not None:
        yield JudgedReward(judge, codec_of(start.opened()))
        return
    with proven_workers(start, ray_url, kept) as (workers, watch):
        yield proven(PooledReward(workers, start), watch)


def dealt_out(reward: Reward, seed: int) -> Reward:
    """The rewards of each step in another order, of the seed and of what was said: a resumed run deals as before."""

    def shuffled(examples: Sequence[TrainingExample], completions: Sequence[tuple[int, ...]]) -> list[float]:
        rewards = reward(examples, completions)
        random.Random(f"{seed}/{completions}").shuffle(rewards)
        return rewards

    return shuffled


def _prompts(
    parent: Bundle,
    start: Start,
    rows: Rows[TrainingExample],
    sorts: Sequence[Sort],
    seed: int,
    settings: TrainingSettings,
    *,
    is_judged: bool,
) -> list[TrainingExample]:
    """What GRPO samples at, in equal shares of the kinds. A judge tells apart what is said in other words; where
    decisions are executed, those that something can be learnt from, or all if these are few."""
    places, most = rewarded(sorts, settings.corrections, is_judged=is_judged), settings.grpo_steps * settings.prompts
    if is_judged or not places or not most:
        return chosen(rows, sorts, places, seed, most=most)
    progress.stage("train: sift")
    found = read(rows, places, seed, most=CANDIDATES * most)
    points = found if settings.corrections == "seeded" else untold(found)
    seeds = [point for point in points if point.target_ids]
    met = [point for point in points if point.target_ids is None]
    worth = [*seeds, *sifted(parent, start, met, samples=settings.group_size, seed=seed)]
    kept = worth if len(worth) >= settings.prompts else points
    return [kept[place] for place in balanced([point.kind for point in kept], seed)]


def _correct(
    start: Start, targets: Sequence[TrainingExample], folder: Path, seed: int, settings: TrainingSettings
) -> TrainingRun:
    progress.stage("train: prefer" if settings.corrections == "dpo" else "train: imitate")
    learn = prefer if settings.corrections == "dpo" else sft
    choice = SftSettings.of(settings, settings.sft_steps)
    told = shown(settings.sft_steps)
    return learn(start.base, targets, folder, seed=seed, settings=choice, warm_start=start.adapter, progress=told)


def _reinforce(
    by: Grpo,
    start: Start,
    prompts: Sequence[TrainingExample],
    reward: Reward,
    folder: Path,
    *,
    seed: int,
    settings: GrpoSettings,
    sampler: Sampler,
) -> TrainingRun:
    progress.stage("train: reinforce")
    told = shown(settings.steps)
    return by(
        start.base,
        prompts,
        reward,
        folder,
        seed=seed,
        settings=settings,
        warm_start=start.adapter,
        progress=told,
        sampler=sampler,
    )
