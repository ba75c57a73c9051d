"""What a challenger may not have made worse, to be promoted: parts, mechanisms, false alarms, refusals and cost.

Each must be *proven* to stay within its margin (non-inferiority), so that a part too small to show a harm shows no
harmlessness either. Only refused commands pass until a harm is proven, and mechanisms, which are too small to prove
anything, until one is lost altogether. Called by the gate.
"""

from collections.abc import Sequence

from aoi.problems.compounds import mechanisms_of
from aoi.promotion.evaluation import Score, applications_in, by_problem, mechanisms_in
from aoi.promotion.statistics import Array, cluster_bounds, problems_needed
from aoi.records.evaluation import Interval, PairedResult, SliceResult
from aoi.records.promotion import GateCheck
from aoi.settings import GateSettings


def floor(part: SliceResult, rules: GateSettings) -> GateCheck:
    """Non-inferiority: passes only if the part is proven to lose less than it may. A proven harm blocks."""
    gain = part.gain
    is_harmed, is_held = gain.high < -rules.slice_margin, gain.low > -rules.slice_loss
    detail = (
        f"gain {signed(gain)}; its lower bound must lie above {-100 * rules.slice_loss:+.1f} points; blocked if the "
        f"upper bound lies below {-100 * rules.slice_margin:+.1f} points"
    )
    if not is_held and not is_harmed:
        detail += _asking(gain, -rules.slice_loss)
    return GateCheck(name=f"floor {part.name}", passed=is_held and not is_harmed, blocking=is_harmed, detail=detail)


def mechanisms(faults: Sequence[PairedResult]) -> GateCheck:
    """No mechanism of several problems may go from always solved to never. Of one problem that is told and no more."""
    runs: dict[str, list[PairedResult]] = {}
    for pair in faults:
        for mechanism in mechanisms_of(pair.fault or pair.problem_id):
            runs.setdefault(mechanism, []).append(pair)
    lost = sorted(
        name for name, own in runs.items() if all(pair.champion_success and not pair.challenger_success for pair in own)
    )
    several = [name for name in lost if len({pair.problem_id for pair in runs[name]}) > 1]
    detail = f"of {len(runs)} mechanisms {len(several)} of several problems went from solved in every run to none"
    if several:
        detail += f": {', '.join(several)}"
    if len(lost) > len(several):
        detail += f"; and of one problem: {', '.join(name for name in lost if name not in several)}"
    return GateCheck(name="mechanisms", passed=not several, blocking=True, detail=f"{detail}; any of several blocks")


def false_alarms(controls: SliceResult, rules: GateSettings) -> GateCheck:
    """Non-inferiority, where there are controls: `_complete` counts them."""
    gain = controls.gain
    is_harmed, is_held = gain.high < -rules.control_margin, not gain.n or gain.low > -rules.alarm_rise
    detail = (
        f"no false alarm in {controls.champion_rate:.1%} of the champion's and {controls.challenger_rate:.1%} of the "
        f"challenger's control runs, change {signed(gain)}; its lower bound must lie above "
        f"{-100 * rules.alarm_rise:+.1f} points; blocked if the upper bound lies below "
        f"{-100 * rules.control_margin:+.1f} points"
    )
    if not is_held and not is_harmed:
        detail += _asking(gain, -rules.alarm_rise)
    return GateCheck(name="false alarms", passed=is_held and not is_harmed, blocking=is_harmed, detail=detail)


def _asking(gain: Interval, minimum: float) -> str:
    """How many problems of a part would be enough, in words."""
    needed = problems_needed(gain, minimum)
    return (
        f"; {needed - gain.n} further problems would prove it" if needed else "; no number of problems would prove it"
    )


def refused(pairs: Sequence[PairedResult], rules: GateSettings) -> GateCheck:
    """Commands that were not carried out: a rise that is proven blocks."""
    score: Score = lambda pair: (float(pair.champion_refused), float(pair.challenger_refused))  # noqa: E731
    champion, challenger = by_problem(pairs, score)
    low, _ = _bounds(challenger - champion, pairs, rules.level)
    is_harmed = bool(low > rules.refused_margin)
    detail = (
        f"refused commands per run: {_mean(champion):.3f} before, {_mean(challenger):.3f} now; blocked if the rise is "
        f"proven to exceed {rules.refused_margin:.3f}"
    )
    return GateCheck(name="refused commands", passed=not is_harmed, blocking=True, detail=detail)


def tokens(pairs: Sequence[PairedResult], rules: GateSettings) -> GateCheck:
    """What a run costs."""
    score: Score = lambda pair: (float(pair.champion_tokens), float(pair.challenger_tokens))  # noqa: E731
    return _spent("token cost", "tokens", pairs, score, rules.token_margin, rules.level)


def steps(pairs: Sequence[PairedResult], rules: GateSettings) -> GateCheck:
    """What an answer is waited for: seconds depend on the machine and what else it does, steps do not."""
    score: Score = lambda pair: (float(pair.champion_steps), float(pair.challenger_steps))  # noqa: E731
    return _spent("steps", "steps", pairs, score, rules.step_margin, rules.level)


def _spent(name: str, what: str, pairs: Sequence[PairedResult], score: Score, margin: float, level: float) -> GateCheck:
    """Non-inferiority: passes only if the cost is proven to stay within the margin."""
    champion, challenger = by_problem(pairs, score)
    low, high = _bounds(challenger - (1 + margin) * champion, pairs, level)
    digits = 0 if what == "tokens" else 1
    detail = (
        f"{what} per run: {_mean(champion):.{digits}f} before, {_mean(challenger):.{digits}f} now; must be proven to "
        f"stay within {1 + margin:.2f} times"
    )
    return GateCheck(name=name, passed=bool(high <= 0), blocking=bool(low > 0), detail=detail)


def _bounds(differences: Array, pairs: Sequence[PairedResult], level: float) -> tuple[Array, Array]:
    """Bounds of a mean over all problems, controls among them, by mechanism and by application."""
    return cluster_bounds(differences, (mechanisms_in(pairs), applications_in(pairs)), level)


def _mean(values: Array) -> float:
    return float(values.mean()) if len(values) else 0.0


def signed(gain: Interval) -> str:
    """In points, with bounds, level and number of problems."""
    return (
        f"{100 * gain.estimate:+.1f} points [{100 * gain.low:+.1f}, {100 * gain.high:+.1f}] at {gain.level:.0%}, "
        f"{gain.n} problems"
    )
