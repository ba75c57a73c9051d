"""Arms of the learning benchmark: what each is trained on, and for how many steps.

Every arm takes the same number of optimiser steps, unless it finds too little to imitate and skips that. `grpo` and
`successes` saw as many episodes as the others: what these spent on tries at failures, those spent on further problems.
`retry` has what retries found of the common search, not what they would have found with all of its tries.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from aoi.language.prompting import Prompter
from aoi.learning.corrections import success_examples
from aoi.learning.lessons import REHEARSED, training_examples
from aoi.model_settings import RewardMode
from aoi.records.episode import Trajectory
from aoi.records.learning import CorrectivePlan, TrainingExample
from aoi.settings import TrainingSettings


@dataclass(frozen=True, slots=True)
class Material:
    """What one seed's collection and search came to."""

    rows: Sequence[TrainingExample]
    """Corrections to learn from, and the decision points of the episodes."""
    plans: Mapping[str, CorrectivePlan]
    """By digest."""
    episodes: Sequence[Trajectory]
    further: Sequence[Trajectory]
    """As many episodes as the search made tries."""
    prompter: Prompter
    reward: RewardMode
    seed: int

    @property
    def corrections(self) -> list[TrainingExample]:
        """Decisions of verified corrections."""
        return [row for row in self.rows if row.source == "verified_correction"]

    @property
    def points(self) -> list[TrainingExample]:
        """Decision points of the episodes that all arms share."""
        return [row for row in self.rows if row.target_ids is None]


def _with_corrections(material: Material) -> list[TrainingExample]:
    return list(material.rows)


def _without_corrections(material: Material) -> list[TrainingExample]:
    """The budget of the search, spent on further problems."""
    further = training_examples(material.further, (), material.prompter, seed=material.seed, reward=material.reward)
    return [*(row for row in material.rows if row.source != "verified_correction"), *further]


def _with_successes(material: Material) -> list[TrainingExample]:
    """As many of its own useful decisions as `sft` imitates: of corrections and of what is rehearsed beside them."""
    solved = [each for each in (*material.episodes, *material.further) if each.content.outcome.success]
    own = [row for trajectory in solved for row in success_examples(trajectory, material.prompter)]
    chosen = Random(material.seed).sample(own, min(len(own), (1 + REHEARSED) * len(material.corrections)))
    return [*material.points, *chosen]


def _of_retries(material: Material) -> list[TrainingExample]:
    """Corrections that the policy found by trying again: nobody thought of anything."""
    found = [row for row in material.corrections if material.plans[row.plan or ""].proposer == "retry"]
    return [*(row for row in material.rows if row.source != "verified_correction"), *found]


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to learn."""

    says: str
    """What it is, for the table."""
    rows: Callable[[Material], list[TrainingExample]] = _with_corrections
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Of the training settings."""
    shuffled: bool = False

    def training(self, settings: TrainingSettings) -> TrainingSettings:
        """Its settings: steps that it takes no imitation in are GRPO's, and the other way round."""
        steps = settings.sft_steps + settings.grpo_steps
        changed = settings.model_copy(update=dict(self.changes))
        if changed.corrections in ("none", "seeded"):
            return changed.model_copy(update={"grpo_steps": steps})
        return changed.model_copy(update={"sft_steps": steps}) if changed.grpo_steps == 0 else changed


ARMS: Mapping[str, Arm] = {
    "sft": Arm("corrections imitated, then GRPO", changes={"corrections": "sft"}),
    "dpo": Arm("corrections preferred to what failed, then GRPO", changes={"corrections": "dpo"}),
    "seeded": Arm("corrections among the samples of GRPO", changes={"corrections": "seeded"}),
    "grpo": Arm("GRPO alone", _without_corrections, {"corrections": "none"}),
    "imitation": Arm("corrections imitated, no GRPO", changes={"corrections": "sft", "grpo_steps": 0}),
    "successes": Arm("own successes imitated, then GRPO", _with_successes, {"corrections": "successes"}),
    "retry": Arm("corrections of plain retries imitated, then GRPO", _of_retries, {"corrections": "sft"}),
    "shuffled": Arm("corrections imitated, then GRPO on rewards dealt out at random", shuffled=True),
}
