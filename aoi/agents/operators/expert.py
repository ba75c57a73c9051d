"""The expert: plain rules of thumb over what a prompt shows, and no more than the prompt.

An upper bound for what a prompt allows without learning, and what the seed model imitates on training mechanisms.
"""

from collections.abc import Mapping

from typing_extensions import override

from aoi.agents import checks
from aoi.agents.operators import recollection as recall
from aoi.agents.operators.knowledge import (
    BOTH,
    FIRST_LOOK,
    NEXT_LOOK,
    OTHERWISE,
    OWN_LOOKS,
    REMEDY,
    ROUNDS,
    TOLD_APART,
    USUAL,
    WEAK,
)
from aoi.agents.operators.speaking import SpeakingOperator
from aoi.language.codec import WordCodec
from aoi.language.decision import EvolverPlan, ExecutorAct, ProbeCommand, Utterable
from aoi.language.lexicon import POINTERS
from aoi.language.profile import PromptProfile
from aoi.language.prompt import EvolverState, ExecutorState, ProbeState, PromptState, at_fault
from aoi.records.decision import Decision, ExecDo, Finding, ObserverState, ProbeDo, SubmitDo

DOUBT_AFTER = 1
"""Index of the look at a callee after which its caller's configuration is looked at, if all was well."""


class ExpertOperator(SpeakingOperator):
    """A policy that decides by rules from the decoded prompt alone: equal prompts, equal answers."""

    adapter = "scripted:ExpertOperator"

    def __init__(
        self, codec: WordCodec, profile: PromptProfile, remedies: Mapping[str, tuple[str, str, str]] | None = None
    ) -> None:
        """`remedies` (action, level, type by cause) are taken over its own knowledge of these causes."""
        if profile.layout != "words-1":
            raise ValueError(f"scripted operators read the layout words-1, not {profile.layout}")
        super().__init__(codec)
        self._profile, self._told = profile, remedies or {}

    @override
    def _say(self, state: PromptState) -> Utterable:
        match state:
            case ObserverState():
                return self.decide(state)
            case ProbeState(check, target):
                return ProbeCommand(checks.compact(check, target))
            case ExecutorState(action, target, value, failure):
                other = OTHERWISE.get(action, "restart") if failure else action
                return ExecutorAct(ExecDo(other, target, None if failure else value), failure)
            case EvolverState():
                return self._plan(state)

    # ------------------------------------------------------------ deciding

    def decide(self, state: ObserverState) -> Decision:
        """What an Observer in this state does next."""
        best = state.last[0] if state.last else None
        known = recall.known_cause(state)
        if state.plan:
            return self._follow(state, best, known)
        if isinstance(state.last_do, ExecDo):
            return self._after_change(state, best, known)
        if known:
            return self._classify(state, best, known)
        if recall.is_last(state, self._profile.iterations):
            return self._settle(state, best)
        if best is None or best.word == "healthy" or _is_stale(state, best):
            return self._after_health(state, best)
        return self._after_finding(state, best)

    def _classify(self, state: ObserverState, best: Finding | None, known: Finding) -> Decision:
        """A cause is known; where it comes in several classes, the check that tells them apart is made first."""
        check = TOLD_APART.get(known.word) if state.task == "analyse" else None
        if check is None or recall.asked(state) == check or recall.is_last(state, self._profile.iterations):
            return self._conclude(state, best, known)
        return self._look(known, known, at_fault(known), check)

    def _settle(self, state: ObserverState, best: Finding | None) -> Decision:
        """Nothing more is to be found: what says most, or that whatever it was is over."""
        weak = recall.most_telling(state)
        if weak is None:
            return Decision(best, "submit", None, 5, SubmitDo("no"))
        return self._conclude(state, best, weak)

    def _follow(self, state: ObserverState, best: Finding | None, known: Finding | None) -> Decision:
        """The next open step of the guidance; the hypothesis stays its own."""
        cause = known or recall.suspect(state)
        hypothesis = Finding(cause.word, at_fault(cause)) if cause else None
        phase = "fix" if isinstance(state.plan[0], ExecDo) else "point" if best else "scan"
        return Decision(best, phase, hypothesis, 6 if known else 3, state.plan[0])

    def _after_finding(self, state: ObserverState, best: Finding) -> Decision:
        """A pointer is followed, a symptom looked into."""
        here = state.last_do.target if isinstance(state.last_do, ProbeDo) else best.subject
        if best.word == "nohost" and recall.pointed(best) == here:
            return self._look(best, best, here, "config")
        if best.word in POINTERS:
            best = _freshest(state, best)
            target, order = recall.pointed(best), ROUNDS.get(best.word, ROUNDS[""])
            return self._look(best, best, target, order[recall.looks_at(state, target) % len(order)])
        if not recall.is_news(state, best):
            return self._settle(state, best)
        return self._look(best, best, best.subject, _next_check(state, best))

    def _after_health(self, state: ObserverState, best: Finding | None) -> Decision:
        """Nothing wrong there: look further at the suspect, else at the next alert, else say so."""
        weak = recall.most_telling(state)
        if best is not None and weak and weak.subject == best.subject:
            return self._conclude(state, best, weak)
        suspect = recall.suspect(state)
        if best is not None and suspect and best.subject in (recall.pointed(suspect), recall.caller(state, suspect)):
            return self._around(state, best, suspect)
        first = state.alerts[0] if state.alerts else None
        if first and first.word in OWN_LOOKS and recall.looked_at(state) == first.subject:
            paged = {alert.word for alert in state.alerts if alert.subject == first.subject}
            is_busy = "errors" in paged and not paged.isdisjoint({"slow", "traffic"})
            order = OWN_LOOKS["busy" if is_busy else first.word]
            if recall.asked(state) in order[:-1]:
                # Its own log is clean: maybe nobody reaches it.
                return self._look(best, None, first.subject, recall.after(recall.asked(state), order))
        seen = {finding.subject for finding in (*recall.remembered(state), *state.last)}
        waiting = [alert for alert in state.alerts if alert.subject not in seen]
        if waiting:
            return self._look(best, None, waiting[0].subject, FIRST_LOOK[waiting[0].word])
        weak = next((finding for finding in reversed(state.memory) if finding.word in WEAK), None)
        if best is not None and weak and weak.subject == best.subject:
            return self._look(best, weak, best.subject, recall.after(recall.asked(state), ROUNDS[""]))
        return Decision(best, "submit", None, 7, SubmitDo("no"))

    def _around(self, state: ObserverState, best: Finding, suspect: Finding) -> Decision:
        """The next look at a callee; after a few, at its caller's configuration: it may look in the wrong place."""
        order = ROUNDS.get(suspect.word, ROUNDS[""])
        asked = recall.asked(state)
        target, caller = recall.pointed(suspect), recall.caller(state, suspect)
        if best.subject == caller != target:
            return self._look(best, suspect, target, order[DOUBT_AFTER + 1])
        if caller and asked in order and order.index(asked) == DOUBT_AFTER:
            return self._look(best, suspect, caller, "config")
        return self._look(best, suspect, target, recall.after(asked, order))

    def _after_change(self, state: ObserverState, best: Finding | None, known: Finding | None) -> Decision:
        """A change was made: submit if it shows, otherwise look again."""
        shown = best if best is not None and best.word != "healthy" else None
        cause = known or recall.suspect(state) or recall.most_telling(state) or shown
        last = state.last_do
        assert isinstance(last, ExecDo)
        if best is not None and best.word in ("forbidden", "exception") and best.subject == last.target:
            if {last.action, OTHERWISE.get(last.action)}.isdisjoint({"rollback"}):
                return Decision(best, "fix", cause, 4, ExecDo("rollback", last.target))
            return self._look(best, cause, last.target, "events")
        # A cause that waits is put right next, but not at the end: changes that come to nothing leave it open, and
        # somebody has to answer. What was changed is only told apart by newer profiles: to others it was noted last.
        second = next((found for found in recall.open_causes(state) if at_fault(found) != last.target), None)
        is_due = self._profile.tells_changed or state.memory[-1:] == (second,)
        if second and is_due and not recall.is_last(state, self._profile.iterations):
            return self._conclude(state, best, second)
        return self._submit(state, best, cause)

    def _conclude(self, state: ObserverState, summary: Finding | None, cause: Finding) -> Decision:
        if state.task != "mitigate":
            return self._submit(state, summary, cause)
        action, _, _ = self._remedy(cause)
        target = at_fault(cause)
        # One thing is remembered of each look: here the cause that waits.
        summary = self._second(state, cause) or summary
        return Decision(summary, "fix", Finding(cause.word, target), 8, ExecDo(action, target))

    def _submit(self, state: ObserverState, summary: Finding | None, cause: Finding | None) -> Decision:
        if cause is None:
            return Decision(summary, "submit", None, 3, SubmitDo("unsure"))
        target = at_fault(cause)
        labels = self._labels(state, cause) if state.task in ("analyse", "mitigate") else (None, None)
        sure = 9 if cause.word not in POINTERS | WEAK else 5
        second = self._second(state, cause)
        also = Finding(second.word, at_fault(second)) if second else None
        do = SubmitDo("yes", target, cause.word, *labels, also=also)
        return Decision(summary, "submit", Finding(cause.word, target), sure, do)

    def _labels(self, state: ObserverState, cause: Finding) -> tuple[str, str]:
        """Level and type: of what stands beside the cause, where that says more."""
        beside = () if cause.word in self._told else recall.words_at(state, cause.subject)
        told = (BOTH[both] for word in beside if (both := frozenset({cause.word, word})) in BOTH)
        return next(told, self._remedy(cause)[1:])

    def _remedy(self, cause: Finding) -> tuple[str, str, str]:
        return self._told.get(cause.word) or REMEDY.get(cause.word, USUAL)

    def _second(self, state: ObserverState, cause: Finding) -> Finding | None:
        """A cause that the last look shows at another component."""
        causes = (found for found in state.last if recall.is_cause(found))
        return next((found for found in causes if at_fault(found) != at_fault(cause)), None)

    def _look(self, summary: Finding | None, cause: Finding | None, target: str, check: str) -> Decision:
        hypothesis = Finding(cause.word, at_fault(cause)) if cause else None
        phase = "scan" if summary is None else "point" if hypothesis is None else "depth"
        return Decision(summary, phase, hypothesis, 2 if hypothesis is None else 4, ProbeDo(check, target))

    # ------------------------------------------------------------ evolving

    def _plan(self, state: EvolverState) -> EvolverPlan:
        """Follow the last pointer; otherwise look at what was not looked at."""
        did = {(do.check, do.target) for do in state.did if isinstance(do, ProbeDo)}
        pointers = [finding for finding in state.memory if finding.word in POINTERS]
        targets = [recall.pointed(finding) for finding in reversed(pointers)]
        targets += [alert.subject for alert in state.alerts]
        word = pointers[-1].word if pointers else ""
        order = ROUNDS.get(word, ROUNDS[""])
        steps = [ProbeDo(check, target) for target in targets[:1] for check in order if (check, target) not in did]
        return EvolverPlan(tuple(steps[:3]))


def _is_stale(state: ObserverState, best: Finding) -> bool:
    """Metrics that say what the alert said: that there are errors, or that it is slow."""
    return best.word in ("exception", "delay") and recall.asked(state) == "metrics"


def _freshest(state: ObserverState, best: Finding) -> Finding:
    """Of several pointers the first to somebody who was not looked at: callers may complain of one another."""
    led = [finding for finding in state.last if finding.word in POINTERS]
    fresh = (finding for finding in led if not recall.looks_at(state, recall.pointed(finding)))
    return next(fresh, best)


def _next_check(state: ObserverState, best: Finding) -> str:
    check = NEXT_LOOK.get(best.word, "describe")
    return check if check != recall.asked(state) else recall.after(check, ROUNDS[""])
