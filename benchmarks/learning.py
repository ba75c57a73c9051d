"""Does the loop learn, from the strongest start, and what of it teaches? Arms at equal budget, seeds as units.

    .venv/bin/python -m benchmarks.learning --preset quick
    .venv/bin/python -m benchmarks.learning --preset full

Each seed is one cycle from the seed model: fresh problems to collect on, fresh held-out worlds to measure on. All arms
(`benchmarks/arms.py`) are compared with the seed model on the same problems, worlds and sampling seeds. What is done is
kept under `--out`, one file an arm and seed: a run that was killed goes on. Intervals of slices take problems as units
and the trainings as given; "seeds as units" is what another night can expect.
"""

import argparse
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from aoi.language.layouts import layout_of
from aoi.promotion.evaluation import summarise
from aoi.promotion.statistics import interval
from aoi.records.base import Ref, sha256_hex
from aoi.records.evaluation import EvaluationResult, PairedResult
from aoi.records.learning import CorrectivePlan, TrainingExample
from aoi.records.problem import Split
from aoi.records.promotion import Cycle
from aoi.settings import derive_seed
from aoi.source import revision, source_digest
from aoi.store.shards import read_rows, read_set
from benchmarks import arms as arms_module
from benchmarks.arms import ARMS, Material
from flows.console import shown_progress
from models import bundle as bundles
from models.policies.of_bundle import codec_of, prompter_of
from models.training.fit import fit
from models.training.judged import judge_of
from tasks.bundles import champion_ref, open_bundle, serving
from tasks.collect import collect, collect_with
from tasks.evaluate import compare_bundles
from tasks.evolve import evolve
from tasks.install import install_champion, make_base
from tasks.workspace import keep_settings, workspace

FIRST_CYCLE = 1001
"""Cycle numbers that no night reaches: the seeds of these runs are theirs alone."""
Results = dict[tuple[int, str], EvaluationResult]
"""By seed and arm."""
STAGES = ("tasks.collect", "tasks.evolve", "tasks.evaluate", "models.training.fit")
"""Whose code decides a result, beside that of the arms."""


class Preset(NamedTuple):
    """How much of it is run."""

    seeds: int
    arms: tuple[str, ...]


PRESETS: Mapping[str, Preset] = {
    "quick": Preset(1, ("sft", "grpo")),
    "full": Preset(5, tuple(ARMS)),
}


def material_of(number: int, champion: Ref, out: Path) -> tuple[Cycle, Material]:
    """Collect and search once for all arms of a seed. Both are cached by the store: the second time they are found."""
    ws = workspace()
    cycle = Cycle(number=FIRST_CYCLE + number, champion=open_bundle(champion).digest, is_new=True)
    seed = derive_seed(ws.settings.seed, "benchmark", cycle.number)
    episodes = collect.fn(cycle, champion)
    corrections = evolve.fn(cycle, champion, episodes)
    learned = corrections.learning
    (out / f"{number}-search.json").write_text(learned.model_dump_json(indent=2))
    print(
        f"seed {number}: {learned.solved} of {learned.episodes} episodes solved; {learned.repaired_problems} of "
        f"{learned.failed_problems} failed problems repaired by {learned.plans} tries; {learned.examples} decisions"
    )
    further = collect_with(
        champion, max(learned.plans // ws.settings.collect.rollouts, 1), derive_seed(seed, "further")
    )
    plans = read_rows(ws.store, corrections.plans, CorrectivePlan)
    material = Material(
        rows=read_rows(ws.store, corrections.examples, TrainingExample),
        plans={plan.digest(): plan for plan in plans},
        episodes=list(read_set(ws.store, episodes)),
        further=list(read_set(ws.store, further)),
        prompter=prompter_of(open_bundle(champion)),
        reward=ws.settings.training.reward,
        seed=seed,
    )
    return cycle, material


def measure_arm(arm: str, cycle: Cycle, champion: Ref, material: Material, split: Split) -> EvaluationResult:
    """Train one arm and compare it with the seed model."""
    ws = workspace()
    parent, how = open_bundle(champion), ARMS[arm]
    work = ws.cache_folder / "benchmark" / f"{cycle.number}-{arm}"
    shutil.rmtree(work, ignore_errors=True)
    training = how.training(ws.settings.training)
    with judge_of(ws.settings, layout_of(parent.profile), codec_of(parent), ws.store) as judge:
        _, adapter = fit(
            parent,
            None,
            how.rows(material),
            work,
            seed=material.seed,
            settings=training,
            serving=serving(),
            judge=judge,
            kept=ws.store,
            shuffled=how.shuffled,
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
    evaluated = compare_bundles(parent, challenger, split, derive_seed(material.seed, "measure"))
    return ws.store.get(evaluated.result, EvaluationResult)


def measure(seeds: Sequence[int], arms: Sequence[str], champion: Ref, split: Split, out: Path) -> Results:
    """Every arm of every seed, but what is kept from before."""
    found: Results = {}
    for number in seeds:
        kept = {arm: out / f"{number}-{arm}-{split}-{_inputs(champion)}.json" for arm in arms}
        left = [arm for arm, path in kept.items() if not path.exists()]
        cycle, material = material_of(number, champion, out) if left else (None, None)
        for arm, path in kept.items():
            if cycle is not None and material is not None and arm in left:
                result = measure_arm(arm, cycle, champion, material, split)
                draft = path.with_suffix(".part")
                draft.write_bytes(result.to_bytes())
                draft.rename(path)
                show(f"seed {number} {arm}", [result])
            found[number, arm] = EvaluationResult.from_bytes(path.read_bytes())
    return found


def _inputs(champion: Ref) -> str:
    """What all results of a run stand on: another start, other settings or other code are other files."""
    settings = workspace().settings.model_dump_json(include={"seed", "collect", "training", "evaluation", "gate"})
    arms = sha256_hex(Path(arms_module.__file__).read_bytes())
    code = "/".join([*(source_digest(stage) for stage in STAGES), arms])
    return sha256_hex(f"{champion.sha256}/{settings}/{code}".encode())[:8]


def show(title: str, results: Sequence[EvaluationResult]) -> None:
    """Print every slice of pooled results; problems are the units, however many seeds ran them."""
    pairs: list[PairedResult] = [pair for result in results for pair in result.pairs]
    found = summarise(pairs, workspace().settings.gate.level)
    for part in (found.overall, *found.slices, found.controls, *found.kinds):
        gain = part.gain
        print(
            f"{title:<20} {part.name:<20} {part.champion_rate:6.1%} -> {part.challenger_rate:6.1%}  "
            f"{gain.estimate:+6.1%} [{gain.low:+6.1%}, {gain.high:+6.1%}]  n={gain.n}"
        )


def across_seeds(found: Results, arms: Sequence[str]) -> dict[str, dict[str, object]]:
    """Print and return gains over all faults with seeds as units: of each arm, and over GRPO alone."""
    level, told = workspace().settings.gate.level, {}
    for arm in arms:
        gains = {number: result.overall.gain.estimate for (number, name), result in found.items() if name == arm}
        alone = {number: result.overall.gain.estimate for (number, name), result in found.items() if name == "grpo"}
        over = [gains[number] - alone[number] for number in gains if number in alone]
        told[arm] = {"says": ARMS[arm].says, "gains": list(gains.values())}
        for what, values in (("gain", list(gains.values())), ("over GRPO alone", over if arm != "grpo" else [])):
            if values:
                each = interval(np.array(values), level)
                told[arm][what] = each.model_dump(mode="json")
                print(f"{arm:<12} {what:<16} {each.estimate:+6.1%} [{each.low:+6.1%}, {each.high:+6.1%}]  n={each.n}")
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="quick", choices=PRESETS)
    parser.add_argument("--seeds", type=int, help="how many; instead of the preset's")
    parser.add_argument("--arms", nargs="+", choices=ARMS, help="instead of the preset's")
    parser.add_argument("--split", default="development", choices=("development", "test"))
    parser.add_argument("--out", type=Path, default=Path("learning"))
    chosen = parser.parse_args()
    preset = PRESETS[chosen.preset]
    arms, seeds = chosen.arms or preset.arms, range(chosen.seeds or preset.seeds)
    chosen.out.mkdir(parents=True, exist_ok=True)
    with shown_progress():
        former = workspace().ledger.former_champions()
        champion = champion_ref(former[-1]) if former else install_champion.fn(make_base.fn())
        found = measure(seeds, arms, champion, chosen.split, chosen.out)
    print()
    for arm in arms:
        show(f"all seeds {arm}", [result for (_, name), result in found.items() if name == arm])
    told = across_seeds(found, arms)
    (chosen.out / f"summary-{chosen.split}.json").write_text(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
