"""The Observer: plans, asks for a look or a change, answers. It reads compressed findings alone."""

from dataclasses import replace

from aoi.agents.policy import Codec
from aoi.agents.stores import CompressedReader, TaskDesk
from aoi.language.profile import PromptProfile
from aoi.language.prompt import render_prompt, shown, within
from aoi.language.prose import render_observer
from aoi.records.decision import Decision, ExecDo, ObserverState, ProbeDo, SubmitDo


class Observer:
    """Turns what it may read into a prompt, and a decision into memory."""

    def __init__(self, desk: TaskDesk, compressed: CompressedReader, profile: PromptProfile, codec: Codec) -> None:
        self._desk = desk
        self._compressed = compressed
        self._profile = profile
        self._codec = codec

    def state(self, remaining: int) -> ObserverState:
        """All that the next decision may depend on, cut to the profile."""
        task, last = self._desk.get(), self._compressed.last()
        state = ObserverState(
            task=task.word,
            alerts=task.alerts,
            memory=task.memory,
            last=tuple(shown(signal, callee_only=self._profile.names_callee_only) for signal in last.signals),
            last_do=task.current if isinstance(task.current, ProbeDo | ExecDo) else None,
            plan=task.plan,
            text=last.text,
            remaining=remaining,
        )
        return within(state, self._profile)

    def prompt_ids(self, remaining: int) -> tuple[int, ...]:
        """The prompt, within the profile's tokens: text goes first, then the oldest memory."""
        state = self.state(remaining)
        while True:
            ids = self._codec.encode(self._render(state))
            if len(ids) <= self._profile.prompt_tokens:
                return ids
            shorter = _shorten(state)
            if shorter == state:
                return ids[: self._profile.prompt_tokens]
            state = shorter

    def decided(self, decision: Decision) -> None:
        """Remember what was decided: its summary joins the memory, a step of the plan is done."""
        task = self._desk.get()
        memory = task.memory if decision.summary is None else (*task.memory, decision.summary)
        plan = task.plan
        if not isinstance(decision.do, SubmitDo) and decision.do in plan:
            at = plan.index(decision.do)
            plan = (*plan[:at], *plan[at + 1 :])
        self._desk.put(replace(task, memory=memory, plan=plan, current=decision.do))

    def confused(self) -> None:
        """Remember that the last completion meant nothing."""
        self._desk.put(replace(self._desk.get(), current=None))

    def _render(self, state: ObserverState) -> str:
        return render_prompt(state) if self._profile.layout == "words-1" else render_observer(state, self._profile)


def _shorten(state: ObserverState) -> ObserverState:
    if state.text:
        return replace(state, text=state.text[: len(state.text) * 3 // 4] if len(state.text) > 64 else "")
    if state.memory:
        return replace(state, memory=state.memory[1:])
    if len(state.plan) > 1:
        return replace(state, plan=state.plan[:-1])
    return replace(state, last=state.last[:-1]) if len(state.last) > 1 else state
