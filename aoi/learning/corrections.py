"""From episodes to training examples: verified corrections, plain successes and decision points.

A correction is an episode that a corrective plan guided and the oracle passed. Its decisions are learnt without
the guidance: the prompt is the one that the Observer would have had alone.
"""

from collections.abc import Iterable, Iterator

from aoi.language.decision import decision_of
from aoi.language.prompting import Prompter, unguided
from aoi.learning.purifier import Kept, carried_out, decided, purify
from aoi.problems.oracle import Truth
from aoi.records.decision import Decision, Finding
from aoi.records.episode import Step, Trajectory, Utterance
from aoi.records.learning import CorrectivePlan, Source, TrainingExample


def is_supported(trajectory: Trajectory, truth: Truth) -> bool:
    """Whether a right answer was also earned: the cause was seen at the culprit, or somebody paged was healthy.

    A detection is right half of the time by luck; learning from luck teaches guessing.
    """
    handles = trajectory.content.handles
    signals = [signal for step in trajectory.content.steps for signal in step.signals]
    if truth.component is None:
        return any(signal.word == "healthy" for signal in signals)
    seen = [*surveyed(trajectory), *signals]
    return any(s.word in truth.causes and handles.get(s.subject) in truth.accepted for s in seen)


def rests_on_evidence(trajectory: Trajectory) -> bool:
    """Whether an answer is about what was seen, without the truth: its cause at its component, or health where it says
    that nothing is wrong. A right one that does not was lucky."""
    content, answer = trajectory.content, trajectory.content.answer
    if answer is None:
        return False
    signals = [signal for step in content.steps for signal in step.signals]
    if answer.verdict != "fault":
        return any(signal.word == "healthy" for signal in signals)
    named = [name.strip() for name in (answer.component or "").split(",")]
    about = [{s.subject, s.other} for s in (*surveyed(trajectory), *signals) if s.word == answer.cause]
    return any(content.handles.get(handle or "") in named for handles in about for handle in handles)


def surveyed(trajectory: Trajectory) -> tuple[Finding, ...]:
    """What the survey had shown before the first decision: nobody has to look for it again."""
    first = trajectory.content.steps[0].state if trajectory.content.steps else None
    return first.last if first is not None and first.last_do is None else ()


def verified(plan: CorrectivePlan, guided: Trajectory, truth: Truth) -> CorrectivePlan:
    """The plan after its execution: `verified` if the guided episode passed and its answer was earned."""
    if not guided.content.outcome.success or not is_supported(guided, truth):
        return plan
    return plan.model_copy(update={"status": "verified", "verified_by": guided.content.digest()})


def correction_examples(
    guided: Trajectory, plan: CorrectivePlan, prompter: Prompter, node: Trajectory | None = None
) -> Iterator[TrainingExample]:
    """The decisions of a verified correction, without the guidance. Raises: ValueError for an unverified plan.

    The one with which it left the course of `node` has what was decided there instead; those before it, which were
    carried out again, are as likely as they were for the policy that had said them.
    """
    _require_verified(plan, guided)
    for kept in purify(guided):
        example = _example(guided, kept, prompter, "verified_correction", plan)
        if node is not None and kept.step.index == plan.branch:
            example = _beside(example, node, kept.step, prompter)
        elif node is not None and kept.step.index < plan.branch:
            example = _as_said(example, node)
        yield example


def _as_said(example: TrainingExample, node: Trajectory) -> TrainingExample:
    """The example with the probabilities of its decision where the policy itself had made it, in the same state."""
    said = _said(node.content.steps[example.step])
    is_own = (said.prompt_ids, said.completion_ids) == (example.prompt_ids, example.target_ids)
    return example.model_copy(update={"behaviour": said.logprobs}) if is_own else example


def _beside(example: TrainingExample, node: Trajectory, step: Step, prompter: Prompter) -> TrainingExample:
    """The example with the failed decision of the same state, if that was another, if only in what it remembers."""
    if step.index >= len(node.content.steps):
        return example
    failed = node.content.steps[step.index]
    instead = decision_of(failed)
    if failed.state is None or unguided_prompt(failed, prompter) != example.prompt_ids:
        return example
    if instead == example.target:
        return example
    return example.model_copy(update={"rejected_ids": _said(failed).completion_ids})


def success_examples(
    trajectory: Trajectory, prompter: Prompter, *, with_detours: bool = False
) -> Iterator[TrainingExample]:
    """The useful decisions of an unguided success, or all that were carried out. Raises: ValueError for an episode that
    failed or was guided.

    Detours are for rehearsing: who rehearses only what turned out to be useful learns to answer before looking.
    """
    if not trajectory.content.outcome.success or trajectory.content.guidance is not None:
        raise ValueError(f"episode {trajectory.id} is no success of its own")
    for kept in carried_out(trajectory) if with_detours else purify(trajectory):
        yield _example(trajectory, kept, prompter, "success")


def varied_examples(guided: Trajectory, plan: CorrectivePlan, prompter: Prompter) -> Iterator[TrainingExample]:
    """What a verified way to solve a solved problem did after it left the success: each decision that was carried out
    to rehearse, without the guidance, and every decision point as a prompt. Raises: ValueError for an unverified plan.
    """
    _require_verified(plan, guided)
    for kept in carried_out(guided):
        if kept.step.index >= plan.branch:
            yield _example(guided, kept, prompter, "success", plan)
    for kept in decided(guided):
        if kept.step.index >= plan.branch:
            yield _example(guided, kept, prompter, "decision_point", plan)


def _require_verified(plan: CorrectivePlan, guided: Trajectory) -> None:
    if plan.status != "verified" or plan.verified_by != guided.content.digest():
        raise ValueError(f"plan {plan.digest()[:12]} is {plan.status} and not verified by this episode")


def prompt_examples(trajectories: Iterable[Trajectory], prompter: Prompter) -> Iterator[TrainingExample]:
    """Every decision point that was met, solved or not, as a prompt for GRPO: its reward is measured, not copied."""
    for trajectory in trajectories:
        for kept in decided(trajectory):
            yield _example(trajectory, kept, prompter, "decision_point")


def unguided_prompt(step: Step, prompter: Prompter) -> tuple[int, ...]:
    """The prompt that the Observer would have had at this step without a plan: rendered anew from its state.

    `prompter` has the profile and the tokenizer of the episode. Raises: ValueError for a step of version 1, which has
    no state to render.
    """
    if step.state is None:
        raise ValueError(f"step {step.index} was recorded without its state (version 1): run the episode again")
    return prompter.ids(unguided(step.state))


def _example(
    trajectory: Trajectory, kept: Kept, prompter: Prompter, source: Source, plan: CorrectivePlan | None = None
) -> TrainingExample:
    content, step, is_target = trajectory.content, kept.step, source != "decision_point"
    spoken = _said(step)
    # Without a plan in view the recorded ids are the unguided prompt, and older records have nothing else.
    prompt_ids = spoken.prompt_ids if content.guidance is None else unguided_prompt(step, prompter)
    return TrainingExample(
        instance=content.instance,
        kind=content.kind,
        split=content.split,
        slice=content.slice,
        prompt_ids=prompt_ids,
        target_ids=spoken.completion_ids if is_target else None,
        target=kept.decision if is_target else None,
        behaviour=spoken.logprobs if is_target else None,
        step=step.index,
        commands=course(content.steps[: step.index]),
        world=content.world,
        source=source,
        source_trajectory=content.digest(),
        plan=plan.digest() if plan else None,
    )


def _said(step: Step) -> Utterance:
    """What the Observer said in a step."""
    return next(said for said in step.utterances if said.role == "observer")


def course(steps: Iterable[Step]) -> tuple[Decision | str, ...]:
    """The decisions of steps, as they can be carried out again; a malformed one is its text."""
    return tuple(decision_of(step) or step.decision for step in steps)
