"""Run many episodes: shards of fixed episodes over worker processes, each finished shard kept.

No Prefect here: workers import this module, and every import costs each of them seconds.
"""

import functools
import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.context import ForkServerContext
from pathlib import Path

from aoi import progress
from aoi.agents.episode import run_episode
from aoi.agents.policy import Codec, Policy
from aoi.agents.rollout import rollout
from aoi.language.codec import WordCodec
from aoi.problems import scenario
from aoi.records.base import Record, Ref, canonical_bytes, sha256_hex
from aoi.records.episode import ShardManifest, Trajectory, TrajectorySet
from aoi.records.learning import CorrectivePlan
from aoi.records.problem import ProblemInstance
from aoi.source import source_digest
from aoi.store.objects import ObjectStore
from aoi.store.shards import ShardWriter
from models.bundle import Bundle, load
from models.threads import use_threads
from tasks.claims import Claims
from tasks.workspace import Workspace

BATCH = 64
"""Episodes that wait on the policy at once."""


class EpisodeSpec(Record):
    """One episode to run, down to its last random choice."""

    instance: ProblemInstance
    rollout_seed: int
    arm: str
    plan: CorrectivePlan | None = None
    """Guidance: what the Evolver proposes for this problem."""


class Shard(Record):
    """A worker's job: fixed episodes in a fixed order, by one bundle."""

    store_url: str
    key: str
    index: int
    bundle: str
    """Local folder of the unpacked bundle."""
    base: str
    """Local folder of its base model."""
    temperature: float
    specs: tuple[EpisodeSpec, ...]


def run_sharded(
    ws: Workspace,
    stage: str,
    specs: Sequence[EpisodeSpec],
    bundle: Bundle,
    *,
    shard_size: int,
    temperature: float,
    workers: int | None = None,
) -> Ref[TrajectorySet]:
    """Run every episode and store the set. Finished shards of an interrupted run are kept.

    The key holds all that decides the episodes, so a changed plan never meets old shards. Two such runs at once, on
    whichever machines, share the shards out.
    """
    identity = [
        stage,
        bundle.digest,
        source_digest(__name__),
        temperature,
        [spec.model_dump(mode="json") for spec in specs],
    ]
    key = f"{stage}-{sha256_hex(canonical_bytes(identity))[:32]}"
    parts = [tuple(specs[start : start + shard_size]) for start in range(0, len(specs), shard_size)]
    shards = [
        Shard(
            store_url=ws.store.url,
            key=key,
            index=i,
            bundle=str(bundle.folder),
            base=str(bundle.base),
            temperature=temperature,
            specs=part,
        )
        for i, part in enumerate(parts)
    ]
    writer = ShardWriter(ws.store, key)
    waiting = [shard for shard in shards if writer.done(shard.index) is None]
    done = sum(len(shard.specs) for shard in shards) - sum(len(shard.specs) for shard in waiting)
    progress.advance(done, len(specs), stage)
    width = min(workers or worker_count(), len(waiting) or 1)
    with worker_pool(width) as pool:
        claims = Claims(ws.leases, writer, key, width)
        jobs = {shard.index: functools.partial(pool.submit, run_shard, shard) for shard in waiting}
        for manifest in claims.work_off(jobs):
            done += manifest.rows
            progress.advance(done, len(specs), stage)
    return writer.finish(stage, len(shards))


def worker_count() -> int:
    """Processes that may compute at once: one a core, each with one thread."""
    return len(os.sched_getaffinity(0))


@contextmanager
def worker_pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that share the imported vendors; on Ctrl-C they end with their parent."""
    pool = ProcessPoolExecutor(workers, mp_context=_context(), initializer=_start_worker)
    try:
        yield pool
    except BaseException:
        for process in list(pool._processes.values()):
            process.terminate()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


@functools.cache
def _context() -> ForkServerContext:
    """Workers fork from a clean process that has imported the vendors, never from one that runs threads."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def _start_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    use_threads(1)


def run_shard(shard: Shard) -> ShardManifest:
    """Run one shard in this process and store its rows. Whoever claimed it says that it is finished."""
    bundle = _bundle(shard.bundle, shard.base)
    trajectories = run_specs(shard.specs, bundle, bundle.policy(), temperature=shard.temperature)
    return ShardWriter(ObjectStore(shard.store_url), shard.key).put(shard.index, trajectories)


def run_specs(specs: Sequence[EpisodeSpec], bundle: Bundle, policy: Policy, *, temperature: float) -> list[Trajectory]:
    """Run episodes in one batch after the other; order of `specs`."""
    codec = codec_of(bundle)
    episodes = (
        run_episode(
            scenario.build(spec.instance),
            profile=bundle.profile,
            codec=codec,
            arm=spec.arm,
            bundle=bundle.digest,
            rollout_seed=spec.rollout_seed,
            guidance=spec.plan,
            temperature=temperature,
        )
        for spec in specs
    )
    return rollout(episodes, policy, batch=BATCH)


def codec_of(bundle: Bundle) -> Codec:
    """Text to ids as the bundle's tokenizer does it; the seed layout has a codec without vendors."""
    from models.codec import TokenizerCodec

    return WordCodec() if bundle.profile.layout == "words-1" else TokenizerCodec(bundle.base)


@functools.cache
def _bundle(folder: str, base: str) -> Bundle:
    return load(Path(folder), Path(base))
