"""What people said of answers, as examples of what would have been right.

A person's word has no world to be carried out in and no oracle, so what comes of it is `operator_labelled`, never
`verified`. It teaches to conclude from what was seen, and nothing else: a label of what was never looked at would teach
to guess, and which look was missing nobody said.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

from aoi.agents.operators.recollection import is_cause
from aoi.database.feedback import Feedback
from aoi.language.layouts import layout_of
from aoi.language.lexicon import HEALTHY
from aoi.language.prompting import Prompter
from aoi.learning.corrections import course, rests_on_evidence, surveyed, unguided_prompt
from aoi.learning.purifier import Kept, decided, purify
from aoi.records.base import Sha256
from aoi.records.decision import Decision, Finding, SubmitDo
from aoi.records.diagnosis import Diagnosis
from aoi.records.episode import Trajectory
from aoi.records.learning import TrainingExample
from aoi.records.problem import ProblemInstance, TaskKind
from aoi.records.report import Untaught

LIVE = "live"
"""Application of what was met on a live cluster: no problem of the catalogue has it."""
SURE = 8
"""Confidence of a person's word, of 9: it is no proof."""

Labelled: TypeAlias = tuple[Kept, Decision]
"""A step, and what should have been decided there."""


class Lesson(NamedTuple):
    """What one answer and a word on it came to."""

    examples: tuple[TrainingExample, ...]
    why: Untaught | None
    """Why there is none; None if there is."""


def lesson(diagnosis: Diagnosis, said: Feedback, prompter: Prompter, held_out: frozenset[str]) -> Lesson:
    """The decisions that a word on an answer labels. `held_out` are causes that are measured as never met in training.

    `prompter` is the champion's: an answer under another profile was asked otherwise, and teaches it nothing.
    """
    trajectory = diagnosis.trajectory
    if trajectory is None or not decided(trajectory):
        return Lesson((), "answered by no model")
    if trajectory.content.profile != prompter.profile.digest():
        return Lesson((), "answered under another profile")
    instance = _replay_case(trajectory, said.answer)
    found = _labelled(trajectory, said)
    if isinstance(found, str):
        return Lesson((), found)
    if instance is None or any(cause in held_out for cause in map(_answered, found)):
        return Lesson((), "measured on")
    examples = tuple(_examples(trajectory, found, instance, prompter))
    return Lesson(examples, None if examples else "never seen")


def _labelled(trajectory: Trajectory, said: Feedback) -> list[Labelled] | Untaught:
    """Steps with what should have been decided there."""
    if said.verdict == "right":
        own = [(kept, kept.decision) for kept in purify(trajectory)]
        return own if rests_on_evidence(trajectory) else "never seen"
    if trajectory.content.kind not in (TaskKind.DETECTION, TaskKind.LOCALIZATION):
        return "says too little"  # neither a class nor a repair can be said
    if said.component is None and said.cause != HEALTHY:
        return "says too little"
    label = _label(trajectory, said)
    return [(decided(trajectory)[-1], label)] if label else "never seen"


def _answered(labelled: Labelled) -> str | None:
    """The cause that a labelled decision answers with."""
    do = labelled[1].do
    return do.cause if isinstance(do, SubmitDo) else None


def _replay_case(trajectory: Trajectory, answer: Sha256) -> ProblemInstance | None:
    """What the examples are of; None if it is a problem that is measured on. A live one is named by the answer."""
    given = trajectory.content.instance
    if given.problem.application != LIVE:
        return given if given.problem.split == "train" else None
    named = {"id": f"labelled-{answer}", "split": "train", "slice": "seen"}
    return given.model_copy(update={"problem": given.problem.model_copy(update=named)})


def _label(trajectory: Trajectory, said: Feedback) -> Decision | None:
    """What should have been answered in the place of the last decision; None if it was not seen by then."""
    last, step = decided(trajectory)[-1].decision, decided(trajectory)[-1].step
    before = trajectory.content.steps[: step.index]
    seen = [*surveyed(trajectory), *(Finding(s.word, s.subject, s.other) for each in before for s in each.signals)]
    if said.cause == HEALTHY:
        is_seen = any(found.word == HEALTHY for found in seen)
        return Decision(last.summary, "submit", None, SURE, SubmitDo("no")) if is_seen else None
    named = [handle for handle, name in trajectory.content.handles.items() if name == said.component]
    causes = [found for found in seen if found.subject in named and _fits(found, said.cause)]
    if not causes:
        return None
    cause = Finding(causes[0].word, causes[0].subject)
    return Decision(last.summary, "submit", cause, SURE, SubmitDo("yes", cause.subject, cause.word))


def _fits(found: Finding, cause: str | None) -> bool:
    """Whether a finding is the cause that was said, or any where none was."""
    return found.word == cause if cause else is_cause(found)


def _examples(
    trajectory: Trajectory, rows: Sequence[Labelled], instance: ProblemInstance, prompter: Prompter
) -> Iterator[TrainingExample]:
    content, layout = trajectory.content, layout_of(prompter.profile)
    for kept, decision in rows:
        if kept.step.state is None:  # of version 1
            continue
        target = prompter.codec.encode_completion(layout.say(decision))
        instead = prompter.codec.encode_completion(layout.say(kept.decision))
        yield TrainingExample(
            instance=instance,
            kind=content.kind,
            split="train",
            slice=instance.problem.slice,
            prompt_ids=unguided_prompt(kept.step, prompter),
            target_ids=target,
            target=decision,
            rejected_ids=instead if instead != target else None,
            step=kept.step.index,
            commands=course(content.steps[: kept.step.index]),
            world=content.world,
            source="operator_labelled",
            source_trajectory=content.digest(),
        )
