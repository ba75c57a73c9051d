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
  - a change after which the oracle is content with the world: 0.9; one that puts right one more of several faults: 0.6,
    or every look would beat the first of two repairs; otherwise nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from aoi.agents.episode import Episode, run_episode
from aoi.agents.policy import Generation, Policy, Turn
from aoi.agents.rollout import rollout
from aoi.agents.session import Given
from aoi.errors import ReplayDiffers
from aoi.language.codec import Codec
from aoi.language.layouts import layout_of
from aoi.language.profile import PromptProfile
from aoi.learning.corrections import is_supported, surveyed
from aoi.problems import scenario
from aoi.problems.oracle import Truth
from aoi.records.base import Sha256
from aoi.records.decision import Decision, ExecDo, Finding, ProbeDo, SubmitDo
from aoi.records.episode import BROKEN_OFF, Signal, Step, Trajectory
from aoi.records.learning import TrainingExample
from aoi.records.problem import ProblemInstance
from aoi.worlds.applications.spec import Application

RIGHT_ANSWER = 0.9
LUCKY_ANSWER = 0.3
CALIBRATION = 0.1
LOOK = 0.1
CARRIED_ON = 0.5
NEARER = 0.3
REPAIRED = 0.9
PUT_RIGHT = 0.6

Deed = tuple[ProblemInstance, tuple[Given, ...], Decision]
"""A problem, the decisions so far, and the decision to execute, reduced to what it does."""


class Reward(Protocol):
    """Worth of one completion at one example's prompt, in [0, 1]."""

    def __call__(self, example: TrainingExample, completion: str) -> float:
        """Never raises for a malformed completion: that is worth nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Consequence:
    """What executing one deed from one snapshot came to. Confidence plays no part in it."""

    success: bool
    """The oracle passes the answer, or for a change the state of the world."""
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
        deeds = [
            (example.instance, example.commands, _bare(decision)) if decision else None
            for (example, _), decision in zip(said, decisions, strict=True)
        ]
        wanted = [each for deed in deeds if deed is not None for each in (deed, *_change_before(deed))]
        self._execute([deed for deed in dict.fromkeys(wanted) if deed not in self._known])
        for example, deed in zip((example for example, _ in said), deeds, strict=True):
            if deed is not None:
                _check_world(example, self._worlds[example.instance])
        return [
            self._worth(example, decision, deed) if decision and deed else 0.0
            for (example, _), decision, deed in zip(said, decisions, deeds, strict=True)
        ]

    def _worth(self, example: TrainingExample, decision: Decision, deed: Deed) -> float:
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
                before = max((self._known[each].mended for each in _change_before(deed)), default=0)
                return REPAIRED if came.success else PUT_RIGHT * (came.mended > before)

    def _execute(self, deeds: Sequence[Deed]) -> None:
        situations = [scenario.build(instance) for instance, _, _ in deeds]
        episodes = [self._episode(s, before, deed) for s, (_, before, deed) in zip(situations, deeds, strict=True)]
        for situation, key, trajectory in zip(situations, deeds, rollout(episodes, _policy(self._policy)), strict=True):
            self._worlds[key[0]] = trajectory.content.world
            self._known[key] = _consequence(situation, len(key[1]), trajectory)

    def _episode(self, situation: scenario.Scenario, before: Sequence[Given], deed: Decision) -> Episode:
        carries_on = self._policy is not None and isinstance(deed.do, ProbeDo)
        return _replaying(situation, (*before, deed), self._profile, self._codec, carries_on=carries_on)


def _change_before(deed: Deed) -> tuple[Deed, ...]:
    """The last change before a change, in the same episode: what was put right by then is not this one's."""
    instance, before, decision = deed
    if not isinstance(decision.do, ExecDo):
        return ()
    for index in reversed(range(len(before))):
        earlier = before[index]
        if isinstance(earlier, Decision) and isinstance(earlier.do, ExecDo):
            return ((instance, before[:index], _bare(earlier)),)
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
    return Consequence(
        success=trajectory.content.outcome.success, nearer=nearer, earned=earned, mended=_mended(situation, trajectory)
    )


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


class Nearness:
    """How near to the cause an episode has come, as an integer that only ever grows.

    With a fault: call hops between the nearest component that anything pointed at and the culprit, then the cause
    itself. In a control: how many paged components were found healthy, at most two.
    """

    CONTROL_LOOKS = 2

    def __init__(
        self,
        application: Application,
        truth: Truth,
        handles: Mapping[str, str],
        suspects: Iterable[str],
        surveyed: Sequence[Finding] = (),
    ) -> None:
        """`suspects` are handles that page; `surveyed` is what was known before the first look."""
        self._truth = truth
        self._names = handles
        self._surveyed = surveyed
        self._suspects = {handles[handle] for handle in suspects if handle in handles}
        self._hops = _hops(application, truth.accepted)

    def of(self, steps: Sequence[Step]) -> int:
        """Compare two of these, never one alone."""
        looks = [signal for step in steps for signal in step.signals]
        signals: list[Signal | Finding] = [*self._surveyed, *looks]
        if self._truth.component is None:
            healthy = {self._names.get(signal.subject) for signal in signals if signal.word == "healthy"}
            return min(len(healthy & self._suspects), self.CONTROL_LOOKS)
        if any(self._is_cause(signal) for signal in signals):
            return 1
        pointed = {self._names.get(handle) for signal in signals for handle in _named(signal)} | self._suspects
        return -min((self._hops[name] for name in pointed if name in self._hops), default=len(self._hops) + 1)

    def _is_cause(self, signal: Signal | Finding) -> bool:
        return signal.word in self._truth.causes and self._names.get(signal.subject) in self._truth.accepted


def _named(signal: Signal | Finding) -> tuple[str, ...]:
    """Handles that an unhealthy signal makes suspect."""
    if signal.word == "healthy":
        return ()
    return (signal.subject, signal.other) if signal.other else (signal.subject,)


def _hops(application: Application, culprits: Sequence[str]) -> dict[str, int]:
    """Calls between each component and the nearest culprit, walking up the callers."""
    hops = dict.fromkeys(culprits, 0)
    frontier = list(culprits)
    while frontier:
        reached = [(caller, hops[name] + 1) for name in frontier for caller in application.callers.get(name, ())]
        frontier = []
        for caller, distance in reached:
            if caller not in hops:
                hops[caller] = distance
                frontier.append(caller)
    return hops
