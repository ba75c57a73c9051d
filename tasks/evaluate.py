"""Evaluate: champion and challenger on the same held-out problems, worlds and sampling seeds."""

from aoi.problems import sampling
from aoi.promotion.evaluation import compare, run_of
from aoi.records.base import Ref
from aoi.records.evaluation import EvaluationResult
from aoi.records.problem import ProblemInstance, Split
from aoi.records.promotion import Cycle
from aoi.settings import derive_seed
from aoi.store.shards import read_set
from tasks.bundles import open_bundle
from tasks.caching import stage
from tasks.episodes import EpisodeSpec, run_sharded
from tasks.workspace import workspace

EVEN_SLICES = {"seen": 1.0, "unseen_mechanism": 1.0, "unseen_application": 1.0, "control": 1.0}


@stage("evaluation", "gate", timeout_s=6 * 3600)
def evaluate(cycle: Cycle, champion: Ref, challenger: Ref, split: Split = "development") -> Ref[EvaluationResult]:
    """Run both arms at equal budget and pair them. The problems are fresh in each cycle."""
    ws = workspace()
    settings = ws.settings
    seed = derive_seed(settings.seed, "evaluate", split, cycle.number)
    specs = planned(split, seed)
    arms = []
    for arm, bundle in (("champion", champion), ("challenger", challenger)):
        ref = run_sharded(
            ws.store,
            f"evaluate-{arm}",
            [spec.model_copy(update={"arm": arm}) for spec in specs],
            open_bundle(bundle),
            shard_size=settings.collect.shard_size,
            temperature=settings.evaluation.temperature,
        )
        arms.append(list(read_set(ws.store, ref)))
    result = compare(
        arms[0],
        arms[1],
        planned=[run_of(spec.instance, spec.rollout_seed) for spec in specs],
        split=split,
        seed=seed,
        level=settings.gate.level,
    )
    return ws.store.put("evaluation", result)


def planned(split: Split, seed: int) -> list[EpisodeSpec]:
    """Every run of one arm: each problem with fresh worlds, in an order that shares base worlds."""
    settings = workspace().settings.evaluation
    wanted = settings.problems_per_slice * len(EVEN_SLICES)
    # A problem that is drawn twice would weigh twice: each stands for itself, with `seeds` runs.
    drawn = {i.problem.id: i for i in sampling.sample(split, wanted, seed, slices=EVEN_SLICES)}.values()
    instances: list[ProblemInstance] = []
    for number in range(settings.seeds):
        # Worlds of the same problem differ by seed; the problem stays one unit of the statistics.
        instances += [ProblemInstance(problem=i.problem, seed=(i.seed + number) % 2**30) for i in drawn]
    instances.sort(key=lambda instance: (instance.problem.application, instance.seed, instance.problem.id))
    return [
        EpisodeSpec(
            instance=instance, rollout_seed=derive_seed(seed, instance.problem.id, instance.seed), arm="champion"
        )
        for instance in instances
    ]
