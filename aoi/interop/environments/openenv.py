"""An OpenEnv server over problems: the one importer of `openenv` (extra `aoi[openenv]`).

Each WebSocket session of a client is an `Environment` of its own. A reset takes `problem` beside OpenEnv's `seed`.
"""

import multiprocessing
import socket
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import uvicorn
from fastapi import FastAPI
from openenv.core.env_server import create_fastapi_app
from openenv.core.env_server.interfaces import Environment as Served
from openenv.core.env_server.types import Action, ConcurrencyConfig, EnvironmentMetadata, Observation
from openenv.core.env_server.types import State as ServedState
from pydantic import Field
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from aoi.interop.environments.environment import MAX_STEPS, Environment, Seen

IDLE_S = 900.0
"""A session that nobody speaks in for so long is closed."""


class ToolCall(Action):
    """One call of a tool."""

    tool: str = Field(description="Name of a tool, as the observation of a reset lists them")
    arguments: dict[str, Any] = Field(default_factory=dict, description="By the tool's JSON schema")


class Text(Observation):
    """What a call brought; after a reset also the tools, after the end how it was graded."""

    text: str
    tools: list[dict[str, Any]] = Field(default_factory=list)
    detail: dict[str, Any] = Field(default_factory=dict)


class Session(Served[ToolCall, Text, ServedState]):
    """OpenEnv's interface over one `Environment`."""

    SUPPORTS_CONCURRENT_SESSIONS = True
    # Worlds are computed in Python: threads would take turns anyway, and share caches on the way.
    REQUIRES_SINGLE_THREAD_EXECUTOR = True

    def __init__(self, environment: Environment) -> None:
        super().__init__()
        self._environment, self._episode, self._begun = environment, "", 0

    def reset(
        self, seed: int | None = None, episode_id: str | None = None, problem: str | None = None, **_: Any
    ) -> Text:
        """Begin with a problem, or with one that the seed draws."""
        seen = self._environment.reset(problem, seed or 0)
        self._begun += 1
        # Of the session's count, not of the problem's id: whoever acts may ask for it.
        self._episode = episode_id or f"{self._environment.state.seed}/{self._begun}"
        return _text(seen, self._environment.schemas)

    def step(self, action: ToolCall, timeout_s: float | None = None, **_: Any) -> Text:
        """Call a tool."""
        return _text(self._environment.call(action.tool, action.arguments))

    @property
    def state(self) -> ServedState:
        """Where the episode stands; which problem it was, once it is over."""
        state = self._environment.state
        more = {"problem": state.problem, "seed": state.seed, "kind": state.kind, "is_done": state.is_done}
        return ServedState(episode_id=self._episode or None, step_count=state.steps, **more)

    def get_metadata(self) -> EnvironmentMetadata:
        """What is served."""
        return EnvironmentMetadata(name="aoi", description="Incidents of Kubernetes applications", version="1")


def _text(seen: Seen, tools: Sequence[dict[str, Any]] = ()) -> Text:
    return Text(text=seen.text, tools=list(tools), detail=dict(seen.detail), reward=seen.reward, done=seen.is_done)


def application(problems: Sequence[str], *, sessions: int, max_steps: int = MAX_STEPS) -> FastAPI:
    """The server: `sessions` at once, which draw from `problems` where a reset names none."""

    def session() -> Session:
        return Session(Environment(problems, max_steps=max_steps))

    limits = ConcurrencyConfig(max_concurrent_envs=sessions, session_timeout=IDLE_S)
    return create_fastapi_app(session, ToolCall, Text, concurrency_config=limits)


def _quiet(app: FastAPI) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """Without a trace for each client that leaves: OpenEnv closes a socket that is closed already."""

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except WebSocketDisconnect:
            return

    return handle


def serve(
    problems: Sequence[str],
    port: int,
    *,
    sessions: int,
    workers: int,
    max_steps: int = MAX_STEPS,
    announce: Callable[[str], None],
) -> None:
    """Serve on loopback until a signal ends it; each of the `workers` processes holds up to `sessions` sessions.

    `announce` is told the URL once connections are taken. Raises: OSError if the port cannot be had.
    """
    listener = socket.create_server(("127.0.0.1", port), backlog=1024)
    with listener:
        listener.set_inheritable(True)
        run = partial(_run, listener, tuple(problems), sessions, max_steps)
        forks = multiprocessing.get_context("fork")
        others = [forks.Process(target=run, daemon=True) for _ in range(workers - 1)]
        for process in others:
            process.start()
        announce(f"http://127.0.0.1:{listener.getsockname()[1]}")
        try:
            run()
        finally:
            for process in others:
                process.terminate()
            for process in others:
                process.join()


def _run(listener: socket.socket, problems: tuple[str, ...], sessions: int, max_steps: int) -> None:
    app = _quiet(application(problems, sessions=sessions, max_steps=max_steps))
    uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on")).run(sockets=[listener])
