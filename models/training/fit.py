"""One cycle's training of the Observer's adapter: learn from what was verified, then improve on rewards.

Verified corrections enter in one of three ways (`AOI_TRAINING__CORRECTIONS`): imitated before GRPO, preferred before it
to what failed in the same state, or as a completion of their own groups in it.
"""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from aoi import progress
from aoi.learning.lessons import REHEARSED
from aoi.model_settings import Corrections, TrainingSettings
from aoi.records.learning import TrainingExample
from aoi.store.objects import ObjectStore
from models.bundle import Bundle
from models.policies.of_bundle import Serving, codec_of
from models.training.balance import balanced
from models.training.curves import TrainingRun, shown
from models.training.grpo import GrpoSettings, Reward, grpo
from models.training.judged import Judge, JudgedReward
from models.training.measuring import Start
from models.training.pooled import PooledReward, proven, proven_workers
from models.training.preferences import prefer
from models.training.renaming import under_other_names
from models.training.sft import SftSettings, sft
from models.training.sifting import sifted

MINIMUM = 8
"""Fewer decisions to imitate than this teach nothing but themselves: SFT is left out."""


def fit(
    parent: Bundle,
    warm_start: Path | None,
    rows: Sequence[TrainingExample],
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
    Raises: StageBusy if a worker that measures died; IdentityMismatch; what the judge raises.
    """
    runs: list[TrainingRun] = []
    start = Start(parent.folder, parent.base, warm_start, serving)
    targets = balanced(_corrected(rows, settings.corrections, seed), seed)
    if settings.sft_steps and len(targets) >= MINIMUM:
        runs.append(_correct(start, targets, work / settings.corrections, seed, settings))
        start = start._replace(adapter=work / settings.corrections)
    points = _rewarded(rows, settings.corrections, is_judged=judge is not None) if settings.grpo_steps else []
    if judge is None:  # a judge tells apart what is said in other words
        points = _worthwhile(start, points, settings, seed)
    prompts = balanced(points, seed)
    if len(prompts) >= settings.prompts:
        tokens, is_seeded = parent.profile.completion_tokens, settings.corrections == "seeded"
        choice = GrpoSettings.of(settings, settings.grpo_steps, tokens, seeded=is_seeded)
        with _rewarding(start, judge, settings.ray_url, kept) as reward:
            paid = dealt_out(reward, seed) if shuffled else reward
            runs.append(_reinforce(start, prompts, paid, work / "grpo", seed=seed, settings=choice))
        start = start._replace(adapter=work / "grpo")
    return runs, start.adapter


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


def _corrected(rows: Sequence[TrainingExample], way: Corrections, seed: int) -> list[TrainingExample]:
    """What is learnt from before GRPO: corrections, with own successes beside them so that nothing else is lost."""
    verified = [row for row in rows if row.target_ids and row.source != "success"]
    match way:
        case "sft":
            own = [row for row in rows if row.target_ids and row.source == "success"]
            return [*verified, *random.Random(seed).sample(own, min(REHEARSED * len(verified), len(own)))]
        case "dpo":
            return [row for row in verified if row.rejected_ids]
        case "successes":
            return [row for row in rows if row.source == "success"]
        case "seeded" | "none":
            return []


def _rewarded(rows: Sequence[TrainingExample], way: Corrections, *, is_judged: bool) -> list[TrainingExample]:
    """What GRPO samples at: where decisions are executed, whatever was met, also on the way of a correction, which may
    be one of its own group; a judge has to know what was right."""
    if is_judged:
        return [row for row in rows if row.target is not None]
    met = [row for row in rows if row.target_ids is None]
    if way in ("none", "successes"):
        return met
    corrected = [row for row in rows if row.source == "verified_correction"]
    if way == "seeded":
        return [*met, *corrected]
    # Up to where it left the failure's course, a correction went through the states of the failure.
    known = {(row.instance, row.commands, row.prompt_ids) for row in met}
    return [*met, *(_untold(row) for row in corrected if (row.instance, row.commands, row.prompt_ids) not in known)]


def _untold(row: TrainingExample) -> TrainingExample:
    return row.model_copy(
        update={"source": "decision_point", "target_ids": None, "target": None, "rejected_ids": None, "behaviour": None}
    )


def _worthwhile(
    start: Start, points: Sequence[TrainingExample], settings: TrainingSettings, seed: int
) -> list[TrainingExample]:
    """Corrections among samples, and those that something can be learnt from; all if these are few."""
    if not points:
        return []
    progress.stage("train: sift")
    seeds = [point for point in points if point.target_ids]
    met = [point for point in points if point.target_ids is None]
    chosen = [*seeds, *sifted(start, met, samples=settings.group_size, seed=seed)]
    return chosen if len(chosen) >= settings.prompts else list(points)


def _correct(
    start: Start, targets: Sequence[TrainingExample], folder: Path, seed: int, settings: TrainingSettings
) -> TrainingRun:
    progress.stage("train: prefer" if settings.corrections == "dpo" else "train: imitate")
    learn = prefer if settings.corrections == "dpo" else sft
    choice = SftSettings.of(settings, settings.sft_steps)
    told = shown(settings.sft_steps)
    bundle = start.opened()
    if bundle.profile.names == "handles":
        targets = under_other_names(targets, settings.sft_steps * choice.batch, codec_of(bundle), seed)
    return learn(start.base, targets, folder, seed=seed, settings=choice, warm_start=start.adapter, progress=told)


def _reinforce(
    start: Start,
    prompts: Sequence[TrainingExample],
    reward: Reward,
    folder: Path,
    *,
    seed: int,
    settings: GrpoSettings,
) -> TrainingRun:
    progress.stage("train: reinforce")
    told = shown(settings.steps)
    return grpo(
        start.base, prompts, reward, folder, seed=seed, settings=settings, warm_start=start.adapter, progress=told
    )
