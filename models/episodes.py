"""Run many episodes with a bundle: shards of fixed episodes over worker processes, each finished shard kept."""

from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path

from aoi import progress
from aoi.agents.episode import run_episode
from aoi.agents.policy import Policy
from aoi.agents.rollout import rollout
from aoi.database.leases import Leases
from aoi.problems import scenario
from aoi.problems.injections import catalogue as injections
from aoi.records.base import Record, Ref, Sha256, canonical_bytes, sha256_hex
from aoi.records.episode import ShardManifest, Trajectory, TrajectorySet
from aoi.records.learning import CorrectivePlan
from aoi.records.problem import ProblemInstance
from aoi.source import source_digest
from aoi.store.objects import ObjectStore
from aoi.store.shards import ShardWriter, put_traceback
from models.bundle import Bundle, load
from models.claims import Claims
from models.policies.of_bundle import Serving, codec_of, policy_of
from models.workers import worker_count, worker_pool

BATCH = 64
"""Episodes that wait on the policy at once."""


class EpisodeSpec(Record):
    """One episode to run, down to its last random choice."""

    instance: ProblemInstance
    rollout_seed: int
    arm: str
    plan: CorrectivePlan | None = None
    """A try at this problem: its decisions so far are carried out again, its steps are shown as guidance."""
    temperature: float | None = None
    """Of the Observer; None is what the run has."""
    injection: str | None = None
    """Id of an injection that is planted into all that is read. Only an evaluation has any."""


class Shard(Record):
    """A worker's job: fixed episodes in a fixed order, by one bundle."""

    store_url: str
    key: str
    index: int
    bundle: str
    """Local folder of the unpacked bundle."""
    base: str
    """Local folder of its base model."""
    serving: Serving
    temperature: float
    specs: tuple[EpisodeSpec, ...]


def run_sharded(
    store: ObjectStore,
    stage: str,
    specs: Sequence[EpisodeSpec],
    bundle: Bundle,
    serving: Serving,
    *,
    leases: Leases,
    shard_size: int,
    temperature: float,
) -> Ref[TrajectorySet]:
    """Run every episode and store the set. Finished shards of an interrupted run are kept.

    The key holds all that decides the episodes, so a changed plan never meets old shards. Two such runs at once, on
    whichever machines, share the shards out. Raises: StageBusy if a worker died, ServerUnavailable.
    """
    key = _key(stage, specs, bundle, serving, temperature)
    shards = [
        Shard(
            store_url=store.url,
            key=key,
            index=index,
            bundle=str(bundle.folder),
            base=str(bundle.base),
            serving=serving,
            temperature=temperature,
            specs=tuple(specs[start : start + shard_size]),
        )
        for index, start in enumerate(range(0, len(specs), shard_size))
    ]
    writer = ShardWriter(store, key)
    waiting = [shard for shard in shards if writer.done(shard.index) is None]
    done = len(specs) - sum(len(shard.specs) for shard in waiting)
    progress.advance(done, len(specs), stage)
    width = min(worker_count(), len(waiting) or 1)
    with worker_pool(width) as pool:
        claims = Claims(leases, writer, key, width)
        jobs = {shard.index: partial(pool.submit, run_shard, shard) for shard in waiting}
        for manifest in claims.work_off(jobs):
            done += manifest.rows
            progress.advance(done, len(specs), stage)
    return writer.finish(stage, len(shards))


def run_shard(shard: Shard) -> ShardManifest:
    """Run one shard in this process and store its rows. Whoever claimed it says that it is finished."""
    bundle = _bundle(shard.bundle, shard.base)
    store = ObjectStore(shard.store_url)
    with policy_of(bundle, shard.serving) as policy:
        trajectories = run_specs(
            shard.specs,
            bundle,
            policy,
            temperature=shard.temperature,
            keep_traceback=lambda traceback: put_traceback(store, traceback),
        )
    return ShardWriter(store, shard.key).put(shard.index, trajectories)


def run_specs(
    specs: Sequence[EpisodeSpec],
    bundle: Bundle,
    policy: Policy,
    *,
    temperature: float,
    keep_traceback: Callable[[bytes], Sha256] | None = None,
) -> list[Trajectory]:
    """Run episodes in one batch after the other; order of `specs`. `keep_traceback` as in `run_episode`."""
    codec = codec_of(bundle)
    episodes = (
        run_episode(
            scenario.build(spec.instance, injections.injection(spec.injection) if spec.injection else None),
            profile=bundle.profile,
            codec=codec,
            arm=spec.arm,
            bundle=bundle.digest,
            rollout_seed=spec.rollout_seed,
            guidance=spec.plan if spec.plan and spec.plan.steps else None,
            prefix=spec.plan.prefix if spec.plan else (),
            injection=spec.injection,
            keep_traceback=keep_traceback,
            temperature=temperature if spec.temperature is None else spec.temperature,
        )
        for spec in specs
    )
    return rollout(episodes, policy, batch=BATCH)


def _key(stage: str, specs: Sequence[EpisodeSpec], bundle: Bundle, serving: Serving, temperature: float) -> str:
    identity = [
        stage,
        bundle.digest,
        source_digest(__name__),
        serving.engine,  # engines round differently
        serving.decoding,
        temperature,
        [spec.model_dump(mode="json") for spec in specs],
    ]
    return f"{stage}-{sha256_hex(canonical_bytes(identity))[:32]}"


@cache
def _bundle(folder: str, base: str) -> Bundle:
    return load(Path(folder), Path(base))
