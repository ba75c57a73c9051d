"""Does the loop learn, and is it the reward that teaches? Seeds, controls at equal budget, intervals.

    .venv/bin/python -m benchmarks.learning --seeds 3

Each seed is one cycle from the seed model: fresh problems to collect on, fresh held-out worlds to measure on. Arms:
`trained` (the loop), `shuffled` (the same imitation and the same steps, but the measured rewards are dealt out at
random), `imitation` (no GRPO), `reinforcement` (no SFT). All are compared with the seed model on the same problems,
worlds and sampling seeds. Intervals of slices take problems as units and the trainings as given; the last lines take
the trainings as units, which is what another night can expect. Writes a JSON file beside the table.
"""

import argparse
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from aoi.promotion.evaluation import summarise
from aoi.promotion.statistics import interval
from aoi.records.base import Ref
from aoi.records.evaluation import EvaluationResult, PairedResult, SliceResult
from aoi.records.learning import TrainingExample
from aoi.records.problem import Split
from aoi.records.promotion import Cycle
from aoi.settings import TrainingSettings, derive_seed
from aoi.source import revision, source_digest
from aoi.store.shards import read_rows
from flows.console import shown_progress
from models import bundle as bundles
from models.training.fit import fit
from tasks.bundles import champion_ref, open_bundle, serving
from tasks.collect import collect
from tasks.evaluate import compare_bundles
from tasks.evolve import evolve
from tasks.install import install_champion, make_base
from tasks.workspace import keep_settings, workspace

FIRST_CYCLE = 1001
"""Cycle numbers that no night reaches: the seeds of these runs are theirs alone."""
ARMS = ("trained", "shuffled", "imitation", "reinforcement")


def measure_arm(
    arm: str, cycle: Cycle, champion: Ref, rows: Sequence[TrainingExample], split: Split
) -> EvaluationResult:
    """Train one arm and compare it with the seed model."""
    ws = workspace()
    parent = open_bundle(champion)
    seed = derive_seed(ws.settings.seed, "benchmark", cycle.number)
    training = _training(arm, ws.settings.training)
    work = ws.cache_folder / "benchmark" / f"{cycle.number}-{arm}"
    shutil.rmtree(work, ignore_errors=True)
    _, adapter = fit(
        parent, None, rows, work, seed=seed, settings=training, serving=serving(), shuffled=arm == "shuffled"
    )
    lineage = bundles.Lineage(
        name=f"benchmark-{cycle.number}-{arm}",
        code_revision=revision(),
        code_sha256=source_digest("tasks.train"),
        settings=keep_settings(),
        parent=parent.digest,
        cycle=cycle.number,
    )
    bundles.write(work / "bundle", bundles.Parts(parent.base, parent.profile, adapter), lineage)
    challenger = bundles.load(work / "bundle", parent.base)
    evaluated = compare_bundles(parent, challenger, split, derive_seed(seed, "measure"))
    return ws.store.get(evaluated.result, EvaluationResult)


def _training(arm: str, settings: TrainingSettings) -> TrainingSettings:
    """Each arm's settings: what an ablation leaves out takes no steps."""
    left_out = {"imitation": {"grpo_steps": 0}, "reinforcement": {"sft_steps": 0}}
    return settings.model_copy(update=left_out.get(arm, {}))


def one_seed(number: int, champion: Ref, arms: Sequence[str], split: Split) -> dict[str, EvaluationResult]:
    """One cycle: collect and evolve once, then every arm on what came of it."""
    ws = workspace()
    cycle = Cycle(number=FIRST_CYCLE + number, champion=open_bundle(champion).digest, is_new=True)
    episodes = collect.fn(cycle, champion)
    corrections = evolve.fn(cycle, champion, episodes)
    print(f"seed {number}: {corrections.learning.model_dump_json(exclude={'schema_version'})}")
    rows = read_rows(ws.store, corrections.examples, TrainingExample)
    results = {}
    for arm in arms:
        results[arm] = measure_arm(arm, cycle, champion, rows, split)
        show(f"seed {number} {arm}", [results[arm]])
    return results


def show(title: str, results: Sequence[EvaluationResult]) -> list[SliceResult]:
    """Print every slice of pooled results; problems are the units, however many seeds ran them."""
    pairs: list[PairedResult] = [pair for result in results for pair in result.pairs]
    found = summarise(pairs, workspace().settings.gate.level)
    parts = [found.overall, *found.slices, found.controls, *found.kinds]
    for part in parts:
        gain = part.gain
        print(
            f"{title:<22} {part.name:<20} {part.champion_rate:6.1%} -> {part.challenger_rate:6.1%}  "
            f"{gain.estimate:+6.1%} [{gain.low:+6.1%}, {gain.high:+6.1%}]  n={gain.n}"
        )
    return parts


def across_seeds(title: str, results: Sequence[EvaluationResult]) -> None:
    """Print the gain over all faults with seeds as units: Student's t over the trainings' means."""
    gains = np.array([result.overall.gain.estimate for result in results])
    gain = interval(gains, workspace().settings.gate.level)
    each = ", ".join(f"{value:+.1%}" for value in gains)
    bounds = f"{gain.estimate:+6.1%} [{gain.low:+6.1%}, {gain.high:+6.1%}]"
    print(f"{title:<22} seeds as units       {bounds}  n={gain.n}: {each}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=ARMS)
    parser.add_argument("--split", default="test", choices=("development", "test"))
    parser.add_argument("--out", type=Path, default=Path("learning.json"))
    chosen = parser.parse_args()
    with shown_progress():
        present = workspace().ledger.former_champions()
        champion = champion_ref(present[-1]) if present else install_champion.fn(make_base.fn())
        results = [one_seed(number, champion, chosen.arms, chosen.split) for number in range(chosen.seeds)]
    print()
    pooled = {arm: show(f"all seeds {arm}", [result[arm] for result in results]) for arm in chosen.arms}
    for arm in chosen.arms:
        across_seeds(f"all seeds {arm}", [result[arm] for result in results])
    chosen.out.write_text(
        json.dumps({arm: [part.model_dump(mode="json") for part in parts] for arm, parts in pooled.items()}, indent=2)
    )


if __name__ == "__main__":
    main()
