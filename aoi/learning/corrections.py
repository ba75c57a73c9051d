"""From episodes to training examples: verified corrections and plain successes.

A correction is an episode that a corrective plan guided and the oracle passed. Its decisions are learnt without
the guidance: the prompt is the one that the Observer would have had alone.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from aoi.agents.policy import Codec
from aoi.learning.purifier import Kept, decided, purify
from aoi.problems.oracle import Truth
from aoi.records.base import Sha256
from aoi.records.episode import Trajectory
from aoi.records.learning import CorrectivePlan, TrainingExample

_PLAN = re.compile(r" <plan>.*?(?= <last>)|Suggested next steps \(you may deviate\):\n.*?\n\n", re.DOTALL)
"""The guidance section of a prompt, in the `words-1` and the `prose-1` layout (aoi.language.prose)."""


def is_supported(trajectory: Trajectory, truth: Truth) -> bool:
    """Whether a right answer was also earned: the cause was seen at the culprit, or somebody paged was healthy.

    A detection is right half of the time by luck; learning from luck teaches guessing.
    """
    handles = trajectory.content.handles
    signals = [signal for step in trajectory.content.steps for signal in step.signals]
    if truth.component is None:
        return any(signal.word == "healthy" for signal in signals)
    return any(s.word in truth.causes and handles.get(s.subject) in truth.accepted for s in signals)


def verified(plan: CorrectivePlan, guided: Trajectory, truth: Truth) -> CorrectivePlan:
    """The plan after its execution: `verified` if the guided episode passed and its answer was earned."""
    if not guided.content.outcome.success or not is_supported(guided, truth):
        return plan
    return plan.model_copy(update={"status": "verified", "verified_by": guided.content.digest()})


def correction_examples(guided: Trajectory, plan: CorrectivePlan, codec: Codec) -> Iterator[TrainingExample]:
    """The decisions of a verified correction, without the guidance. Raises: ValueError for an unverified plan."""
    if plan.status != "verified" or plan.verified_by != guided.content.digest():
        raise ValueError(f"plan {plan.digest()[:12]} is {plan.status} and not verified by this episode")
    yield from _examples(guided, purify(guided), codec, plan)


def success_examples(trajectory: Trajectory, codec: Codec) -> Iterator[TrainingExample]:
    """The useful decisions of an unguided success."""
    yield from _examples(trajectory, purify(trajectory), codec, None)


def prompt_examples(trajectories: Iterable[Trajectory], codec: Codec) -> Iterator[TrainingExample]:
    """Every decision point that was met, solved or not, as a prompt for GRPO: its reward is measured, not copied."""
    for trajectory in trajectories:
        for example in _examples(trajectory, decided(trajectory), codec, None):
            yield example.model_copy(update={"target_ids": None})


def without_guidance(prompt_ids: Sequence[int], codec: Codec) -> tuple[int, ...]:
    """The prompt as it would have been without a plan."""
    text = codec.decode(prompt_ids)
    bare = _PLAN.sub("", text)
    return tuple(prompt_ids) if bare == text else codec.encode(bare)


def _examples(
    trajectory: Trajectory, steps: Sequence[Kept], codec: Codec, plan: CorrectivePlan | None
) -> Iterator[TrainingExample]:
    content = trajectory.content
    digest: Sha256 = content.digest()
    before: Mapping[int, tuple[str, ...]] = {
        step.index: tuple(earlier.decision for earlier in content.steps[: step.index]) for step in content.steps
    }
    for kept in steps:
        spoken = next(said for said in kept.step.utterances if said.role == "observer")
        yield TrainingExample(
            instance=content.instance,
            kind=content.kind,
            split=content.split,
            slice=content.slice,
            prompt_ids=without_guidance(spoken.prompt_ids, codec),
            target_ids=spoken.completion_ids,
            step=kept.step.index,
            commands=before[kept.step.index],
            world=content.world,
            source="verified_correction" if plan else "success",
            source_trajectory=digest,
            plan=plan.digest() if plan else None,
        )
