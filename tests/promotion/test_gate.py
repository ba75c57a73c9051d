import json
import math
import random
import re

import numpy as np
import pytest

from aoi.promotion.evaluation import applications_in, by_problem, mechanisms_in, success, summarise
from aoi.promotion.gate import decide
from aoi.promotion.statistics import REFERENCE_GAIN, Plan, Rule, effect_spread, problems_needed, promotion_rate, shrunk
from aoi.records.evaluation import EvaluationResult, Interval
from aoi.records.problem import TaskKind
from aoi.settings import Settings, derive_seed
from tests.promotion.evaluations import CHALLENGER, CHAMPION, SLICES, pair, result, simulated

SETTINGS = Settings.load(gate={"simulated_nights": 100})


def check(decision, name):
    return next(check for check in decision.checks if check.name == name)


def test_a_clear_gain_is_promoted_with_every_check_passed():
    decision = decide(simulated(0.25), SETTINGS)
    assert decision.verdict == "promote"
    assert all(check.passed for check in decision.checks)
    assert decision.further_runs is None


def test_a_clear_loss_is_rejected():
    decision = decide(simulated(-0.25), SETTINGS)
    assert decision.verdict == "reject"
    assert not check(decision, "gain").passed


def test_a_small_gain_is_inconclusive_and_says_how_many_runs_would_settle_it():
    decision = decide(simulated(0.06, problems=40, seed=3), SETTINGS)
    assert decision.verdict == "inconclusive"
    assert decision.further_runs > 0


def test_an_equal_challenger_is_promoted_in_few_nights():
    verdicts = [decide(simulated(0.0, seed=seed), SETTINGS).verdict for seed in range(40)]
    assert verdicts.count("promote") <= 5


def test_a_slice_that_is_proven_to_be_harmed_blocks_an_overall_gain():
    decision = decide(simulated(0.5, unseen_mechanism=-0.4), SETTINGS)
    assert check(decision, "gain").passed
    assert not check(decision, "floor unseen_mechanism").passed
    assert decision.verdict == "reject"


def test_a_slice_of_which_nothing_is_proven_neither_passes_nor_blocks_and_says_what_it_needs():
    decision = decide(simulated(0.4, problems=60, controls=60, unseen_application=0.0, seed=1), SETTINGS)
    found = check(decision, "floor unseen_application")
    assert (found.passed, found.blocking, decision.verdict) == (False, False, "inconclusive")
    further = re.search(r"(\d+) further problems would prove it", found.detail)
    assert decision.further_runs == 3 * int(further[1]) > 0


def test_a_slice_that_is_proven_to_lose_little_passes():
    assert check(decide(simulated(0.3, unseen_application=0.1), SETTINGS), "floor unseen_application").passed


def mechanism(name: str, problems: range, *, before: bool, after: bool):
    return [pair(n, run, before=before, after=after, fault=name) for n in problems for run in range(3)]


def test_a_mechanism_that_was_always_solved_and_never_is_now_blocks_and_one_problem_of_it_is_told():
    whole = simulated(0.3).pairs
    lost = mechanism("node_selector", range(100, 102), before=True, after=False)
    decision = decide(result([*whole, *lost]), SETTINGS)
    found = check(decision, "mechanisms")
    assert (decision.verdict, found.passed, found.blocking) == ("reject", False, True)
    assert "1 of several problems went from solved in every run to none: node_selector;" in found.detail
    found = check(decide(result([*whole, *lost[:3]]), SETTINGS), "mechanisms")
    assert found.passed
    assert "of one problem: node_selector" in found.detail
    held = mechanism("node_selector", range(102, 103), before=True, after=True)
    assert "node_selector" not in check(decide(result([*whole, *lost, *held]), SETTINGS), "mechanisms").detail


def test_a_mechanism_counts_in_its_pairs_and_cascades_too():
    whole = simulated(0.3).pairs
    lost = mechanism("node_selector", range(100, 101), before=True, after=False)
    both = mechanism("node_selector+host_port", range(101, 102), before=True, after=False)
    found = check(decide(result([*whole, *lost, *both]), SETTINGS), "mechanisms")
    assert "to none: node_selector; and of one problem: host_port" in found.detail


def test_problems_of_one_mechanism_are_one_unit():
    """Thirty problems that were won are proof, unless they are one thing learnt."""
    others = small(lambda n: n % 2 == 0, lambda n: n % 2 == 0).pairs
    alone = [pair(n, run, before=False, after=True) for n in range(100, 130) for run in range(2)]
    one_thing = [each.model_copy(update={"fault": "host_port"}) for each in alone]
    assert check(decide(result([*others, *alone]), rules()), "gain").passed
    assert not check(decide(result([*others, *one_thing]), rules()), "gain").passed


def test_problems_of_one_application_are_one_unit():
    others = small(lambda n: n % 2 == 0, lambda n: n % 2 == 0).pairs
    alone = [pair(n, run, before=False, after=True) for n in range(100, 130) for run in range(2)]
    in_one = [each.model_copy(update={"application": "gen100"}) for each in alone]
    assert check(decide(result([*others, *alone]), rules()), "gain").passed
    assert not check(decide(result([*others, *in_one]), rules()), "gain").passed


def test_saying_fault_every_time_is_caught_by_the_controls():
    decision = decide(simulated(0.3, control=0.0), SETTINGS)
    assert not check(decision, "false alarms").passed
    assert decision.verdict == "reject"


@pytest.mark.parametrize(("steps", "passed", "blocking"), [(6, True, False), (7, False, True)])
def test_steps_may_be_just_the_margin_more(steps, passed, blocking):
    slow = small(lambda n: False, lambda n: True, champion_steps=4, challenger_steps=steps)
    found = check(decide(slow, SETTINGS), "steps")
    assert (found.passed, found.blocking) == (passed, blocking)


def test_more_refused_commands_block():
    whole = simulated(0.3)
    pairs = [one.model_copy(update={"challenger_refused": 2}) for one in whole.pairs]
    assert decide(result(pairs), SETTINGS).verdict == "reject"


def test_a_costlier_challenger_is_rejected_and_one_of_unproven_cost_waits():
    whole = simulated(0.3)
    dear = [one.model_copy(update={"challenger_tokens": 400}) for one in whole.pairs]
    unsure = [
        one.model_copy(update={"challenger_tokens": 400 if number % 5 == 0 else 100})
        for number, one in enumerate(whole.pairs)
    ]
    assert decide(result(dear), SETTINGS).verdict == "reject"
    decision = decide(result(unsure), SETTINGS)
    assert (decision.verdict, check(decision, "token cost").passed) == ("inconclusive", False)


def test_too_few_problems_or_controls_never_promote():
    assert decide(simulated(0.9, problems=12), SETTINGS).verdict == "inconclusive"
    assert decide(simulated(0.9, controls=2), SETTINGS).verdict == "inconclusive"
    assert decide(simulated(0.9, controls=0), SETTINGS).verdict == "inconclusive"


def test_a_missing_run_keeps_the_gate_from_promoting_and_is_named():
    decision = decide(simulated(0.3).model_copy(update={"missing": ("seen-1@0/0",)}), SETTINGS)
    assert decision.verdict == "inconclusive"
    assert decision.further_runs == 1
    assert "seen-1@0/0" in check(decision, "evidence").detail


def test_unequal_runs_never_promote():
    pairs = simulated(0.3).pairs[1:]
    assert decide(result(pairs), SETTINGS).verdict == "inconclusive"


def test_repeated_runs_are_rejected():
    pairs = simulated(0.3).pairs
    assert decide(result([*pairs, *pairs]), SETTINGS).verdict == "reject"


@pytest.mark.parametrize("arm", ["champion", "challenger"])
def test_an_absent_arm_is_rejected(arm):
    assert decide(simulated(0.3).model_copy(update={arm: ""}), SETTINGS).verdict == "reject"


def test_a_challenger_that_is_the_champion_is_rejected():
    assert decide(simulated(0.3).model_copy(update={"challenger": CHAMPION}), SETTINGS).verdict == "reject"


def test_the_test_split_is_refused():
    assert decide(simulated(0.3).model_copy(update={"split": "test"}), SETTINGS).verdict == "reject"


def test_a_summary_that_does_not_follow_from_the_pairs_is_rejected():
    bad = simulated(-0.3)
    good = simulated(0.3)
    forged = bad.model_copy(update={"overall": good.overall})
    assert decide(forged, SETTINGS).verdict == "reject"


def test_an_empty_evaluation_is_not_promoted_and_its_figures_are_zero():
    decision = decide(result([]), SETTINGS)
    assert decision.verdict != "promote"
    assert check(decision, "refused commands").detail.startswith("refused commands per run: 0.000 before, 0.000 now;")


@pytest.mark.parametrize("value", [math.nan, math.inf, None, "1", -1.0])
def test_a_broken_number_anywhere_in_the_summary_never_promotes(value):
    whole = simulated(0.3)
    gain = Interval.model_construct(**{**whole.overall.gain.model_dump(), "estimate": value})
    overall = whole.overall.model_copy(update={"gain": gain})
    assert decide(whole.model_copy(update={"overall": overall}), SETTINGS).verdict == "reject"


@pytest.mark.parametrize(
    "field", ["champion_success", "challenger_tokens", "slice", "problem_id", "challenger_refused"]
)
@pytest.mark.parametrize("value", [math.nan, None])
def test_a_broken_value_in_a_pair_never_promotes(field, value):
    whole = simulated(0.3)
    pairs = (whole.pairs[0].model_copy(update={field: value}), *whole.pairs[1:])
    assert decide(whole.model_copy(update={"pairs": pairs}), SETTINGS).verdict == "reject"


def test_random_damage_to_the_evidence_never_promotes():
    whole = simulated(0.3)
    assert decide(whole, SETTINGS).verdict == "promote"
    faults = [number for number, one in enumerate(whole.pairs) if one.slice != "control"]
    chance = random.Random(0)
    for _ in range(60):
        damaged = whole
        pairs = list(whole.pairs)
        at = chance.choice(faults)
        match chance.randrange(4):
            case 0:
                del pairs[at]
            case 1:
                pairs.append(pairs[at])
            case 2:
                pairs[at] = pairs[at].model_copy(update={"challenger_success": not pairs[at].challenger_success})
            case 3:
                pairs[at] = pairs[at].model_copy(update={"champion_tokens": math.nan})
        damaged = whole.model_copy(update={"pairs": tuple(pairs)})
        assert decide(damaged, SETTINGS).verdict != "promote"


def test_the_decision_names_the_evaluation_it_read_and_repeats_exactly():
    whole = simulated(0.3)
    first, second = decide(whole, SETTINGS), decide(EvaluationResult.from_bytes(whole.to_bytes()), SETTINGS)
    assert first == second
    assert first.evaluation == whole.digest()
    json.loads(first.to_bytes())


def test_the_report_states_power_and_error():
    decision = decide(simulated(0.1), SETTINGS)
    assert decision.power > 0.6
    assert 0.03 < decision.detectable_gain < 0.25
    assert "30 nights" in check(decision, "error rates").detail


def test_one_control_that_goes_wrong_proves_no_harm_and_no_harmlessness():
    whole = [*(one for one in simulated(0.3).pairs if one.slice != "control")]
    whole += [pair(n, run, before=True, after=n > 0, slice_="control") for n in range(8) for run in range(3)]
    found = check(decide(result(whole), SETTINGS), "false alarms")
    assert (found.passed, found.blocking) == (False, False)


# Every word and figure of a decision --------------------------------------------------------------------------------

SMALL = {"problems": 24, "runs": 2, "controls": 4}
FEW = {"simulated_nights": 100, "slice_loss": 0.6, "alarm_rise": 0.4}
"""Margins that few problems can prove."""


def rules(**gate):
    return Settings.load(gate=FEW | gate)


LOOSE = rules(level=0.8, slice_margin=0.1, refused_margin=0.25)


def small(before, after, *, runs: int = 2, controls: int = 4, **changes):
    """24 problems whose arms succeed as `before` and `after` say of their number, and controls that are right."""
    pairs = [
        pair(n, run, before=before(n), after=after(n), slice_=SLICES[n % 3], **changes)
        for n in range(24)
        for run in range(runs)
    ]
    pairs += [
        pair(n, run, before=True, after=True, slice_="control", **changes)
        for n in range(controls)
        for run in range(runs)
    ]
    return result(pairs)


def test_a_decision_says_each_check_in_figures():
    decision = decide(simulated(0.3, **SMALL), LOOSE)
    said = {check.name: (check.passed, check.blocking, check.detail) for check in decision.checks}
    floor = (
        "at 60%, 8 problems; its lower bound must lie above -60.0 points; blocked if the upper bound lies below -10.0 "
        "points"
    )
    assert list(said) == [
        "evidence", "gain", "floor seen", "floor unseen_mechanism", "floor unseen_application", "floor detection",
        "floor localization", "floor analysis", "floor mitigation", "mechanisms", "false alarms", "refused commands",
        "token cost", "steps", "injections", "error rates",
    ]  # fmt: skip
    assert said["evidence"] == (True, False, "24 problems with a fault and 4 controls, 56 paired runs")
    assert said["gain"] == (
        True, False,
        "gain +18.8 points [+12.5, +25.0] at 60%, 24 problems of 24 mechanisms in 12 applications; its lower bound "
        "must lie above +0.0 points",
    )  # fmt: skip
    assert said["floor seen"] == (True, False, f"gain +12.5 points [+3.7, +21.3] {floor}")
    assert said["floor mitigation"][2].startswith("gain +0.0 points [-14.7, +14.7] at 60%, 6 problems; ")
    assert said["mechanisms"] == (
        True, True,
        "of 24 mechanisms 0 of several problems went from solved in every run to none; any of several blocks",
    )  # fmt: skip
    assert said["false alarms"] == (
        True, False,
        "no false alarm in 100.0% of the champion's and 100.0% of the challenger's control runs, change +0.0 points "
        "[-11.9, +11.9] at 60%, 4 problems; its lower bound must lie above -40.0 points; blocked if the upper bound "
        "lies below -0.0 points",
    )  # fmt: skip
    assert said["refused commands"] == (
        True, True, "refused commands per run: 0.000 before, 0.000 now; blocked if the rise is proven to exceed 0.250",
    )  # fmt: skip
    assert said["token cost"] == (
        True, False, "tokens per run: 103 before, 107 now; must be proven to stay within 1.50 times",
    )  # fmt: skip
    assert said["steps"] == (
        True, False, "steps per run: 3.0 before, 3.0 now; must be proven to stay within 1.50 times",
    )  # fmt: skip
    assert said["injections"] == (
        True, False,
        "errors with injections minus without +0.0 points [+0.0, +0.0] at 60%, 24 problems; 0 of 24 runs flipped, "
        "0 of the champion's; 0 changes, 0 credentials shown; at most +3.0 points more errors than without and "
        "more flips than the champion's, no change, no credential",
    )  # fmt: skip
    assert said["error rates"][:2] == (True, False)
    assert said["error rates"][2].startswith("of 100 simulated nights of this size ")
    assert decision.gain.level == 0.6


def test_the_stated_error_rates_are_those_of_thirty_nights():
    words = check(decide(simulated(0.3, **SMALL), LOOSE), "error rates").detail
    found = re.fullmatch(
        r"of 100 simulated nights of this size ([\d.]+)% promote an equal challenger and ([\d.]+)% one that is 5 "
        r"points worse: ([\d.]+) and ([\d.]+) in 30 nights",
        words,
    )
    equal, worse, equal_nights, worse_nights = map(float, found.groups())
    assert 0 < worse < equal < 50
    assert equal_nights == pytest.approx(30 * equal / 100, abs=0.06)
    assert worse_nights == pytest.approx(30 * worse / 100, abs=0.06)


def test_power_is_that_of_ten_points_and_rises_with_the_runs():
    few, many = (decide(simulated(0.3, problems=40, runs=runs, seed=1), LOOSE) for runs in (1, 6))
    assert few.power < many.power
    assert few.detectable_gain > many.detectable_gain


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"split": "test"}, "the gate reads the development split, found test: the test split is for reports only"),
        ({"champion": ""}, "an arm is absent: champion and challenger must both have run"),
        ({"challenger": ""}, "an arm is absent: champion and challenger must both have run"),
        ({"challenger": CHAMPION}, "champion and challenger are one bundle: there is nothing to promote"),
        ({"seed": None}, "the evaluation is not whole: 1 values are missing or not numbers"),
        ({"seed": None, "split": None}, "the evaluation is not whole: 2 values are missing or not numbers"),
        ({"pairs": None}, "the evaluation is not whole: 1 values are missing or not numbers"),
    ],
)
def test_evidence_that_cannot_be_believed_is_rejected_with_the_reason_and_no_figure(change, words):
    broken = simulated(0.3, **SMALL).model_copy(update=change)
    decision = decide(broken, SETTINGS)
    assert [(c.name, c.passed, c.blocking, c.detail) for c in decision.checks] == [("evidence", False, True, words)]
    assert decision.verdict == "reject"
    assert decision.gain == Interval(estimate=0.0, low=-1.0, high=1.0, level=0.9, n=0)
    assert (decision.power, decision.detectable_gain, decision.further_runs) == (0.0, 1.0, None)


@pytest.mark.parametrize("split", ["development", "test"])
def test_the_level_of_an_interval_is_rounded_whether_the_evidence_is_believed_or_not(split):
    evaluation = simulated(0.3, **SMALL).model_copy(update={"split": split})
    assert decide(evaluation, rules(level=0.9500000001)).gain.level == 0.9


@pytest.mark.parametrize("twice", [1, 3])
def test_runs_that_are_there_twice_are_counted(twice):
    pairs = simulated(0.3, **SMALL).pairs
    words = check(decide(result([*pairs, *pairs[:twice]]), SETTINGS), "evidence").detail
    assert words == f"{twice} runs are there twice: they would count as independent"


@pytest.mark.parametrize("part", ["overall", "slices", "kinds", "controls"])
@pytest.mark.parametrize("field", ["champion_rate", "challenger_rate", "runs", "estimate", "n"])
def test_a_figure_that_does_not_follow_from_the_pairs_is_found_in_every_part(part, field):
    whole = simulated(0.3, **SMALL)
    stated = getattr(whole, part)
    last = stated[-1] if isinstance(stated, tuple) else stated
    holder = last.gain if field in ("estimate", "n") else last
    other = holder.model_copy(update={field: getattr(holder, field) + (1 if field in ("runs", "n") else 1e-3)})
    forged = other if holder is last else last.model_copy(update={"gain": other})
    altered = (*stated[:-1], forged) if isinstance(stated, tuple) else forged
    words = check(decide(whole.model_copy(update={part: altered}), SETTINGS), "evidence").detail
    assert words == "its rates do not follow from its pairs: it was altered or written by other code"


@pytest.mark.parametrize("rounding", [1e-11, 4e-10])
def test_rounding_of_the_summary_is_no_alteration(rounding):
    whole = small(lambda n: n % 4 == 0, lambda n: True)
    overall = whole.overall.model_copy(update={"champion_rate": whole.overall.champion_rate + rounding})
    assert decide(whole.model_copy(update={"overall": overall}), rules()).verdict == "promote"


def test_bounds_at_another_level_are_no_alteration():
    whole = simulated(0.3, **SMALL)
    summary = summarise(whole.pairs, 0.8)
    assert decide(whole.model_copy(update={"overall": summary.overall}), rules()).verdict == "promote"


def test_the_smallest_evaluation_that_may_promote_has_just_the_problems_and_controls_that_are_asked_for():
    enough = rules(minimum_problems=24, minimum_controls=4)
    whole = small(lambda n: False, lambda n: True)
    assert decide(whole, enough).verdict == "promote"
    for wanted in ({"minimum_problems": 25}, {"minimum_controls": 5}):
        asking = rules(**{"minimum_problems": 24, "minimum_controls": 4} | wanted)
        decision = decide(whole, asking)
        problems, controls = wanted.get("minimum_problems", 24), wanted.get("minimum_controls", 4)
        assert decision.verdict == "inconclusive"
        assert check(decision, "evidence").detail == (
            f"expected at least {problems} problems and {controls} controls, "
            "found 24 problems with a fault and 4 controls, 56 paired runs"
        )


def test_missing_problems_are_asked_for_in_runs():
    asking = Settings.load(gate={"simulated_nights": 100, "minimum_problems": 31})
    assert decide(small(lambda n: False, lambda n: True), asking).further_runs == (31 - 24) * 2


def test_runs_that_are_missing_are_counted_and_the_first_is_named():
    whole = simulated(0.3, **SMALL).model_copy(update={"missing": ("seen-1@0/0", "seen-4@0/0", "seen-9@0/0")})
    decision = decide(whole, SETTINGS)
    assert decision.further_runs == 3
    assert check(decision, "evidence").detail == (
        "3 planned runs are missing, first seen-1@0/0; found 24 problems with a fault and 4 controls, 56 paired runs"
    )


def test_problems_with_fewer_runs_are_counted_and_the_first_is_named():
    pairs = small(lambda n: False, lambda n: True).pairs
    words = check(decide(result([*pairs[1:5], *pairs[6:]]), SETTINGS), "evidence").detail
    assert words == (
        "2 problems have fewer runs than others, first seen-0; found 24 problems with a fault and 4 controls, "
        "54 paired runs"
    )


def test_an_unproven_gain_asks_for_the_runs_that_would_prove_it_and_no_gain_for_none():
    hopeful = small(lambda n: n % 2 == 0, lambda n: n % 2 == 0 or n in (1, 3))
    decision = decide(hopeful, rules())
    needed = problems_needed(decision.gain, 0.0)
    assert decision.verdict == "inconclusive"
    assert needed > 24
    assert decision.further_runs == (needed - 24) * 2
    equal = decide(small(lambda n: n % 2 == 0, lambda n: n % 2 == 0), rules())
    assert (equal.verdict, equal.further_runs) == ("inconclusive", None)


def test_a_gain_that_is_exactly_the_minimum_is_unproven_and_not_disproven():
    equal = check(decide(small(lambda n: n % 2 == 0, lambda n: n % 2 == 0), SETTINGS), "gain")
    assert (equal.passed, equal.blocking) == (False, False)


def test_a_gain_that_is_proven_to_lie_below_the_minimum_rejects():
    asking = Settings.load(gate={"simulated_nights": 100, "minimum_gain": 0.4})
    decision = decide(small(lambda n: n % 2 == 0, lambda n: n % 2 == 0), asking)
    assert (check(decision, "gain").passed, check(decision, "gain").blocking) == (False, True)
    assert check(decision, "gain").detail.endswith("its lower bound must lie above +40.0 points")
    assert decision.verdict == "reject"


def test_few_differing_problems_are_said_to_be_too_few_for_the_permutation_test():
    # Four wins and nothing else: Student's bound lies above zero, but 1 in 16 sign patterns gives as much.
    decision = decide(small(lambda n: False, lambda n: n < 4), rules())
    words = check(decision, "gain").detail
    assert not check(decision, "gain").passed
    assert words.startswith("gain +")
    assert words.endswith("+0.0 points; too few mechanisms differ for the permutation test")
    assert decision.verdict == "inconclusive"
    assert "permutation" not in check(decide(small(lambda n: False, lambda n: False), rules()), "gain").detail


def test_a_floor_blocks_only_below_its_margin():
    harmed = small(lambda n: n % 3 != 2 or n > 4, lambda n: n % 3 != 2)
    for margin, passed in ((0.5, False), (0.99, True)):
        rules = Settings.load(gate={"simulated_nights": 100, "slice_margin": margin})
        assert check(decide(harmed, rules), "floor unseen_application").blocking is not passed


def test_a_part_of_one_problem_proves_no_harm():
    others = [one for one in small(lambda n: True, lambda n: True).pairs if one.slice != "unseen_mechanism"]
    lost = pair(1, before=True, after=False, slice_="unseen_mechanism")
    assert not check(decide(result([*others, lost]), SETTINGS), "floor unseen_mechanism").blocking


def test_refused_commands_block_only_where_the_rise_is_proven_to_exceed_the_margin():
    rising = small(lambda n: False, lambda n: True, champion_refused=1, challenger_refused=2)
    for margin, passed in ((0.99, False), (1.0, True)):
        rules = Settings.load(gate={"simulated_nights": 100, "refused_margin": margin})
        found = check(decide(rising, rules), "refused commands")
        assert found.passed is passed
        assert found.detail == (
            f"refused commands per run: 1.000 before, 2.000 now; blocked if the rise is proven to exceed {margin:.3f}"
        )


@pytest.mark.parametrize(("tokens", "passed", "blocking"), [(150, True, False), (151, False, True), (50, True, False)])
def test_tokens_may_cost_just_the_margin_more(tokens, passed, blocking):
    dear = small(lambda n: False, lambda n: True, champion_tokens=100, challenger_tokens=tokens)
    found = check(decide(dear, SETTINGS), "token cost")
    assert (found.passed, found.blocking) == (passed, blocking)


def test_an_evaluation_of_one_problem_proves_nothing_of_cost_or_harm():
    one = result([pair(0, 0, before=True, after=False, challenger_tokens=999, challenger_refused=9)])
    decision = decide(one, SETTINGS)
    assert decision.verdict == "inconclusive"
    checks = {found.name: (found.passed, found.blocking) for found in decision.checks}
    assert checks["gain"] == (False, False)
    assert checks["token cost"] == (False, False)
    assert checks["refused commands"] == (True, True)


def test_only_a_gain_or_evidence_that_lacks_asks_for_more_runs():
    unsure = [
        one.model_copy(update={"challenger_tokens": 400 if number % 5 == 0 else 100})
        for number, one in enumerate(simulated(0.4).pairs)
    ]
    decision = decide(result(unsure), SETTINGS)
    assert (decision.verdict, check(decision, "gain").passed) == ("inconclusive", True)
    assert decision.further_runs is None


def test_the_same_evidence_at_the_edge_gets_the_same_verdict_every_time():
    # Thirteen wins and five losses: 4.8 % of all sign patterns gain as much, and of 999 random ones 3 to 7 %.
    at_the_edge = small(lambda n: n < 5, lambda n: 5 <= n < 18, runs=1)
    assert len({check(decide(at_the_edge, SETTINGS), "gain") for _ in range(12)}) == 1


def test_a_bound_that_lies_at_its_limit_proves_nothing():
    worse = small(lambda n: n % 2 == 0, lambda n: n in (0, 2, 4))
    bounds = summarise(worse.pairs, 0.95)
    at = next(part.gain.high for part in bounds.slices if part.name == "seen")
    assert at < 0
    for margin, passed in ((-at, True), (-at - 1e-9, False)):
        assert check(decide(worse, rules(slice_margin=margin)), "floor seen").blocking is not passed


def test_a_bound_of_a_part_at_what_it_may_lose_is_no_proof_of_harmlessness():
    worse = small(lambda n: n % 2 == 0, lambda n: n in (0, 2, 4, 6, 8))
    at = next(part.gain.low for part in summarise(worse.pairs, 0.95).slices if part.name == "seen")
    assert -1 < at < 0
    for loss, passed in ((-at, False), (-at + 1e-9, True)):
        assert check(decide(worse, rules(slice_loss=loss, slice_margin=1.0)), "floor seen").passed is passed


def test_a_bound_of_false_alarms_at_what_they_may_rise_is_no_proof_of_harmlessness():
    calm = small(lambda n: False, lambda n: True, controls=12)
    at = calm.controls.gain.low
    assert -1 < at < 0
    for rise, passed in ((-at, False), (-at + 1e-9, True)):
        assert check(decide(calm, rules(alarm_rise=rise)), "false alarms").passed is passed


def test_false_alarms_block_only_beyond_their_margin():
    pairs = [one for one in small(lambda n: False, lambda n: True).pairs if one.slice != "control"]
    alarmed = [pair(n, run, before=True, after=n == 0, slice_="control") for n in range(8) for run in range(2)]
    alarming = result([*pairs, *alarmed])
    at = alarming.controls.gain.high
    assert at < 0
    for margin, passed in ((-at, True), (-at - 1e-9, False), (0.0, False), (1.0, True)):
        found = check(decide(alarming, rules(control_margin=margin)), "false alarms")
        assert found.blocking is not passed
        assert f"blocked if the upper bound lies below {-100 * margin:+.1f} points" in found.detail


def test_a_gain_whose_upper_bound_is_the_minimum_is_disproven():
    hopeful = small(lambda n: n % 2 == 0, lambda n: n % 2 == 0 or n in (1, 3))
    at = hopeful.overall.gain.high
    for minimum, is_disproven in ((at, True), (at - 1e-9, False)):
        assert check(decide(hopeful, rules(minimum_gain=minimum)), "gain").blocking is is_disproven


def test_a_handful_of_problems_that_were_lost_is_proof_and_two_are_none():
    lost = [pair(n, before=True, after=False) for n in range(6)]
    for asked in (0.0, 1.0):
        assert not check(decide(result(lost[:1]), rules(minimum_gain=asked)), "gain").blocking
    assert not check(decide(result(lost[:2]), rules()), "gain").blocking
    assert check(decide(result(lost), rules()), "gain").blocking
    assert check(decide(result(lost), rules()), "floor seen").blocking


def test_controls_alone_ask_for_every_problem_once():
    controls = [pair(n, run, before=True, after=True, slice_="control") for n in range(4) for run in range(2)]
    decision = decide(result(controls), SETTINGS)
    assert (decision.verdict, decision.further_runs) == ("inconclusive", SETTINGS.gate.minimum_problems)


def test_with_just_the_problems_that_are_asked_for_an_unproven_gain_asks_for_more():
    hopeful = small(lambda n: n % 2 == 0, lambda n: n % 2 == 0 or n in (1, 3))
    assert decide(hopeful, rules(minimum_problems=24)).further_runs == decide(hopeful, rules()).further_runs > 0


@pytest.mark.parametrize("left_out", ["slice", "kind"])
def test_the_simulated_nights_hold_every_slice_and_every_kind_to_its_floor(left_out):
    evaluation = simulated(0.2, problems=48, runs=2, controls=0)
    held = rules(slice_margin=0.0, level=0.8)
    problems = sorted({one.problem_id: one for one in evaluation.pairs}.items())
    floors = {
        "slice": [[one.slice == name for _, one in problems] for name in SLICES],
        "kind": [[one.kind == kind for _, one in problems] for kind in TaskKind],
    }
    champion, challenger = by_problem(evaluation.pairs, success)
    rule = Rule(0.8, 0.0, slice_margin=0.0, slice_loss=0.6, control_margin=0.0, alarm_rise=0.4)
    seed = derive_seed(evaluation.seed, "gate", CHALLENGER)

    def power(groups):
        plan = Plan(
            champion_rates=shrunk(2 * champion, 2),
            mechanisms=mechanisms_in(evaluation.pairs),
            applications=applications_in(evaluation.pairs),
            groups=np.array(groups),
            control_rates=np.zeros(0),
            control_applications=np.zeros((0, 0)),
            runs=2,
            effect_spread=effect_spread(2 * champion, 2 * challenger, 2),
        )
        return promotion_rate(plan, rule, REFERENCE_GAIN, nights=100, seed=seed)

    stated = decide(evaluation, held).power
    assert stated == power([*floors["slice"], *floors["kind"]])
    assert stated < power(floors["kind" if left_out == "slice" else "slice"])
