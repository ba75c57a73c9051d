"""One cycle's training of the Observer's adapter: imitate what was verified, then improve on measured rewards."""

from collections.abc import Callable, Sequence
from pathlib import Path

from aoi import progress
from aoi.model_settings import RewardMode, TrainingSettings
from aoi.records.learning import TrainingExample
from models.adapters import AdapterSettings
from models.bundle import Bundle
from models.policies.of_bundle import Serving
from models.training.balance import balanced
from models.training.curves import CurvePoint, TrainingRun
from models.training.grpo import GrpoSettings, grpo
from models.training.pooled import PooledReward, Start
from models.training.sft import SftSettings, epochs_of, sft
from models.workers import worker_count, worker_pool

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
    shuffled: bool = False,
) -> tuple[list[TrainingRun], Path | None]:
    """SFT, then GRPO. Returns the curves and the adapter's folder: `warm_start` if nothing was learnt from.

    `shuffled` deals the measured rewards out at random: the control that must not improve. Raises: StageBusy if a
    worker that measures died.
    """
    runs: list[TrainingRun] = []
    start = Start(parent.folder, parent.base, warm_start, serving, settings.reward)
    targets = balanced(_imitated(rows, settings.reward), seed)
    if settings.sft_steps and len(targets) >= MINIMUM:
        runs.append(_imitate(start, targets, work / "sft", seed, settings))
        start = start._replace(adapter=work / "sft")
    prompts = balanced(_rewarded(rows, settings.reward), seed)
    if settings.grpo_steps and len(prompts) >= settings.prompts:
        choice = _grpo_settings(settings, parent.profile.completion_tokens)
        with worker_pool(worker_count()) as pool:
            reward = PooledReward(pool, start, shuffle_seed=seed if shuffled else None)
            runs.append(_reinforce(start, prompts, reward, work / "grpo", seed=seed, settings=choice))
        start = start._replace(adapter=work / "grpo")
    return runs, start.adapter


def _imitated(rows: Sequence[TrainingExample], reward: RewardMode) -> list[TrainingExample]:
    """What SFT sees. Where a judge rewards, the policy's own successes are there to compare with, not to imitate."""
    return [row for row in rows if row.target_ids and not (reward == "judge" and row.source == "success")]


def _rewarded(rows: Sequence[TrainingExample], reward: RewardMode) -> list[TrainingExample]:
    """What GRPO samples at: where decisions are executed, whatever was met; a judge has to know what was right."""
    return [row for row in rows if (row.target is not None if reward == "judge" else row.target_ids is None)]


def _imitate(
    start: Start, targets: Sequence[TrainingExample], folder: Path, seed: int, settings: TrainingSettings
) -> TrainingRun:
    progress.stage("train: imitate")
    choice = SftSettings(
        epochs=epochs_of(settings.sft_steps, len(targets)),
        learning_rate=settings.sft_learning_rate,
        microbatch=settings.microbatch,
        adapter=AdapterSettings.of(settings),
    )
    shown = _shown(settings.sft_steps)
    return sft(start.base, targets, folder, seed=seed, settings=choice, warm_start=start.adapter, progress=shown)


def _reinforce(
    start: Start,
    prompts: Sequence[TrainingExample],
    reward: PooledReward,
    folder: Path,
    *,
    seed: int,
    settings: GrpoSettings,
) -> TrainingRun:
    progress.stage("train: reinforce")
    shown = _shown(settings.steps)
    return grpo(
        start.base, prompts, reward, folder, seed=seed, settings=settings, warm_start=start.adapter, progress=shown
    )


def _grpo_settings(settings: TrainingSettings, completion_tokens: int) -> GrpoSettings:
    return GrpoSettings(
        steps=settings.grpo_steps,
        prompts=settings.prompts,
        group=settings.group_size,
        learning_rate=settings.learning_rate,
        beta=settings.beta,
        microbatch=settings.microbatch,
        adapter=AdapterSettings.of(settings),
        max_completion_tokens=completion_tokens,
        checkpoint_every=10,
    )


def _shown(steps: int) -> Callable[[CurvePoint], None]:
    def show(point: CurvePoint) -> None:
        note = f"loss {point.loss:.3f}" if point.reward is None else f"reward {point.reward:.2f}"
        progress.advance(point.step, steps, note)

    return show
