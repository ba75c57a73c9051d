"""Recheck: does the challenger now solve what failed, in the very worlds where it failed?

It says which corrections fixed what. These are problems of the training split: it is no measure of the challenger.
"""

from collections.abc import Sequence

from aoi.records.base import Ref, Sha256
from aoi.records.learning import CorrectionOutcome, CorrectivePlan
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
    store = workspace().store
    plans = read_rows(store, corrections.plans, CorrectivePlan)
    failures = list({plan.source_trajectory: plan for plan in plans}.values())
    taught = {plan.source_trajectory: plan.digest() for plan in plans if plan.digest() in corrections.taught}
    before, after = (_solved(cycle, failures, bundle) for bundle in (champion, challenger))
    rows = [
        CorrectionOutcome(
            instance=plan.instance,
            source_trajectory=plan.source_trajectory,
            correction=taught.get(plan.source_trajectory),
            champion_solves=plan.source_trajectory in before,
            challenger_solves=plan.source_trajectory in after,
        )
        for plan in failures
    ]
    return corrections.model_copy(update={"outcomes": put_rows(store, "outcomes", rows)})


def _solved(cycle: Cycle, failures: Sequence[CorrectivePlan], tree: Ref) -> set[Sha256]:
    ws = workspace()
    seed = derive_seed(ws.settings.seed, "recheck", cycle.number)
    if not failures:
        return set()
    specs = [
        EpisodeSpec(instance=plan.instance, rollout_seed=derive_seed(seed, plan.instance.digest()), arm="recheck")
        for plan in failures
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
    return {plan.source_trajectory for plan, episode in done if episode.content.outcome.success}
