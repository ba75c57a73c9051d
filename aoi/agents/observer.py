"""The Observer: plans, asks for a look or a change, answers. It reads compressed findings alone."""

from dataclasses import replace

from aoi.agents.stores import CompressedReader, TaskDesk
from aoi.language.profile import PromptProfile
from aoi.language.prompt import parted, shown, within
from aoi.records.decision import NOTHING_SAID, Decision, ExecDo, Note, ObserverState, ProbeDo, SubmitDo


class Observer:
    """Turns what it may read into the state that a prompt shows, and a decision into memory."""

    def __init__(self, desk: TaskDesk, compressed: CompressedReader, profile: PromptProfile) -> None:
        self._desk = desk
        self._compressed = compressed
        self._profile = profile

    def state(self, remaining: int) -> ObserverState:
        """All that the next decision may depend on, cut to the profile."""
        task, last = self._desk.get(), self._compressed.last()
        state = ObserverState(
            task=task.word,
            alerts=task.alerts,
            memory=task.memory,
            changed=task.changed,
            last=tuple(shown(signal, callee_only=self._profile.names_callee_only) for signal in last.signals),
            last_do=task.current if isinstance(task.current, ProbeDo | ExecDo) else None,
            plan=task.plan,
            text=last.text,
            remaining=remaining,
            notice=task.notice,
            components=task.components,
            notes=task.notes,
            believed=task.words.hypotheses if task.words else (),
            handover=task.words.handover if task.words else NOTHING_SAID,
        )
        return within(state, self._profile)

    def decided(self, decision: Decision) -> None:
        """Remember what was decided: what it says of the previous iteration joins the memory, a step of the plan is
        done."""
        task, words = self._desk.get(), decision.words
        memory = task.memory if decision.summary is None else (*task.memory, decision.summary)
        did = task.current if isinstance(task.current, ProbeDo | ExecDo) else None
        notes = (*task.notes, Note(did, words.observation)) if words and words.observation else task.notes
        plan = task.plan
        if not isinstance(decision.do, SubmitDo) and decision.do in plan:
            at = plan.index(decision.do)
            plan = (*plan[:at], *plan[at + 1 :])
        done = {"plan": plan, "current": decision.do, "notice": ""}
        self._desk.put(replace(task, memory=memory, notes=notes, words=words, **done))

    def changed(self, component: str) -> None:
        """Remember that a change of this component was carried out."""
        task = self._desk.get()
        if self._profile.tells_changed:
            memory, changed = parted(task.memory, component)
            self._desk.put(replace(task, memory=memory, changed=(*task.changed, *changed)))

    def confused(self) -> None:
        """Remember that the last completion meant nothing."""
        self._desk.put(replace(self._desk.get(), current=None, notice=""))

    def noticed(self, notice: str) -> None:
        """Remember what the runtime says of this iteration, for the next decision."""
        self._desk.put(replace(self._desk.get(), notice=notice))
