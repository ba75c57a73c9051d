"""The state of one running episode: its stores, its agents, and the loop over iterations."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from aoi.access.redaction import CREDENTIALS, Level
from aoi.agents import answer as answers
from aoi.agents import notices
from aoi.agents.compressor import Compressor, Observation, condense
from aoi.agents.costs import Account, Counted
from aoi.agents.deadline import Deadline
from aoi.agents.first_look import FirstLook, names_of
from aoi.agents.narrator import Narrator
from aoi.agents.observer import Observer
from aoi.agents.policy import Generation, Turn
from aoi.agents.probe import Probe
from aoi.agents.situation import Situation
from aoi.agents.stores import Compressed, CompressedStore, RawStore, Task, TaskStore
from aoi.agents.topology import completed, read_topology
from aoi.agents.workers import Ask, Hands, Work, Workers
from aoi.language.decision import parse_do
from aoi.language.extraction import Malformed
from aoi.language.handles import Handles
from aoi.language.layouts import layout_of
from aoi.language.prompt import PromptState
from aoi.language.prompting import Prompter
from aoi.records.base import sha256_hex
from aoi.records.decision import NOTHING_SAID, AlertLine, Decision, ExecDo, Handover, ObserverState, ProbeDo, SubmitDo
from aoi.records.episode import Answer, Ended, RoleName, Signal, SpenderName, Step, StepStatus, Utterance
from aoi.records.learning import CorrectivePlan

FORCED = "prefix"
"""Adapter of a decision that was given, not sampled."""
Given = str | Decision
"""A decision that is carried out without asking: as its text was recorded, malformed or not, or as it was made."""
MALFORMED_LIMIT = 2
"""Malformed decisions in a row that end an episode."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """One turn of the Observer: what it was shown, what it said, and what that means."""

    state: ObserverState
    text: str
    decision: Decision | None
    """None if the text is malformed."""
    reason: str = ""
    """Why it is."""


@dataclass(frozen=True, slots=True)
class Begun:
    """An iteration that is not recorded yet: what an end in its middle leaves."""

    index: int
    spoken: Spoken
    work: Work


class Session:
    """Runs the iterations of one episode and records each. Whatever ends it, `answer` says what it came to."""

    def __init__(
        self,
        *,
        situation: Situation,
        prompter: Prompter,
        handles: Handles,
        account: Account,
        narrator: Narrator,
        deadline: Deadline | None,
        hands: Hands | None,
        task: str,
        alerts: tuple[AlertLine, ...],
        seed: str,
        plan: CorrectivePlan | None,
        keep: Callable[[Observation], None] | None = None,
        temperature: float,
        level: Level,
    ) -> None:
        profile = prompter.profile
        self._situation, self._profile, self._seed = situation, profile, seed
        self._prompter, self._codec = prompter, prompter.codec
        self._layout = layout_of(profile)
        self._handles, self._temperature = handles, temperature
        self._account, self._narrator, self._deadline = account, narrator, deadline
        raw, compressed = RawStore(keep), CompressedStore()
        named = tuple(handles.names) if self._layout.speaks_freely else ()
        tasks = TaskStore(Task(task, alerts, _plan_steps(plan), components=named))
        with account.timing("survey"):
            self._survey = survey = situation.survey()
            look = FirstLook(survey, names_of(survey.estate, situation.components))
            known = read_topology(self._probe("survey"), situation.components, situation.nodes)
            topology = completed(known, survey.estate, look.names)
        self._observer = Observer(tasks.desk(), compressed.reader(), profile)
        advance = situation.world.advance
        probe, check = self._probe("probe", level), deadline.check if deadline else _always
        self._workers = Workers(profile, handles, topology, probe, hands, raw.writer(), advance, account, check)
        self._compressor = Compressor(topology, handles)
        self._raw, self._compressed = raw.reader(), compressed.writer()
        self._first = look.put(raw.writer(), handles, profile, level)
        self._compressed.put(self._first)
        self._decisions: list[Decision] = []
        self._utterances: list[Utterance] = []
        self._begun: Begun | None = None
        self.steps: list[Step] = []
        self.tokens = 0

    def _probe(self, who: SpenderName, level: Level = CREDENTIALS) -> Probe:
        transport = Counted(self._situation.read_transport(), self._account, who)
        return Probe(transport, self._situation.namespace, limit_bytes=self._profile.observation_bytes, level=level)

    def run(self, prefix: Sequence[Given]) -> Generator[Turn, Generation, Ended]:
        """Iterate until the Observer submits or a hard limit is reached. Raises: TimeIsUp."""
        malformed = 0
        for index in range(self._profile.iterations):
            self._narrator.step = index + 1
            forced = prefix[index] if index < len(prefix) else None
            spoken = yield from self._decide(index, forced)
            work = Work(heard=self._narrator.ran)
            self._begun = Begun(index, spoken, work)
            if spoken.decision is None:
                malformed += 1
                self._record(self._begun, "malformed", ())
                if malformed == MALFORMED_LIMIT:
                    return "malformed"
                self._notice(notices.malformed(spoken.reason))
                continue
            malformed = 0
            do = spoken.decision.do
            if isinstance(do, SubmitDo):
                self._record(self._begun, "ok", ())
                return "submitted"
            words = spoken.decision.words
            handover = words.handover if words else NOTHING_SAID
            yield from self._carry_out(do, handover, work, None if forced is not None else self._asking(index))
            if work.changed is not None:
                self._observer.changed(work.changed)
            self._record(self._begun, work.status, self._compress(do, work))
            self._notice(*work.notices, *notices.nearly_spent(self._profile, self.tokens, self._deadline))
            if self.tokens >= self._profile.episode_tokens:
                return "tokens"
        return "steps"

    def break_off(self, status: StepStatus) -> None:
        """Record the iteration in whose middle the episode ends, with what was done of it."""
        if self._begun is not None:
            self._record(self._begun, status, ())

    def answer(self, ended: Ended, error: str | None = None) -> Answer:
        """What the decisions come to, with evidence that resolves; without one, why there is none."""
        signals = [*self._first.signals, *(signal for step in self.steps for signal in step.signals)]
        said = answers.answer(self._decisions, signals, self._handles, self._raw)
        if said is not None and ended == "submitted":
            return said
        backed = answers.backed(self._first.signals, self._raw)
        return answers.unsubmitted(said, ended, error, self._survey.answer, backed)

    def _notice(self, *told: str) -> None:
        """Let the next prompt say this, in a layout that has words for it."""
        if self._layout.speaks_freely and told:
            self._observer.noticed("; ".join(told))

    def _decide(self, index: int, given: Given | None) -> Generator[Turn, Generation, Spoken]:
        state = self._observer.state(self._profile.iterations - index)
        prompt = self._prompter.ids(state)
        if given is None:
            text = yield from self._speak("observer", prompt, self._temperature, index)
        else:
            text = self._layout.say(given) if isinstance(given, Decision) else given
            self._utterances.append(self._forced(prompt, text))
        # What is given without words has those of its text: whoever had said it would remember them.
        is_whole = isinstance(given, Decision) and (given.words is not None or not self._layout.speaks_freely)
        decision, reason = (given, "") if isinstance(given, Decision) and is_whole else self._understood(text)
        if decision is None:
            if not self._layout.speaks_freely:  # who is told why decides again about the same state
                self._observer.confused()
                self._compressed.put(Compressed())
        else:
            self._decisions.append(decision)
            self._observer.decided(decision)
        self._narrator.decided(decision, reason)
        return Spoken(state, text, decision, reason)

    def _forced(self, prompt: tuple[int, ...], text: str) -> Utterance:
        """What the Observer would have uttered to say `text`."""
        return Utterance(
            role="observer",
            prompt_ids=prompt,
            completion_ids=self._codec.encode_completion(text),
            adapter=FORCED,
            temperature=0.0,
            seed=0,
        )

    def _understood(self, text: str) -> tuple[Decision | None, str]:
        """What a text decides, or why it decides nothing."""
        try:
            return self._layout.decision(text), ""
        except Malformed as error:
            return None, error.reason

    def _asking(self, index: int) -> Ask:
        """Ask a worker in the iteration of this index."""

        def ask(role: RoleName, state: PromptState) -> Generator[Turn, Generation, str]:
            prompt = self._prompter.ids(state)
            return (yield from self._speak(role, prompt, self._profile.worker_temperature, index))

        return ask

    def _carry_out(
        self, do: ProbeDo | ExecDo, handover: Handover, work: Work, ask: Ask | None
    ) -> Generator[Turn, Generation, None]:
        if isinstance(do, ProbeDo):
            yield from self._workers.look(do, handover, ask, work)
        else:
            yield from self._workers.change(do, handover, ask, work)

    def _compress(self, do: ProbeDo | ExecDo, work: Work) -> tuple[Signal, ...]:
        """The one way from the raw store to the Observer."""
        with self._account.timing("compressor"):
            target = self._handles.resolve(do.target)
            kept = (self._raw.get(digest) for digest in work.observations)
            observations = [observation for observation in kept if observation is not None]
            signals = self._compressor.signals(target, observations) if target else ()
            signals = signals[: self._profile.signals]
            if isinstance(do, ExecDo) and work.status != "ok":
                # What the change itself came to: refused by a permission, or failed.
                signals = (Signal(word="forbidden" if work.status == "refused" else "exception", subject=do.target),)
            budget = self._profile.compressed_chars
            self._compressed.put(Compressed(signals, condense(observations, budget) if budget else ""))
        self._narrator.saw(signals)
        return signals

    def _speak(
        self, role: RoleName, prompt: tuple[int, ...], temperature: float, index: int
    ) -> Generator[Turn, Generation, str]:
        noise = f"{self._seed}/{index}/{role}/{len(self._utterances)}"
        seed = int(sha256_hex(noise.encode())[:12], 16)
        self._narrator.asked(role, len(prompt))
        with self._account.timing(role):
            generation = yield Turn(role, prompt, self._profile.completion_tokens, temperature, seed)
        self._utterances.append(
            Utterance(
                role=role,
                prompt_ids=prompt,
                completion_ids=generation.token_ids,
                logprobs=generation.logprobs,
                adapter=generation.adapter,
                temperature=temperature,
                seed=seed,
            )
        )
        self._account.spoke(role, len(prompt), len(generation.token_ids))
        self.tokens += len(prompt) + len(generation.token_ids)
        return self._codec.decode(generation.token_ids)

    def _record(self, begun: Begun, status: StepStatus, signals: tuple[Signal, ...]) -> None:
        self.steps.append(
            Step(
                index=begun.index,
                status=status,
                decision=begun.spoken.text,
                state=begun.spoken.state,
                decided=begun.spoken.decision,
                utterances=tuple(self._utterances),
                interactions=tuple(begun.work.interactions),
                signals=signals,
                sim_ms=self._situation.world.clock.now_ms,
            )
        )
        self._utterances = []
        self._begun = None


def _always() -> None:
    """Of an episode without a deadline there is always time."""


def _plan_steps(plan: CorrectivePlan | None) -> tuple[ProbeDo | ExecDo, ...]:
    steps = (parse_do(step.do) for step in plan.steps) if plan else ()
    return tuple(step for step in steps if not isinstance(step, SubmitDo))
