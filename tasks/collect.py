"""Collect: the champion's agents work on a cycle's problems of the training split."""

from aoi.problems import sampling
from aoi.records.base import Ref
from aoi.records.episode import TrajectorySet
from aoi.records.promotion import Cycle
from aoi.settings import derive_seed
from models.episodes import EpisodeSpec, run_sharded
from tasks.bundles import champion_ref, open_bundle, present_champion, serving
from tasks.caching import stage
from tasks.workspace import workspace


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
    """Every rollout of `problems` problems of the training split with a bundle."""
    settings = workspace().settings
    instances = sampling.sample("train", problems, seed)
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
