"""Results of the learning benchmark made by hand: plausible, seeded, and wrong about nothing that a test claims."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from aoi.problems import aiopslab
from aoi.records.base import Ref, sha256_hex
from aoi.records.evaluation import PairedResult
from aoi.records.problem import TaskKind
from aoi.records.standings import LineName
from benchmarks.experiment import (
    Believed,
    Bin,
    Calibration,
    Failures,
    Measured,
    Plan,
    Rates,
    Spent,
    Standing,
    Trained,
    WorldsName,
    keep_plan,
    measured_at,
    trained_at,
    write,
)
from models.training.curves import CurvePoint, TrainingRun
from tests.promotion.evaluations import pair

SAYS = {
    "sft": "corrections imitated, then GRPO",
    "grpo": "GRPO alone",
    "shuffled": "corrections imitated, then GRPO on rewards dealt out at random",
    "imitation": "corrections imitated, no GRPO",
}
SLICES = ("seen", "unseen_mechanism", "unseen_application", "unseen_style", "several")
BEFORE = 0.5
PROBLEMS = 40
"""With a fault, so rates are multiples of a fortieth."""


def plan(
    worlds: WorldsName = "development", seeds: Sequence[int] = range(5), arms: Sequence[str] = ("sft", "grpo")
) -> Plan:
    return Plan(
        worlds=worlds,
        arms=tuple(arms),
        seeds=tuple(seeds),
        known=SAYS,
        training="11111111",
        measuring="22222222",
        k=5,
        revision="abc123",
        begun="2026-01-01T00:00:00+00:00",
    )


def pairs(gain: float, worlds: WorldsName = "development", k: int = 2) -> tuple[PairedResult, ...]:
    """Half of the problems are solved before; after, `gain` of all more or fewer. Controls stay right."""
    ids = [f"p-{number}" for number in range(PROBLEMS)]
    if worlds == "aiopslab":
        ids = [one.id for one in aiopslab.known().values() if one.fault][:PROBLEMS]
    solved = round((BEFORE + gain) * PROBLEMS)
    made = [
        pair(
            number,
            run,
            before=number < BEFORE * PROBLEMS,
            after=number < solved,
            slice_=SLICES[number % len(SLICES)],
            problem_id=name,
        )
        for number, name in enumerate(ids)
        for run in range(k)
    ]
    return (*made, *(pair(number, 0, before=True, after=True, slice_="control") for number in range(6)))


def measured(seed: int, arm: str, gain: float, worlds: WorldsName = "development", brier: float = 0.2) -> Measured:
    after = BEFORE + gain
    told: Mapping[LineName, float] = {"survey": 0.25, "expert": 0.8, "champion": BEFORE, "challenger": after}
    return Measured(
        seed=seed,
        arm=arm,
        worlds=worlds,
        pairs=pairs(gain, worlds),
        missing=(),
        standings=tuple(Standing(line=name, faults=rates(rate), controls=rates(0.95)) for name, rate in told.items()),
        believed=Believed(
            champion=calibration(0.25),
            challenger=calibration(brier),
            champion_controls=calibration(0.1),
            challenger_controls=calibration(0.12),
        ),
        failures=tuple(
            Failures(slice=part, kind=kind, pattern="wrong_path", champion=6, challenger=round(6 - 20 * gain))
            for part in SLICES
            for kind in TaskKind
        ),
        measuring_s=200,
    )


def rates(rate: float) -> Rates:
    return Rates(
        problems=PROBLEMS,
        runs=5 * PROBLEMS,
        first=rate,
        average=rate,
        best=min(rate + 0.08, 1.0),
        variance=0.03,
        aiopslab=min(rate + 0.05, 1.0),
        steps=2.4,
        tokens=410,
    )


def calibration(brier: float) -> Calibration:
    bins = tuple(
        Bin(runs=10 + 12 * one, stated=(one + 0.5) / 10, right=max(0.0, one / 10 - brier / 2)) for one in range(10)
    )
    return Calibration(stated=sum(one.runs for one in bins), unstated=4, brier=brier, bins=bins)


def trained(seed: int, arm: str, **spent: float) -> Trained:
    random = np.random.default_rng(1000 * seed + len(arm))
    has_grpo = arm != "imitation"
    runs = [curve("sft", 20, random)] if arm != "grpo" else []
    runs += [curve("grpo", 120 if runs else 140, random)] if has_grpo else []
    fields = {
        "collected": 768,
        "searched": 0 if arm == "grpo" else 950,
        "further": 950 if arm == "grpo" else 0,
        "measured": 64 * sum(run.steps for run in runs if run.method == "grpo"),
        "optimiser_steps": sum(run.steps for run in runs),
        "imitated": 640 if arm != "grpo" else 0,
        "tokens": 900_000,
        "training_s": 260.0 + 10 * seed,
    }
    digest = sha256_hex(f"{seed}{arm}".encode())
    bundle = Ref(kind="bundle", sha256=digest, size_bytes=1)
    return Trained(seed=seed, arm=arm, bundle=bundle, runs=tuple(runs), spent=Spent(**fields | spent))


def curve(method: str, steps: int, random: np.random.Generator) -> TrainingRun:
    is_grpo = method == "grpo"
    points = [
        CurvePoint(
            step=step,
            loss=float((0.02 if is_grpo else 1.5 * np.exp(-step / 8)) + 0.01 * random.standard_normal()),
            learning_rate=8e-4,
            reward=float(0.6 + 0.15 * step / steps + 0.03 * random.standard_normal()) if is_grpo else None,
            entropy=float(0.2 - 0.1 * step / steps + 0.01 * random.standard_normal()) if is_grpo else None,
            kl=float(0.03 * step / steps + 0.002 * random.random()) if is_grpo else None,
        )
        for step in range(1, steps + 1)
    ]
    digest = sha256_hex(method.encode())
    return TrainingRun(method=method, points=tuple(points), steps=steps, examples=64 * steps, tokens=9, result=digest)


def keep(out: Path, gains: Mapping[str, Sequence[float | None]], planned: Plan | None = None, **spent: float) -> Plan:
    """Write the results of a run, a gain for each seed of each arm; None is a seed that is missing."""
    planned = keep_plan(out, planned or plan(arms=tuple(gains)))
    for arm, values in gains.items():
        for seed, gain in zip(planned.seeds, values, strict=False):
            if gain is not None:
                write(trained_at(out, seed, arm, planned.training), trained(seed, arm, **spent))
                write(measured_at(out, seed, arm, planned), measured(seed, arm, gain, planned.worlds))
    return planned
