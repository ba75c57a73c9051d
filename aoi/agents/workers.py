"""The Probe's and the Executor's part of an iteration: carry out one decision, in a few rounds.

They write to the raw store and never read it: what a Probe learns of its last line is whether it failed.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from aoi.access.redaction import redact_text
from aoi.agents import checks, notices
from aoi.agents.compressor.observation import Observation
from aoi.agents.costs import Account
from aoi.agents.policy import Generation, Turn
from aoi.agents.probe import Probe, ProbeResult
from aoi.agents.situation import Hands
from aoi.agents.stores import RawWriter
from aoi.agents.topology import Topology
from aoi.errors import ClusterUnavailable
from aoi.language.decision import render_do
from aoi.language.extraction import Malformed
from aoi.language.handles import Handles
from aoi.language.layouts import Layout, layout_of
from aoi.language.profile import PromptProfile
from aoi.language.prompt import ExecutorState, ProbeState, PromptState
from aoi.records.decision import ExecDo, Handover, ProbeDo
from aoi.records.episode import Interaction, RoleName, StepStatus

Ask = Callable[[RoleName, PromptState], Generator[Turn, Generation, str]]
"""Ask a policy in a role; gives the completion's text."""


@dataclass
class Work:
    """What a decision came to: interactions for the record, observations for the Compressor."""

    interactions: list[Interaction] = field(default_factory=list)
    observations: list[str] = field(default_factory=list)
    """Digests, in order."""
    notices: list[str] = field(default_factory=list)
    """What the Observer is told of limits that were met."""
    status: StepStatus = "ok"
    changed: str | None = None
    """Whom a change that succeeded was made to. The Executor may have chosen another than it was asked for."""
    heard: Callable[[Interaction], None] | None = None
    """Told of each interaction at once."""

    def add(self, interaction: Interaction) -> None:
        """Record one more."""
        self.interactions.append(interaction)
        if self.heard is not None:
            self.heard(interaction)

    def refuse(self, command: str, error: str) -> None:
        """Record that nothing was done."""
        self.add(Interaction(command=command, status="refused", error=error))
        self.status = "refused"


@dataclass(frozen=True)
class Workers:
    """Both workers of one episode."""

    profile: PromptProfile
    handles: Handles
    topology: Topology
    probe: Probe
    hands: Hands | None
    raw: RawWriter
    advance: Callable[[int], None]
    """Let simulated time pass."""
    account: Account
    check: Callable[[], None]
    """Called before each command. Raises: TimeIsUp when the episode's time is over."""

    @property
    def _layout(self) -> Layout:
        return layout_of(self.profile)

    def look(self, do: ProbeDo, handover: Handover, ask: Ask | None, work: Work) -> Generator[Turn, Generation, None]:
        """Carry out a check in at most `probe_rounds` rounds. Without `ask` the standard lines are run."""
        if self.handles.resolve(do.target) is None:
            work.refuse(render_do(do), f"no {do.target} in this episode")
            return
        failure: str | None = None
        done: list[str] = []
        for _ in range(self.profile.probe_rounds):
            known = (self.topology.namespace, tuple(done), failure, self._why(work), handover)
            state = ProbeState(do.check, do.target, *known)
            text = (yield from ask("probe", state)) if ask else None
            lines = self._lines(do, text, work)
            if lines == ():
                break
            statuses = [self._run(line, work) for line in lines or ()]
            done += [line for line, status in zip(lines or (), statuses, strict=True) if status == "ok"]
            failure = _class_of(statuses) if lines else "syntax"
            if failure is None and (ask is None or not self._layout.speaks_freely):
                break
        else:
            work.notices.append(notices.rounds("Probe", self.profile.probe_rounds))
        work.status = "ok" if work.observations else (work.interactions[-1].status if work.interactions else "ok")

    def _why(self, work: Work) -> str:
        """Why the last thing that was said came to nothing, for layouts that have words for it."""
        last = work.interactions[-1] if work.interactions else None
        if not self._layout.speaks_freely or last is None or last.status not in ("malformed", "refused"):
            return ""
        return f"your last answer came to nothing: {last.error}"

    def _lines(self, do: ProbeDo, text: str | None, work: Work) -> tuple[str, ...] | None:
        """Lines of one round: empty when the Probe is done, None if it said nothing that can be run."""
        standard = checks.compact(do.check, do.target)
        try:
            line = self._layout.probe(text).line if text is not None else standard
        except Malformed as error:
            work.add(Interaction(command="", status="malformed", error=error.reason))
            return None
        if line == "done":
            return ()
        target = self.handles.resolve(do.target)
        if line == standard and target is not None:
            return checks.lines(do.check, target, self.topology)
        if not self._layout.speaks_freely:
            error = f"asked for {standard!r}"
            work.add(Interaction(command=line, status="refused", error=error))
            return None
        return (line,)

    def _run(self, line: str, work: Work) -> StepStatus:
        self.check()
        with self.account.timing("probe"):
            result = self._result(line)
        self.advance(self.profile.read_ms)
        if result.is_cut:
            work.notices.append(notices.cut(line, self.probe.limit_bytes))
        elif result.status == "failed" and not result.observation:
            work.notices.append(notices.unanswered(line))
        digest = None
        if result.observation:
            observation = Observation(line, result.observation, result.evidence or "unreadable")
            digest = self.raw.put(observation)
            work.observations.append(digest)
        work.add(
            Interaction(
                command=result.command,
                status=result.status,
                observation=digest,
                observation_bytes=len(result.observation),
                error=result.error,
                evidence=result.evidence,
            )
        )
        return result.status

    def _result(self, line: str) -> ProbeResult:
        """What a line came to. A cluster that does not answer costs that line, not the episode."""
        try:
            return self.probe.run(line)
        except ClusterUnavailable as lost:
            return ProbeResult(line, "failed", error=redact_text(str(lost))[:500], evidence="unreadable")

    def change(self, do: ExecDo, handover: Handover, ask: Ask | None, work: Work) -> Generator[Turn, Generation, None]:
        """Carry out a change in at most `executor_rounds` rounds, then look at what it changed.

        After a failure the Executor names its class and proposes a different action.
        """
        if self.hands is None:
            work.refuse(render_do(do), "this task is not a mitigation: nothing may be changed")
            return
        failure: str | None = None
        tried: set[ExecDo] = set()
        for _ in range(self.profile.executor_rounds):
            act = do if ask is None else (yield from self._propose(do, handover, failure, ask, work))
            if act is None:
                failure = "syntax"
                continue
            if act in tried:
                error = "already tried in this iteration"
                work.add(Interaction(command=render_do(act), status="refused", error=error))
                failure = "method"
                continue
            tried.add(act)
            failure = self._perform(act, work)
            if failure is None:
                work.changed = act.target
                self._verify(act, work)
                return
        work.notices.append(notices.rounds("Executor", self.profile.executor_rounds))
        work.status = work.interactions[-1].status if work.interactions else "failed"

    def _propose(
        self, do: ExecDo, handover: Handover, failure: str | None, ask: Ask, work: Work
    ) -> Generator[Turn, Generation, ExecDo | None]:
        state = ExecutorState(do.action, do.target, do.value, failure, self._why(work), handover)
        text = yield from ask("executor", state)
        try:
            return self._layout.act(text).do
        except Malformed as error:
            work.add(Interaction(command="", status="malformed", error=error.reason))
            return None

    def _perform(self, act: ExecDo, work: Work) -> str | None:
        assert self.hands is not None
        target = self.handles.resolve(act.target)
        if target is None:
            error = f"no {act.target} in this episode"
            work.add(Interaction(command=render_do(act), status="refused", error=error))
            return "resource"
        value = self.handles.resolve(act.value) or act.value if act.value else None
        real = ExecDo(act.action, target, value)
        self.check()
        with self.account.timing("executor"):
            deed = self.hands.act(real)
        self.advance(self.profile.write_ms)
        error = None if deed.failure is None else f"{deed.failure}: {deed.detail}"[:500]
        work.add(Interaction(command=render_do(real), status=deed.status, error=error))
        return deed.failure

    def _verify(self, act: ExecDo, work: Work) -> None:
        target = self.handles.resolve(act.target)
        assert target is not None
        for line in checks.lines(VERIFIED_BY.get(act.action, "pods"), target, self.topology):
            self._run(line, work)


VERIFIED_BY = {
    "fix_port": "endpoints",
    "fix_selector": "endpoints",
    "delete_chaos": "network",
    "uncordon": "nodes",
    "repair_database": "logs",
}
"""The check that shows what an action changed; for the others it is `pods`."""


def _class_of(statuses: list[StepStatus]) -> str | None:
    """Failure class of a round, or None if any of its lines came back."""
    if "ok" in statuses:
        return None
    return "syntax" if "refused" in statuses else "resource"
