"""Run many episodes: shards of fixed episodes over worker processes, each finished shard kept.

Several sets, by bundles and scripted operators, may be made side by side on the same worlds.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from aoi import progress
from aoi.agents.episode import run_episode
from aoi.agents.policy import Policy
from aoi.agents.rollout import rollout
from aoi.database.leases import Leases
from aoi.language.profile import PromptProfile
from aoi.learning import operators
from aoi.learning.operators import Operator, play
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
from models.identity import Watch
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


class Scripted(Record):
    """A scripted operator in place of a bundle, within the budgets of a profile that it can speak."""

    operator: Operator
    profile: PromptProfile


@dataclass(frozen=True, slots=True)
class Side:
    """One set of episodes: who acts, and which shard holds which of them."""

    stage: str
    player: Bundle | Scripted
    shards: Sequence[Sequence[EpisodeSpec]]

    def __post_init__(self) -> None:
        led = [spec for shard in self.shards for spec in shard if spec.injection or spec.plan]
        if led and isinstance(self.player, Scripted):
            raise ValueError(
                f"{self.stage}: {len(led)} episodes have an injection or a plan, and an operator heeds none"
            )


class Folders(Record):
    """A bundle as a worker finds it."""

    bundle: str
    base: str


class Shard(Record):
    """Fixed episodes in a fixed order, by one player."""

    key: str
    index: int
    player: Folders | Scripted
    specs: tuple[EpisodeSpec, ...]


class Job(Record):
    """What a worker does in one go: the shards of one index, whose episodes share worlds and surveys."""

    store_url: str
    serving: Serving
    temperature: float
    shards: tuple[Shard, ...]

    @property
    def episodes(self) -> int:
        """How many it is."""
        return sum(len(shard.specs) for shard in self.shards)


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
    """Run every episode with a bundle and store the set."""
    side = Side(stage, bundle, cut(specs, shard_size))
    return run_side_by_side(store, [side], serving, leases=leases, temperature=temperature)[0]


def cut(specs: Sequence[EpisodeSpec], shard_size: int) -> list[Sequence[EpisodeSpec]]:
    """Neighbours stay neighbours."""
    return [specs[start : start + shard_size] for start in range(0, len(specs), shard_size)]


def run_side_by_side(
    store: ObjectStore, sides: Sequence[Side], serving: Serving, *, leases: Leases, temperature: float
) -> list[Ref[TrajectorySet]]:
    """Run every episode of every side and store a set for each. All have equally many shards.

    A worker does the shards of one index one side after the other: what is dear, a world and its survey, is made once
    for all of them. Each side's shards are kept under a key that holds all that decides its episodes, so a changed plan
    never meets old shards, an interrupted run goes on, and a side that was run before is not run again beside others.
    Two such runs at once, on whichever machines, share the shards out. Where a server answers, each bundle is proven
    to be what answers: before the first episode, while they run, and before any shard is finished.
    Raises: StageBusy if a worker died, ServerUnavailable, IdentityMismatch.
    """
    keys = [_key(side, serving, temperature) for side in sides]
    writers = _Beside({key: ShardWriter(store, key) for key in keys})
    together = keys[0] if len(keys) == 1 else f"beside-{sha256_hex(canonical_bytes(list(keys)))[:32]}"
    jobs = {
        index: Job(store_url=store.url, serving=serving, temperature=temperature, shards=due)
        for index, shards in enumerate(_side_by_side(sides, keys))
        if (due := tuple(shard for shard in shards if writers.lacks(shard)))
    }
    total = sum(len(specs) for side in sides for specs in side.shards)
    done = total - sum(job.episodes for job in jobs.values())
    note = sides[0].stage if len(sides) == 1 else ""
    progress.advance(done, total, note)
    width = min(worker_count(), len(jobs) or 1)
    proofs = _Proofs([Watch(side.player, serving, kept=store) for side in sides if isinstance(side.player, Bundle)])
    if jobs:
        proofs.now()
    with worker_pool(width) as pool:
        claims = Claims(leases, writers, together, width, proofs)
        work = {index: partial(pool.submit, run_job, job) for index, job in jobs.items()}
        for made in claims.work_off(work):
            done += jobs[next(iter(made.values())).index].episodes
            progress.advance(done, total, note)
    return [writers.finish(key, side) for key, side in zip(keys, sides, strict=True)]


def _side_by_side(sides: Sequence[Side], keys: Sequence[str]) -> Iterator[list[Shard]]:
    """The shards of all sides, index by index."""
    for index, parts in enumerate(zip(*(side.shards for side in sides), strict=True)):
        yield [
            Shard(key=key, index=index, player=_folders(side.player), specs=tuple(specs))
            for key, side, specs in zip(keys, sides, parts, strict=True)
        ]


class _Proofs:
    """Those of several bundles as one."""

    def __init__(self, watches: Sequence[Watch]) -> None:
        self._watches = watches

    def now(self) -> None:
        for watch in self._watches:
            watch.now()

    def if_due(self) -> None:
        for watch in self._watches:
            watch.if_due()


class _Beside:
    """The shard writers of several sides as one. What is made at an index is a manifest for each key."""

    def __init__(self, writers: Mapping[str, ShardWriter]) -> None:
        self._writers = writers

    def lacks(self, shard: Shard) -> bool:
        """Whether it is to be run (again)."""
        return self._writers[shard.key].done(shard.index) is None

    def done(self, index: int) -> dict[str, ShardManifest] | None:
        found = {key: writer.done(index) for key, writer in self._writers.items()}
        whole = {key: manifest for key, manifest in found.items() if manifest is not None}
        return whole if len(whole) == len(found) else None

    def finished(self, manifest: Mapping[str, ShardManifest]) -> None:
        for key, made in manifest.items():
            self._writers[key].finished(made)

    def finish(self, key: str, side: Side) -> Ref[TrajectorySet]:
        """Store the set of a side."""
        return self._writers[key].finish(side.stage, len(side.shards))


def run_job(job: Job) -> dict[str, ShardManifest]:
    """Run shards in this process and store their rows. Whoever claimed them says that they are finished."""
    store = ObjectStore(job.store_url)
    return {
        shard.key: ShardWriter(store, shard.key).put(shard.index, _played(shard, job, store)) for shard in job.shards
    }


def _played(shard: Shard, job: Job, store: ObjectStore) -> list[Trajectory]:
    keep = partial(put_traceback, store)
    player = shard.player
    if isinstance(player, Scripted):
        return [
            play(
                spec.instance,
                player.operator,
                profile=player.profile,
                arm=spec.arm,
                rollout_seed=spec.rollout_seed,
                keep_traceback=keep,
            )
            for spec in shard.specs
        ]
    bundle = _bundle(player.bundle, player.base)
    with policy_of(bundle, job.serving) as policy:
        return run_specs(shard.specs, bundle, policy, temperature=job.temperature, keep_traceback=keep)


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


def _key(side: Side, serving: Serving, temperature: float) -> str:
    """Names all that decides a side's episodes. Of a scripted one that is no weights, and no code of theirs."""
    player = side.player
    if isinstance(player, Scripted):
        who = [player.operator, player.profile.digest(), source_digest(operators.__name__)]
    else:
        # Engines round differently.
        who = [player.digest, source_digest(__name__), serving.engine, serving.decoding, temperature]
    specs = [[spec.model_dump(mode="json") for spec in shard] for shard in side.shards]
    return f"{side.stage}-{sha256_hex(canonical_bytes([side.stage, *who, specs]))[:32]}"


def _folders(player: Bundle | Scripted) -> Folders | Scripted:
    return player if isinstance(player, Scripted) else Folders(bundle=str(player.folder), base=str(player.base))


@cache
def _bundle(folder: str, base: str) -> Bundle:
    return load(Path(folder), Path(base))
