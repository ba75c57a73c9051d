"""Evolve: failed trajectories -> tries in their worlds -> verified corrections -> examples."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from aoi.learning.augmenting import to_augment, varied, ways
from aoi.learning.correcting import Correcting, Try, Write
from aoi.learning.lessons import Judged, judged, learning_report, training_examples
from aoi.learning.proposals import proposed, to_repair
from aoi.records.base import Record, Ref, Sha256
from aoi.records.episode import Trajectory, TrajectorySet
from aoi.records.learning import CorrectivePlan, TrainingExample
from aoi.records.promotion import Cycle
from aoi.records.report import LearningReport
from aoi.settings import derive_seed
from aoi.store.shards import Rows, put_rows, read_rows, read_set
from models.bundle import Bundle
from models.episodes import EpisodeSpec, run_sharded
from models.identity import Watch
from models.policies.of_bundle import policy_of, prompter_of
from tasks.bundles import open_bundle, serving
from tasks.caching import stage
from tasks.label import Labels
from tasks.workspace import workspace


class Corrections(Record):
    """What evolving came to, by reference."""

    plans: Ref
    """All tries, also at what was solved (`mode`): verified, hints, malformed."""
    taught: tuple[Sha256, ...] = ()
    """Digests of those that are learnt from: the shortest verified one of each failure."""
    examples: Ref
    """Training examples with targets (corrections) and without (prompts for GRPO)."""
    evolver: Ref | None
    """Stored folder of the Evolver's adapter; None if there was nothing to teach it."""
    learning: LearningReport
    outcomes: Ref | None = None
    """What became of each failure after training; None before that was looked at."""


@stage("collect", "training", timeout_s=6 * 3600)
def evolve(cycle: Cycle, champion: Ref, episodes: Ref[TrajectorySet], labels: Labels | None = None) -> Corrections:
    """Teach the Evolver on what was solved, search for what would have been right where all failed, and let the world
    judge; solve what was solved in other ways too. What people labelled stands beside it.

    The episodes are read once for each thing that is asked of them. Held are the failures that are searched.
    """
    store, settings = workspace().store, workspace().settings
    bundle = open_bundle(champion)
    trajectories = read_set(store, episodes)
    seed, training = derive_seed(settings.seed, "curriculum", cycle.number), settings.training
    failed = to_repair(trajectories, most=training.failures, seed=seed)
    solved = to_augment(trajectories, most=training.augmented, seed=seed)
    evolver = _teach(cycle, bundle, trajectories)
    with _author(cycle, bundle, evolver) as write:
        found = _search(cycle, bundle, write, failed)
        others = ways(solved, iterations=bundle.profile.iterations, write=write)
    otherwise = list(_execute(cycle, bundle, others)) if others else []
    plans, kept, different = [*found.executed, *found.malformed], found.kept(), varied(otherwise)
    examples = put_rows(
        store,
        "examples",
        training_examples(
            trajectories,
            kept,
            prompter_of(bundle),
            seed=seed,
            reward=training.reward,
            varied=different,
            labelled=_labelled(labels),
        ),
    )
    written = read_rows(store, examples, TrainingExample)
    return Corrections(
        plans=put_rows(store, "plans", [*plans, *(each.plan for each in otherwise)]),
        taught=tuple(each.plan.digest() for each in kept),
        examples=examples,
        evolver=store.put_folder("adapter", evolver) if evolver else None,
        learning=learning_report(
            trajectories,
            failed,
            plans,
            found.results(),
            written,
            ways=len(otherwise),
            varied=len(different),
            labels=labels.report if labels else None,
        ),
    )


def _labelled(labels: Labels | None) -> Rows[TrainingExample]:
    """What people labelled; nothing once it was purged."""
    store = workspace().store
    if labels is None or store.purged(labels.examples.kind, labels.examples.sha256):
        return ()
    return read_rows(store, labels.examples, TrainingExample)


def _teach(cycle: Cycle, champion: Bundle, episodes: Rows[Trajectory]) -> Path | None:
    """Folder of the Evolver's adapter, warm-started from the champion's, if it has one."""
    from models.training.evolver import reinforce, teach

    ws = workspace()
    folder = ws.cache_folder / f"cycle-{cycle.number}" / f"evolver-{champion.digest[:16]}"
    seed = derive_seed(ws.settings.seed, "evolver", cycle.number)
    training = ws.settings.training
    solved = (each for each in episodes if each.content.outcome.success)
    taught = teach(champion, solved, folder / "taught", seed=seed, settings=training)
    if taught is None:
        return None
    return reinforce(
        champion,
        episodes,
        taught,
        folder / "reinforced",
        seed=seed,
        settings=training,
        serving=serving(),
        kept=ws.store,
    )


@contextmanager
def _author(cycle: Cycle, champion: Bundle, evolver: Path | None) -> Iterator[Write | None]:
    """The Evolver, who writes plans; None without one."""
    if evolver is None:
        yield None
        return
    seed = derive_seed(workspace().settings.seed, "plans", cycle.number)
    with policy_of(champion, serving(), {"evolver": evolver}) as policy:
        prompter = prompter_of(champion)
        watch = Watch(champion, serving(), {"evolver": evolver}, kept=workspace().store)

        def write(nodes: Sequence[Trajectory], count: int) -> list[CorrectivePlan]:
            plans = proposed(nodes, policy, prompter, plans=count, seed=seed)
            watch.now()  # they are kept under the Evolver's name
            return plans

        yield write


def _search(cycle: Cycle, champion: Bundle, write: Write | None, failed: Sequence[Trajectory]) -> Correcting:
    """Wave after wave of tries, until nothing is open or nothing is left to spend."""
    budget, iterations = workspace().settings.training.tries, champion.profile.iterations
    found = Correcting(failed, budget=budget, iterations=iterations, write=write)
    while tries := found.wave():
        found.learn(_execute(cycle, champion, tries))
    return found


def _execute(cycle: Cycle, champion: Bundle, tries: Sequence[Try]) -> Iterator[Judged]:
    """Carry each try out in the problem that failed. The Observer is the champion, and answers itself."""
    ws = workspace()
    seed = derive_seed(ws.settings.seed, "guided", cycle.number)
    specs = [
        EpisodeSpec(
            instance=plan.instance,
            rollout_seed=derive_seed(seed, plan.digest()),
            arm="guided",
            plan=plan,
            # What is tested is the plan: sampling noise of the Observer would fail good ones. A retry is nothing else.
            temperature=ws.settings.collect.temperature if plan.proposer == "retry" else 0.0,
        )
        for plan, _ in tries
    ]
    ref = run_sharded(
        ws.store,
        "guided",
        specs,
        champion,
        serving(),
        leases=ws.leases,
        shard_size=ws.settings.collect.shard_size,
        temperature=0.0,
    )
    for (plan, node), guided in zip(tries, read_set(ws.store, ref), strict=True):
        yield judged(plan, guided, node)
