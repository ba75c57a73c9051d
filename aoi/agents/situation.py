"""What an episode is given: the protocols of a situation on one screen.

A problem's scenario is one (`aoi/problems/scenario.py`), and so is a namespace of a live cluster (`live_situation.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from aoi.access.transport import ReadTransport
from aoi.estate.survey import Survey
from aoi.records.decision import ExecDo
from aoi.records.episode import Answer, Outcome, StepStatus
from aoi.records.problem import ProblemInstance


@dataclass(frozen=True, slots=True)
class Deed:
    """What came of one typed action."""

    status: StepStatus
    failure: str | None = None
    """Word of `lexicon.FAILURE_CLASSES`; None if it succeeded."""
    detail: str = ""


class Hands(Protocol):
    """What can change the cluster, behind its dry run and its approval. Held by the Executor alone."""

    def act(self, do: ExecDo) -> Deed:
        """Carry out an action whose target and value are real names. Never raises for a refused action."""
        ...


class Paged(Protocol):
    """One alert: a word of `lexicon.ALERTS` and a component's real name."""

    @property
    def word(self) -> str: ...  # noqa: D102
    @property
    def component(self) -> str: ...  # noqa: D102


class Clock(Protocol):
    """Simulated time: moves by what actions cost."""

    @property
    def now_ms(self) -> int: ...  # noqa: D102


class Timed(Protocol):
    """What an episode may do to a world beside its transports: let time pass."""

    @property
    def clock(self) -> Clock: ...  # noqa: D102

    def advance(self, duration_ms: int) -> None: ...  # noqa: D102

    def digest(self) -> str: ...  # noqa: D102


class Situation(Protocol):
    """What a problem's scenario gives to an episode."""

    @property
    def instance(self) -> ProblemInstance: ...  # noqa: D102
    @property
    def namespace(self) -> str: ...  # noqa: D102
    @property
    def components(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def nodes(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def world(self) -> Timed: ...  # noqa: D102

    def read_transport(self) -> ReadTransport: ...  # noqa: D102

    def hands(self) -> Hands | None:
        """What may act in it: None wherever the task is to look, which is everywhere but in mitigations."""
        ...

    def alerts(self) -> Sequence[Paged]: ...  # noqa: D102

    def survey(self) -> Survey:
        """A look at everything, as the cluster is before the first decision."""
        ...

    def grade(self, answer: Answer | None) -> Outcome: ...  # noqa: D102
