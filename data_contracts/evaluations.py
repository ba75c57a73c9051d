"""Contract of paired results: the evidence of the gate. One bad pair refuses them all. Owner: promotion."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from aoi.records.evaluation import EvaluationResult, PairedResult
from data_contracts.contract import Contract, Value, between, digests, is_zero

MOST_STEPS = 64
MOST_TOKENS = 1_000_000


def contract(evaluation: EvaluationResult) -> Contract[PairedResult]:
    """The contract for the pairs of one evaluation: some rules compare a pair with the others."""
    runs = Counter(pair.problem_id for pair in evaluation.pairs)
    most = max(runs.values(), default=0)

    def columns(row: PairedResult) -> Mapping[str, Value]:
        return {
            "id": f"{row.problem_id}@{row.world_seed}/{row.rollout_seed}",
            "problem": row.problem_id,
            "champion_trajectory": row.champion_trajectory,
            "challenger_trajectory": row.challenger_trajectory,
            "champion_steps": row.champion_steps,
            "challenger_steps": row.challenger_steps,
            "champion_tokens": row.champion_tokens,
            "challenger_tokens": row.challenger_tokens,
            "runs_short_of_others": most - runs[row.problem_id],
            "arms_share_a_trajectory": row.champion_trajectory == row.challenger_trajectory,
            "control_with_a_fault": (row.slice == "control") != (row.fault is None),
            "success_and_false_alarm": (row.champion_success and row.champion_false_alarm)
            or (row.challenger_success and row.challenger_false_alarm),
            "false_alarm_on_a_fault": row.fault is not None
            and (row.champion_false_alarm or row.challenger_false_alarm),
        }

    return Contract(
        name=f"evaluation-{evaluation.split}",
        version=1,
        owner="promotion",
        severity="blocks",
        record=PairedResult,
        columns=columns,
        expectations=expectations,
        most_quarantined=0.0,
    )


def expectations() -> Sequence[Any]:
    """The rules beyond those of every contract."""
    arms = ("champion", "challenger")
    return [
        *(digests(f"{arm}_trajectory") for arm in arms),
        *(between(f"{arm}_steps", 0, MOST_STEPS, f"the {arm} took over {MOST_STEPS} steps") for arm in arms),
        *(between(f"{arm}_tokens", 1, MOST_TOKENS, f"the {arm} spent no token, or too many") for arm in arms),
        is_zero("runs_short_of_others", "its problem ran less often than others"),
        is_zero("arms_share_a_trajectory", "both arms show the same trajectory"),
        is_zero("control_with_a_fault", "a control with a fault, or a fault among the controls"),
        is_zero("success_and_false_alarm", "a success that is also a false alarm"),
        is_zero("false_alarm_on_a_fault", "a false alarm where there was a fault"),
    ]
