"""What one decision of the Observer is worth.

`MeasuredReward` executes the decision in the world of its step: the paper judges sampled decisions and never runs
them (section 3.3), we can. The judges of `aoi/learning/judging.py` are for clusters that cannot be forked.

What the measured reward pays, and why not more (docs/learning.md, "Rewards that get hacked"):
  - a submission that the oracle passes and that was earned (the cause was seen, or health was): 0.9 + 0.1 *
    calibration; a lucky one 0.3 + 0.1 * calibration; any other 0.1 * calibration, so that an empty, a formal or an
    evasive answer never beats an honest wrong one;
  - a look: 0.1, which no wrong answer beats; 0.5 more if the episode, carried on greedily by the policy that training
    started from, ends in success, and 0.3 if it brought the episode nearer to the cause than anything seen before.
    Where failing looks paid nothing, a wrong answer's crumb of calibration was the best of its group, and the model
    learnt to answer at once. The last step's look pays nothing: nobody can use it;
  - a change after which the oracle is content with the world: 0.9; one that puts right one more of several faults: 0.4,
    or every look would beat the first of two repairs, and 0.4 more if the episode, carried on, mends the rest;
    otherwise nothing.

An episode is carried on with what the decision itself remembers: a cause that waits for its turn is worth noting down.
A note of what was never shown earns none of what comes after it, or a guess in memory would pay more than a guess as
answer.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from aoi.agents.episode import Episode, run_episode
from aoi.agents.policy import Generation, Policy, Turn
from aoi.agents.rollout import rollout
from aoi.agents.session import Given
from aoi.errors import ReplayDiffers
from aoi.language.codec import Codec
from aoi.language.layouts import layout_of
from aoi.language.profile import PromptProfile
from aoi.learning.corrections import is_supported, surveyed
from aoi.learning.nearness import Nearness
from aoi.problems import scenario
from aoi.records.base import Sha256
from aoi.records.decision import Decision, ExecDo, ProbeDo, SubmitDo
from aoi.records.episode import BROKEN_OFF, Step, Trajectory
from aoi.records.learning import TrainingExample
from aoi.records.problem import ProblemInstance

RIGHT_ANSWER = 0.9
LUCKY_ANSWER = 0.3
CALIBRATION = 0.1
LOOK = 0.1
CARRIED_ON = 0.5
NEARER = 0.3
REPAIRED = 0.9
PUT_RIGHT = 0.4
REST_MENDED = 0.4


class Deed(NamedTuple):
    """What is executed to measure a decision. Equal deeds are executed once."""

    instance: ProblemInstance
    before: tuple[Given, ...]
    """The decisions so far."""
    decision: Decision
    """Reduced to what it does, and where the episode is carried on, to what it remembers."""
    carries_on: bool = False
    """Whether the policy goes on from there; otherwise the episode ends."""


class Reward(Protocol):
    """Worth of one completion at one example's prompt, in [0, 1]."""

    def __call__(self, example: TrainingExample, completion: str) -> float:
        """Never raises for a malformed completion: that is worth nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Consequence:
    """What executing one deed from one snapshot came to. Confidence plays no part in it."""

    success: bool
    """The oracle passes the answer, or for a change the state of the world; and nothing was noted that nobody saw."""
    nearer: bool
    """Whether the look brought the episode nearer to the cause."""
    earned: bool
    """Whether a right answer rests on what was seen."""
    mended: int = 0
    """Of the faults of a mitigation, how many are gone afterwards."""
    is_broken: bool = False
    """The replay itself failed: nothing was measured."""


class MeasuredReward:
    """Executes each decision from the snapshot at its step. Deterministic; equal deeds are executed once."""

    def __init__(self, profile: PromptProfile, codec: Codec, policy: Policy | None = None) -> None:
        """`policy` carries episodes on after a look; without one a look is paid for what it shows alone."""
        self._profile = profile
        self._codec = codec
        self._policy = policy
        self._known: dict[Deed, Consequence] = {}
        self._worlds: dict[ProblemInstance, Sha256] = {}
        """Digest of each world as it was rebuilt."""

    def __call__(self, example: TrainingExample, completion: str) -> float:
        """See the module's text."""
        return self.measure([(example, completion)])[0]

    def measure(self, said: Sequence[tuple[TrainingExample, str]]) -> list[float]:
        """Rewards of many completions; their episodes run as one batch. Raises: ReplayDiffers."""
        decisions = [layout_of(self._profile).decision_or_none(completion) for _, completion in said]
        read = [(example, each) for (example, _), each in zip(said, decisions, strict=True) if each]
        deeds = [self._deed(example, decision) for example, decision in read]
        self._execute([each for deed in deeds for each in (deed, *_change_before(deed))])
        for example, _ in read:
            _check_world(example, self._worlds[example.instance])
        if self._policy is not None:  # where something is left to mend, what was noted down decides whether it will be
            halfway = [each for each, deed in zip(read, deeds, strict=True) if self._is_halfway(deed)]
            self._execute([_carried_on(*each) for each in halfway])
        return [
            self._worth(example, decision) if decision else 0.0
            for (example, _), decision in zip(said, decisions, strict=True)
        ]

    def _deed(self, example: TrainingExample, decision: Decision) -> Deed:
        if self._policy is not None and isinstance(decision.do, ProbeDo):
            return _carried_on(example, decision)
        return Deed(example.instance, example.commands, _bare(decision))

    def _worth(self, example: TrainingExample, decision: Decision) -> float:
        deed = self._deed(example, decision)
        came = self._known[deed]
        if came.is_broken:
            return 0.0  # a defect of ours must not pay for the look that met it
        match decision.do:
            case SubmitDo():
                right = (RIGHT_ANSWER if came.earned else LUCKY_ANSWER) * came.success
                return right + CALIBRATION * calibration(decision.probability, came.success)
            case ProbeDo():
                is_last = example.step == self._profile.iterations - 1  # nobody can use what it shows
                return 0.0 if is_last else LOOK + CARRIED_ON * came.success + NEARER * came.nearer
            case ExecDo():
                if came.success:
                    return REPAIRED
                rest = self._known.get(_carried_on(example, decision))
                return (PUT_RIGHT + REST_MENDED * (rest is not None and rest.success)) * self._is_halfway(deed)

    def _is_halfway(self, deed: Deed) -> bool:
        """Whether it is a change that put right one more of several faults, and not the last."""
        if not isinstance(deed.decision.do, ExecDo) or self._known[deed].success:
            return False
        before = max((self._known[each].mended for each in _change_before(deed)), default=0)
        return self._known[deed].mended > before

    def _execute(self, wanted: Iterable[Deed]) -> None:
        deeds = [deed for deed in dict.fromkeys(wanted) if deed not in self._known]
        situations = [scenario.build(deed.instance) for deed in deeds]
        episodes = [self._episode(situation, deed) for situation, deed in zip(situations, deeds, strict=True)]
        for situation, deed, trajectory in zip(
            situations, deeds, rollout(episodes, _policy(self._policy)), strict=True
        ):
            self._worlds[deed.instance] = trajectory.content.world
            self._known[deed] = _consequence(situation, len(deed.before), trajectory)

    def _episode(self, situation: scenario.Scenario, deed: Deed) -> Episode:
        given = (*deed.before, deed.decision)
        return _replaying(situation, given, self._profile, self._codec, carries_on=deed.carries_on)


def _carried_on(example: TrainingExample, decision: Decision) -> Deed:
    """What the decision does and remembers, and the policy from there on.

    A chat model's own words are left out: no two are alike, and each would be carried on for itself.
    """
    kept = replace(decision, phase="point", cause=None, confidence=0, words=None)
    return Deed(example.instance, example.commands, kept, carries_on=True)


def _change_before(deed: Deed) -> tuple[Deed, ...]:
    """The last change before a change, in the same episode: what was put right by then is not this one's."""
    instance, before, decision, _ = deed
    if not isinstance(decision.do, ExecDo):
        return ()
    for index in reversed(range(len(before))):
        earlier = before[index]
        if isinstance(earlier, Decision) and isinstance(earlier.do, ExecDo):
            return (Deed(instance, before[:index], _bare(earlier)),)
    return ()


def _check_world(example: TrainingExample, rebuilt: Sha256) -> None:
    if rebuilt != example.world:
        raise ReplayDiffers(
            f"{example.instance.problem.id}, seed {example.instance.seed}: its world is {rebuilt[:12]} when it is "
            f"rebuilt, and was {example.world[:12]} when its episode was collected. What builds worlds has changed: "
            "run the cycle again (aoi retrain), with changed code it collects anew"
        )


def _consequence(situation: scenario.Scenario, here: int, trajectory: Trajectory) -> Consequence:
    steps = trajectory.content.steps
    if trajectory.content.ended in BROKEN_OFF:
        return Consequence(success=False, nearer=False, earned=False, is_broken=True)
    if here >= len(steps):
        return Consequence(success=False, nearer=False, earned=False)
    suspects = {signal.subject for signal in trajectory.content.alerts}
    first = surveyed(trajectory)
    measure = Nearness(situation.application, situation.truth, trajectory.content.handles, suspects, first)
    known, step = steps[:here], steps[here]
    nearer = step.status == "ok" and measure.of([*known, step]) > measure.of(known)
    earned = is_supported(trajectory, situation.truth)
    success = trajectory.content.outcome.success and _is_shown(step)
    return Consequence(success=success, nearer=nearer, earned=earned, mended=_mended(situation, trajectory))


def _is_shown(step: Step) -> bool:
    """Whether what a decision notes down stood in its prompt."""
    noted = step.decided.summary if step.decided else None
    if noted is None or step.state is None:
        return True
    shown = (*step.state.last, *step.state.memory, *step.state.changed)
    return any(found.word == noted.word and noted.subject in (found.subject, found.other) for found in shown)


def _mended(situation: scenario.Scenario, trajectory: Trajectory) -> int:
    """Of several faults, how many are gone; none where something else went with them."""
    roots = situation.plan.roots if situation.plan is not None else ()
    if len(roots) < 2 or trajectory.content.outcome.detail.get("lost"):
        return 0
    return sum(not root.is_present(situation.world) for root in roots)


class _Nobody:
    """The policy of episodes whose every decision is given."""

    def generate(self, turns: Sequence[Turn]) -> list[Generation]:
        raise RuntimeError(f"a replay asked the policy {len(turns)} times: a forced decision was left out")


def _policy(given: Policy | None) -> Policy:
    return given if given is not None else _Nobody()


def calibration(probability: float, success: bool) -> float:
    """Brier's score turned upwards: a proper score, so honest confidence pays best and certainty alone pays nothing."""
    return 1.0 - (probability - float(success)) ** 2


def _replaying(
    situation: scenario.Scenario, decisions: Sequence[Given], profile: PromptProfile, codec: Codec, *, carries_on: bool
) -> Episode:
    """An episode whose first decisions are given; then the policy carries on greedily, or it gives up."""
    ending = () if carries_on else (_GIVE_UP,) * profile.iterations
    return run_episode(
        situation,
        profile=profile,
        codec=codec,
        arm="replay",
        bundle="replay",
        rollout_seed=0,
        prefix=(*decisions, *ending),
        temperature=0.0,
    )


_GIVE_UP = Decision(None, "submit", None, 0, SubmitDo("unsure"))


def _bare(decision: Decision) -> Decision:
    """The decision reduced to its deed, so that equal deeds are executed once."""
    return Decision(None, "point", None, 0, decision.do)
