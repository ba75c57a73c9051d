"""What people said of answers of live clusters, as examples of what would have been right.

A person's word has no world to be carried out in and no oracle, so what comes of it is `operator_labelled`, never
`verified`. It teaches to conclude from what stands in a prompt, and nothing else: a label of what is not shown there
would teach to guess, and which look was missing nobody said. Where there is an oracle nobody overrules it.
"""

from collections.abc import Iterator
from typing import NamedTuple

from aoi.agents.operators.recollection import is_cause, remembered
from aoi.database.feedback import Feedback
from aoi.language.layouts import layout_of
from aoi.language.lexicon import HEALTHY
from aoi.language.prompt import at_fault
from aoi.language.prompting import Prompter
from aoi.learning.corrections import course, unguided_prompt
from aoi.learning.purifier import Kept, decided
from aoi.records.base import Sha256
from aoi.records.decision import Decision, Finding, ObserverState, SubmitDo
from aoi.records.diagnosis import Diagnosis
from aoi.records.episode import Trajectory
from aoi.records.learning import TrainingExample
from aoi.records.problem import ProblemInstance, TaskKind
from aoi.records.report import Untaught

LIVE = "live"
"""Application of what was met on a live cluster: no problem of the catalogue has it."""
SURE = 8
"""Confidence of a person's word, of 9: it is no proof."""


class Lesson(NamedTuple):
    """What one answer and a word on it came to."""

    example: TrainingExample | None
    why: Untaught | None
    """Why there is none; None if there is."""


def lesson(diagnosis: Diagnosis, said: Feedback, prompter: Prompter, held_out: frozenset[str]) -> Lesson:
    """The last decision of an episode, as a word on its answer labels it. `held_out` are causes that are measured as
    never met in training.

    `prompter` is the champion's: an answer under another profile was asked otherwise, and teaches it nothing.
    """
    trajectory = diagnosis.trajectory
    if trajectory is None:
        return Lesson(None, "answered by no model")
    if why := _unfit(trajectory, said, prompter):
        return Lesson(None, why)
    kept = next(reversed(decided(trajectory)), None)
    label = _label(trajectory, kept, said) if kept else None
    if kept is None or label is None:
        return Lesson(None, "not in view")
    if held_out & set(_words(label)):
        return Lesson(None, "measured on")
    return Lesson(_example(trajectory, kept, label, said.answer, prompter), None)


def _unfit(trajectory: Trajectory, said: Feedback, prompter: Prompter) -> Untaught | None:
    """Why nothing can come of it, whatever the episode was."""
    if trajectory.content.instance.problem.application != LIVE:
        return "the oracle knows"
    if trajectory.content.profile != prompter.profile.digest():
        return "answered under another profile"
    if said.verdict == "wrong" and not _says_enough(trajectory.content.kind, said):
        return "says too little"
    return None


def _says_enough(kind: TaskKind, said: Feedback) -> bool:
    """Whether a word on a wrong answer says another: neither a class nor a repair can be said."""
    is_told = said.component is not None or said.cause == HEALTHY
    return is_told and kind in (TaskKind.DETECTION, TaskKind.LOCALIZATION)


def _label(trajectory: Trajectory, kept: Kept, said: Feedback) -> Decision | None:
    """What should have been decided in the place of a decision; None unless its prompt shows why."""
    state, own = kept.step.state, kept.decision
    if state is None:  # of version 1
        return None
    if said.verdict == "right":
        return own if isinstance(own.do, SubmitDo) and _is_shown(own.do, state) else None
    if said.cause == HEALTHY:
        do = SubmitDo("no")
        return Decision(own.summary, "submit", None, SURE, do) if _is_shown(do, state) else None
    named = [handle for handle, name in trajectory.content.handles.items() if name == said.component]
    causes = (
        Finding(found.word, at_fault(found))
        for found in _in_view(state)
        if at_fault(found) in named and (found.word == said.cause if said.cause else is_cause(found))
    )
    cause = next(causes, None)
    if cause is None:
        return None
    return Decision(own.summary, "submit", cause, SURE, SubmitDo("yes", cause.subject, cause.word))


def _is_shown(answer: SubmitDo, state: ObserverState) -> bool:
    """Whether the prompt of an answer shows what it rests on: its cause there, or that somebody is healthy."""
    if answer.verdict == "no":
        return any(found.word == HEALTHY for found in _in_view(state))
    return any((found.word, at_fault(found)) == (answer.cause, answer.component) for found in _in_view(state))


def _in_view(state: ObserverState) -> tuple[Finding, ...]:
    """The findings that a prompt shows, the newest first."""
    return (*state.last, *reversed(remembered(state)))


def _words(label: Decision) -> Iterator[str]:
    """Every word of a decision that says what is wrong."""
    also = label.do.also if isinstance(label.do, SubmitDo) else None
    yield from (found.word for found in (label.summary, label.cause, also) if found)
    if isinstance(label.do, SubmitDo) and label.do.cause:
        yield label.do.cause


def _replay_case(trajectory: Trajectory, answer: Sha256) -> ProblemInstance:
    """What the example is of, named by the answer: what a purge finds it by."""
    given = trajectory.content.instance
    named = {"id": f"labelled-{answer}", "split": "train", "slice": "seen"}
    return given.model_copy(update={"problem": given.problem.model_copy(update=named)})


def _example(
    trajectory: Trajectory, kept: Kept, label: Decision, answer: Sha256, prompter: Prompter
) -> TrainingExample:
    content, instance = trajectory.content, _replay_case(trajectory, answer)
    return TrainingExample(
        instance=instance,
        kind=content.kind,
        split=instance.problem.split,
        slice=instance.problem.slice,
        prompt_ids=unguided_prompt(kept.step, prompter),
        target_ids=prompter.codec.encode_completion(layout_of(prompter.profile).say(label)),
        target=label,
        step=kept.step.index,
        commands=course(content.steps[: kept.step.index]),
        world=content.world,
        source="operator_labelled",
        source_trajectory=content.digest(),
    )
