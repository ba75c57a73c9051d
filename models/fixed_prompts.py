"""Fixed prompts of every role, in the layout of a bundle: what the identity probe asks. They mean nothing."""

import random
from collections.abc import Callable

from aoi.language import lexicon
from aoi.language.codec import Prompt
from aoi.language.decision import ExecDo, Finding, ProbeDo, SubmitDo
from aoi.language.layouts import layout_of
from aoi.language.profile import PromptProfile
from aoi.language.prompt import (
    AlertLine,
    EvolverState,
    ExecutorState,
    ObserverState,
    ProbeState,
    PromptState,
    within,
)
from aoi.records.episode import RoleName

HANDLES = tuple(f"s{number}" for number in range(1, 9))


def fixed_prompts(role: RoleName, profile: PromptProfile, count: int) -> list[Prompt]:
    """`count` different prompts, the same in every process. A role without prompts of its own gets the Observer's."""
    rng = random.Random(role)
    invent = _STATES.get(role, _observer)
    prompts: dict[Prompt, None] = {}
    while len(prompts) < count:
        prompts[_rendered(invent(rng), profile)] = None
    return list(prompts)


def _rendered(state: PromptState, profile: PromptProfile) -> Prompt:
    if isinstance(state, ObserverState):
        state = within(state, profile)
    return layout_of(profile).prompt(state, profile)


def _observer(rng: random.Random) -> ObserverState:
    last = tuple(_finding(rng) for _ in range(rng.randint(1, 3)))
    memory = tuple(_finding(rng) for _ in range(rng.randint(0, 3)))
    return ObserverState(rng.choice(tuple(lexicon.TASKS)), _alerts(rng), memory=memory, last=last, last_do=_look(rng))


def _probe(rng: random.Random) -> ProbeState:
    look = _look(rng)
    return ProbeState(look.check, look.target)


def _executor(rng: random.Random) -> ExecutorState:
    return ExecutorState(rng.choice(lexicon.ACTIONS), rng.choice(HANDLES))


def _evolver(rng: random.Random) -> EvolverState:
    did = (*(_look(rng) for _ in range(rng.randint(1, 3))), ExecDo("restart", rng.choice(HANDLES)), SubmitDo("no"))
    return EvolverState(rng.choice(tuple(lexicon.TASKS)), _alerts(rng), (_finding(rng),), did)


def _alerts(rng: random.Random) -> tuple[AlertLine, ...]:
    return tuple(AlertLine(rng.choice(lexicon.ALERTS), handle) for handle in rng.sample(HANDLES, rng.randint(1, 2)))


def _finding(rng: random.Random) -> Finding:
    return Finding(rng.choice(lexicon.SIGNALS), rng.choice(HANDLES))


def _look(rng: random.Random) -> ProbeDo:
    return ProbeDo(rng.choice(lexicon.CHECKS), rng.choice(HANDLES))


_STATES: dict[RoleName, Callable[[random.Random], PromptState]] = {
    "observer": _observer,
    "probe": _probe,
    "executor": _executor,
    "evolver": _evolver,
}
