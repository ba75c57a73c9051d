"""Train: the Observer's adapter by SFT on verified corrections, then by GRPO with executed rewards."""

import random
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import NamedTuple

from aoi import progress
from aoi.language.codec import WordCodec
from aoi.language.profile import PromptProfile
from aoi.learning.rewards import MeasuredReward
from aoi.records.base import Record, Ref, Sha256
from aoi.records.episode import RoleName
from aoi.records.learning import TrainingExample
from aoi.records.problem import TaskKind
from aoi.records.promotion import Cycle
from aoi.settings import TrainingSettings, derive_seed
from aoi.source import source_digest
from aoi.store.shards import put_rows, read_rows
from models.training.curves import TrainingRun
from tasks.bundles import open_bundle, unpack
from tasks.caching import stage
from tasks.episodes import worker_count, worker_pool
from tasks.evolve import Corrections
from tasks.install import revision
from tasks.workspace import keep_settings, workspace

MINIMUM = 8
"""Fewer decisions to imitate than this teach nothing but themselves: SFT is left out."""


class Trained(Record):
    """A challenger that nobody has registered yet."""

    tree: Ref
    """Stored bundle folder."""
    bundle: Sha256
    curves: Ref
    """Rows of `TrainingRun`: SFT, then GRPO."""


class Start(NamedTuple):
    """The policy that training starts from: it carries episodes on when a look is measured."""

    base: Path
    adapter: Path | None
    profile: PromptProfile


@stage("training", "collect", timeout_s=12 * 3600, retries=1)
def train(cycle: Cycle, champion: Ref, corrections: Corrections, examples: Ref) -> Trained:
    """Warm-start from the champion's adapter, imitate what was verified, then improve on measured rewards."""
    from models import bundle as bundles

    ws = workspace()
    parent = open_bundle(champion)
    rows = read_rows(ws.store, examples, TrainingExample)
    work = ws.cache_folder / f"cycle-{cycle.number}" / f"train-{examples.sha256[:16]}"
    runs, adapter = fit(
        parent.base,
        parent.adapters.get("observer") if ws.settings.training.warm_start else None,
        rows,
        parent.profile,
        work,
        seed=derive_seed(ws.settings.seed, "train", cycle.number),
        settings=ws.settings.training,
    )
    lineage = bundles.Lineage(
        name=f"cycle-{cycle.number}",
        code_revision=revision(),
        code_sha256=source_digest("flows.retrain"),
        settings=keep_settings(),
        parent=parent.digest,
        cycle=cycle.number,
        data=(examples.sha256, corrections.plans.sha256),
    )
    folder = work / "bundle"
    shutil.rmtree(folder, ignore_errors=True)
    evolver = unpack(corrections.evolver) if corrections.evolver else parent.adapters.get("evolver")
    manifest = bundles.write(folder, bundles.Parts(parent.base, parent.profile, adapter, evolver), lineage)
    return Trained(
        tree=ws.store.put_folder("bundle", folder),
        bundle=manifest.digest(),
        curves=put_rows(ws.store, "curves", runs),
    )


def fit(
    base: Path,
    warm_start: Path | None,
    rows: Sequence[TrainingExample],
    profile: PromptProfile,
    work: Path,
    *,
    seed: int,
    settings: TrainingSettings,
    shuffled: bool = False,
) -> tuple[list[TrainingRun], Path | None]:
    """SFT, then GRPO. Returns the curves and the adapter's folder (None if nothing was learnt from).

    `shuffled` deals the measured rewards out at random: the control that must not improve.
    """
    runs: list[TrainingRun] = []
    start = Start(base, warm_start, profile)
    targets = balanced([row for row in rows if row.target_ids], seed)
    if settings.sft_steps and len(targets) >= MINIMUM:
        progress.stage("train: imitate")
        runs.append(_imitate(start, targets, work / "sft", seed, settings))
        start = start._replace(adapter=work / "sft")
    prompts = [row for row in rows if row.target_ids is None]
    if settings.grpo_steps and len(prompts) >= settings.prompts:
        progress.stage("train: reinforce")
        with worker_pool(worker_count()) as pool:
            reward = PooledReward(pool, start, shuffle_seed=seed if shuffled else None)
            runs.append(_reinforce(start, balanced(prompts, seed), reward, work / "grpo", seed, settings))
        start = start._replace(adapter=work / "grpo")
    return runs, start.adapter


def _imitate(
    start: Start, targets: Sequence[TrainingExample], folder: Path, seed: int, settings: TrainingSettings
) -> TrainingRun:
    from models.training.sft import SftSettings, sft

    choice = SftSettings(
        epochs=max(1, round(settings.sft_steps * 32 / len(targets))),
        learning_rate=settings.sft_learning_rate,
        rank=settings.lora_r,
    )
    show = _show(settings.sft_steps)
    return sft(start.base, targets, folder, seed=seed, settings=choice, warm_start=start.adapter, progress=show)


def _reinforce(
    start: Start,
    prompts: Sequence[TrainingExample],
    reward: "PooledReward",
    folder: Path,
    seed: int,
    settings: TrainingSettings,
) -> TrainingRun:
    from models.training.grpo import GrpoSettings, grpo

    choice = GrpoSettings(
        steps=settings.grpo_steps,
        prompts=settings.prompts,
        group=settings.group_size,
        learning_rate=settings.learning_rate,
        beta=settings.beta,
        rank=settings.lora_r,
        max_completion_tokens=start.profile.completion_tokens,
        checkpoint_every=10,
    )
    show = _show(settings.grpo_steps)
    return grpo(
        start.base, prompts, reward, folder, seed=seed, settings=choice, warm_start=start.adapter, progress=show
    )


def balanced(rows: Sequence[TrainingExample], seed: int) -> list[TrainingExample]:
    """The four kinds of task in equal counts, by repeating the rarer ones (paper section 3.3), shuffled."""
    groups = [[row for row in rows if row.kind is kind] for kind in TaskKind]
    most = max((len(group) for group in groups), default=0)
    rng = random.Random(seed)
    chosen: list[TrainingExample] = []
    for group in groups:
        if group:
            chosen += group
            chosen += [rng.choice(group) for _ in range(min(most, 3 * len(group)) - len(group))]
    rng.shuffle(chosen)
    return chosen


class PooledReward:
    """Measures a step's completions on all cores; equal (example, completion) pairs once."""

    def __init__(self, pool: ProcessPoolExecutor, start: Start, shuffle_seed: int | None = None) -> None:
        self._pool, self._start = pool, start
        self._codec = WordCodec()
        self._shuffle = None if shuffle_seed is None else random.Random(shuffle_seed)

    def __call__(self, examples: Sequence[TrainingExample], completions: Sequence[tuple[int, ...]]) -> list[float]:
        """One reward a completion, in order."""
        jobs = [(example, self._codec.decode(ids)) for example, ids in zip(examples, completions, strict=True)]
        keys = [(example.digest(), text) for example, text in jobs]
        distinct = dict(zip(keys, jobs, strict=True))
        # One prompt always goes to the same share, whose worker then knows its deeds.
        shares: list[list[tuple[str, str]]] = [[] for _ in range(worker_count())]
        for key in distinct:
            shares[int(key[0][:8], 16) % len(shares)].append(key)
        answers = self._pool.map(_measure, [self._start] * len(shares), [[distinct[key] for key in s] for s in shares])
        worth = {
            key: value
            for share, values in zip(shares, answers, strict=True)
            for key, value in zip(share, values, strict=True)
        }
        rewards = [worth[key] for key in keys]
        if self._shuffle:
            self._shuffle.shuffle(rewards)
        return rewards


def _measure(start: Start, jobs: list[tuple[TrainingExample, str]]) -> list[float]:
    return _reward(start).measure(jobs)


@cache
def _reward(start: Start) -> MeasuredReward:
    from models.policies.in_process import InProcessPolicy

    adapters: dict[RoleName, Path] = {"observer": start.adapter} if start.adapter else {}
    return MeasuredReward(start.profile, WordCodec(), InProcessPolicy(start.base, adapters))


def _show(steps: int) -> Callable[..., None]:
    def show(point: object) -> None:
        reward = getattr(point, "reward", None)
        note = f"reward {reward:.2f}" if reward is not None else f"loss {getattr(point, 'loss', 0.0):.3f}"
        progress.advance(getattr(point, "step", 0), steps, note)

    return show
