"""One episode as a generator of turns: decide, interact, compress, cache (paper section 3.2).

It yields a `Turn` whenever a policy has to speak and gets the `Generation` sent back, so synchronous code drives
many episodes in one batch (`rollout`). Everything else happens in here, deterministically.
"""

import platform
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from traceback import format_exception

from aoi.access.redaction import CREDENTIALS, Level, redact, redact_text
from aoi.agents.answer import unsubmitted
from aoi.agents.compressor import Observation
from aoi.agents.costs import Account
from aoi.agents.deadline import Deadline, TimeIsUp
from aoi.agents.narrator import Narrator
from aoi.agents.policy import Generation, Turn
from aoi.agents.session import Given, Session
from aoi.agents.situation import Situation
from aoi.language import lexicon
from aoi.language.codec import Codec
from aoi.language.handles import Handles, assign
from aoi.language.profile import PromptProfile
from aoi.language.prompting import Prompter
from aoi.records.base import Sha256, sha256_hex
from aoi.records.decision import AlertLine
from aoi.records.episode import BROKEN_OFF, Answer, Ended, Outcome, Provenance, Signal, Trajectory, TrajectoryContent
from aoi.records.event import Tell
from aoi.records.learning import CorrectivePlan
from aoi.records.problem import TaskKind
from aoi.source import source_digest

_TASK_WORDS = {TaskKind(kind): word for word, kind in lexicon.TASKS.items()}
NO_SUCCESS = Outcome(success=False, aiopslab_success=False)
SURVEY = "scripted:survey"
"""Who acts where the survey answers."""

Episode = Generator[Turn, Generation, Trajectory]


def run_episode(
    scenario: Situation,
    *,
    profile: PromptProfile,
    codec: Codec,
    arm: str,
    bundle: str,
    rollout_seed: int,
    guidance: CorrectivePlan | None = None,
    injection: str | None = None,
    prefix: Sequence[Given] = (),
    keep: Callable[[Observation], None] | None = None,
    keep_traceback: Callable[[bytes], Sha256] | None = None,
    temperature: float | None = None,
    tell: Tell | None = None,
    deadline: Deadline | None = None,
    level: Level = CREDENTIALS,
) -> Episode:
    """Run one episode to its end; whatever breaks in it ends it as data (`ended="error"`), and it always answers.

    `prefix` holds decisions that are carried out without asking the policy: with the world's digest, the texts of
    `Step.decision` replay an episode up to a step. `guidance` is shown as a plan and may be deviated from.
    `injection` names what is planted into the scenario's reads, for the record alone.
    `temperature` of the Observer is the profile's unless given; the profile and its digest stay the bundle's.
    `keep` is told of every observation, so that people can be shown what the evidence cites. `keep_traceback` stores
    the traceback of an episode that broke, and gives the digest that its provenance names. `tell` hears of everything
    while it happens. A `deadline`, of wall-clock time, is for somebody who waits: with one, an episode cannot be
    repeated. `level` is what is hidden from the policy of all that the agents look at.
    """
    started, began = datetime.now(UTC), time.perf_counter()
    handles = handles_of(scenario, profile)
    begun = partial(
        _begun(scenario, handles, profile),
        arm=arm,
        bundle=bundle,
        rollout_seed=rollout_seed,
        guidance=guidance.digest() if guidance else None,
        injection=injection,
    )
    narrator = Narrator(tell, handles)
    course = _Course()
    try:
        course.alerts = _alerts(scenario, handles)
        course.session = session = Session(
            situation=scenario,
            prompter=Prompter(profile, codec),
            handles=handles,
            account=course.account,
            narrator=narrator,
            deadline=deadline,
            hands=scenario.hands(),
            task=_TASK_WORDS[scenario.instance.problem.kind],
            alerts=course.alerts,
            seed=f"{scenario.instance.digest()}/{rollout_seed}",
            plan=guidance,
            keep=keep,
            temperature=profile.temperature if temperature is None else temperature,
            level=level,
        )
        course.ended = yield from session.run(prefix)
        course.answer = session.answer(course.ended)
        course.outcome = scenario.grade(course.answer)
    except TimeIsUp as up:
        course.leave(up.ended)
    except Exception as broken:  # a failed rollout is data, not a crash
        if deadline is not None and (ended := deadline.ended) is not None:  # so did what was under way
            course.leave(ended)
        else:
            course.break_off(broken, keep_traceback)
    narrator.stopped(course.ended)
    return Trajectory(content=course.content(begun), provenance=course.provenance(started, began))


def survey_episode(
    scenario: Situation,
    *,
    profile: PromptProfile,
    arm: str,
    rollout_seed: int,
    keep_traceback: Callable[[bytes], Sha256] | None = None,
) -> Trajectory:
    """An episode in which nobody speaks: what the survey concludes is the answer at once, and nothing is changed."""
    started, began = datetime.now(UTC), time.perf_counter()
    known = _begun(scenario, handles_of(scenario, profile), profile)
    begun = partial(known, arm=arm, bundle=SURVEY, rollout_seed=rollout_seed)
    course = _Course()
    try:
        course.answer = scenario.survey().answer
        course.outcome = scenario.grade(course.answer)
        course.ended = "submitted"
    except Exception as broken:  # as in any episode
        course.break_off(broken, keep_traceback)
    return Trajectory(content=course.content(begun), provenance=course.provenance(started, began))


def _begun(scenario: Situation, handles: Handles, profile: PromptProfile) -> Callable[..., TrajectoryContent]:
    """What of an episode's content is known before its first look, whoever acts."""
    problem = scenario.instance.problem
    return partial(
        TrajectoryContent,
        instance=scenario.instance,
        kind=problem.kind,
        split=problem.split,
        slice=problem.slice,
        profile=profile.digest(),
        world=scenario.world.digest(),  # before anything is read: a replay has to start in the same one
        handles=handles.names,
    )


@dataclass(slots=True)
class _Course:
    """What an episode has come to so far. Whatever breaks, this much of it is kept."""

    account: Account = field(default_factory=Account)
    alerts: tuple[AlertLine, ...] = ()
    session: Session | None = None
    ended: Ended = "error"
    error: str | None = None
    traceback: Sha256 | None = None
    answer: Answer | None = None
    outcome: Outcome = NO_SUCCESS

    def leave(self, ended: Ended) -> None:
        """End in the middle, with an answer and without a grade: what was not finished is no failure and no success."""
        assert ended in BROKEN_OFF
        self.ended, self.outcome = ended, NO_SUCCESS
        try:
            if self.session is not None:
                self.session.break_off("failed" if ended == "error" else "budget")
                self.answer = self.answer or self.session.answer(ended, self.error)
        except Exception as broken:  # what broke is what makes answers
            self.error = self.error or _in_one_line(broken)
        self.answer = self.answer or unsubmitted(None, ended, self.error, None)

    def break_off(self, broken: Exception, keep_traceback: Callable[[bytes], Sha256] | None) -> None:
        """End as an error, with one line in the content and the whole of it beside the trajectory."""
        self.error = _in_one_line(broken)
        self.leave("error")
        if keep_traceback is not None:
            self.traceback = keep_traceback(redact("".join(format_exception(broken)).encode("utf-8", "replace")))

    def content(self, begun: Callable[..., TrajectoryContent]) -> TrajectoryContent:
        """What is hashed: the same problem, seeds and policy give the same bytes."""
        return begun(
            alerts=tuple(Signal(word=alert.word, subject=alert.subject) for alert in self.alerts),
            steps=tuple(self.session.steps) if self.session else (),
            answer=self.answer,
            outcome=self.outcome,
            ended=self.ended,
            error=self.error,
            tokens=self.session.tokens if self.session else 0,
            costs=self.account.costs,
        )

    def provenance(self, started: datetime, began_s: float) -> Provenance:
        """What is not hashed: when, where and by which code. `began_s` is of `time.perf_counter`."""
        return Provenance(
            started_at=started.isoformat(timespec="seconds"),
            wall_ms=int((time.perf_counter() - began_s) * 1000),
            host=platform.node(),
            code_revision=source_digest(__name__)[:16],
            traceback=self.traceback,
            spent_ms=self.account.spent_ms,
        )


def _in_one_line(broken: Exception) -> str:
    # What a library puts into a message is not ours to know: a URL with its password, a header with its token.
    return redact_text(f"{type(broken).__name__}: {broken}")[:500]


def handles_of(scenario: Situation, profile: PromptProfile) -> Handles:
    """The handles of an episode. They depend on the problem and its seed alone: a replay means the same objects."""
    seed = int(sha256_hex(f"handles/{scenario.instance.digest()}".encode())[:12], 16)
    return assign(scenario.components, scenario.nodes, seed=seed, real=profile.names == "real")


def _alerts(scenario: Situation, handles: Handles) -> tuple[AlertLine, ...]:
    paged = ((alert.word, handles.component(alert.component)) for alert in scenario.alerts())
    return tuple(AlertLine(word, handle) for word, handle in paged if handle)
