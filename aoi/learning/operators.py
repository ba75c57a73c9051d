"""Scripted operators at work on problems, one that somebody watches or many: what `aoi problems run` calls.

Many are run in shards of fixed episodes over processes. A finished shard is kept in the store under the digest of all
that decides it, so the same inputs give the same digests, and what was killed goes on where it was.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

from aoi import progress
from aoi.agents.episode import handles_of, run_episode, survey_episode
from aoi.agents.operators import ExpertOperator, GoldenOperator, NullOperator
from aoi.agents.rollout import rollout
from aoi.language.codec import WordCodec
from aoi.language.profile import SEED_PROFILE, PromptProfile
from aoi.problems import catalogue, scenario
from aoi.problems.fanning import fan_out
from aoi.problems.scenario import Scenario
from aoi.records.base import Record, Ref, Sha256, canonical_bytes, sha256_hex
from aoi.records.episode import ShardManifest, Trajectory, TrajectorySet
from aoi.records.problem import ProblemInstance
from aoi.source import source_digest
from aoi.store.objects import ObjectStore
from aoi.store.shards import ShardWriter, put_traceback

Operator = Literal["golden", "null", "survey", "expert"]
"""One that is told the truth, one that does nothing, rules alone that answer at once, one that reads evidence well."""

SHARD = 8
"""Episodes of one shard: what a killed run loses at most of each worker's work."""


def run_operator(problem_id: str, operator: Operator, seed: int) -> Trajectory:
    """Its episode in a fresh world. `seed` is of the world and the handles. Raises: UnknownProblem."""
    return play(ProblemInstance(problem=catalogue.get(problem_id), seed=seed), operator)


def play(
    instance: ProblemInstance,
    operator: Operator,
    *,
    profile: PromptProfile = SEED_PROFILE,
    arm: str = "scripted",
    rollout_seed: int | None = None,
    keep_traceback: Callable[[bytes], Sha256] | None = None,
) -> Trajectory:
    """An operator's episode in a world that is built for it, within the budgets of `profile`, which speaks words-1.

    An operator throws no dice: `rollout_seed` says beside whose run the record stands, the world's seed unless given.
    """
    situation, codec = scenario.build(instance), WordCodec()
    seed = instance.seed if rollout_seed is None else rollout_seed
    if operator == "survey":
        return survey_episode(situation, profile=profile, arm=arm, rollout_seed=seed, keep_traceback=keep_traceback)
    policy = _policy(operator, situation, codec, profile)
    episode = run_episode(
        situation,
        profile=profile,
        codec=codec,
        arm=arm,
        bundle=policy.adapter,
        rollout_seed=seed,
        keep_traceback=keep_traceback,
    )
    return rollout([episode], policy)[0]


def run_set(
    instances: Sequence[ProblemInstance], operator: Operator, store: ObjectStore, *, workers: int = 1
) -> Ref[TrajectorySet]:
    """An episode of an operator in each world, kept as one set. Raises: StageBusy, StoreNotWritable."""
    # Neighbours share worlds: what is cheap to make next to one another is one shard.
    order = sorted(
        instances, key=lambda one: (one.problem.application, one.seed, str(one.problem.fault), one.problem.id)
    )
    cut = [tuple(order[start : start + SHARD]) for start in range(0, len(order), SHARD)]
    identity = [operator, SEED_PROFILE.digest(), source_digest(__name__), [one.digest() for one in order]]
    key = f"problems-{sha256_hex(canonical_bytes(identity))[:32]}"
    writer = ShardWriter(store, key)
    jobs = [
        _Shard(store_url=store.url, key=key, index=index, operator=operator, instances=part)
        for index, part in enumerate(cut)
        if writer.done(index) is None
    ]
    done = len(order) - sum(len(job.instances) for job in jobs)
    progress.advance(done, len(order), "kept from before" if done else "")
    for job, manifest in fan_out(_run_shard, jobs, workers):
        writer.finished(manifest)
        done += manifest.rows
        progress.advance(done, len(order), job.instances[-1].problem.id)
    return writer.finish(operator, len(cut))


class _Shard(Record):
    """A worker's job: fixed episodes in a fixed order."""

    store_url: str
    key: str
    index: int
    operator: Operator
    instances: tuple[ProblemInstance, ...]


def _run_shard(job: _Shard) -> ShardManifest:
    store = ObjectStore(job.store_url)
    keep = partial(put_traceback, store)
    return ShardWriter(store, job.key).put(
        job.index, [play(one, job.operator, keep_traceback=keep) for one in job.instances]
    )


def _policy(
    operator: Literal["golden", "null", "expert"], situation: Scenario, codec: WordCodec, profile: PromptProfile
) -> GoldenOperator | NullOperator | ExpertOperator:
    match operator:
        case "golden":
            return GoldenOperator(codec, situation.truth, handles_of(situation, profile))
        case "null":
            return NullOperator(codec)
        case "expert":
            return ExpertOperator(codec, profile)
