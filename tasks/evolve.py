"""Evolve: failed trajectories -> corrective plans -> guided re-execution -> verified corrections -> examples."""

from collections.abc import Sequence
from pathlib import Path

from aoi.learning.lessons import Judged, judged, learning_report, training_examples
from aoi.learning.proposals import proposed, to_repair
from aoi.records.base import Record, Ref
from aoi.records.episode import Trajectory, TrajectorySet
from aoi.records.learning import CorrectivePlan
from aoi.records.promotion import Cycle
from aoi.records.report import LearningReport
from aoi.settings import derive_seed
from aoi.store.shards import put_rows, read_set
from models.bundle import Bundle
from models.episodes import EpisodeSpec, run_sharded
from models.policies.of_bundle import policy_of, prompter_of
from tasks.bundles import open_bundle, serving
from tasks.caching import stage
from tasks.workspace import workspace


class Corrections(Record):
    """What evolving came to, by reference."""

    plans: Ref
    """All plans: verified, hints, malformed."""
    examples: Ref
    """Training examples with targets (corrections) and without (prompts for GRPO)."""
    evolver: Ref | None
    """Stored folder of the Evolver's adapter; None if there was nothing to teach it."""
    learning: LearningReport


@stage("collect", "training", timeout_s=6 * 3600)
def evolve(cycle: Cycle, champion: Ref, episodes: Ref[TrajectorySet]) -> Corrections:
    """Teach the Evolver on what was solved, let it correct what failed, and let the world judge."""
    store = workspace().store
    bundle = open_bundle(champion)
    trajectories = list(read_set(store, episodes))
    evolver = _teach(cycle, bundle, [each for each in trajectories if each.content.outcome.success])
    plans = _propose(cycle, bundle, evolver, to_repair(trajectories)) if evolver else []
    malformed = [plan for plan in plans if plan.status == "malformed"]
    executed = _execute(cycle, bundle, [plan for plan in plans if plan.status != "malformed"])
    examples = training_examples(trajectories, executed, prompter_of(bundle), workspace().settings.training.reward)
    return Corrections(
        plans=put_rows(store, "plans", [*(each.plan for each in executed), *malformed]),
        examples=put_rows(store, "examples", examples),
        evolver=store.put_folder("adapter", evolver) if evolver else None,
        learning=learning_report(trajectories, executed, malformed, examples),
    )


def _teach(cycle: Cycle, champion: Bundle, solved: Sequence[Trajectory]) -> Path | None:
    """Folder of the Evolver's adapter, warm-started from the champion's, if it has one."""
    from models.training.evolver import teach

    ws = workspace()
    folder = ws.cache_folder / f"cycle-{cycle.number}" / f"evolver-{champion.digest[:16]}"
    seed = derive_seed(ws.settings.seed, "evolver", cycle.number)
    return teach(champion, solved, folder, seed=seed, settings=ws.settings.training)


def _propose(cycle: Cycle, champion: Bundle, evolver: Path, failed: Sequence[Trajectory]) -> list[CorrectivePlan]:
    settings = workspace().settings
    seed = derive_seed(settings.seed, "plans", cycle.number)
    with policy_of(champion, serving(), {"evolver": evolver}) as policy:
        return proposed(failed, policy, prompter_of(champion), plans=settings.training.plans, seed=seed)


def _execute(cycle: Cycle, champion: Bundle, plans: Sequence[CorrectivePlan]) -> list[Judged]:
    """Run each plan as guidance in the problem that failed. The Observer is the champion, and answers itself."""
    ws = workspace()
    if not plans:
        return []
    seed = derive_seed(ws.settings.seed, "guided", cycle.number)
    specs = [
        EpisodeSpec(instance=plan.instance, rollout_seed=derive_seed(seed, plan.digest()), arm="guided", plan=plan)
        for plan in plans
    ]
    ref = run_sharded(
        ws.store,
        "guided",
        specs,
        champion,
        serving(),
        leases=ws.leases,
        shard_size=ws.settings.collect.shard_size,
        temperature=0.0,  # what is tested is the plan: sampling noise of the Observer would fail good ones
    )
    return [judged(plan, guided) for plan, guided in zip(plans, read_set(ws.store, ref), strict=True)]
