"""A verifiers environment over problems: the one importer of `verifiers` (extra `aoi[verifiers]`).

    import verifiers
    environment = verifiers.load_environment("aoi.interop.environments.verifiers", problems=["..."], seeds=4)

Tools are called natively; each rollout is an `Environment` of its own. verifiers 0.2 and later have another interface,
but play on an OpenEnv server (docs/howto/train-elsewhere.md).
"""

import json
from collections.abc import Sequence
from typing import Any

import verifiers as vf
from datasets import Dataset

from aoi.interop.environments.environment import MAX_STEPS, SILENT, Environment
from aoi.interop.environments.sets import problem_ids
from aoi.interop.environments.tools import TOOLS, schema_of

_SESSION, _REWARD = "aoi_environment", "aoi_reward"


def load_environment(
    problems: Sequence[str] = (),
    *,
    set: str = "aiopslab",  # noqa: A002 - as the command line spells it
    seeds: int = 1,
    max_steps: int = MAX_STEPS,
) -> vf.Environment:
    """An environment over problems by id, or over a named set, each in the worlds of `seeds` seeds.

    Raises: UnknownProblem.
    """
    chosen = tuple(problems) or problem_ids(set)
    rows = [
        {"prompt": [{"role": "user", "content": problem}], "answer": "", "info": {"problem": problem, "seed": seed}}
        for seed in range(seeds)
        for problem in chosen
    ]
    rubric = vf.Rubric(funcs=[strict_grade])
    tools = [vf.Tool(**schema_of(name)) for name in TOOLS]
    dataset = Dataset.from_list(rows)
    return Incidents(dataset=dataset, rubric=rubric, tool_defs=tools, max_turns=2 * max_steps, steps=max_steps)


async def strict_grade(state: vf.State) -> float:
    """1.0 where the strict oracle passes."""
    return float(state.get(_REWARD) or 0.0)


class Incidents(vf.MultiTurnEnv):
    """One problem a rollout."""

    def __init__(self, *, steps: int, **options: Any) -> None:
        super().__init__(**options)
        self._steps = steps

    async def setup_state(self, state: vf.State) -> None:
        """Build the world; the prompt is what an agent is told of it."""
        environment = Environment(max_steps=self._steps)
        seen = environment.reset(state["info"]["problem"], int(state["info"]["seed"]))
        state["prompt"] = [vf.UserMessage(role="user", content=seen.text)]
        state[_SESSION] = environment

    async def env_response(self, messages: vf.Messages, state: vf.State, **_: Any) -> vf.Messages:
        """Answer every call of the last message."""
        environment: Environment = state[_SESSION]
        calls = getattr(messages[-1], "tool_calls", None) or ()
        said: list[Any] = []
        for call in calls:
            text = _answered(environment, state, call.name, call.arguments)
            said.append(vf.ToolMessage(role="tool", content=text, tool_call_id=call.id))
        if not calls:
            said.append(vf.UserMessage(role="user", content=SILENT))
        if environment.state.is_done:
            state["final_env_response"] = said
        return said

    @vf.cleanup
    async def close(self, state: vf.State) -> None:
        """A world is not kept with the results."""
        state.pop(_SESSION, None)


def _answered(environment: Environment, state: vf.State, name: str, arguments: str) -> str:
    try:
        parsed = json.loads(arguments or "{}")
    except ValueError:
        parsed = None
    seen = environment.answer(name, parsed if isinstance(parsed, dict) else {"arguments": arguments})
    if seen.is_done:
        state[_REWARD] = seen.reward
    return seen.text
