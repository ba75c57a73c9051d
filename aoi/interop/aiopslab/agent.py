"""The agent that AIOpsLab's orchestrator asks for actions. Whoever answers, it reads only."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from aoi.access.reading import MAX_LIST, READABLES
from aoi.access.transport import ReadRequest
from aoi.errors import AoiError, Permanent
from aoi.estate.estate import CLUSTER_WIDE, NAMESPACED
from aoi.estate.survey import Survey, survey
from aoi.interop.aiopslab.actions import exec_shell, labelled, submission
from aoi.interop.aiopslab.assignment import Assignment, read_assignment
from aoi.interop.aiopslab.transport import ShellReader, ShellTransport
from aoi.interop.aiopslab.turns import Turns
from aoi.records.episode import Answer
from aoi.records.problem import TaskKind

MAX_STEPS = 10
"""What AIOpsLab's HTTP service allows; its command line allows 30, and neither tells the agent."""
BUDGET_S = 600.0
"""Wall-clock time of the survey: the steps are what is scarce."""


@dataclass(frozen=True)
class Place:
    """Where a diagnosis looks, and what for."""

    transport: ShellTransport
    namespace: str
    kind: TaskKind

    def survey(self) -> Survey:
        """A look at everything, in few commands. Raises: UnknownNamespace, ClusterUnavailable."""
        self.transport.foresee(_certain(self.namespace))
        return survey(ShellReader(self.transport, budget_s=BUDGET_S), (self.namespace,))


Diagnose = Callable[[Place], Answer]
"""Who answers. Raises: AoiError."""


def survey_only(place: Place) -> Answer:
    """The survey's own answer: no model is asked."""
    return place.survey().answer


class Agent:
    """Register it with `orchestrator.register_agent(Agent())`; one object may play any number of problems in turn."""

    def __init__(self, diagnose: Diagnose = survey_only, *, max_steps: int = MAX_STEPS) -> None:
        """`max_steps` as the orchestrator is started with: the last one is kept for the submission."""
        if max_steps < 2:
            raise Permanent(f"max_steps is {max_steps}: an agent needs one step to look and one to submit")
        self._diagnose, self._max_steps = diagnose, max_steps
        self._turns: Turns | None = None
        self.assignment: Assignment | None = None
        self.answer: Answer | None = None
        """What the last diagnosis came to, with what it rests on."""
        self.error: AoiError | None = None
        """Why it came to none."""

    @property
    def steps(self) -> int:
        """Commands that were run for the present problem."""
        return self._turns.used if self._turns else 0

    def init_context(self, problem_desc: str, instructions: str, apis: Mapping[str, str]) -> None:
        """Begin with a problem. Raises: Permanent if it is not told what is asked for, and where."""
        self.close()
        self.assignment = assignment = read_assignment(problem_desc, instructions, apis)
        self.answer = self.error = None
        self._turns = turns = Turns(self._max_steps - 1)
        turns.begin(lambda: self._submission(turns, assignment))

    async def get_action(self, input: object) -> str:  # noqa: A002 - the protocol's name
        """The next action, given what the last one brought: text, by the protocol. Raises: Permanent before
        `init_context`."""
        if self._turns is None:
            raise Permanent("get_action before init_context: no problem was begun")
        return await self._turns.next(_as_text(input))

    def close(self) -> None:
        """End a diagnosis that is under way."""
        if self._turns is not None:
            self._turns.close()

    def _submission(self, turns: Turns, assignment: Assignment) -> str:
        transport = ShellTransport(lambda line: turns.act(exec_shell(line)), f"aoi-{secrets.token_hex(8)}")
        try:
            said = self._diagnose(Place(transport, assignment.namespace, assignment.kind))
            self.answer = labelled(said) if assignment.kind is TaskKind.ANALYSIS else said
        except AoiError as error:
            self.error = error
        return submission(assignment.kind, self.answer)


def _as_text(observation: object) -> str:
    """What an environment returns is not always text; the rest is read as it would be printed."""
    if isinstance(observation, bytes):
        return observation.decode("utf-8", "replace")
    return "" if observation is None else str(observation)


def _certain(namespace: str) -> Iterator[ReadRequest]:
    """What every survey of a namespace reads first, in one go."""
    yield ReadRequest(READABLES["namespaces"].path("", namespace))
    first_page = (("limit", str(MAX_LIST)),)
    for key in (*NAMESPACED, *CLUSTER_WIDE):
        if key in READABLES:
            yield ReadRequest(READABLES[key].path(namespace), first_page)
