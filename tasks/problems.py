"""Runs over many problems by whoever there is: scripted operators, or the champion as it is served.

No Prefect here: `aoi problems run` calls it at once.
"""

from collections.abc import Sequence
from typing import Any, Literal

from aoi.learning.operators import Operator, run_set
from aoi.records.base import Ref
from aoi.records.episode import Trajectory
from aoi.records.problem import ProblemInstance
from aoi.store.shards import read_set
from tasks.workspace import workspace

Who = Operator | Literal["champion"]


def run_problems(instances: Sequence[ProblemInstance], who: Who, workers: int) -> Ref[Any]:
    """An episode in each world, kept as one set. Raises: StageBusy, NoChampion, ServerUnavailable."""
    if who != "champion":
        return run_set(instances, who, workspace().store, workers=workers)
    from models.episodes import EpisodeSpec, run_sharded
    from tasks.bundles import champion_ref, open_bundle, present_champion, serving

    ws = workspace()
    return run_sharded(
        ws.store,
        "problems-champion",
        [EpisodeSpec(instance=one, rollout_seed=one.seed, arm="champion") for one in instances],
        open_bundle(champion_ref(present_champion())),
        serving(),
        leases=ws.leases,
        shard_size=ws.settings.collect.shard_size,
        temperature=ws.settings.evaluation.temperature,
    )


def rows_of(short: str) -> list[Trajectory]:
    """The episodes of a kept set, by the name that a run printed. Raises: CorruptObject."""
    store = workspace().store
    return list(read_set(store, store.find(short)))
