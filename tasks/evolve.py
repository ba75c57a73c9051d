"""Evolve: failed trajectories -> corrective plans -> guided re-execution -> verified corrections -> examples."""

import random
from collections.abc import Sequence

from aoi.agents.policy import Codec, Turn
from aoi.learning import evolver as evolving
from aoi.learning.corrections import correction_examples, prompt_examples, verified
from aoi.problems import scenario
from aoi.records.base import Record, Ref
from aoi.records.episode import Trajectory, TrajectorySet
from aoi.records.learning import CorrectivePlan, TrainingExample
from aoi.records.promotion import Cycle
from aoi.records.report import LearningReport
from aoi.settings import derive_seed
from aoi.store.shards import put_rows, read_set
from tasks.bundles import open_bundle
from tasks.caching import stage
from tasks.episodes import EpisodeSpec, codec_of, run_sharded
from tasks.workspace import workspace

PLAN_TOKENS = 40
PLAN_TEMPERATURE = 0.8


class Corrections(Record):
    """What evolving came to, by reference."""

    plans: Ref
    """All plans: verified, hints, malformed."""
    examples: Ref
    """Training examples with targets (corrections, successes) and without (prompts for GRPO)."""
    evolver: Ref | None
    """Stored folder of the Evolver's adapter; None if there was nothing to teach it."""
    learning: LearningReport


@stage("collect", "training", timeout_s=6 * 3600)
def evolve(cycle: Cycle, champion: Ref, episodes: Ref[TrajectorySet]) -> Corrections:
    """Teach the Evolver on what was solved, let it correct what failed, and let the world judge."""
    ws = workspace()
    trajectories = list(read_set(ws.store, episodes))
    solved = [one for one in trajectories if one.content.outcome.success]
    failed = _to_repair(trajectories)
    codec = codec_of(open_bundle(champion))
    evolver = _teach(cycle, champion, solved)
    plans = _propose(cycle, champion, evolver, failed, codec) if evolver else []
    guided = _execute(cycle, champion, plans)
    judged = [_judge(plan, trajectory) for plan, trajectory in guided]
    hints = [plan for plan in plans if plan.status == "malformed"]
    examples = _examples(trajectories, judged, codec)
    return Corrections(
        plans=put_rows(ws.store, "plans", [*(plan for plan, _ in judged), *hints]),
        examples=put_rows(ws.store, "examples", examples),
        evolver=evolver,
        learning=_report(trajectories, solved, judged, hints, examples),
    )


def _to_repair(trajectories: Sequence[Trajectory]) -> list[Trajectory]:
    """One failed trajectory of each problem that no rollout solved."""
    solved = {one.content.instance.digest() for one in trajectories if one.content.outcome.success}
    failed: dict[str, Trajectory] = {}
    for one in trajectories:
        digest = one.content.instance.digest()
        if digest not in solved and one.content.ended != "error":
            failed.setdefault(digest, one)
    return list(failed.values())


def _teach(cycle: Cycle, champion: Ref, solved: Sequence[Trajectory]) -> Ref | None:
    """Fine-tune the Evolver's adapter on solved problems; warm-started from the champion's, if it has one."""
    from models.training import evolver
    from models.training.sft import SftSettings

    ws = workspace()
    bundle = open_bundle(champion)
    seed = derive_seed(ws.settings.seed, "evolver", cycle.number)
    pairs = list(evolving.evolver_examples(solved, seed))
    if not pairs:
        return None
    random.Random(seed).shuffle(pairs)
    training = ws.settings.training
    folder = ws.cache_folder / f"cycle-{cycle.number}" / f"evolver-{champion.short.split(':')[1]}"
    epochs = max(1, round(training.evolver_steps * 32 / len(pairs)))
    settings = SftSettings(epochs=epochs, learning_rate=training.sft_learning_rate, rank=training.lora_r)
    evolver.train(bundle.base, pairs, folder, seed=seed, settings=settings, warm_start=bundle.adapters.get("evolver"))
    return ws.store.put_folder("adapter", folder)


def _propose(
    cycle: Cycle, champion: Ref, evolver: Ref, failed: Sequence[Trajectory], codec: Codec
) -> list[CorrectivePlan]:
    """Several plans for each failure, sampled; equal ones once."""
    from models.policies.in_process import InProcessPolicy
    from tasks.bundles import unpack

    ws = workspace()
    bundle = open_bundle(champion)
    policy = InProcessPolicy(bundle.base, {"evolver": unpack(evolver)})
    root = derive_seed(ws.settings.seed, "plans", cycle.number)
    asked = [(one, number) for one in failed for number in range(ws.settings.training.plans)]
    turns = [
        Turn(
            role="evolver",
            prompt_ids=tuple(codec.encode(evolving.evolver_prompt(one))),
            max_tokens=PLAN_TOKENS,
            temperature=PLAN_TEMPERATURE,
            seed=derive_seed(root, one.content.digest(), number),
        )
        for one, number in asked
    ]
    plans: dict[tuple[str, str], CorrectivePlan] = {}
    for (one, _), turn, said in zip(asked, turns, policy.generate(turns), strict=True):
        completion = (said.token_ids, codec.decode(said.token_ids))
        plan = evolving.read_plan(one, turn.prompt_ids, completion, said.adapter)
        plans.setdefault((plan.source_trajectory, str(plan.steps)), plan)
    return list(plans.values())


def _execute(cycle: Cycle, champion: Ref, plans: Sequence[CorrectivePlan]) -> list[tuple[CorrectivePlan, Trajectory]]:
    """Run each plan as guidance in the problem that failed. The Observer is the champion, and answers itself."""
    ws = workspace()
    runnable = [plan for plan in plans if plan.status != "malformed"]
    if not runnable:
        return []
    seed = derive_seed(ws.settings.seed, "guided", cycle.number)
    specs = [
        EpisodeSpec(instance=plan.instance, rollout_seed=derive_seed(seed, plan.digest()), arm="guided", plan=plan)
        for plan in runnable
    ]
    ref = run_sharded(
        ws,
        "guided",
        specs,
        open_bundle(champion),
        shard_size=ws.settings.collect.shard_size,
        temperature=0.0,  # what is tested is the plan: sampling noise of the Observer would fail good ones
    )
    return list(zip(runnable, read_set(ws.store, ref), strict=True))


def _judge(plan: CorrectivePlan, guided: Trajectory) -> tuple[CorrectivePlan, Trajectory]:
    return verified(plan, guided, scenario.build(plan.instance).truth), guided


def _examples(
    trajectories: Sequence[Trajectory],
    judged: Sequence[tuple[CorrectivePlan, Trajectory]],
    codec: Codec,
) -> list[TrainingExample]:
    """Verified corrections to imitate, and every decision point that was met as a prompt.

    Its own successes are prompts only: imitating what the policy does by itself when it is lucky teaches nothing
    (docs/learning.md), and executed rewards use the same episodes better.
    """
    found: list[TrainingExample] = []
    for plan, guided in judged:
        if plan.status == "verified":
            found += correction_examples(guided, plan, codec)
    found += prompt_examples(trajectories, codec)
    return found


def _report(
    trajectories: Sequence[Trajectory],
    solved: Sequence[Trajectory],
    judged: Sequence[tuple[CorrectivePlan, Trajectory]],
    malformed: Sequence[CorrectivePlan],
    examples: Sequence[TrainingExample],
) -> LearningReport:
    passed = [plan for plan, _ in judged if plan.status == "verified"]
    targets = sum(example.target_ids is not None for example in examples)
    return LearningReport(
        episodes=len(trajectories),
        solved=len(solved),
        plans=len(judged) + len(malformed),
        verified=len(passed),
        repaired_problems=len({plan.source_trajectory for plan in passed}),
        examples=targets,
        prompts=len(examples) - targets,
    )
