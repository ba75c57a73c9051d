"""What the stages of a cycle hold in memory while the set that they work on grows.

    .venv/bin/python -m benchmarks.memory --steps 10000 30000 100000

A set of so many steps is made of real episodes of the expert, each again and again in worlds of other seeds. Every
stage then goes through it in a process of its own, whose peak is read from the kernel. What is told is the peak over
what the process held before it began. Libraries that a stage loads (Great Expectations: half a gigabyte) are told with
it: what counts is how it grows.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import count, islice
from pathlib import Path
from typing import NamedTuple

from aoi.language.codec import WordCodec
from aoi.language.profile import SEED_PROFILE
from aoi.language.prompting import Prompter
from aoi.learning.demonstrations import demonstrate
from aoi.learning.lessons import learning_report, training_examples
from aoi.learning.proposals import to_repair
from aoi.problems import sampling
from aoi.promotion.evaluation import compare, run_of
from aoi.records.base import Record, Ref, sha256_hex
from aoi.records.episode import Trajectory, TrajectorySet
from aoi.records.learning import TrainingExample
from aoi.records.problem import Split
from aoi.records.promotion import Cycle
from aoi.store.shards import ShardWriter, put_rows, read_rows, read_set
from models.training.choosing import CANDIDATES, read, rewarded, sorts_of
from tasks.validate import validate_examples, validate_trajectories
from tasks.workspace import workspace

PATTERNS = 96
"""Real episodes that a set is made of."""
SHARD = 500
"""Episodes of a shard."""
PROMPTS = 960
"""Decision points that training samples at: those of 120 steps of 8."""
CYCLE = Cycle(number=1, champion="0" * 64, is_new=True)


class Made(Record):
    """What one stage leaves to the next."""

    steps: int
    train: Ref[TrajectorySet]
    champion: Ref[TrajectorySet]
    challenger: Ref[TrajectorySet]
    examples: Ref


class Held(NamedTuple):
    """One stage on one set."""

    stage: str
    steps: int
    before_mb: float
    peak_mb: float
    took_s: float


def patterns(split: Split) -> list[Trajectory]:
    """Real episodes, of the expert on problems of this split."""
    instances = sampling.sample(split, PATTERNS, 0)
    return demonstrate(instances, profile=SEED_PROFILE, codec=WordCodec(), seed=0)


def again(found: list[Trajectory], steps: int, arm: str, bundle: str) -> Iterator[Trajectory]:
    """The episodes in worlds of other seeds, until there are so many steps."""
    made = 0
    for number in count():
        for pattern in found:
            instance = sampling.other_world(pattern.content.instance, number)
            content = {"instance": instance, "arm": arm, "bundle": sha256_hex(bundle.encode()), "guidance": None}
            yield pattern.model_copy(update={"content": pattern.content.model_copy(update=content)})
            made += len(pattern.content.steps)
            if made >= steps:
                return


def stored(key: str, episodes: Iterator[Trajectory]) -> Ref[TrajectorySet]:
    """As collection leaves them, shard by shard."""
    writer = ShardWriter(workspace().store, key)
    shards = 0
    for index in count():
        part = list(islice(episodes, SHARD))
        if not part:
            break
        writer.finished(writer.put(index, part))
        shards += 1
    return writer.finish("collect", shards)


def make(steps: int, path: Path) -> None:
    """Store the sets that all stages go through, and what they are called."""
    store = workspace().store
    train, held_out = patterns("train"), patterns("development")
    refs = {
        "train": stored(f"train-{steps}", again(train, steps, "rollout", "champion")),
        "champion": stored(f"champion-{steps}", again(held_out, steps, "champion", "champion")),
        "challenger": stored(f"challenger-{steps}", again(held_out, steps, "challenger", "challenger")),
    }
    prompter = Prompter(SEED_PROFILE, WordCodec())
    found = read_set(store, refs["train"])
    examples = put_rows(store, "examples", training_examples(found, (), prompter, seed=0))
    path.write_bytes(Made(steps=steps, examples=examples, **refs).to_bytes())


# ---------------------------------------------------------------- stages


def collect(made: Made) -> None:
    """Write a set that comes one by one."""
    stored(f"again-{made.steps}", iter(read_set(workspace().store, made.train)))


def validate(made: Made) -> None:
    """The contract of trajectories, and the one against leakage."""
    validate_trajectories.fn(CYCLE, made.train)


def evolve(made: Made) -> None:
    """Draw the failures, write the examples, count. What is searched is bounded by a setting, and left out."""
    store = workspace().store
    found = read_set(store, made.train)
    failed = to_repair(found, most=workspace().settings.training.failures, seed=0)
    prompter = Prompter(SEED_PROFILE, WordCodec())
    ref = put_rows(store, "examples", training_examples(found, (), prompter, seed=0))
    learning_report(found, failed, (), (), read_rows(store, ref, TrainingExample))


def validate_lessons(made: Made) -> None:
    """The contract of examples, and the one against leakage."""
    validate_examples.fn(CYCLE, made.examples, put_rows(workspace().store, "plans", ()))


def choose(made: Made) -> None:
    """What training reads: what each example is, then those that its steps reach."""
    rows = read_rows(workspace().store, made.examples, TrainingExample)
    sorts = sorts_of(rows)
    read(rows, rewarded(sorts, "sft", is_judged=False), 0, most=CANDIDATES * PROMPTS)


def evaluate(made: Made) -> None:
    """Pair both arms."""
    store = workspace().store
    champion, challenger = read_set(store, made.champion), read_set(store, made.challenger)
    planned = [run_of(each.content.instance, each.content.rollout_seed) for each in champion]
    compare(champion, challenger, planned=planned, split="development", seed=0, level=0.95)


STAGES: Mapping[str, Callable[[Made], None]] = {
    "collect": collect,
    "validate": validate,
    "evolve": evolve,
    "validate examples": validate_lessons,
    "choose": choose,
    "evaluate": evaluate,
}


# ---------------------------------------------------------------- measuring


def measure(stage: str, path: Path) -> None:
    """Run one stage in this process, and print what it held."""
    made = Made.from_bytes(path.read_bytes())
    workspace().store  # noqa: B018  opened before: it is not the stage's
    before_mb, began = _peak_mb(), time.monotonic()
    STAGES[stage](made)
    print(before_mb, _peak_mb(), time.monotonic() - began)


def _peak_mb() -> float:
    """Of this process: what `getrusage` tells is also of the one that started it."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def measured(steps: int, home: Path) -> Iterator[Held]:
    """Every stage on a set of so many steps, each in a process of its own."""
    path = home / f"made-{steps}.json"
    _alone(home, "--make", str(steps), str(path))
    for stage in STAGES:
        *_, last = _alone(home, "--stage", stage, str(path)).splitlines()
        before_mb, peak_mb, took_s = map(float, last.split())
        yield Held(stage, steps, before_mb, peak_mb, took_s)


def _alone(home: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "benchmarks.memory", *arguments]
    done = subprocess.run(command, env={**os.environ, "AOI_HOME": str(home)}, stdout=subprocess.PIPE, check=True)
    return done.stdout.decode()


def main() -> None:
    """Print what each stage held."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--make", nargs=2, metavar=("STEPS", "FILE"), help=argparse.SUPPRESS)
    parser.add_argument("--stage", nargs=2, metavar=("STAGE", "FILE"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.make:
        make(int(given.make[0]), Path(given.make[1]))
        return
    if given.stage:
        measure(given.stage[0], Path(given.stage[1]))
        return
    print(f"{'stage':<20}{'steps':>9}{'before':>10}{'held':>10}{'took':>9}")
    with tempfile.TemporaryDirectory() as home:
        for steps in given.steps:
            for held in measured(steps, Path(home)):
                grown = held.peak_mb - held.before_mb
                print(
                    f"{held.stage:<20}{held.steps:>9,}{held.before_mb:>7.0f} MB{grown:>7.0f} MB{held.took_s:>7.0f} s",
                    flush=True,
                )


if __name__ == "__main__":
    main()
