"""The operator that is told the truth: it looks where the evidence is, acts and submits right.

For tests, upper bounds and oracle demonstrations, which are reported apart: its knowledge is privileged.
"""

from collections.abc import Sequence
from typing import Protocol

from typing_extensions import override

from aoi.agents import checks
from aoi.agents.operators.knowledge import FIRST_LOOK
from aoi.agents.operators.speaking import SpeakingOperator
from aoi.language import lexicon
from aoi.language.codec import WordCodec
from aoi.language.decision import ExecutorAct, ProbeCommand, Utterable
from aoi.language.handles import Handles
from aoi.language.prompt import ExecutorState, ProbeState, PromptState
from aoi.records.decision import Decision, ExecDo, Finding, ObserverState, ProbeDo, SubmitDo
from aoi.records.problem import FaultType, SystemLevel

_LEVELS = {level: word for word, level in lexicon.LEVELS.items()}
_TYPES = {fault_type: word for word, fault_type in lexicon.TYPES.items()}
LOOKS_AT_SEVERAL = 3


class GoldenAction(Protocol):
    """The golden repair."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def component(self) -> str: ...  # noqa: D102
    @property
    def value(self) -> str | None: ...  # noqa: D102


class KnownTruth(Protocol):
    """What a problem's truth tells."""

    @property
    def component(self) -> str | None: ...  # noqa: D102
    @property
    def cause(self) -> str: ...  # noqa: D102
    @property
    def level(self) -> SystemLevel | None: ...  # noqa: D102
    @property
    def type(self) -> FaultType | None: ...  # noqa: D102
    @property
    def actions(self) -> Sequence[GoldenAction]: ...  # noqa: D102
    @property
    def others(self) -> Sequence["KnownTruth"]: ...  # noqa: D102
    @property
    def evidence(self) -> Sequence[tuple[str, str]]: ...  # noqa: D102


class GoldenOperator(SpeakingOperator):
    """A policy for one episode whose truth it knows."""

    adapter = "scripted:GoldenOperator"

    def __init__(self, codec: WordCodec, truth: KnownTruth, handles: Handles) -> None:
        super().__init__(codec)
        self._truth, self._handles = truth, handles
        looks = [(check, handles.component(name)) for check, name in truth.evidence]
        self._looks = list(dict.fromkeys(ProbeDo(check, handle) for check, handle in looks if handle))
        if truth.others:  # two causes leave room for fewer looks: each has to be put right as well
            self._looks = self._looks[:LOOKS_AT_SEVERAL]

    @override
    def _say(self, state: PromptState) -> Utterable:
        match state:
            case ObserverState():
                return self._decide(state)
            case ProbeState(check, target):
                return ProbeCommand(checks.compact(check, target))
            case ExecutorState(action, target, value, failure):
                return ExecutorAct(ExecDo(action, target, value), failure)
        raise ValueError("the golden operator evolves nothing: it knows the plan")

    def _decide(self, state: ObserverState) -> Decision:
        summary = state.last[0] if state.last else None
        component = self._handles.component(self._truth.component) if self._truth.component else None
        cause = Finding(self._truth.cause, component) if component else None
        if component is None:
            if state.last_do is None and state.alerts:
                alert = state.alerts[0]
                return Decision(summary, "scan", None, 2, ProbeDo(FIRST_LOOK[alert.word], alert.subject))
            return Decision(summary, "submit", None, 9, SubmitDo("no"))
        if isinstance(state.last_do, ExecDo):
            went_well = summary is not None and summary.word not in ("forbidden", "exception")
            left = self._repairs_after(state.last_do) if went_well else []
            do = left[0] if left else self._submission(component)
            return Decision(summary, "fix" if left else "submit", cause, 9, do)
        done = self._looks.index(state.last_do) + 1 if state.last_do in self._looks else 0
        if done < len(self._looks):
            return Decision(summary, "point" if done else "scan", None, 4, self._looks[done])
        if state.task == "mitigate" and self._truth.actions:
            return Decision(summary, "fix", cause, 9, self._repairs()[0])
        return Decision(summary, "submit", cause, 9, self._submission(component))

    def _repairs_after(self, last: ExecDo) -> list[ExecDo]:
        """What of the repair is left after an action; nothing after one that is no part of it."""
        names = [(do.action, do.target) for do in self._repairs()]
        here = (last.action, last.target)
        return self._repairs()[names.index(here) + 1 :] if here in names else []

    def _repairs(self) -> list[ExecDo]:
        """The whole repair, in order."""
        return [self._repair(action) for action in self._truth.actions]

    def _repair(self, action: GoldenAction) -> ExecDo:
        target = self._handles.component(action.component)
        assert target is not None, action
        # A value that the vocabulary cannot spell is left to the typed action, which finds it in recorded state.
        is_spelt = bool(action.value) and self._codec.unk_id not in self._codec.encode(f" {action.value}")
        return ExecDo(action.name, target, action.value if is_spelt else None)

    def _submission(self, component: str) -> SubmitDo:
        level = _LEVELS[self._truth.level] if self._truth.level else None
        fault_type = _TYPES[self._truth.type] if self._truth.type else None
        return SubmitDo("yes", component, self._truth.cause, level, fault_type, self._also())

    def _also(self) -> Finding | None:
        """A second root, which has its place in an answer."""
        second = next((other for other in self._truth.others if other.component), None)
        handle = self._handles.component(second.component) if second and second.component else None
        return Finding(second.cause, handle) if second and handle else None
