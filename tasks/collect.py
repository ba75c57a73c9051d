"""Collect: the champion's agents work on a cycle's problems of the training split."""

import math
from collections.abc import Sequence

from aoi.learning.curriculum import weights
from aoi.problems import sampling
from aoi.records.base import Ref
from aoi.records.episode import TrajectorySet
from aoi.records.problem import ProblemInstance
from aoi.records.promotion import Cycle
from aoi.settings import derive_seed
from aoi.store.shards import joined, read_set
from models.episodes import EpisodeSpec, run_sharded
from tasks.bundles import champion_ref, open_bundle, present_champion, serving
from tasks.caching import stage
from tasks.workspace import workspace

PILOT = 1 / 3
"""Share of problems that is drawn evenly, to see where the champion is uncertain."""


@stage("collect", timeout_s=6 * 3600)
def collect(cycle: Cycle, champion: Ref) -> Ref[TrajectorySet]:
    """Run every rollout of every problem of this cycle with the champion."""
    settings = workspace().settings
    return collect_with(champion, settings.collect.problems, derive_seed(settings.seed, "collect", cycle.number))


def collect_outside(problems: int, seed: int) -> Ref[TrajectorySet]:
    """Episodes of the present champion that belong to no cycle. Raises: UnknownBundle without a champion."""
    champion = present_champion()
    return collect_with(champion_ref(champion), problems, seed)


def collect_with(bundle: Ref, problems: int, seed: int) -> Ref[TrajectorySet]:
    """Every rollout of `problems` problems of the training split with a bundle.

    A third of them is drawn evenly; what is uncertain among those is drawn more often afterwards.
    """
    store = workspace().store
    pilot = math.ceil(problems * PILOT)
    first = _run(bundle, sampling.sample("train", pilot, seed), seed)
    if pilot == problems:
        return first
    drawn = weights(read_set(store, first))
    other = derive_seed(seed, "curriculum")
    chosen = sampling.sample("train", problems - pilot, other, slices=drawn.slices, kinds=drawn.kinds)
    return joined(store, "collect", [first, _run(bundle, chosen, other)])


def _run(bundle: Ref, instances: Sequence[ProblemInstance], seed: int) -> Ref[TrajectorySet]:
    settings = workspace().settings
    # Neighbours share a base world, which a worker then builds once.
    ordered = sorted(instances, key=lambda instance: (instance.problem.application, instance.seed))
    specs = [
        EpisodeSpec(instance=instance, rollout_seed=derive_seed(seed, instance.problem.id, number), arm="champion")
        for instance in ordered
        for number in range(settings.collect.rollouts)
    ]
    return run_sharded(
        workspace().store,
        "collect",
        specs,
        open_bundle(bundle),
        serving(),
        leases=workspace().leases,
        shard_size=settings.collect.shard_size,
        temperature=settings.collect.temperature,
    )
