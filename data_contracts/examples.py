"""Contract of training examples: the last look before weights move. Owner: learning."""

from collections.abc import Mapping, Sequence
from typing import Any

from aoi.records.learning import TrainingExample
from data_contracts.contract import Contract, Value, between, digests, is_zero

MOST_PROMPT = 4_096
MOST_TARGET = 1_024
MOST_STEP = 64


def columns(row: TrainingExample) -> Mapping[str, Value]:
    """An example as columns. Those after `step` count defects."""
    problem = row.instance.problem
    target = row.target_ids or ()
    return {
        "id": row.digest(),
        "problem": problem.id,
        "source_trajectory": row.source_trajectory,
        "world": row.world,
        "prompt_tokens": len(row.prompt_ids),
        "target_tokens": len(target),
        "step": row.step,
        "not_of_training": row.split != "train" or problem.split != "train",
        "differs_from_problem": (row.kind, row.slice) != (problem.kind, problem.slice),
        "empty_target": row.target_ids is not None and not row.target_ids,
        "rejects_what_it_teaches": row.rejected_ids is not None and row.rejected_ids == row.target_ids,
        "behaviour_of_other_tokens": row.behaviour is not None and len(row.behaviour) != len(target),
        "negative_token_ids": min((*row.prompt_ids, *target), default=0) < 0,
        "replay_does_not_reach_its_step": len(row.commands) != row.step,
        "empty_commands": sum(isinstance(said, str) and not said.strip() for said in row.commands),
        "correction_without_plan": row.source == "verified_correction" and row.plan is None,
        "label_with_plan": row.source == "operator_labelled" and row.plan is not None,
        "nothing_to_imitate": row.source != "decision_point" and row.target_ids is None,
        "decision_point_with_target": row.source == "decision_point" and row.target_ids is not None,
    }


def expectations() -> Sequence[Any]:
    """The rules beyond those of every contract."""
    return [
        digests("source_trajectory"),
        digests("world"),
        between("prompt_tokens", 1, MOST_PROMPT, f"the prompt is empty or above {MOST_PROMPT} tokens"),
        between("target_tokens", 0, MOST_TARGET, f"the target is above {MOST_TARGET} tokens"),
        between("step", 0, MOST_STEP, f"beyond step {MOST_STEP}"),
        is_zero("not_of_training", "not of the training split"),
        is_zero("differs_from_problem", "its kind or slice is not its problem's"),
        is_zero("empty_target", "a target without tokens"),
        is_zero("rejects_what_it_teaches", "its target is what it rejects"),
        is_zero("behaviour_of_other_tokens", "log-probabilities of another number of tokens than its target"),
        is_zero("negative_token_ids", "a token id is negative"),
        is_zero("replay_does_not_reach_its_step", "its commands do not lead to its step"),
        is_zero("empty_commands", "a command of its replay is empty"),
        is_zero("correction_without_plan", "a verified correction without its plan"),
        is_zero("label_with_plan", "a plan that the world verified named by a person's label"),
        is_zero("nothing_to_imitate", "a correction, success or label without a target"),
        is_zero("decision_point_with_target", "a mere decision point with a target to imitate"),
    ]


CONTRACT = Contract(
    name="examples",
    version=4,
    owner="learning",
    severity="quarantines",
    record=TrainingExample,
    columns=columns,
    expectations=expectations,
    most_quarantined=0.1,
)
