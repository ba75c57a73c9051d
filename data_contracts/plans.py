"""Contract of corrective plans: what was tried at failures and the world did or did not confirm. Owner: learning."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from aoi.language.decision import NAME
from aoi.language.lexicon import ACTIONS, CHECKS
from aoi.records.learning import SEARCH, CorrectivePlan
from data_contracts.contract import Contract, Value, between, digests, is_zero

MOST_STEPS = 40
SAYS_NOTHING = ("retry", "answers", "remedies")
"""Proposers of tries without steps: the policy again, and decisions that are made in its place."""
_VALUE = r"[A-Za-z0-9._:/=@,-]{1,200}"
_STEP = re.compile(
    rf"\s*(?:probe (?:{'|'.join(CHECKS)}) {NAME}|exec (?:{'|'.join(ACTIONS)}) {NAME}(?: {_VALUE}){{0,2}})\s*"
)


def columns(row: CorrectivePlan) -> Mapping[str, Value]:
    """A plan as columns. Those after `steps` count defects."""
    problem = row.instance.problem
    return {
        "id": row.digest(),
        "problem": problem.id,
        "source": row.source_trajectory,
        "steps": len(row.steps),
        "not_of_training": problem.split != "train",
        "steps_not_in_the_grammar": 0
        if row.status == "malformed"
        else sum(not _STEP.fullmatch(s.do) for s in row.steps),
        "verified_by_nothing": row.status == "verified" and row.verified_by is None,
        "verified_by_its_source": row.verified_by == row.source_trajectory,
        "unverified_with_a_witness": row.status != "verified" and row.verified_by is not None,
        "no_steps": row.status != "malformed" and not row.steps and row.proposer not in SAYS_NOTHING,
        "leaves_its_course_after_its_end": row.branch > len(row.prefix),
        "search_under_another_name": (row.proposer not in ("evolver", "oracle")) != (row.evolver == SEARCH),
        "oracle_under_another_name": (row.proposer == "oracle") != (row.evolver == "oracle"),
        "evolver_without_tokens": row.proposer == "evolver" and not (row.prompt_ids and row.completion_ids),
        "negative_token_ids": min((*row.prompt_ids, *row.completion_ids), default=0) < 0,
    }


def expectations() -> Sequence[Any]:
    """The rules beyond those of every contract."""
    return [
        digests("source"),
        between("steps", 0, MOST_STEPS, f"more than {MOST_STEPS} steps"),
        is_zero("not_of_training", "made from a problem outside the training split"),
        is_zero("steps_not_in_the_grammar", "a step is neither `probe CHECK H` nor `exec ACTION H [VALUE]`"),
        is_zero("verified_by_nothing", "called verified without the trajectory that verified it"),
        is_zero("verified_by_its_source", "verified by the very trajectory that failed"),
        is_zero("unverified_with_a_witness", "not verified, yet names a verifying trajectory"),
        is_zero("no_steps", "no step in it"),
        is_zero("leaves_its_course_after_its_end", "leaves the failed course later than that was followed"),
        is_zero("search_under_another_name", "a try of the search counted as a model's, or the other way round"),
        is_zero("oracle_under_another_name", "an oracle's plan counted as the Evolver's, or the other way round"),
        is_zero("evolver_without_tokens", "the Evolver's plan without the tokens it was written in"),
        is_zero("negative_token_ids", "a token id is negative"),
    ]


CONTRACT = Contract(
    name="plans",
    version=2,
    owner="learning",
    severity="quarantines",
    record=CorrectivePlan,
    columns=columns,
    expectations=expectations,
    most_quarantined=0.5,
)
