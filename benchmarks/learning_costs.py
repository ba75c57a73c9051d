"""What arms cost: an episode of them, and their training. Equal budgets are said to be equal only where they are."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.experiment import Kept, Spent
from benchmarks.learning_tables import by_arm, mean
from benchmarks.seeds import Shown, shown

EQUAL = {
    "episodes": "episodes of collection and search",
    "measured": "sampled decisions that were rewarded",
    "optimiser_steps": "optimiser steps",
}
"""Budgets that arms are to have in common."""
"""Budgets that arms are to have in common."""


class CostRow(NamedTuple):
    """What an episode takes, controls included."""

    arm: str
    steps: tuple[float, float]
    tokens: tuple[float, float]
    """Of the seed model, of the arm."""
    more: Shown
    """Tokens of the arm as a share of the seed model's, minus one."""


class BudgetRow(NamedTuple):
    """What training one arm cost, mean over seeds."""

    arm: str
    seeds: int
    spent: Mapping[str, float]


def costs(kept: Kept) -> list[CostRow]:
    """Steps and tokens of an episode."""
    rows = []
    for arm, own in by_arm(kept).items():
        seeds = [
            (
                one.seed,
                [mean(getattr(pair, f"{side}_{what}") for pair in one.pairs) for what in ("steps", "tokens")],
                side,
            )
            for one in own
            for side in ("champion", "challenger")
        ]
        before = {seed: values for seed, values, side in seeds if side == "champion"}
        after = {seed: values for seed, values, side in seeds if side == "challenger"}
        more = [after[seed][1] / before[seed][1] - 1 for seed in before if before[seed][1]]
        sides = [np.mean(list(one.values()), axis=0) for one in (before, after)]
        steps, tokens = ((float(sides[0][at]), float(sides[1][at])) for at in (0, 1))
        rows.append(CostRow(arm, steps, tokens, shown(more)))
    return rows


def budgets(found: Sequence[Kept]) -> list[BudgetRow]:
    """Of every arm that was trained for any set of worlds."""
    spent: defaultdict[str, dict[int, Spent]] = defaultdict(dict)
    for kept in found:
        for (seed, arm), one in kept.trained.items():
            spent[arm][seed] = one.spent
    names = [*Spent.model_fields, "episodes"]
    names.remove("schema_version")
    return [
        BudgetRow(arm, len(own), {name: mean(float(getattr(one, name)) for one in own.values()) for name in names})
        for arm, own in spent.items()
    ]


def unequal(found: Sequence[Kept]) -> dict[str, str]:
    """What each budget is in words: equal in every seed, or who had how much on average."""
    told: dict[str, str] = {}
    rows = budgets(found)
    by_seed: defaultdict[int, dict[str, Spent]] = defaultdict(dict)
    for kept in found:
        for (seed, arm), one in kept.trained.items():
            by_seed[seed][arm] = one.spent
    for name, what in EQUAL.items():
        is_equal = all(len({getattr(one, name) for one in own.values()}) == 1 for own in by_seed.values())
        amounts = ", ".join(f"{row.arm} {row.spent[name]:,.0f}" for row in rows)
        told[what] = "equal in every seed" if is_equal else f"not equal: {amounts}"
    return told if rows else {}
