"""What a plan of the Evolver is worth: it is carried out again in the world of a problem that is solved.

The paper trains its Evolver on such problems alone (section 4) and has a judge read the plans. Ours executes them: the
policy is shown the plan, decides for itself, and the oracle says whether the answer is right and earned.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from aoi.agents.episode import run_episode
from aoi.agents.policy import Policy
from aoi.agents.rollout import rollout
from aoi.language.codec import Codec
from aoi.language.decision import render_do
from aoi.language.extraction import Malformed
from aoi.language.layouts import Layout
from aoi.language.profile import PromptProfile
from aoi.language.prompting import Prompter
from aoi.learning.corrections import is_supported
from aoi.learning.evolver import evolver_state, staged_failures
from aoi.problems import scenario
from aoi.records.episode import Trajectory
from aoi.records.learning import CorrectivePlan, PlanStep, TrainingExample
from aoi.records.problem import ProblemInstance
from aoi.store.shards import Rows

VALID = 0.1
"""A plan that parses and has a step."""
DIFFERENT = 0.1
"""More, if none of the group's other plans is the same: less by the share that is."""
EFFECTIVE = 0.8
"""More, if the episode that it guides ends in an earned success."""


class Deed(NamedTuple):
    """A plan in the problem that it is tried in."""

    instance: ProblemInstance
    steps: tuple[str, ...]


def planned_steps(layout: Layout, text: str) -> tuple[str, ...]:
    """What a completion of the Evolver suggests; nothing if it is malformed."""
    try:
        return tuple(map(render_do, layout.plan(text).steps))
    except Malformed:
        return ()


def prompts_of(trajectories: Rows[Trajectory], prompter: Prompter, seed: int) -> Iterator[TrainingExample]:
    """States in which the Evolver is asked, each of a problem that some rollout solved.

    Failed rollouts as they went, and successes cut short or led astray.
    """
    known = {each.content.instance.digest() for each in trajectories if each.content.outcome.success}
    for each in trajectories:
        if not each.content.outcome.success and each.content.instance.digest() in known:
            yield _example(each, prompter.ids(evolver_state(each)))
    solved = (each for each in trajectories if each.content.outcome.success)
    for each, state, _ in staged_failures(solved, seed):
        yield _example(each, prompter.ids(state))


def worths(deeds: Sequence[Deed], effective: dict[Deed, bool], group: int) -> list[float]:
    """Rewards of plans that come in groups of `group`, given which of them were effective."""
    found = []
    for start in range(0, len(deeds), group):
        part = deeds[start : start + group]
        counts = Counter(part)
        for deed in part:
            if not deed.steps:
                found.append(0.0)
                continue
            others = (counts[deed] - 1) / max(len(part) - 1, 1)
            found.append(VALID + DIFFERENT * (1 - others) + EFFECTIVE * effective[deed])
    return found


def executed(deeds: Sequence[Deed], profile: PromptProfile, codec: Codec, policy: Policy) -> list[bool]:
    """Whether each plan, shown to the policy from the start of its problem, led to an earned success."""
    situations = [scenario.build(deed.instance) for deed in deeds]
    episodes = [
        run_episode(
            situation,
            profile=profile,
            codec=codec,
            arm="guided",
            bundle="replanning",
            rollout_seed=0,
            guidance=_plan(deed),
            temperature=0.0,
        )
        for situation, deed in zip(situations, deeds, strict=True)
    ]
    done = zip(situations, rollout(episodes, policy), strict=True)
    return [t.content.outcome.success and is_supported(t, situation.truth) for situation, t in done]


def _plan(deed: Deed) -> CorrectivePlan:
    return CorrectivePlan(
        instance=deed.instance,
        source_trajectory="0" * 64,
        mode="repair",
        proposer="evolver",
        evolver="training",
        steps=tuple(PlanStep(do=step) for step in deed.steps),
        failure="wrong_path",
        prompt_ids=(),
        completion_ids=(),
        status="hint",
    )


def _example(trajectory: Trajectory, prompt_ids: tuple[int, ...]) -> TrainingExample:
    content = trajectory.content
    return TrainingExample(
        instance=content.instance,
        kind=content.kind,
        split=content.split,
        slice=content.slice,
        prompt_ids=prompt_ids,
        target_ids=None,
        step=0,
        commands=(),
        world=content.world,
        source="decision_point",
        source_trajectory=content.digest(),
    )
