"""Does the loop learn, and is it the reward that teaches? Seeds, controls at equal budget, intervals.

    .venv/bin/python -m benchmarks.learning --seeds 3

Each seed is one cycle from the seed model: fresh problems to collect on, fresh held-out worlds to measure on. Arms:
`trained` (the loop), `shuffled` (the same numbers of decisions and steps, but which episodes are imitated and which
decisions are rewarded is dealt out at random), `imitation` (no GRPO), `reinforcement` (no SFT). All are compared with
the seed model on the same problems, worlds and sampling seeds. Writes a JSON file beside the table.
"""

import argparse
import json
import random
import shutil
from collections.abc import Sequence
from pathlib import Path

from aoi.learning.corrections import prompt_examples
from aoi.promotion.evaluation import summarise
from aoi.records.base import Ref
from aoi.records.evaluation import EvaluationResult, PairedResult, SliceResult
from aoi.records.learning import TrainingExample
from aoi.records.problem import Split
from aoi.records.promotion import Cycle
from aoi.settings import TrainingSettings, derive_seed
from aoi.source import source_digest
from aoi.store.shards import read_rows, read_set
from flows.console import shown_progress
from models import bundle as bundles
from tasks.bundles import champion_ref, open_bundle
from tasks.collect import collect
from tasks.episodes import codec_of
from tasks.evaluate import compare_bundles
from tasks.evolve import evolve
from tasks.install import install_champion, make_base, revision
from tasks.train import fit
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
        parent.base, None, rows, parent.profile, work, seed=seed, settings=training, shuffled=arm == "shuffled"
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


def dealt_out(rows: Sequence[TrainingExample], episodes: Ref, champion: Ref, seed: int) -> list[TrainingExample]:
    """As many decisions to imitate as were verified, but of any episode, right or wrong."""
    trajectories = list(read_set(workspace().store, episodes))
    codec = codec_of(open_bundle(champion))
    spoken = {
        (trajectory.content.digest(), step.index): step.utterances[0].completion_ids
        for trajectory in trajectories
        for step in trajectory.content.steps
    }
    pool = [
        row.model_copy(update={"target_ids": spoken[row.source_trajectory, row.step]})
        for row in prompt_examples(trajectories, codec)
    ]
    wanted = sum(row.target_ids is not None for row in rows)
    chosen = random.Random(seed).choices(pool, k=wanted)
    return [*chosen, *(row for row in rows if row.target_ids is None)]


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
        given = dealt_out(rows, episodes, champion, number) if arm == "shuffled" else rows
        results[arm] = measure_arm(arm, cycle, champion, given, split)
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
    chosen.out.write_text(
        json.dumps({arm: [part.model_dump(mode="json") for part in parts] for arm, parts in pooled.items()}, indent=2)
    )


if __name__ == "__main__":
    main()
