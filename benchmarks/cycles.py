"""Does it go on learning? Cycles in a row from the strong start, with nobody between them.

    .venv/bin/python -m benchmarks.cycles --seeds 2 --cycles 3 --split hard

Each cycle of a seed starts at what the last one trained: it collects and searches with that, on problems of its own,
and trains it further. The first one is the arm `sft` of `benchmarks.learning`, found under `--out` if it was run. All
cycles of a seed meet the same held-out worlds, and are compared there with the seed model and with the cycle before. No
gate decides: this asks what is learnt, and the gate what may be shipped. What was killed goes on.
"""

import argparse
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from aoi.promotion.evaluation import by_problem, success
from aoi.records.base import Ref
from aoi.records.evaluation import PairedResult
from benchmarks import experiment
from benchmarks.accounts import foundations
from benchmarks.experiment import SETS, Measured, Plan, Trained, WorldsName
from benchmarks.learning import Night, measure_arm, plans_of, show, train_arm
from benchmarks.learning_tables import headline
from benchmarks.seeds import shown
from flows.console import shown_progress
from tasks.bundles import champion_ref
from tasks.install import install_champion, make_base
from tasks.workspace import workspace

ARM = "sft"
APART = 1000
"""Between the numbers of a seed's cycles: those of another seed lie closer."""
FOLDER = "cycles"


def in_a_row(seed: int, champion: Ref, plan: Plan, count: int, out: Path) -> Iterator[Measured]:
    """Train and measure one seed's cycles, one after the other."""
    first = Night(seed, champion, out)
    start = champion
    for number in range(1, count + 1):
        trained = _trained(seed, number, start, out)
        path = experiment.measured_at(out / FOLDER, seed, f"{ARM}{number}", plan)
        measured = experiment.load(path, Measured)
        if measured is None:
            measured = measure_arm(trained, first, plan.worlds)
            experiment.write(path, measured)
        show(f"seed {seed} cycle {number}", measured.pairs)
        yield measured
        start = trained.bundle


def _trained(seed: int, number: int, start: Ref, out: Path) -> Trained:
    """What is kept of a cycle's training, or what it comes to now."""
    training, _ = foundations(workspace().settings, start)
    path = experiment.trained_at(out if number == 1 else out / FOLDER, seed, ARM, training)
    trained = experiment.load(path, Trained)
    if trained is None:
        night = Night(seed + (number - 1) * APART, start, out / FOLDER)
        work = workspace().cache_folder / "benchmark" / f"{training}-{night.cycle.number}-{ARM}"
        trained = train_arm(ARM, night, work).model_copy(update={"seed": seed})
        experiment.write(path, trained)
        shutil.rmtree(work)
    return trained


def gain(measured: Measured, before: Measured | None) -> float:
    """Over the seed model, or over the cycle before on the runs that both finished: mean over problems, in [-1, 1]."""
    pairs, former = headline(measured), {_run(pair): pair for pair in headline(before)} if before else {}

    def score(pair: PairedResult) -> tuple[float, float]:
        return float(former[_run(pair)].challenger_success), float(pair.challenger_success)

    was, now = by_problem([p for p in pairs if _run(p) in former], score) if before else by_problem(pairs, success)
    return float((now - was).mean()) if len(was) else 0.0


def _run(pair: PairedResult) -> tuple[str, int, int]:
    return pair.problem_id, pair.world_seed, pair.rollout_seed


def report(rows: Mapping[int, Sequence[Measured]]) -> None:
    """Cycle by cycle, seeds as units; a cycle that some seed lacks is told of those that have it."""
    for number in range(1, max(map(len, rows.values())) + 1):
        own = [measured[:number] for measured in rows.values() if len(measured) >= number]
        for what, values in (
            ("over the seed model", [gain(each[-1], None) for each in own]),
            ("over the cycle before", [gain(each[-1], each[-2] if number > 1 else None) for each in own]),
        ):
            found = shown(values)
            print(
                f"cycle {number} {what:<22} {found.interval.estimate:+6.1%} [{found.interval.low:+6.1%}, "
                f"{found.interval.high:+6.1%}]  seeds {', '.join(f'{value:+.1%}' for value in values)}  "
                f"{found.verdict}{f': {found.why}' if found.why else ''}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1, help="how many")
    parser.add_argument("--first-seed", type=int, default=0, help="so that several machines share the work")
    parser.add_argument("--cycles", type=int, default=3, help="in a row")
    parser.add_argument("--split", default="hard", choices=SETS, help="the set of worlds")
    parser.add_argument("--out", type=Path, default=Path("learning"), help="as of benchmarks.learning")
    chosen = parser.parse_args()
    (chosen.out / FOLDER).mkdir(parents=True, exist_ok=True)
    with shown_progress():
        former = workspace().ledger.former_champions()
        champion = champion_ref(former[-1]) if former else install_champion.fn(make_base.fn())
        rows = _played(champion, chosen.split, range(chosen.first_seed, chosen.first_seed + chosen.seeds), chosen)
    report(rows)


def _played(
    champion: Ref, worlds: WorldsName, seeds: Sequence[int], chosen: argparse.Namespace
) -> dict[int, list[Measured]]:
    (plan,) = plans_of((worlds,), (ARM,), seeds, champion)
    return {seed: list(in_a_row(seed, champion, plan, chosen.cycles, chosen.out)) for seed in seeds}


if __name__ == "__main__":
    main()
