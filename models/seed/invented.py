"""Invented kinds of fault: episodes of words in which any signal may be the cause, and any word a pointer.

A base model that has answered with every word of the lexicon can name a cause that it never met in a cluster;
one that has not names only what it was trained on (right 0 % against 71 % of the time in a trial). The episodes
follow one plain rule (follow the pointer, look until a finding explains, answer with that finding), so what the
model learns here is form and reading, not where faults hide. No cluster, application or problem is involved.
"""

import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from aoi.agents import checks, lexicon
from aoi.agents.decision import (
    Decision,
    Do,
    EvolverPlan,
    ExecDo,
    ExecutorAct,
    Finding,
    ProbeCommand,
    ProbeDo,
    SubmitDo,
    Utterable,
    render,
)
from aoi.agents.decision_prompt import (
    AlertLine,
    EvolverState,
    ExecutorState,
    ObserverState,
    ProbeState,
    PromptState,
    render_prompt,
    within,
)
from aoi.agents.profile import SEED_PROFILE
from models.seed.examples import DecisionExample
from models.seed.runbook import CAUSES, LOOK_AFTER, POINTERS, RUNBOOK, WEAK, Entry, next_look

TASKS = tuple(lexicon.TASKS)
ALERTED_LOOKS = 2
"""Healthy looks at a component that only an alert names, before the next one is looked at."""
NODE_SHARE = 0.05
"""Episodes whose culprit is a node."""


@dataclass(frozen=True, slots=True)
class Mixture:
    """What share of episodes is of which form. Shares are of episodes; each gives several examples."""

    healthy: float = 0.15
    """Nothing is wrong: alerts are noise, the answer is `no`."""
    invented_pointer: float = 0.4
    """Pointers that are any word, instead of one that usually points."""
    invented_check: float = 0.3
    """Causes that show under any check, instead of where they usually do."""
    weak_first: float = 0.5
    """A weak signal shows at the culprit until its cause is looked up."""
    junior: float = 0.25
    """Looks that are taken anywhere: what the operator did is imitated, so the base keeps something to learn."""
    evolver: float = 0.4
    """Episodes that also give a line of the Evolver."""
    looks: float = 0.6
    """Observer decisions to look on that are kept; answers and repairs are always kept."""
    probes: float = 0.2
    """Lines of the Probe that are kept: they are all alike."""
    withheld: Collection[str] = ()
    """Signals whose level, type and action are drawn at random instead of from the runbook."""


@dataclass(slots=True)
class _Case:
    """One invented fault in one invented application."""

    task: str
    alerts: tuple[AlertLine, ...]
    path: tuple[str, ...]
    """Handles from the alerted component to the culprit; the pointer at each leads to the next."""
    pointers: tuple[str, ...]
    cause: str | None
    entry: Entry
    weak: str | None
    others: tuple[str, ...]
    did: list[Do] = field(default_factory=list)

    @property
    def culprit(self) -> str:
        return self.path[-1]


def examples(seed: int, mixture: Mixture | None = None) -> Iterator[DecisionExample]:
    """An endless stream of lines of all four roles, the same for the same seed."""
    mixture = mixture or Mixture()
    rng = random.Random(seed)
    while True:
        case = _invent(rng, mixture)
        for state, said in _episode(case, rng, mixture):
            if rng.random() < _share(said, mixture):
                yield DecisionExample(render_prompt(state), render(said))
        if case.cause and rng.random() < mixture.evolver:
            yield _evolver_line(case, rng)
        if rng.random() < 0.1:
            yield _executor_retry(rng)


def _share(said: Utterable, mixture: Mixture) -> float:
    match said:
        case ProbeCommand():
            return mixture.probes
        case Decision(do=ProbeDo()):
            return mixture.looks
    return 1.0


def _invent(rng: random.Random, mixture: Mixture) -> _Case:
    handles = rng.sample([f"s{number}" for number in range(1, lexicon.MAX_HANDLES + 1)], 10)
    hops = rng.choices((0, 1, 2, 3), weights=(30, 40, 22, 8))[0]
    path = tuple(handles[: hops + 1])
    if rng.random() < NODE_SHARE:
        path = (*path[:-1], f"n{rng.randint(1, lexicon.MAX_NODES)}")
    is_healthy = rng.random() < mixture.healthy
    cause = rng.choice(CAUSES)
    usual = RUNBOOK[cause]
    if cause in mixture.withheld:
        usual = Entry(
            usual.check,
            rng.choice(tuple(lexicon.LEVELS)),
            rng.choice(tuple(lexicon.TYPES)),
            rng.choice(lexicon.ACTIONS),
        )
    check = rng.choice(lexicon.CHECKS) if rng.random() < mixture.invented_check else usual.check
    weak = rng.choice(WEAK) if rng.random() < mixture.weak_first and cause not in WEAK else None
    pointers = tuple(rng.choice(CAUSES if rng.random() < mixture.invented_pointer else POINTERS) for _ in range(hops))
    noisy = rng.sample(handles[hops + 1 :], rng.choice((0, 0, 1, 1, 2)))
    alerts = [AlertLine(rng.choice(lexicon.ALERTS), handle) for handle in (path[0], *noisy)]
    return _Case(
        task=rng.choice(TASKS[:2] if is_healthy else TASKS),
        alerts=tuple(alerts),
        path=path,
        pointers=pointers,
        cause=None if is_healthy else cause,
        entry=Entry(check, usual.level, usual.type, usual.action),
        weak=weak,
        others=tuple(handles[hops + 1 :]),
    )


def _episode(case: _Case, rng: random.Random, mixture: Mixture) -> Iterator[tuple[PromptState, Utterable]]:
    memory: list[Finding] = []
    last: tuple[Finding, ...] = ()
    last_do: ProbeDo | ExecDo | None = None
    for iteration in range(SEED_PROFILE.iterations):
        state = ObserverState(case.task, case.alerts, tuple(memory), last, last_do)
        is_final = iteration == SEED_PROFILE.iterations - 1
        decision = _decide(case, state, rng, mixture, is_final=is_final)
        yield within(state, SEED_PROFILE), decision
        case.did.append(decision.do)
        if decision.summary:
            memory.append(decision.summary)
        match decision.do:
            case ProbeDo(check, target) as do:
                yield ProbeState(check, target), ProbeCommand(checks.compact(check, target))
                last, last_do = _look(case, do, rng), do
            case ExecDo(action, target, _) as do:
                yield ExecutorState(action, target), ExecutorAct(_with_value(do))
                last, last_do = (Finding("healthy", target),), do
            case SubmitDo():
                return


def _look(case: _Case, do: ProbeDo, rng: random.Random) -> tuple[Finding, ...]:
    """What a check shows, best first, with up to two findings about other components."""
    found = _shown(case, do, rng)
    noise = []
    if rng.random() < 0.35:
        for other in rng.sample(case.others, rng.choice((1, 1, 2))):
            word = rng.choice((*WEAK, *POINTERS, "healthy", "healthy"))
            noise.append(Finding(word, other, rng.choice(case.others[:3]) if word in POINTERS else None))
    return (*found, *noise) if rng.random() < 0.8 else (*noise, *found)


def _shown(case: _Case, do: ProbeDo, rng: random.Random) -> tuple[Finding, ...]:
    if case.cause is None or do.target not in case.path:
        return (Finding("healthy", do.target),)
    place = case.path.index(do.target)
    if place < len(case.pointers):
        if do.check in ("logs", "traces", "metrics") or rng.random() < 0.2:
            return (Finding(case.pointers[place], do.target, case.path[place + 1]),)
        return (Finding("healthy", do.target),)
    if do.check == case.entry.check or _is_enough(case):
        weak = (Finding(case.weak, do.target),) if case.weak and rng.random() < 0.5 else ()
        return (Finding(case.cause, do.target), *weak)
    return (Finding(case.weak, do.target),) if case.weak else (Finding("healthy", do.target),)


def _is_enough(case: _Case) -> bool:
    """An invented episode is short: the third look at the culprit shows the cause wherever it hides."""
    return sum(isinstance(do, ProbeDo) and do.target == case.culprit for do in case.did) >= 3


def _decide(case: _Case, state: ObserverState, rng: random.Random, mixture: Mixture, *, is_final: bool) -> Decision:
    if state.last_do is None:
        first = state.alerts[0]
        return Decision(None, "scan", None, 1, ProbeDo(LOOK_AFTER[first.word], first.subject))
    if isinstance(state.last_do, ExecDo):
        cause = Finding(case.cause or "healthy", case.culprit)
        return Decision(state.last[0], "verify", cause, 9, _answer(case))
    about = _about(state, state.last_do.target)
    if case.cause and about == Finding(case.cause, case.culprit):
        mends = case.task == "mitigate" and not is_final
        do = ExecDo(case.entry.action, case.culprit) if mends else _answer(case)
        return Decision(about, "fix" if mends else "submit", about, 8 if mends else 9, do)
    lead = _lead(state, about)
    if is_final:
        return _give_up(state, about, lead)
    if about.word == "healthy" and lead is None:
        return _move_on(state, about)
    return _follow(state, about, lead, rng.choice(lexicon.CHECKS) if rng.random() < mixture.junior else None)


def _follow(state: ObserverState, about: Finding, lead: Finding | None, anywhere: str | None) -> Decision:
    """Look on: at the component that a pointer names, or again at the one that suffers."""
    match about:
        case Finding("healthy", subject):
            look = next_look(state.last_do.check) if isinstance(state.last_do, ProbeDo) else "pods"
            return Decision(about, "depth", lead, 2, ProbeDo(anywhere or look, subject))
        case Finding(word, _, str() as other):
            look = LOOK_AFTER.get(word, "pods")
            return Decision(about, "point", Finding(word, other), 3, ProbeDo(anywhere or look, other))
    look = _other_than(LOOK_AFTER.get(about.word, "describe"), state)
    return Decision(about, "depth", about, 5, ProbeDo(anywhere or look, about.subject))


def _about(state: ObserverState, target: str) -> Finding:
    """The finding of the last look that matters: about its target, the best ranked."""
    return next((finding for finding in state.last if finding.subject == target), state.last[0])


def _lead(state: ObserverState, about: Finding) -> Finding | None:
    """The newest suspicion about the component that was looked at: a pointer to it, or a weak signal of it."""
    for finding in reversed(state.memory):
        if finding.word != "healthy" and about.subject in (finding.other, finding.subject):
            return Finding(finding.word, finding.other or finding.subject)
    return None


def _move_on(state: ObserverState, about: Finding) -> Decision:
    """A component that only an alert named looks healthy: look once more, then at the next, then say no."""
    known = [finding.subject for finding in (*state.memory, about) if finding.word == "healthy"]
    if known.count(about.subject) < ALERTED_LOOKS:
        look = "traces" if isinstance(state.last_do, ProbeDo) and state.last_do.check == "logs" else "logs"
        return Decision(about, "scan", None, 1, ProbeDo(look, about.subject))
    for alert in state.alerts:
        if alert.subject not in known:
            return Decision(about, "scan", None, 1, ProbeDo(LOOK_AFTER[alert.word], alert.subject))
    return Decision(about, "submit", None, 7, SubmitDo("no"))


def _give_up(state: ObserverState, about: Finding, lead: Finding | None) -> Decision:
    suspect = Finding(about.word, about.other or about.subject) if about.word != "healthy" else lead
    if suspect is None:
        return Decision(about, "submit", None, 4, SubmitDo("no"))
    labels = RUNBOOK[suspect.word]
    level, kind = (labels.level, labels.type) if state.task in ("analyse", "mitigate") else (None, None)
    return Decision(about, "submit", suspect, 3, SubmitDo("yes", suspect.subject, suspect.word, level, kind))


def _answer(case: _Case) -> SubmitDo:
    if case.cause is None:
        return SubmitDo("no")
    if case.task in ("analyse", "mitigate"):
        return SubmitDo("yes", case.culprit, case.cause, case.entry.level, case.entry.type)
    return SubmitDo("yes", case.culprit, case.cause)


def _other_than(check: str, state: ObserverState) -> str:
    """`check`, or the next in the round if that is what was just looked at."""
    is_same = isinstance(state.last_do, ProbeDo) and state.last_do.check == check
    return next_look(check) if is_same else check


def _with_value(do: ExecDo) -> ExecDo:
    return ExecDo(do.action, do.target, "1") if do.action == "scale" else do


def _executor_retry(rng: random.Random) -> DecisionExample:
    """A failed action is classified, then another is tried: a restart where the first needed something missing."""
    target = f"s{rng.randint(1, lexicon.MAX_HANDLES)}"
    action, failure = rng.choice(lexicon.ACTIONS), rng.choice(lexicon.FAILURE_CLASSES)
    other = {"resource": "restart", "method": "rollback", "configuration": "rollback"}.get(failure, action)
    state = ExecutorState(action, target, failure=failure)
    return DecisionExample(render_prompt(state), render(ExecutorAct(_with_value(ExecDo(other, target)), failure)))


def _evolver_line(case: _Case, rng: random.Random) -> DecisionExample:
    """An episode cut short and answered wrongly, with the path that would have found the cause."""
    path = [ProbeDo("logs", handle) for handle in case.path[:-1]]
    plan: list[ProbeDo | ExecDo] = [*path, ProbeDo(case.entry.check, case.culprit)]
    found = [
        Finding(word, here, there) for word, here, there in zip(case.pointers, case.path, case.path[1:], strict=False)
    ]
    known = rng.randint(0, len(found))
    did: list[Do] = [*path[:known], ProbeDo(rng.choice(lexicon.CHECKS), rng.choice(case.others))]
    did.append(rng.choice((SubmitDo("no"), SubmitDo("yes", case.path[max(known - 1, 0)], "refused"))))
    if case.task == "mitigate":
        plan.append(ExecDo(case.entry.action, case.culprit))
    state = EvolverState(case.task, case.alerts, tuple(found[:known]), tuple(did))
    return DecisionExample(render_prompt(state), render(EvolverPlan(tuple(plan))))
