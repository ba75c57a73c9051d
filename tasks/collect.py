"""Collect: the champion's agents work on a cycle's problems of the training split."""

from aoi.problems import sampling
from aoi.records.base import Ref
from aoi.records.episode import TrajectorySet
from aoi.records.promotion import Cycle
from aoi.settings import derive_seed
from tasks.bundles import open_bundle
from tasks.caching import stage
from tasks.episodes import EpisodeSpec, run_sharded
from tasks.workspace import workspace


@stage("collect", timeout_s=6 * 3600)
def collect(cycle: Cycle, champion: Ref) -> Ref[TrajectorySet]:
    """Run every rollout of every problem of this cycle with the champion."""
    settings, store = workspace().settings, workspace().store
    seed = derive_seed(settings.seed, "collect", cycle.number)
    instances = sampling.sample("train", settings.collect.problems, seed)
    # Neighbours share a base world, which a worker then builds once.
    ordered = sorted(instances, key=lambda instance: (instance.problem.application, instance.seed))
    specs = [
        EpisodeSpec(instance=instance, rollout_seed=derive_seed(seed, instance.problem.id, number), arm="champion")
        for instance in ordered
        for number in range(settings.collect.rollouts)
    ]
    return run_sharded(
        store,
        "collect",
        specs,
        open_bundle(champion),
        shard_size=settings.collect.shard_size,
        temperature=settings.collect.temperature,
    )
