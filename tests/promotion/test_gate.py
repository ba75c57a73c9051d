import json
import math
import random

import pytest

from aoi.promotion.gate import decide
from aoi.records.evaluation import EvaluationResult, Interval
from aoi.settings import Settings
from tests.promotion.evaluations import CHAMPION, pair, result, simulated

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


def test_a_slice_that_is_merely_unproven_does_not_block():
    decision = decide(simulated(0.3, unseen_application=0.0), SETTINGS)
    assert check(decision, "floor unseen_application").passed


def test_saying_fault_every_time_is_caught_by_the_controls():
    decision = decide(simulated(0.3, control=0.0), SETTINGS)
    assert not check(decision, "false alarms").passed
    assert decision.verdict == "reject"


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


def test_an_empty_evaluation_is_not_promoted():
    assert decide(result([]), SETTINGS).verdict != "promote"


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


def test_one_control_that_goes_wrong_is_not_proof():
    whole = [*(one for one in simulated(0.3).pairs if one.slice != "control")]
    whole += [pair(n, run, before=True, after=n > 0, slice_="control") for n in range(8) for run in range(3)]
    assert check(decide(result(whole), SETTINGS), "false alarms").passed
