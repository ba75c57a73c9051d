"""Measured rewards on all cores: what GRPO asks for the worth of a step's decisions, or of its plans.

A problem always goes to the same worker: it has built its world, and may know what is asked.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain

from aoi.language.layouts import layout_of
from aoi.learning.replanning import Deed, planned_steps, worths
from aoi.records.learning import TrainingExample
from aoi.records.problem import ProblemInstance
from aoi.store.objects import ObjectStore
from models.identity import Watch
from models.policies.of_bundle import codec_of
from models.training.grpo import Reward
from models.training.measuring import Job, Start, carry_out, measure
from models.training.reward_workers import A, J, RewardWorker, Work, reward_workers


class PooledReward:
    """Measures a step's completions on all workers; equal (example, completion) pairs once."""

    def __init__(self, workers: Sequence[RewardWorker], start: Start) -> None:
        self._workers, self._start = workers, start
        self._codec = codec_of(start.opened())

    def __call__(self, examples: Sequence[TrainingExample], completions: Sequence[tuple[int, ...]]) -> list[float]:
        """One reward a completion, in order. Raises: what ends its workers if one died."""
        jobs = [(example, self._codec.decode(ids)) for example, ids in zip(examples, completions, strict=True)]
        keys = [(example.digest(), text) for example, text in jobs]
        distinct: dict[tuple[str, str], Job] = dict(zip(keys, jobs, strict=True))
        places = [_place(example.instance, len(self._workers)) for example, _ in distinct.values()]
        answers = _done(self._workers, places, measure, self._start, list(distinct.values()))
        worth = dict(zip(distinct, answers, strict=True))
        return [worth[key] for key in keys]


class PooledPlans:
    """Worth of the Evolver's plans, group by group. Each distinct plan is carried out once, on all workers."""

    def __init__(self, workers: Sequence[RewardWorker], start: Start, group: int) -> None:
        """`start` is the Observer that is shown the plans."""
        self._workers, self._start, self._group = workers, start, group
        bundle = start.opened()
        self._codec, self._layout = codec_of(bundle), layout_of(bundle.profile)
        self._known: dict[Deed, bool] = {}

    def __call__(self, examples: Sequence[TrainingExample], completions: Sequence[tuple[int, ...]]) -> list[float]:
        """One reward a completion, in order. Raises: what ends its workers if one died."""
        deeds = [
            Deed(example.instance, planned_steps(self._layout, self._codec.decode(ids)))
            for example, ids in zip(examples, completions, strict=True)
        ]
        new = [deed for deed in dict.fromkeys(deeds) if deed.steps and deed not in self._known]
        places = [_place(deed.instance, len(self._workers)) for deed in new]
        self._known |= zip(new, _done(self._workers, places, carry_out, self._start, new), strict=True)
        return worths(deeds, self._known, self._group)


@contextmanager
def proven_workers(
    start: Start, ray_url: str, kept: ObjectStore | None
) -> Iterator[tuple[Sequence[RewardWorker], Watch]]:
    """Workers that carry episodes on with `start`, and what proves that it is what answers: once before the first."""
    watch = Watch(start.opened(), start.serving, start.adapters, kept=kept)
    watch.now()
    with reward_workers(ray_url) as workers:
        yield workers, watch


def proven(reward: Reward, watch: Watch) -> Reward:
    """No step is paid before a proof: what carries episodes on has to be what training started from."""

    def after_a_proof(examples: Sequence[TrainingExample], completions: Sequence[tuple[int, ...]]) -> list[float]:
        rewards = reward(examples, completions)
        watch.now()
        return rewards

    return after_a_proof


def _place(instance: ProblemInstance, count: int) -> int:
    return int(instance.digest()[:8], 16) % count


def _done(
    workers: Sequence[RewardWorker], places: Sequence[int], work: Work[J, A], start: Start, jobs: Sequence[J]
) -> list[A]:
    """Each job by the worker at its place, all at once; answers in the order of the jobs."""
    shares = [[index for index, place in enumerate(places) if place == number] for number in range(len(workers))]
    waiting = [
        worker.begin(work, start, [jobs[index] for index in share]) if share else list
        for worker, share in zip(workers, shares, strict=True)
    ]
    answers = dict(zip(chain.from_iterable(shares), chain.from_iterable(wait() for wait in waiting), strict=True))
    return [answers[index] for index in range(len(jobs))]
