"""Does the loop learn, from the strongest start, and what of it teaches? Arms at equal budget, seeds as units.

    .venv/bin/python -m benchmarks.learning --preset quick
    .venv/bin/python -m benchmarks.learning --preset full --split development test styles aiopslab

Each seed is one cycle from the seed model: fresh problems to collect on, fresh held-out worlds to measure on. All arms
(`benchmarks/arms.py`) are compared with the seed model on the same problems, worlds and sampling seeds. What is done is
kept under `--out`, one file for each trained arm of a seed and one for each set of worlds that it was measured on: what
was killed goes on, and a further set of worlds needs no training. `report.html` there says what came of it. Files of
several machines (`--first-seed`) that began at one seed model may be put into one folder.
"""

import argparse
import json
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from aoi.language.layouts import layout_of
from aoi.promotion.evaluation import summarise
from aoi.records.base import Ref
from aoi.records.evaluation import PairedResult
from aoi.records.learning import CorrectivePlan, TrainingExample
from aoi.records.promotion import Cycle
from aoi.settings import derive_seed
from aoi.source import revision, source_digest
from aoi.store.shards import read_rows, read_set
from benchmarks import experiment, learning_report, measures
from benchmarks.accounts import foundations, spent_by
from benchmarks.arms import ARMS, Material
from benchmarks.experiment import SETS, Kept, Measured, Plan, Trained, WorldsName
from benchmarks.learning_tables import gains, over_grpo
from benchmarks.seeds import shown
from flows.console import shown_progress
from models import bundle as bundles
from models.policies.of_bundle import codec_of, prompter_of
from models.training.fit import fit
from models.training.judged import judge_of, spend_of
from tasks.bundles import champion_ref, open_bundle, serving
from tasks.collect import collect, collect_with
from tasks.evaluate import played
from tasks.evolve import evolve
from tasks.install import install_champion, make_base
from tasks.workspace import keep_settings, workspace

FIRST_CYCLE = 1001
"""Cycle numbers that no night reaches: the seeds of these runs are theirs alone."""


class Preset(NamedTuple):
    """How much of it is run."""

    seeds: int
    arms: tuple[str, ...]


PRESETS: Mapping[str, Preset] = {
    "quick": Preset(1, ("sft", "grpo")),
    "full": Preset(5, tuple(ARMS)),
}


class Night:
    """One seed: what all its arms share, collected and searched when one of them first needs it."""

    def __init__(self, seed: int, champion: Ref, out: Path) -> None:
        self.seed = seed
        self.champion = champion
        self.out = out
        self.cycle = Cycle(number=FIRST_CYCLE + seed, champion=open_bundle(champion).digest, is_new=True)
        self.drawn = derive_seed(workspace().settings.seed, "benchmark", self.cycle.number)
        """Root of the random choices of this seed."""

    @cached_property
    def material(self) -> Material:
        """Cached by the store as well: the second time it is found."""
        ws = workspace()
        episodes = collect.fn(self.cycle, self.champion)
        corrections = evolve.fn(self.cycle, self.champion, episodes)
        learned = corrections.learning
        (self.out / f"{self.seed}-search.json").write_text(learned.model_dump_json(indent=2))
        print(
            f"seed {self.seed}: {learned.solved} of {learned.episodes} episodes solved; {learned.repaired_problems} of "
            f"{learned.failed_problems} failed problems repaired by {learned.plans} tries; {learned.examples} decisions"
        )
        problems = max(learned.plans // ws.settings.collect.rollouts, 1)
        further = collect_with(self.champion, problems, derive_seed(self.drawn, "further"))
        plans = read_rows(ws.store, corrections.plans, CorrectivePlan)
        return Material(
            rows=read_rows(ws.store, corrections.examples, TrainingExample),
            plans={plan.digest(): plan for plan in plans},
            episodes=list(read_set(ws.store, episodes)),
            further=list(read_set(ws.store, further)),
            prompter=prompter_of(open_bundle(self.champion)),
            reward=ws.settings.training.reward,
            seed=self.drawn,
        )


def train_arm(arm: str, night: Night, work: Path) -> Trained:
    """Train one arm from the night's champion. Its checkpoints lie in `work`."""
    ws = workspace()
    parent, how = open_bundle(night.champion), ARMS[arm]
    rows = how.rows(night.material)
    began = time.monotonic()
    with judge_of(ws.settings, layout_of(parent.profile), codec_of(parent), ws.store) as judge:
        runs, adapter = fit(
            parent,
            parent.adapters.get("observer") if ws.settings.training.warm_start else None,
            rows,
            work,
            seed=night.drawn,
            settings=how.training(ws.settings.training),
            serving=serving(),
            judge=judge,
            kept=ws.store,
            shuffled=how.shuffled,
        )
        spend = spend_of(judge)
    took_s = time.monotonic() - began
    lineage = bundles.Lineage(
        name=f"benchmark-{night.cycle.number}-{arm}",
        code_revision=revision(),
        code_sha256=source_digest("tasks.train"),
        settings=keep_settings(),
        parent=parent.digest,
        cycle=night.cycle.number,
    )
    folder = work / "bundle"
    shutil.rmtree(folder, ignore_errors=True)
    bundles.write(folder, bundles.Parts(parent.base, parent.profile, adapter), lineage)
    tree = ws.store.put_folder("bundle", folder)
    spent = spent_by(night.material, rows, runs, took_s)
    return Trained(seed=night.seed, arm=arm, bundle=tree, runs=tuple(runs), spent=spent, judge=spend)


def measure_arm(trained: Trained, night: Night, worlds: WorldsName) -> Measured:
    """Compare a trained arm with the seed model on one set of worlds."""
    ws = workspace()
    began = time.monotonic()
    specs = measures.specs_of(worlds, derive_seed(night.drawn, "measure"), ws.settings.evaluation)
    refs, _ = played(open_bundle(night.champion), open_bundle(trained.bundle), specs)
    found = measures.played_by({name: read_set(ws.store, ref) for name, ref in refs.items()}, specs)
    took_s = time.monotonic() - began
    return Measured(seed=night.seed, arm=trained.arm, worlds=worlds, measuring_s=took_s, **found._asdict())


def run(nights: Iterable[Night], plans: Sequence[Plan], out: Path) -> Iterator[None]:
    """Train and measure what is not kept from before; after each measurement a report can be written."""
    for night in nights:
        for arm in plans[0].arms:
            due = [plan for plan in plans if not experiment.measured_at(out, night.seed, arm, plan).exists()]
            if not due:
                continue
            path = experiment.trained_at(out, night.seed, arm, due[0].training)
            trained = experiment.load(path, Trained)
            if trained is None:
                work = workspace().cache_folder / "benchmark" / f"{due[0].training}-{night.cycle.number}-{arm}"
                trained = train_arm(arm, night, work)
                experiment.write(path, trained)
                shutil.rmtree(work)
            for plan in due:
                measured = measure_arm(trained, night, plan.worlds)
                experiment.write(experiment.measured_at(out, night.seed, arm, plan), measured)
                show(f"{plan.worlds} seed {night.seed} {arm}", measured.pairs)
                yield


def plans_of(sets: Sequence[WorldsName], arms: Sequence[str], seeds: Sequence[int], champion: Ref) -> list[Plan]:
    """What is to be run, with what it stands on."""
    settings = workspace().settings
    training, measuring = foundations(settings, champion)
    return [
        Plan(
            worlds=worlds,
            arms=tuple(arms),
            seeds=tuple(seeds),
            known={name: arm.says for name, arm in ARMS.items()},
            training=training,
            measuring=measuring,
            k=settings.evaluation.seeds,
            revision=revision(),
            begun=experiment.now(),
        )
        for worlds in sets
    ]


def show(title: str, pairs: Sequence[PairedResult]) -> None:
    """Print every slice; problems are the units, however many seeds ran them."""
    found = summarise(pairs, workspace().settings.gate.level)
    for part in (found.overall, *found.slices, found.controls, *found.kinds):
        gain = part.gain
        print(
            f"{title:<32} {part.name:<20} {part.champion_rate:6.1%} -> {part.challenger_rate:6.1%}  "
            f"{gain.estimate:+6.1%} [{gain.low:+6.1%}, {gain.high:+6.1%}]  n={gain.n}"
        )


def pooled(kept: Kept, arm: str) -> list[PairedResult]:
    """All pairs of an arm, whatever their seed."""
    return [pair for (_, name), one in kept.measured.items() if name == arm for pair in one.pairs]


def across_seeds(kept: Kept) -> dict[str, dict[str, object]]:
    """Print and return gains over all faults with seeds as units: of each arm, and over GRPO alone."""
    told: dict[str, dict[str, object]] = {}
    for arm in kept.plan.arms:
        told[arm] = {"says": kept.plan.known[arm], "gains": list(gains(kept, arm).values())}
        for what, values in (("gain", gains(kept, arm)), ("over GRPO alone", over_grpo(kept, arm))):
            if values:
                found = shown(list(values.values()))
                each = found.interval
                told[arm][what] = {**each.model_dump(mode="json"), "verdict": found.verdict, "why": found.why}
                print(
                    f"{kept.plan.worlds:<12} {arm:<12} {what:<16} {each.estimate:+6.1%} "
                    f"[{each.low:+6.1%}, {each.high:+6.1%}]  n={each.n}  {found.verdict}"
                )
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="quick", choices=PRESETS)
    parser.add_argument("--seeds", type=int, help="how many; instead of the preset's")
    parser.add_argument("--first-seed", type=int, default=0, help="so that several machines share the work")
    parser.add_argument("--arms", nargs="+", choices=ARMS, help="instead of the preset's")
    parser.add_argument("--split", nargs="+", default=["development"], choices=SETS, help="one set of worlds, or more")
    parser.add_argument("--out", type=Path, default=Path("learning"))
    chosen = parser.parse_args()
    preset = PRESETS[chosen.preset]
    arms = chosen.arms or preset.arms
    seeds = range(chosen.first_seed, chosen.first_seed + (chosen.seeds or preset.seeds))
    chosen.out.mkdir(parents=True, exist_ok=True)
    with shown_progress():
        former = workspace().ledger.former_champions()
        champion = champion_ref(former[-1]) if former else install_champion.fn(make_base.fn())
        plans = plans_of(chosen.split, arms, seeds, champion)
        for plan in plans:
            experiment.keep_plan(chosen.out, plan)
        nights = (Night(seed, champion, chosen.out) for seed in seeds)
        for _ in run(nights, plans, chosen.out):
            learning_report.write(chosen.out)
    print()
    for kept in experiment.read(chosen.out):
        if kept.plan.worlds in chosen.split:
            for arm in kept.plan.arms:
                show(f"{kept.plan.worlds} all seeds {arm}", pooled(kept, arm))
            told = across_seeds(kept)
            (chosen.out / f"summary-{kept.plan.worlds}.json").write_text(json.dumps(told, indent=2))
    print(learning_report.write(chosen.out))


if __name__ == "__main__":
    main()
