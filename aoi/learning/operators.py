"""Scripted operators at work on problems, one that somebody watches or many: what `aoi problems run` calls.

Many are run in shards of fixed episodes over processes. A finished shard is kept in the store under the digest of all
that decides it, so the same inputs give the same digests, and what was killed goes on where it was.
"""

from collections.abc import Sequence
from typing import Literal

from aoi import progress
from aoi.agents.episode import handles_of, run_episode
from aoi.agents.operators import ExpertOperator, GoldenOperator, NullOperator
from aoi.agents.rollout import rollout
from aoi.language.codec import WordCodec
from aoi.language.profile import SEED_PROFILE
from aoi.problems import catalogue, scenario
from aoi.problems.fanning import fan_out
from aoi.problems.scenario import Scenario
from aoi.records.base import Record, Ref, canonical_bytes, sha256_hex
from aoi.records.episode import ShardManifest, Trajectory, TrajectorySet
from aoi.records.problem import ProblemInstance
from aoi.source import source_digest
from aoi.store.objects import ObjectStore
from aoi.store.shards import ShardWriter, put_traceback

Operator = Literal["golden", "null", "expert"]
"""One that is told the truth, one that does nothing, one that reads the evidence well."""

SHARD = 8
"""Episodes of one shard: what a killed run loses at most of each worker's work."""


def run_operator(problem_id: str, operator: Operator, seed: int) -> Trajectory:
    """Its episode in a fresh world. `seed` is of the world and the handles. Raises: UnknownProblem."""
    return _run(ProblemInstance(problem=catalogue.get(problem_id), seed=seed), operator, None)


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
    return ShardWriter(store, job.key).put(job.index, [_run(one, job.operator, store) for one in job.instances])


def _run(instance: ProblemInstance, operator: Operator, store: ObjectStore | None) -> Trajectory:
    situation, codec = scenario.build(instance), WordCodec()
    policy = _policy(operator, situation, codec)
    episode = run_episode(
        situation,
        profile=SEED_PROFILE,
        codec=codec,
        arm="scripted",
        bundle=policy.adapter,
        rollout_seed=instance.seed,
        keep_traceback=(lambda told: put_traceback(store, told)) if store else None,
    )
    return rollout([episode], policy)[0]


def _policy(
    operator: Operator, situation: Scenario, codec: WordCodec
) -> GoldenOperator | NullOperator | ExpertOperator:
    match operator:
        case "golden":
            return GoldenOperator(codec, situation.truth, handles_of(situation, SEED_PROFILE))
        case "null":
            return NullOperator(codec)
        case "expert":
            return ExpertOperator(codec, SEED_PROFILE)
