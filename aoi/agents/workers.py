"""The Probe's and the Executor's part of an iteration: carry out one decision, in a few rounds.

They write to the raw store and never read it: what a Probe learns of its last line is whether it failed.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from aoi.agents import checks
from aoi.agents.compressor.observation import Observation
from aoi.agents.policy import Generation, Turn
from aoi.agents.probe import Probe
from aoi.agents.situation import Hands
from aoi.agents.stores import RawWriter
from aoi.agents.topology import Topology
from aoi.language.decision import Malformed, parse_executor, parse_probe, render_do
from aoi.language.handles import Handles
from aoi.language.profile import PromptProfile
from aoi.language.prompt import ExecutorState, ProbeState, PromptState
from aoi.records.decision import ExecDo, ProbeDo
from aoi.records.episode import Interaction, RoleName, StepStatus

Ask = Callable[[RoleName, PromptState], Generator[Turn, Generation, str]]
"""Ask a policy in a role; gives the completion's text."""


@dataclass
class Work:
    """What a decision came to: interactions for the record, observations for the Compressor."""

    interactions: list[Interaction] = field(default_factory=list)
    observations: list[str] = field(default_factory=list)
    """Digests, in order."""
    status: StepStatus = "ok"


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

    def look(self, do: ProbeDo, ask: Ask | None) -> Generator[Turn, Generation, Work]:
        """Carry out a check in at most `probe_rounds` rounds. Without `ask` the standard lines are run."""
        work = Work()
        target = self.handles.resolve(do.target)
        if target is None:
            return _nothing(work, render_do(do), f"no {do.target} in this episode")
        failure: str | None = None
        done: list[str] = []
        for _ in range(self.profile.probe_rounds):
            state = ProbeState(do.check, do.target, self.topology.namespace, tuple(done), failure)
            text = (yield from ask("probe", state)) if ask else None
            lines = self._lines(do, text, work)
            if lines == ():
                break
            statuses = [self._run(line, work) for line in lines or ()]
            done += [line for line, status in zip(lines or (), statuses, strict=True) if status == "ok"]
            failure = _class_of(statuses) if lines else "syntax"
            if failure is None and self.profile.layout == "words-1":
                break
        work.status = "ok" if work.observations else (work.interactions[-1].status if work.interactions else "ok")
        return work

    def _lines(self, do: ProbeDo, text: str | None, work: Work) -> tuple[str, ...] | None:
        """Lines of one round: empty when the Probe is done, None if it said nothing that can be run."""
        standard = checks.compact(do.check, do.target)
        try:
            line = parse_probe(text).line if text is not None else standard
        except Malformed as error:
            work.interactions.append(Interaction(command="", status="malformed", error=error.reason))
            return None
        if line == "done":
            return ()
        target = self.handles.resolve(do.target)
        if line == standard and target is not None:
            return checks.lines(do.check, target, self.topology)
        if self.profile.layout == "words-1":
            error = f"asked for {standard!r}"
            work.interactions.append(Interaction(command=line, status="refused", error=error))
            return None
        return (line,)

    def _run(self, line: str, work: Work) -> StepStatus:
        result = self.probe.run(line)
        self.advance(self.profile.read_ms)
        digest = None
        if result.observation:
            observation = Observation(line, result.observation, is_error=result.status != "ok")
            digest = self.raw.put(observation)
            work.observations.append(digest)
        work.interactions.append(
            Interaction(
                command=result.command,
                status=result.status,
                observation=digest,
                observation_bytes=len(result.observation),
                error=result.error,
            )
        )
        return result.status

    def change(self, do: ExecDo, ask: Ask | None) -> Generator[Turn, Generation, Work]:
        """Carry out a change in at most `executor_rounds` rounds, then look at what it changed.

        After a failure the Executor names its class and proposes a different action.
        """
        work = Work()
        if self.hands is None:
            return _nothing(work, render_do(do), "this task is not a mitigation: nothing may be changed")
        failure: str | None = None
        tried: set[ExecDo] = set()
        for _ in range(self.profile.executor_rounds):
            act = yield from self._propose(do, failure, ask, work)
            if act is None:
                failure = "syntax"
                continue
            if act in tried:
                work.interactions.append(
                    Interaction(command=render_do(act), status="refused", error="already tried in this iteration")
                )
                failure = "method"
                continue
            tried.add(act)
            failure = self._perform(act, work)
            if failure is None:
                self._verify(act, work)
                return work
        work.status = work.interactions[-1].status if work.interactions else "failed"
        return work

    def _propose(
        self, do: ExecDo, failure: str | None, ask: Ask | None, work: Work
    ) -> Generator[Turn, Generation, ExecDo | None]:
        if ask is None:
            return do
        text = yield from ask("executor", ExecutorState(do.action, do.target, do.value, failure))
        try:
            return parse_executor(text).do
        except Malformed as error:
            work.interactions.append(Interaction(command="", status="malformed", error=error.reason))
            return None

    def _perform(self, act: ExecDo, work: Work) -> str | None:
        assert self.hands is not None
        target = self.handles.resolve(act.target)
        if target is None:
            error = f"no {act.target} in this episode"
            work.interactions.append(Interaction(command=render_do(act), status="refused", error=error))
            return "resource"
        value = self.handles.resolve(act.value) or act.value if act.value else None
        real = ExecDo(act.action, target, value)
        deed = self.hands.act(real)
        self.advance(self.profile.write_ms)
        error = None if deed.failure is None else f"{deed.failure}: {deed.detail}"[:500]
        work.interactions.append(Interaction(command=render_do(real), status=deed.status, error=error))
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


def _nothing(work: Work, command: str, error: str) -> Work:
    work.interactions.append(Interaction(command=command, status="refused", error=error))
    work.status = "refused"
    return work


def _class_of(statuses: list[StepStatus]) -> str | None:
    """Failure class of a round, or None if any of its lines came back."""
    if "ok" in statuses:
        return None
    return "syntax" if "refused" in statuses else "resource"
