"""Make the seed model: demonstrations in real worlds, then pre-training on them and on invented kinds.

The public face of this package: nothing else of AOI imports it, and only to make a base where none is given.
"""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from aoi import progress
from aoi.language.codec import WordCodec
from aoi.language.profile import SEED_PROFILE
from aoi.learning.demonstrations import Demonstration, demonstrate, demonstrations
from aoi.problems import sampling
from aoi.problems.audit import held_out_words
from aoi.problems.faults import MECHANISMS
from aoi.records.problem import ProblemInstance, Slice
from aoi.settings import SeedModelSettings, derive_seed
from models.seed.cases import Mixture
from models.seed.examples import DecisionExample
from models.seed.invented import examples
from models.seed.pretrain import pretrain
from models.threads import use_threads
from models.workers import worker_count, worker_pool

INVENTED_SHARE = 0.5
"""Examples of invented kinds beside those of demonstrations: half gave the best generalisation in a trial."""
SHOWN: Mapping[Slice, float] = {"seen": 0.55, "several": 0.3, "control": 0.15}
"""Demonstrations by slice: what takes several steps has to be seen more often than it is met."""
HELD_OUT = 512
"""Demonstrations to measure on, at most a tenth of all."""
CHUNK = 40
"""Episodes that a worker demonstrates at a time."""


def make_seed_model(folder: Path, settings: SeedModelSettings, seed: int) -> None:
    """Write the weights, the tokenizer and the curve to `folder`. Equal arguments and equal code, equal weights."""
    shown = demonstrated(settings.demonstrations, seed)
    held_out = min(HELD_OUT, len(shown) // 10)
    progress.stage("pre-train")
    use_threads(worker_count())  # nobody else computes now
    run = pretrain(
        mixed(shown[held_out:], seed),
        folder,
        settings.steps,
        seed,
        held_out=shown[:held_out],
        progress=lambda point: progress.advance(point.step, settings.steps, f"loss {point.loss:.3f}"),
    )
    (folder / "training.json").write_text(json.dumps(run.model_dump(mode="json")))


def demonstrated(count: int, seed: int) -> list[DecisionExample]:
    """What the expert said in `count` episodes on training problems, made on all cores, in an order of `seed`."""
    progress.stage("demonstrate")
    drawn = sampling.sample("train", count, seed, slices=SHOWN, worlds=6)
    instances = sorted(drawn, key=lambda i: (i.problem.application, i.seed, i.problem.id))
    chunks = [instances[start : start + CHUNK] for start in range(0, count, CHUNK)]
    shown: list[Demonstration] = []
    with worker_pool(worker_count()) as pool:
        seeds = [derive_seed(seed, "demonstrate", number) for number in range(len(chunks))]
        for done, part in enumerate(pool.map(_demonstrate, chunks, seeds), start=1):
            shown += part
            progress.advance(min(done * CHUNK, count), count)
    random.Random(seed).shuffle(shown)
    return [DecisionExample(said.prompt, said.completion) for said in shown]


def mixed(shown: Sequence[DecisionExample], seed: int) -> Iterator[DecisionExample]:
    """Endless: demonstrations and invented kinds by turns drawn at random.

    Raises: ValueError, when it is read, if there is no demonstration.
    """
    if not shown:
        raise ValueError("no demonstrations to mix: models.seed.invented.examples gives invented lines alone")
    rng = random.Random(seed)
    invented = examples(seed, Mixture(withheld=withheld()))
    while True:
        yield next(invented) if rng.random() < INVENTED_SHARE else rng.choice(shown)


def withheld() -> frozenset[str]:
    """Causes of held-out mechanisms alone: what repairs them, and how they are classed, is not told beforehand.

    They are invented with what usually helps: whoever knows nothing better does that, and chance would teach noise.
    """
    known = {fault.cause for fault in MECHANISMS["train"]}
    first = {fault.cause for split in ("development", "test") for fault in MECHANISMS[split]} - known
    return frozenset(first | held_out_words().keys())


def _demonstrate(instances: list[ProblemInstance], seed: int) -> list[Demonstration]:
    codec = WordCodec()
    episodes = demonstrate(instances, profile=SEED_PROFILE, codec=codec, seed=seed)
    return [said for episode in episodes for said in demonstrations(episode, codec)]
