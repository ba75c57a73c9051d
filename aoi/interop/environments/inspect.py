"""Inspect tasks over problems: the one importer of `inspect_ai` (extra `aoi[inspect]`).

    inspect eval aoi/aiopslab --model openai/gpt-5
    inspect eval aoi/incidents -T problem_set=test -T seeds=3 --limit 50 --model ...

The setup builds a sample's world and gives the model its tools, so that any solver that calls tools may play.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessageAssistant, ChatMessageUser
from inspect_ai.scorer import Score, Scorer, Target, accuracy, grouped, scorer, stderr
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.tool import Tool, ToolDef, ToolParams
from inspect_ai.util import store

from aoi.interop.environments.environment import MAX_STEPS, SILENT, Environment
from aoi.interop.environments.sets import problem_ids
from aoi.problems import catalogue

OUTCOME = "aoi:outcome"
"""Key in a sample's store: how its episode was graded."""


@task
def aiopslab(seeds: int = 1, max_steps: int = MAX_STEPS) -> Task:
    """AIOpsLab's problems."""
    return incidents("aiopslab", seeds, max_steps)


@task
def incidents(problem_set: str = "test", seeds: int = 1, max_steps: int = MAX_STEPS) -> Task:
    """A named set of problems, each in the worlds of `seeds` seeds. Raises: UnknownProblem."""
    samples = [
        Sample(
            input=problem,
            id=f"{problem}/{seed}",
            metadata={"problem": problem, "seed": seed, "kind": catalogue.get(problem).kind.value},
        )
        for problem in problem_ids(problem_set)
        for seed in range(seeds)
    ]
    return Task(
        dataset=MemoryDataset(samples), setup=begin(max_steps), solver=converse(max_steps), scorer=strict_grade()
    )


@solver
def begin(max_steps: int) -> Solver:
    """Build the world; the prompt is what an agent is told of it."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        environment = Environment(max_steps=max_steps)
        seen = environment.reset(state.metadata["problem"], state.metadata["seed"])
        state.messages = [ChatMessageUser(content=seen.text)]
        state.tools = [_tool(environment, **schema) for schema in environment.schemas]
        return state

    return solve


@solver
def converse(max_steps: int) -> Solver:
    """Ask the model until the episode is over."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        for _ in range(2 * max_steps):
            state = await generate(state, tool_calls="single")
            if state.store.get(OUTCOME) is not None or state.completed:
                break
            if isinstance(state.messages[-1], ChatMessageAssistant):
                state.messages.append(ChatMessageUser(content=SILENT))
        return state

    return solve


def _tool(environment: Environment, name: str, description: str, parameters: dict[str, Any]) -> Tool:
    params = ToolParams.model_validate(parameters)
    return ToolDef(_caller(environment, name, tuple(params.properties)), name, description, params).as_tool()


def _caller(environment: Environment, name: str, known: tuple[str, ...]) -> Callable[..., Awaitable[str]]:
    async def call(**arguments: Any) -> str:
        seen = environment.answer(name, {key: value for key, value in arguments.items() if key in known})
        if seen.is_done:
            store().set(OUTCOME, {"reward": seen.reward, **seen.detail})
        return seen.text

    return call


@scorer(metrics=[grouped(accuracy(), "kind", all="samples"), stderr()])
def strict_grade() -> Scorer:
    """1 where the strict oracle passes."""

    async def score(state: TaskState, target: Target) -> Score:
        outcome = state.store.get(OUTCOME) or {}
        why = "; ".join(f"{key}: {value}" for key, value in outcome.items() if value not in ("", None))
        return Score(value=float(outcome.get("reward") or 0.0), explanation=why or "no submission", metadata=outcome)

    return score
