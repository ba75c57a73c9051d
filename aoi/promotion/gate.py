"""Decides whether a challenger may be asked for. Every doubt is on the champion's side.

`promote` needs every check: that the gain is proven, and that no slice, no kind of task, no mechanism, false alarms,
cost, steps and injections got worse by more than their margins, which is proven too and not presumed. A proven harm
rejects; everything else is inconclusive, with the number of runs that would settle it. Of fewer than two problems
nothing is known: their bounds are -1 and 1, which prove no harm, no gain and no thrift. Figures are computed from the
pairs: an evaluation whose own summary says otherwise is not believed.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from pydantic import ValidationError

from aoi.promotion.evaluation import (
    FAULT_SLICES,
    Summary,
    applications_in,
    by_problem,
    mechanisms_in,
    no_false_alarm,
    one_run,
    problems_in,
    success,
    summarise,
)
from aoi.promotion.harms import false_alarms, floor, mechanisms, refused, signed, steps, tokens
from aoi.promotion.injected import has_stray, injections
from aoi.promotion.statistics import (
    REFERENCE_GAIN,
    Plan,
    Rule,
    detectable_gain,
    effect_spread,
    is_gain_proven,
    problems_needed,
    promotion_rate,
    shrunk,
)
from aoi.records.base import canonical_bytes, sha256_hex
from aoi.records.evaluation import EvaluationResult, Interval, PairedResult, SliceResult
from aoi.records.problem import TaskKind
from aoi.records.promotion import GateCheck, GateDecision, Verdict
from aoi.settings import GateSettings, Settings, derive_seed

NIGHTS_COUNTED = 30
"""False promotions are stated for this many nights."""


class Judgement(NamedTuple):
    """A verdict and its reasons, before it is said what a comparison of this size could have seen."""

    verdict: Verdict
    checks: tuple[GateCheck, ...]
    gain: Interval
    is_believed: bool
    """False where the evidence is broken: nothing but that is known then."""


def decide(evaluation: EvaluationResult, settings: Settings) -> GateDecision:
    """The verdict on an evaluation of the development split. Never raises for broken evidence: it never promotes it."""
    rules = settings.gate
    digest = sha256_hex(canonical_bytes(evaluation.model_dump(mode="json", warnings=False)))
    verdict, checks, gain, is_believed = judge(evaluation, rules)
    if not is_believed:
        return GateDecision(
            verdict=verdict, gain=gain, power=0.0, detectable_gain=1.0, checks=checks, evaluation=digest
        )
    faults, controls = _parted(evaluation.pairs)
    odds = _odds(faults, controls, rules, _seed(evaluation))
    return GateDecision(
        verdict=verdict,
        gain=gain,
        power=odds.power,
        detectable_gain=odds.detectable,
        further_runs=_further_runs(evaluation, rules) if _wants_runs(verdict, checks) else None,
        checks=(*checks, odds.stated),
        evaluation=digest,
    )


def judge(evaluation: EvaluationResult, rules: GateSettings) -> Judgement:
    """The verdict alone: `decide` simulates nights besides, which takes a second."""
    broken = _what_is_broken(evaluation)
    if broken:
        check = GateCheck(name="evidence", passed=False, blocking=True, detail=broken)
        nothing = Interval(estimate=0.0, low=-1.0, high=1.0, level=round(2 * rules.level - 1, 9), n=0)
        return Judgement("reject", (check,), nothing, is_believed=False)
    faults, controls = _parted(evaluation.pairs)
    summary = summarise(evaluation.pairs, rules.level)
    checks = (
        _complete(evaluation, faults, controls, rules),
        _gain(faults, summary.overall.gain, rules, _seed(evaluation)),
        *(floor(part, rules) for part in (*summary.slices, *summary.kinds)),
        mechanisms(faults),
        false_alarms(summary.controls, rules),
        refused(evaluation.pairs, rules),
        tokens(evaluation.pairs, rules),
        steps(evaluation.pairs, rules),
        injections(evaluation.injected, rules),
    )
    return Judgement(_verdict(checks), checks, summary.overall.gain, is_believed=True)


def _parted(pairs: Sequence[PairedResult]) -> tuple[list[PairedResult], list[PairedResult]]:
    """Pairs with a fault, and controls."""
    return [pair for pair in pairs if pair.slice != "control"], [pair for pair in pairs if pair.slice == "control"]


def _seed(evaluation: EvaluationResult) -> int:
    return derive_seed(evaluation.seed, "gate", evaluation.challenger)


def _verdict(checks: Sequence[GateCheck]) -> Verdict:
    if any(check.blocking and not check.passed for check in checks):
        return "reject"
    return "promote" if all(check.passed for check in checks) else "inconclusive"


def _wants_runs(verdict: Verdict, checks: Sequence[GateCheck]) -> bool:
    """Whether more runs could decide: they narrow intervals of rates and complete the evidence, nothing else."""
    unmet = {check.name for check in checks if not check.passed}
    return verdict == "inconclusive" and any(
        name in ("gain", "evidence", "false alarms") or name.startswith("floor ") for name in unmet
    )


def _what_is_broken(evaluation: EvaluationResult) -> str:
    """Why the evidence cannot be believed at all; empty if it can."""
    try:
        whole = EvaluationResult.model_validate(evaluation.model_dump(warnings=False))
    except (ValidationError, AttributeError, TypeError) as error:
        count = error.error_count() if isinstance(error, ValidationError) else 1
        return f"the evaluation is not whole: {count} values are missing or not numbers"
    keys = [(pair.problem_id, pair.world_seed, pair.rollout_seed) for pair in whole.pairs]
    keys += [(one.problem_id, one.world_seed, one.rollout_seed, one.injection) for one in whole.injected]
    repeated = len(keys) - len(set(keys))
    reasons = (
        (
            whole.split != "development",
            f"the gate reads the development split, found {whole.split}: the test split is for reports only",
        ),
        (not whole.champion or not whole.challenger, "an arm is absent: champion and challenger must both have run"),
        (whole.champion == whole.challenger, "champion and challenger are one bundle: there is nothing to promote"),
        (repeated > 0, f"{repeated} runs are there twice: they would count as independent"),
        (_differs(whole), "its rates do not follow from its pairs: it was altered or written by other code"),
        (has_stray(whole), "runs with an injection are not beside the same run without: what they flip is unknown"),
    )
    return next((reason for is_broken, reason in reasons if is_broken), "")


def _differs(stated: EvaluationResult) -> bool:
    computed = summarise(stated.pairs, 0.95)  # the level moves bounds alone, and they are not compared
    return _all_figures(computed) != _all_figures(stated)


def _all_figures(summary: Summary | EvaluationResult) -> list[list[tuple[object, ...]]]:
    parts = ((summary.overall,), summary.slices, summary.kinds, (summary.controls,))
    return [[_figures(part) for part in group] for group in parts]


def _figures(part: SliceResult) -> tuple[object, ...]:
    rates = (round(value, 9) for value in (part.champion_rate, part.challenger_rate, part.gain.estimate))
    return (part.name, part.runs, part.gain.n, *rates)


def _complete(
    evaluation: EvaluationResult, faults: Sequence[PairedResult], controls: Sequence[PairedResult], rules: GateSettings
) -> GateCheck:
    counts = _runs_by_problem(evaluation.pairs)
    unequal = sorted(problem for problem, runs in counts.items() if runs != max(counts.values()))
    n, m = len(_runs_by_problem(faults)), len(_runs_by_problem(controls))
    compared = f"{n} problems with a fault and {m} controls, {len(evaluation.pairs)} paired runs"
    if evaluation.missing:
        detail = f"{len(evaluation.missing)} planned runs are missing, first {evaluation.missing[0]}; found {compared}"
    elif unequal:
        detail = f"{len(unequal)} problems have fewer runs than others, first {unequal[0]}; found {compared}"
    elif n < rules.minimum_problems or m < rules.minimum_controls:
        wanted = f"{rules.minimum_problems} problems and {rules.minimum_controls} controls"
        detail = f"expected at least {wanted}, found {compared}"
    else:
        return GateCheck(name="evidence", passed=True, blocking=False, detail=compared)
    return GateCheck(name="evidence", passed=False, blocking=False, detail=detail)


def _gain(faults: Sequence[PairedResult], gain: Interval, rules: GateSettings, seed: int) -> GateCheck:
    champion, challenger = by_problem(faults, success)
    shared = (mechanisms_in(faults), applications_in(faults))
    is_proven = is_gain_proven(
        challenger - champion, shared, rules.level, rules.minimum_gain, seed=seed, flipped=one_run(faults)
    )
    is_disproven = gain.n > 1 and gain.high <= rules.minimum_gain and gain.estimate < rules.minimum_gain
    detail = (
        f"gain {signed(gain)} of {shared[0].shape[1]} mechanisms in {shared[1].shape[1]} applications; its lower "
        f"bound must lie above {100 * rules.minimum_gain:+.1f} points"
    )
    if not is_proven and gain.low > rules.minimum_gain:
        detail += "; too few mechanisms differ for the permutation test"
    return GateCheck(name="gain", passed=is_proven, blocking=is_disproven, detail=detail)


class _Odds(NamedTuple):
    power: float
    detectable: float
    stated: GateCheck


def _odds(faults: Sequence[PairedResult], controls: Sequence[PairedResult], rules: GateSettings, seed: int) -> _Odds:
    """What a gate of this size can see, and how often it errs, by simulation of gain, floors and false alarms."""
    plan = _plan(faults, controls)
    rule = Rule(
        rules.level,
        rules.minimum_gain,
        slice_margin=rules.slice_margin,
        slice_loss=rules.slice_loss,
        control_margin=rules.control_margin,
        alarm_rise=rules.alarm_rise,
    )

    def rate(gain: float) -> float:
        return promotion_rate(plan, rule, gain, nights=rules.simulated_nights, seed=seed)

    equal, worse, power = rate(0.0), rate(-0.05), rate(REFERENCE_GAIN)
    stated = GateCheck(
        name="error rates",
        passed=True,
        blocking=False,
        detail=(
            f"of {rules.simulated_nights} simulated nights of this size {equal:.1%} promote an equal challenger and "
            f"{worse:.1%} one that is 5 points worse: {NIGHTS_COUNTED * equal:.1f} and {NIGHTS_COUNTED * worse:.1f} in "
            f"{NIGHTS_COUNTED} nights"
        ),
    )
    return _Odds(power, detectable_gain(rate), stated)


def _plan(faults: Sequence[PairedResult], controls: Sequence[PairedResult]) -> Plan:
    runs = max(_runs_by_problem([*faults, *controls]).values(), default=1)
    champion, challenger = by_problem(faults, success)
    ordered = problems_in(faults)
    parts = [[pair.slice == name for pair in ordered] for name in FAULT_SLICES]
    parts += [[pair.kind == kind for pair in ordered] for kind in TaskKind]
    parts = [part for part in parts if any(part)]
    groups = np.array(parts, dtype=bool).reshape(len(parts), len(ordered))
    right, _ = by_problem(controls, no_false_alarm)
    return Plan(
        champion_rates=shrunk(champion * runs, runs),
        mechanisms=mechanisms_in(faults),
        applications=applications_in(faults),
        groups=groups,
        control_rates=shrunk(right * runs, runs),
        control_applications=applications_in(controls),
        runs=runs,
        effect_spread=effect_spread(champion * runs, challenger * runs, runs),
    )


def _further_runs(evaluation: EvaluationResult, rules: GateSettings) -> int | None:
    """Runs that are missing, or else those that would prove what is not, at the rates that were seen; None if none."""
    if evaluation.missing:
        return len(evaluation.missing)
    faults, controls = _parted(evaluation.pairs)
    n, runs = len(problems_in(faults)), max(_runs_by_problem(faults).values(), default=1)
    if n < rules.minimum_problems:
        return (rules.minimum_problems - n) * runs
    summary = summarise(evaluation.pairs, rules.level)
    lacking = [
        _lacking(summary.overall.gain, rules.minimum_gain),
        _sum(_lacking(part.gain, -rules.slice_loss) for part in summary.slices),
        _sum(_lacking(part.gain, -rules.slice_loss) for part in summary.kinds),
    ]
    of_controls = _lacking(summary.controls.gain, -rules.alarm_rise) if controls else 0
    if None in lacking or of_controls is None:
        return None
    return (max(of for of in lacking if of is not None) + of_controls) * runs or None


def _lacking(gain: Interval, minimum: float) -> int | None:
    """Further problems that would lift a lower bound above the minimum; 0 if it lies there, None if none would."""
    if gain.low > minimum:
        return 0
    needed = problems_needed(gain, minimum)
    return None if needed is None else needed - gain.n


def _sum(parts: Iterable[int | None]) -> int | None:
    counts = list(parts)
    return None if None in counts else sum(count for count in counts if count)


def _runs_by_problem(pairs: Sequence[PairedResult]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for pair in pairs:
        counts[pair.problem_id] = counts.get(pair.problem_id, 0) + 1
    return counts
