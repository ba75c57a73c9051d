"""What the Evolver reads and writes: a failed episode in brief, and the plan that should replace it.

It learns from solved problems only (paper section 4): a success, cut short or led astray, is a failure whose
right continuation is known. On a failed episode its plan is a proposal; only the world can verify it.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from aoi.language.codec import Prompt
from aoi.language.decision import EvolverPlan, render_do
from aoi.language.extraction import Malformed
from aoi.language.layouts import layout_of
from aoi.language.lexicon import CHECKS, TASKS
from aoi.language.profile import SEED_PROFILE, PromptProfile
from aoi.language.prompt import EvolverState, shown
from aoi.learning.failures import classify
from aoi.learning.purifier import Kept, decided, purify
from aoi.records.decision import AlertLine, Do, ExecDo, Finding, ProbeDo, SubmitDo
from aoi.records.episode import Signal, Trajectory
from aoi.records.learning import CorrectivePlan, PlanStep
from aoi.worlds.applications.lookup import application

MEMORY = 5
"""Findings of the failed episode that the Evolver is shown."""
DID = 6
"""Its last actions that the Evolver is shown."""
_TASK_WORDS = {kind: word for word, kind in TASKS.items()}


@dataclass(frozen=True, slots=True)
class EvolverExample:
    """One prompt of the Evolver with the plan that was right."""

    prompt: Prompt
    completion: str


def evolver_state(trajectory: Trajectory) -> EvolverState:
    """The failed episode as the Evolver sees it: what paged, what was found, what was done."""
    steps = decided(trajectory)
    return _state(trajectory, _findings(steps), tuple(kept.decision.do for kept in steps))


def evolver_examples(
    solved: Iterable[Trajectory], seed: int, profile: PromptProfile = SEED_PROFILE
) -> Iterator[EvolverExample]:
    """Training pairs out of solved episodes: each useful prefix, made to look failed, with what was right."""
    layout = layout_of(profile)
    for _, state, actions in staged_failures(solved, seed):
        yield EvolverExample(layout.prompt(state, profile), layout.say(EvolverPlan(_as_plan(actions))))


def staged_failures(
    solved: Iterable[Trajectory], seed: int
) -> Iterator[tuple[Trajectory, EvolverState, tuple[Do, ...]]]:
    """Solved episodes as if they had failed, as the Evolver sees them, with the actions that were right.

    Two failures for each useful prefix: stopped early (a symptom submitted at once) and led astray (a useless look
    first). The plan is executed from the start of the episode, so it repeats what was right so far.
    """
    rng = random.Random(seed)
    for trajectory in solved:
        steps = purify(trajectory)
        actions = tuple(kept.decision.do for kept in steps if not isinstance(kept.decision.do, SubmitDo))
        for done in range(len(actions)):
            prefix = steps[:done]
            findings = _findings(prefix)
            for ending in (_premature_answer(trajectory, findings), _detour(trajectory, rng)):
                did = (*(kept.decision.do for kept in prefix), *ending)
                yield trajectory, _state(trajectory, findings, did), actions


def read_plan(
    trajectory: Trajectory,
    prompt_ids: Sequence[int],
    completion: tuple[Sequence[int], str],
    evolver: str,
    profile: PromptProfile = SEED_PROFILE,
) -> CorrectivePlan:
    """The Evolver's completion as a record: `malformed` if it does not parse or is empty, otherwise a `hint`.

    `completion` is (token ids, text), in the layout of `profile`. It becomes `verified` only after its execution.
    """
    ids, text = completion
    try:
        steps = layout_of(profile).plan(text).steps
    except Malformed:
        steps = ()
    return CorrectivePlan(
        instance=trajectory.content.instance,
        source_trajectory=trajectory.content.digest(),
        mode="augment" if trajectory.content.outcome.success else "repair",
        proposer="evolver",
        evolver=evolver,
        steps=tuple(PlanStep(do=render_do(step)) for step in steps),
        failure=classify(trajectory),
        prompt_ids=tuple(prompt_ids),
        completion_ids=tuple(ids),
        status="hint" if steps else "malformed",
    )


def _state(trajectory: Trajectory, findings: Sequence[Finding], did: tuple[Do, ...]) -> EvolverState:
    content = trajectory.content
    return EvolverState(
        task=_TASK_WORDS[content.kind.value],
        alerts=tuple(AlertLine(signal.word, signal.subject) for signal in content.alerts),
        memory=tuple(findings[-MEMORY:]),
        did=did[-DID:],
    )


def _findings(steps: Sequence[Kept]) -> tuple[Finding, ...]:
    """The best signal of each step, without repeats, oldest first."""
    findings = [_as_finding(kept.step.signals[0]) for kept in steps if kept.step.signals]
    return tuple(dict.fromkeys(findings))


def _as_finding(signal: Signal) -> Finding:
    return shown(signal, callee_only=True)


def _as_plan(actions: tuple[Do, ...]) -> tuple[ProbeDo | ExecDo, ...]:
    return tuple(action for action in actions if not isinstance(action, SubmitDo))


def _premature_answer(trajectory: Trajectory, findings: Sequence[Finding]) -> tuple[Do, ...]:
    """Submits the latest finding, or the first alert's component, as if it were the cause."""
    if findings:
        last = findings[-1]
        return (SubmitDo("yes", last.subject, last.word),)
    return (SubmitDo("no"),) if trajectory.content.instance.problem.fault else (SubmitDo("yes"),)


def _detour(trajectory: Trajectory, rng: random.Random) -> tuple[Do, ...]:
    """A look at some component, then giving up."""
    content = trajectory.content
    served = {c.name for c in application(content.instance.problem.application, content.instance.seed).components}
    component = rng.choice(sorted(handle for handle, name in content.handles.items() if name in served))
    wrong = "no" if content.instance.problem.fault else "unsure"
    return (ProbeDo(rng.choice(CHECKS), component), SubmitDo(wrong))
