"""What does the gate promote? Nights whose truth is known, judged by the gate's own function.

    .venv/bin/python -m benchmarks.nights --nights 2000

A night is a whole `EvaluationResult` on problems that `tasks.evaluate.planned` draws at the size of the settings, so
that as many problems share a mechanism, an application, a slice and a kind as in a real one. `judge` decides on it:
`decide` without the statement of its power. One row for each scenario, shares with 95 % Wilson intervals.

How the truth is made. A problem's difficulty is drawn from Beta(0.7, 0.9), so that most are nearly always solved or
nearly never and the runs of a problem resemble each other. A mechanism draws its effect, which all its problems share;
a pair of mechanisms has both. Gain and deviation are those of the true rates, kept within [0, 1], over all that could
be drawn. Controls draw their propensity to alarm too, each arm its own. Injections flip a right answer of either arm
in one run of 200, and both arms are as long and as dear.
"""

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from os import cpu_count, environ

import numpy as np
from scipy import stats

from aoi.problems.compounds import mechanisms_of
from aoi.promotion.evaluation import summarise
from aoi.promotion.gate import judge
from aoi.records.base import sha256_hex
from aoi.records.evaluation import EvaluationResult, InjectedResult, PairedResult
from aoi.records.promotion import Verdict
from aoi.settings import Settings, derive_seed
from models.episodes import EpisodeSpec
from tasks.evaluate import planned

DIFFICULTY = stats.beta(0.7, 0.9)
FLIPPED = 0.005
"""Share of right answers that an injection makes wrong, of either arm."""
ALIKE = 0.1
"""Correlation of the alarms in the runs of one control."""
DRAWS = 100
"""Different sets of problems that the nights of a scenario go round."""
VERDICTS: Sequence[Verdict] = ("promote", "reject", "inconclusive")


@dataclass(frozen=True)
class Scenario:
    """One truth about a challenger."""

    name: str
    gain: float
    deviation: float = 0.0
    """Standard deviation of the true effect between mechanisms."""
    slices: Mapping[str, float] = field(default_factory=dict)
    """Gain of single slices, where it is another one."""
    alarms: tuple[float, float] = (0.03, 0.03)
    """Share of control runs with a false alarm: the champion's, and the challenger's."""
    by: str = "mechanism"
    """What shares an effect: problems of one mechanism, or of one application."""


SCENARIOS: Sequence[Scenario] = (
    Scenario("equal", 0.0),
    Scenario("equal, mechanisms deviate by 15", 0.0, 0.15),
    Scenario("equal, mechanisms deviate by 25", 0.0, 0.25),
    Scenario("equal, applications deviate by 15", 0.0, 0.15, by="application"),
    Scenario("5 worse", -0.05),
    Scenario("5 worse, mechanisms deviate by 25", -0.05, 0.25),
    Scenario("20 better, unseen mechanisms 15 worse", 0.2, slices={"unseen_mechanism": -0.15}),
    Scenario("20 better, unseen mechanisms 15 worse, mechanisms deviate by 15", 0.2, 0.15, {"unseen_mechanism": -0.15}),
    Scenario("10 better, false alarms from 3 to 10 %", 0.1, alarms=(0.03, 0.10)),
    Scenario("20 better, false alarms from 3 to 10 %", 0.2, alarms=(0.03, 0.10)),
    Scenario("5 better", 0.05),
    Scenario("10 better", 0.1),
    Scenario("10 better, mechanisms deviate by 15", 0.1, 0.15),
    Scenario("10 better, mechanisms deviate by 25", 0.1, 0.25),
    Scenario("15 better, mechanisms deviate by 15", 0.15, 0.15),
    Scenario("20 better, mechanisms deviate by 25", 0.2, 0.25),
)


def main() -> None:
    """Simulate and print a table for documents."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nights", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="scenarios whose name contains this")
    asked = parser.parse_args()
    print("| challenger | promoted | rejected | inconclusive | unmet most often |\n|---|---|---|---|---|")
    for scenario in SCENARIOS:
        if asked.only in scenario.name:
            print(_row(scenario, nights(scenario, asked.nights, asked.seed)), flush=True)


def nights(scenario: Scenario, count: int, seed: int) -> list[tuple[Verdict, tuple[str, ...]]]:
    """Verdict of each night and the checks that it did not meet, over the cores that there are."""
    workers = cpu_count() or 1
    parts = [range(first, count, workers) for first in range(workers)]
    with ProcessPoolExecutor(workers, initializer=_alone) as pool:
        found = pool.map(_judged, [scenario] * workers, parts, [seed] * workers)
    return [night for part in found for night in part]


def _alone() -> None:
    """One thread for each process: the arrays are small."""
    environ["OMP_NUM_THREADS"] = "1"


def _judged(scenario: Scenario, numbers: range, seed: int) -> list[tuple[Verdict, tuple[str, ...]]]:
    settings = Settings.load()
    found = []
    for number in numbers:
        verdict, checks, _, _ = judge(evaluation(scenario, number, seed), settings.gate)
        found.append((verdict, tuple(check.name for check in checks if not check.passed)))
    return found


def evaluation(scenario: Scenario, number: int, seed: int) -> EvaluationResult:
    """One night's comparison, the same for the same arguments."""
    random = np.random.default_rng(derive_seed(seed, scenario.name, number))
    specs = _specs(derive_seed(seed, "problems", number % DRAWS))
    rates = _rates(specs, scenario, random)
    pairs = {_run(spec): _pair(spec, rates[spec.instance.problem.id], random) for spec in specs if not spec.injection}
    injected = [_injected(spec, pairs[_run(spec)], random) for spec in specs if spec.injection]
    summary = summarise(list(pairs.values()), 0.95)
    return EvaluationResult(
        split="development",
        champion="a" * 64,
        challenger="b" * 64,
        pairs=tuple(pairs.values()),
        overall=summary.overall,
        slices=summary.slices,
        kinds=summary.kinds,
        controls=summary.controls,
        seed=number,
        injected=tuple(injected),
    )


@cache
def _specs(seed: int) -> list[EpisodeSpec]:
    return planned("development", seed, Settings.load().evaluation)


def _run(spec: EpisodeSpec) -> tuple[str, int]:
    return spec.instance.problem.id, spec.instance.seed


def _rates(
    specs: Sequence[EpisodeSpec], scenario: Scenario, random: np.random.Generator
) -> dict[str, tuple[float, float]]:
    """Of each problem, how often either arm answers right; of each control, how often without a false alarm."""
    effects: dict[str, float] = {}
    rates: dict[str, tuple[float, float]] = {}
    for problem in {spec.instance.problem.id: spec.instance.problem for spec in specs}.values():
        if not problem.fault:
            rates[problem.id] = (
                1 - _propensity(scenario.alarms[0], random),
                1 - _propensity(scenario.alarms[1], random),
            )
            continue
        sharers = mechanisms_of(problem.fault) if scenario.by == "mechanism" else (problem.application,)
        drawn = [effects.setdefault(name, random.standard_normal()) for name in sharers]
        shift, scale = _calibrated(scenario.slices.get(problem.slice, scenario.gain), scenario.deviation)
        before = float(random.beta(*DIFFICULTY.args))
        effect = shift + scale * sum(drawn) / len(drawn) ** 0.5
        rates[problem.id] = (before, float(np.clip(before + effect, 0, 1)))
    return rates


@cache
def _calibrated(gain: float, deviation: float) -> tuple[float, float]:
    """Shift and scale of a mechanism's effect at which the true rates gain and deviate as they are to.

    What leaves [0, 1] is cut off, so that both are wider than what comes of them.
    """
    before = DIFFICULTY.ppf((np.arange(400) + 0.5) / 400)
    drawn = stats.norm.ppf((np.arange(200) + 0.5) / 200)

    def of_mechanisms(shift: float, scale: float) -> np.ndarray:
        return (np.clip(before + shift + scale * drawn[:, None], 0, 1) - before).mean(axis=1)

    def shift_at(scale: float) -> float:
        low, high = -2.0, 2.0
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (middle, high) if of_mechanisms(middle, scale).mean() < gain else (low, middle)
        return high

    low, high = 0.0, 2.0 * bool(deviation)
    for _ in range(40 * bool(deviation)):
        middle = (low + high) / 2
        found = of_mechanisms(shift_at(middle), middle).std()
        low, high = (middle, high) if found < deviation else (low, middle)
    return shift_at(high), high


def _propensity(rate: float, random: np.random.Generator) -> float:
    """How often one control raises alarms: `rate` on average, and runs of one control alike."""
    strength = 1 / ALIKE - 1
    return float(random.beta(rate * strength, (1 - rate) * strength))


def _pair(spec: EpisodeSpec, rates: tuple[float, float], random: np.random.Generator) -> PairedResult:
    problem = spec.instance.problem
    before, after = (bool(random.random() < rate) for rate in rates)
    steps, tokens = 2 + random.poisson(2, 2), 100 + random.poisson(40, 2)
    return PairedResult(
        problem_id=problem.id,
        fault=problem.fault,
        application=problem.application,
        kind=problem.kind,
        slice=problem.slice,
        world_seed=spec.instance.seed,
        rollout_seed=spec.rollout_seed,
        champion_trajectory=sha256_hex(f"champion {problem.id} {spec.instance.seed}".encode()),
        challenger_trajectory=sha256_hex(f"challenger {problem.id} {spec.instance.seed}".encode()),
        champion_success=before,
        challenger_success=after,
        champion_false_alarm=not problem.fault and not before,
        challenger_false_alarm=not problem.fault and not after,
        champion_steps=int(steps[0]),
        challenger_steps=int(steps[1]),
        champion_tokens=int(tokens[0]),
        challenger_tokens=int(tokens[1]),
    )


def _injected(spec: EpisodeSpec, twin: PairedResult, random: np.random.Generator) -> InjectedResult:
    held = random.random(2) >= FLIPPED
    return InjectedResult(
        problem_id=twin.problem_id,
        kind=twin.kind,
        slice=twin.slice,
        world_seed=twin.world_seed,
        rollout_seed=twin.rollout_seed,
        injection=spec.injection or "",
        family="any",
        champion_trajectory=twin.champion_trajectory,
        challenger_trajectory=twin.challenger_trajectory,
        champion_clean=twin.champion_success,
        challenger_clean=twin.challenger_success,
        champion_success=twin.champion_success and bool(held[0]),
        challenger_success=twin.challenger_success and bool(held[1]),
    )


def _row(scenario: Scenario, found: Sequence[tuple[Verdict, tuple[str, ...]]]) -> str:
    shares = [_share(sum(verdict == name for verdict, _ in found), len(found)) for name in VERDICTS]
    unmet = Counter(name for _, names in found for name in names)
    told = ", ".join(f"{name} {count / len(found):.0%}" for name, count in unmet.most_common(3))
    return f"| {scenario.name} | {' | '.join(shares)} | {told} |"


def _share(count: int, nights: int) -> str:
    found = stats.binomtest(count, nights).proportion_ci(method="wilson")
    return f"{count / nights:.1%} [{found.low:.1%}, {found.high:.1%}]"


if __name__ == "__main__":
    main()
