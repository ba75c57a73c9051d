"""Measured rewards on all cores: what GRPO asks for the worth of a step's decisions, or of its plans."""

import random
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import NamedTuple

from aoi.agents.policy import Policy
from aoi.language.layouts import layout_of
from aoi.learning.replanning import Deed, executed, planned_steps, worths
from aoi.learning.rewards import MeasuredReward, RuleJudge
from aoi.model_settings import RewardMode
from aoi.records.episode import RoleName
from aoi.records.learning import TrainingExample
from models import bundle as bundles
from models.bundle import Bundle
from models.policies.of_bundle import Serving, codec_of, policy_of
from models.workers import worker_count

Job = tuple[TrainingExample, str]
"""An example and the completion that was said at its prompt."""


class Start(NamedTuple):
    """The policy that training starts from: it carries episodes on when a look is measured."""

    bundle: Path
    """Folder of the bundle whose base, profile and tokenizer it has."""
    base: Path
    adapter: Path | None
    """Of the Observer; None for the bare base."""
    serving: Serving
    mode: RewardMode = "executed"
    """What the workers do with a decision."""

    def opened(self) -> Bundle:
        """Its bundle, every digest checked."""
        return bundles.load(self.bundle, self.base)


class PooledReward:
    """Measures a step's completions on all workers; equal (example, completion) pairs once."""

    def __init__(self, pool: ProcessPoolExecutor, start: Start, shuffle_seed: int | None = None) -> None:
        """`shuffle_seed` deals the rewards of a step out at random: the control that must not improve."""
        self._pool, self._start = pool, start
        self._codec = codec_of(start.opened())
        self._shuffle = None if shuffle_seed is None else random.Random(shuffle_seed)

    def __call__(self, examples: Sequence[TrainingExample], completions: Sequence[tuple[int, ...]]) -> list[float]:
        """One reward a completion, in order. Raises: BrokenProcessPool if a worker died, which its pool explains."""
        jobs = [(example, self._codec.decode(ids)) for example, ids in zip(examples, completions, strict=True)]
        keys = [(example.digest(), text) for example, text in jobs]
        shares = _shares(dict(zip(keys, jobs, strict=True)), worker_count())
        answers = self._pool.map(_measure, [self._start] * len(shares), [list(share.values()) for share in shares])
        worth = {
            key: value
            for share, values in zip(shares, answers, strict=True)
            for key, value in zip(share, values, strict=True)
        }
        rewards = [worth[key] for key in keys]
        if self._shuffle:
            self._shuffle.shuffle(rewards)
        return rewards


class PooledPlans:
    """Worth of the Evolver's plans, group by group. Each distinct plan is carried out once, on all workers."""

    def __init__(self, pool: ProcessPoolExecutor, start: Start, group: int) -> None:
        """`start` is the Observer that is shown the plans."""
        self._pool, self._start, self._group = pool, start, group
        bundle = start.opened()
        self._codec, self._layout = codec_of(bundle), layout_of(bundle.profile)
        self._known: dict[Deed, bool] = {}

    def __call__(self, examples: Sequence[TrainingExample], completions: Sequence[tuple[int, ...]]) -> list[float]:
        """One reward a completion, in order. Raises: BrokenProcessPool if a worker died, which its pool explains."""
        deeds = [
            Deed(example.instance, planned_steps(self._layout, self._codec.decode(ids)))
            for example, ids in zip(examples, completions, strict=True)
        ]
        new = [deed for deed in dict.fromkeys(deeds) if deed.steps and deed not in self._known]
        parts = [part for number in range(worker_count()) if (part := new[number :: worker_count()])]
        answers = self._pool.map(_carry_out, [self._start] * len(parts), parts)
        for part, effective in zip(parts, answers, strict=True):
            self._known |= dict(zip(part, effective, strict=True))
        return worths(deeds, self._known, self._group)


def _shares(distinct: dict[tuple[str, str], Job], count: int) -> list[dict[tuple[str, str], Job]]:
    """One prompt always goes to the same share, so that the worker that takes it may know its deeds already."""
    shares: list[dict[tuple[str, str], Job]] = [{} for _ in range(count)]
    for (example, text), job in distinct.items():
        shares[int(example[:8], 16) % count][example, text] = job
    return shares


def _measure(start: Start, jobs: list[Job]) -> list[float]:
    return _reward(start).measure(jobs)


def _carry_out(start: Start, deeds: list[Deed]) -> list[bool]:
    bundle, policy = _opened(start)
    return executed(deeds, bundle.profile, codec_of(bundle), policy)


_OPEN = ExitStack()
"""Policies that this worker has opened; they stay open until it ends."""


@cache
def _reward(start: Start) -> MeasuredReward | RuleJudge:
    bundle = start.opened()
    if start.mode == "judge":
        return RuleJudge(layout_of(bundle.profile))
    bundle, policy = _opened(start)
    return MeasuredReward(bundle.profile, codec_of(bundle), policy)


@cache
def _opened(start: Start) -> tuple[Bundle, Policy]:
    bundle = start.opened()
    adapters: dict[RoleName, Path] = {"observer": start.adapter} if start.adapter else {}
    return bundle, _OPEN.enter_context(policy_of(bundle, start.serving, adapters))
