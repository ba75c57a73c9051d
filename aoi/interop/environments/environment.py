"""One problem to be worked on by anybody's agent. An object is one session; sessions share nothing that changes.

An episode is `reset`, calls of tools, and `submit`; it ends with a reward of the strict oracle. Whatever a call asks
for is answered with text: what cannot be run says so, costs a step, and is no error of the session.
"""

import shlex
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

import orjson
from pydantic import ValidationError

from aoi.access.redaction import redact_text
from aoi.access.transport import Backend, ReadRequest, Request
from aoi.agents.kubectl.columns import one_line
from aoi.agents.probe import Probe
from aoi.errors import Permanent
from aoi.interop.environments.briefing import briefing
from aoi.interop.environments.tools import Act, Call, Exec, Kubectl, Metrics, Submit, Traces, schema_of, tools_of
from aoi.language.profile import PRODUCTION_PROFILE
from aoi.problems import catalogue
from aoi.problems.scenario import Scenario, build
from aoi.problems.sites import rng
from aoi.records.decision import ExecDo
from aoi.records.episode import Answer, Outcome
from aoi.records.findings import Accusation
from aoi.records.problem import ProblemInstance, TaskKind
from aoi.records.seed import MAX_SEED
from aoi.worlds.transport import EmbeddedTransport
from kubeworld.machine.identity import ADMIN

MAX_STEPS = 30
"""As AIOpsLab's command line allows."""
MAX_CHARS = 8_000
"""Of one observation: about 2,000 tokens."""
POINTS = 10
"""Of a range of metrics."""
MAX_SERIES = 40
TURN = threading.RLock()
"""Sessions in threads take turns at what costs time: side by side each would build the world that all of them share."""
OVER = "the episode is over"
SILENT = "Call one of your tools."
"""What a model that only talks is told."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one call brought."""

    text: str
    reward: float | None = None
    """1.0 or 0.0 once the episode is over: the strict grade."""
    is_done: bool = False
    detail: Mapping[str, str | float | bool] = field(default_factory=dict)
    """How it was graded, once it is over."""


@dataclass(frozen=True, slots=True)
class State:
    """Where a session stands. As long as its episode is open, nothing of it tells the answer."""

    problem: str | None
    """Id of what was worked on, once the episode is over: it names the mechanism. None before."""
    seed: int
    kind: TaskKind | None
    namespace: str
    steps: int
    is_done: bool


class Environment:
    """A session. Not for several threads at once."""

    def __init__(self, problems: Sequence[str] = (), *, max_steps: int = MAX_STEPS, max_chars: int = MAX_CHARS) -> None:
        """`problems` are ids to draw from where a reset names none."""
        if max_steps < 1 or max_chars < 100:
            raise Permanent(f"max_steps {max_steps} and max_chars {max_chars}: expected at least 1 and 100")
        self._problems = tuple(problems)
        self._max_steps, self._max_chars = max_steps, max_chars
        self._scenario: Scenario | None = None
        self._seen, self._steps = Seen("", is_done=True), 0

    def reset(self, problem: str | None = None, seed: int = 0) -> Seen:
        """Begin with a problem in the world of a seed; what is said is all that an agent is told.

        Without a problem the seed draws one. Raises: UnknownProblem, Permanent if there is none to draw from, or if
        the seed is none.
        """
        if not isinstance(seed, int) or not 0 <= seed <= MAX_SEED:
            raise Permanent(f"seed {seed!r:.60}: expected a whole number from 0 to {MAX_SEED}")
        if problem is not None and not isinstance(problem, str):
            raise Permanent(f"problem {problem!r:.60}: expected an id, as `aoi problems list` prints it")
        with TURN:
            chosen = catalogue.get(problem if problem is not None else self._drawn(seed))
            scenario = build(ProblemInstance(problem=chosen, seed=seed))
            self._scenario, self._steps = scenario, 0
            self._seen = Seen(briefing(scenario, self._max_steps))
            return self._seen

    @property
    def state(self) -> State:
        """Where it stands."""
        if self._scenario is None:
            return State(None, 0, None, "", 0, is_done=True)
        instance = self._scenario.instance
        kind, namespace, is_done = instance.problem.kind, self._scenario.namespace, self._seen.is_done
        return State(instance.problem.id if is_done else None, instance.seed, kind, namespace, self._steps, is_done)

    @property
    def schemas(self) -> list[dict[str, Any]]:
        """The tools of this problem, as chat APIs describe functions. Raises: Permanent before a reset."""
        return [schema_of(name) for name in tools_of(self._open().instance.problem.kind)]

    def call(self, tool: str, arguments: Mapping[str, object]) -> Seen:
        """One step. Raises: Permanent before a reset and after the end."""
        with TURN:
            return self._step(tool, arguments)

    def _step(self, tool: str, arguments: Mapping[str, object]) -> Seen:
        scenario = self._open()
        if self._seen.is_done:
            raise Permanent(f"{scenario.instance.problem.id}: the episode is over; reset the environment")
        self._steps += 1
        call = self._understood(tool, arguments, scenario.instance.problem.kind)
        if isinstance(call, Submit):
            self._seen = _graded("submitted", scenario.grade(_answer(call, scenario.instance.problem.kind)))
        else:
            text = call if isinstance(call, str) else self._bounded(_run(scenario, call))
            self._seen = Seen(text)
            if self._steps >= self._max_steps:
                over = f"{text}\nno steps left: the episode is over without a submission"
                self._seen = _graded(over, scenario.grade(None))
        return self._seen

    def answer(self, tool: str, arguments: Mapping[str, object]) -> Seen:
        """As `call`, for those who let a model call on after the end: it is told so, and how it ended stays."""
        return replace(self._seen, text=OVER) if self.state.is_done else self.call(tool, arguments)

    def fork(self) -> "Environment":
        """An independent session at this instant: another try from here. Raises: Permanent before a reset."""
        other = Environment(self._problems, max_steps=self._max_steps, max_chars=self._max_chars)
        other._scenario, other._seen, other._steps = self._open().fork(), self._seen, self._steps
        return other

    def _drawn(self, seed: int) -> str:
        if not self._problems:
            raise Permanent("reset names no problem, and the environment has none to draw from; name one: problem=ID")
        return rng("environment", seed).choice(self._problems)

    def _open(self) -> Scenario:
        if self._scenario is None:
            raise Permanent("no problem was begun: reset the environment first")
        return self._scenario

    def _understood(self, tool: str, arguments: Mapping[str, object], kind: TaskKind) -> Call | str:
        """The call, or why it is none."""
        tools = tools_of(kind)
        if tool not in tools:
            return f"no tool {tool!r:.60} in a {kind.value}; there are: {', '.join(tools)}"
        try:
            # JSON, as calls arrive: a list is as good as a tuple.
            return tools[tool].model_validate_json(orjson.dumps(dict(arguments)))
        except (ValidationError, TypeError) as error:
            return f"{tool}: {_why(error)}"

    def _bounded(self, text: str) -> str:
        """What fits, its beginning and its end; the newest lines of a log are last."""
        if len(text) <= self._max_chars:
            return text or "(nothing)"
        head, tail = self._max_chars // 2, self._max_chars - self._max_chars // 2
        return f"{text[:head]}\n... {len(text) - self._max_chars} characters left out ...\n{text[-tail:]}"


def _why(error: ValidationError | TypeError) -> str:
    if isinstance(error, TypeError):
        return "arguments are no JSON"
    parts = [f"{'.'.join(map(str, item['loc'])) or 'arguments'}: {item['msg']}" for item in error.errors()[:3]]
    return "; ".join(parts)[:500]


def _kubectl(scenario: Scenario, call: Kubectl) -> str:
    line = call.command.strip()
    if not line.startswith("kubectl "):
        return "refused: a command starts with kubectl"
    return _probed(scenario, line)


def _traces(scenario: Scenario, call: Traces) -> str:
    return _probed(scenario, f"jaeger traces {call.service}" if call.service else "jaeger services")


def _probed(scenario: Scenario, line: str) -> str:
    result = Probe(scenario.read_transport(), scenario.namespace).run(line)
    scenario.world.advance(PRODUCTION_PROFILE.read_ms)
    if result.status == "refused":
        return f"refused: {result.error}"
    return result.observation.decode("utf-8", "replace")


def _metrics(scenario: Scenario, call: Metrics) -> str:
    now = scenario.world.clock.epoch_ms / 1000 + scenario.world.clock.now_ms / 1000
    query: tuple[tuple[str, str], ...] = (("query", call.query),)
    path = "/api/v1/query"
    if call.minutes:
        path, start = "/api/v1/query_range", now - 60 * call.minutes
        query += (("start", f"{start:.3f}"), ("end", f"{now:.3f}"), ("step", f"{60 * call.minutes / POINTS:g}"))
    response = scenario.read_transport().read(ReadRequest(path, query, backend=Backend.PROMETHEUS))
    scenario.world.advance(PRODUCTION_PROFILE.read_ms)
    said = orjson.loads(response.body)
    if response.status != 200:
        return f"error: {said.get('error', response.status)}"
    return redact_text(_series(said["data"]))


def _series(data: Mapping[str, Any]) -> str:
    result = data["result"]
    if data["resultType"] in ("scalar", "string"):
        return str(result[1])
    lines = []
    for series in result[:MAX_SERIES]:
        labels = ",".join(f'{key}="{value}"' for key, value in sorted(series["metric"].items()) if key != "__name__")
        values = [pair[1] for pair in series.get("values", ())] or [series["value"][1]]
        lines.append(one_line(f"{series['metric'].get('__name__', '')}{{{labels}}} {' '.join(values)}"))
    if len(result) > MAX_SERIES:
        lines.append(f"{len(result) - MAX_SERIES} more series")
    return "\n".join(lines) or "no series"


def _exec(scenario: Scenario, call: Exec) -> str:
    try:
        words = shlex.split(call.command)
    except ValueError as error:
        return f"refused: {error}"
    query = (*(("command", word) for word in words), ("stdout", "true"), ("stderr", "true"))
    if call.container:
        query += (("container", call.container),)
    path = f"/api/v1/namespaces/{scenario.namespace}/pods/{quote(call.pod, safe='')}/exec"
    # Nothing real can break: the world is this session's own.
    response = EmbeddedTransport(scenario.world, ADMIN).request(Request("POST", path, query))
    scenario.world.advance(PRODUCTION_PROFILE.read_ms)
    text = redact_text(response.body.decode("utf-8", "replace"))
    if "X-Exit-Code" not in response.headers:
        return f"error: {orjson.loads(response.body).get('message', response.status)}"
    code = response.headers["X-Exit-Code"]
    return text if code == "0" else f"{text}\ncommand terminated with exit code {code}"


def _act(scenario: Scenario, call: Act) -> str:
    hands = scenario.hands()
    assert hands is not None, "only a mitigation has this tool"
    deed = hands.act(ExecDo(call.action, call.component, call.value))
    scenario.world.advance(PRODUCTION_PROFILE.write_ms)
    return f"{deed.status}: {deed.detail}" if deed.detail else deed.status


def _run(scenario: Scenario, call: Call) -> str:
    match call:
        case Kubectl():
            return _kubectl(scenario, call)
        case Exec():
            return _exec(scenario, call)
        case Metrics():
            return _metrics(scenario, call)
        case Traces():
            return _traces(scenario, call)
        case Act():
            return _act(scenario, call)
    raise TypeError(f"{type(call).__name__} is no tool")


def _answer(call: Submit, kind: TaskKind) -> Answer | None:
    if kind is TaskKind.MITIGATION:
        return None
    names = tuple(dict.fromkeys(call.components))
    verdict = call.verdict or ("fault" if names or call.system_level or call.fault_type else "no_fault")
    return Answer(
        verdict=verdict,
        component=names[0] if names else None,
        cause=call.cause,
        system_level=call.system_level,
        fault_type=call.fault_type,
        confidence=1.0,
        also=tuple(Accusation(component=name, cause="unclassified", summary="") for name in names[1:]),
    )


def _graded(text: str, outcome: Outcome) -> Seen:
    detail = {**outcome.detail, "success": outcome.success, "aiopslab_success": outcome.aiopslab_success}
    return Seen(text, float(outcome.success), is_done=True, detail=detail)
