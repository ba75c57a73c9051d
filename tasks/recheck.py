"""Recheck: does the challenger now solve what failed, in the very worlds where it failed?

It says which corrections fixed what. These are problems of the training split: it is no measure of the challenger.
"""

from collections.abc import Mapping

from aoi.records.base import Ref, Sha256
from aoi.records.learning import CorrectionOutcome, CorrectivePlan
from aoi.records.problem import ProblemInstance
from aoi.records.promotion import Cycle
from aoi.settings import derive_seed
from aoi.store.shards import put_rows, read_rows, read_set
from models.episodes import EpisodeSpec, run_sharded
from tasks.bundles import open_bundle, serving
from tasks.caching import stage
from tasks.evolve import Corrections
from tasks.workspace import workspace


@stage("training", "collect", timeout_s=3600)
def recheck(cycle: Cycle, champion: Ref, challenger: Ref, corrections: Corrections) -> Corrections:
    """The corrections with their outcomes: each failed problem once more, greedily, by champion and challenger."""
    store, learnt = workspace().store, set(corrections.taught)
    failures: dict[Sha256, ProblemInstance] = {}
    taught: dict[Sha256, Sha256] = {}
    for plan in read_rows(store, corrections.plans, CorrectivePlan):
        if plan.mode == "augment":
            continue  # that was no failure
        failures[plan.source_trajectory] = plan.instance
        if plan.digest() in learnt:
            taught[plan.source_trajectory] = plan.digest()
    before, after = (_solved(cycle, failures, bundle) for bundle in (champion, challenger))
    rows = (
        CorrectionOutcome(
            instance=instance,
            source_trajectory=source,
            correction=taught.get(source),
            champion_solves=source in before,
            challenger_solves=source in after,
        )
        for source, instance in failures.items()
    )
    return corrections.model_copy(update={"outcomes": put_rows(store, "outcomes", rows)})


def _solved(cycle: Cycle, failures: Mapping[Sha256, ProblemInstance], tree: Ref) -> set[Sha256]:
    ws = workspace()
    seed = derive_seed(ws.settings.seed, "recheck", cycle.number)
    if not failures:
        return set()
    specs = [
        EpisodeSpec(instance=instance, rollout_seed=derive_seed(seed, instance.digest()), arm="recheck")
        for instance in failures.values()
    ]
    ref = run_sharded(
        ws.store,
        "recheck",
        specs,
        open_bundle(tree),
        serving(),
        leases=ws.leases,
        shard_size=ws.settings.collect.shard_size,
        temperature=0.0,
    )
    done = zip(failures, read_set(ws.store, ref), strict=True)
    return {source for source, episode in done if episode.content.outcome.success}
