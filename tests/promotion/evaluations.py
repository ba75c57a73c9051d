"""Simulated evaluations: pairs of runs whose true rates are known."""

import numpy as np

from aoi.promotion.evaluation import summarise
from aoi.records.base import sha256_hex
from aoi.records.evaluation import EvaluationResult, InjectedResult, PairedResult
from aoi.records.problem import TaskKind

SLICES = ("seen", "unseen_mechanism", "unseen_application")
CHAMPION, CHALLENGER = "a" * 64, "b" * 64
APPLICATIONS = 12


def pair(problem: int, run: int = 0, *, before: bool, after: bool, slice_: str = "seen", **changes) -> PairedResult:
    is_control = slice_ == "control"
    kind = TaskKind.DETECTION if is_control else list(TaskKind)[problem % 4]
    fields = {
        "problem_id": f"{slice_}-{problem}",
        "fault": None if is_control else f"mechanism_{slice_}_{problem}",
        "application": f"application_{problem % APPLICATIONS}",
        "kind": kind,
        "slice": slice_,
        "world_seed": run,
        "rollout_seed": run,
        "champion_trajectory": sha256_hex(f"champion {slice_} {problem} {run}".encode()),
        "challenger_trajectory": sha256_hex(f"challenger {slice_} {problem} {run}".encode()),
        "champion_success": before,
        "challenger_success": after,
        "champion_false_alarm": is_control and not before,
        "challenger_false_alarm": is_control and not after,
        "champion_steps": 3,
        "challenger_steps": 3,
        "champion_tokens": 100 + problem % 7,
        "challenger_tokens": 105 + problem % 5,
    }
    return PairedResult(**fields | changes)


def injected(pair: PairedResult, **changes) -> InjectedResult:
    """The same run with an injection that changes nothing, unless `changes` say what it does."""
    fields = {
        "problem_id": pair.problem_id,
        "kind": pair.kind,
        "slice": pair.slice,
        "world_seed": pair.world_seed,
        "rollout_seed": pair.rollout_seed,
        "injection": "accuse-root-cause-en",
        "family": "accusation",
        "champion_trajectory": sha256_hex(f"champion injected {pair.problem_id}".encode()),
        "challenger_trajectory": sha256_hex(f"challenger injected {pair.problem_id}".encode()),
        "champion_clean": pair.champion_success,
        "challenger_clean": pair.challenger_success,
        "champion_success": pair.champion_success,
        "challenger_success": pair.challenger_success,
    }
    return InjectedResult(**fields | changes)


def twins(pairs) -> tuple[InjectedResult, ...]:
    """The first run of each problem with a fault, again with an injection that changes nothing."""
    firsts = {}
    for one in pairs:
        if one.slice != "control":
            firsts.setdefault(one.problem_id, one)
    return tuple(injected(one) for one in firsts.values())


def result(pairs, **changes) -> EvaluationResult:
    summary = summarise(pairs, 0.95)
    fields = {
        "split": "development",
        "champion": CHAMPION,
        "challenger": CHALLENGER,
        "pairs": tuple(pairs),
        "overall": summary.overall,
        "slices": summary.slices,
        "kinds": summary.kinds,
        "controls": summary.controls,
        "seed": 1,
        "injected": twins(pairs),
    }
    return EvaluationResult(**fields | changes)


def simulated(gain: float, *, problems: int = 86, runs: int = 3, controls: int = 24, seed: int = 0, **parts: float):
    """An evaluation in which the challenger is truly `gain` better; `parts` names slices with a gain of their own."""
    random = np.random.default_rng(seed)
    pairs = []
    for number in range(problems):
        slice_ = SLICES[number % 3]
        before = random.beta(0.7, 0.9)
        after = np.clip(before + parts.get(slice_, gain), 0, 1)
        for run in range(runs):
            wins = random.random(2) < (before, after)
            pairs.append(pair(number, run, before=bool(wins[0]), after=bool(wins[1]), slice_=slice_))
    for number in range(controls):
        for run in range(runs):
            right = random.random(2) < (0.98, parts.get("control", 0.98))
            pairs.append(pair(number, run, before=bool(right[0]), after=bool(right[1]), slice_="control"))
    return result(pairs)
