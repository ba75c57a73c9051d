"""Invented kinds of fault: episodes of words in which any signal may be the cause, and any word a pointer.

A base model that has answered with every word of the lexicon can name a cause that it never met in a cluster;
one that has not names only what it was trained on (right 0 % against 71 % of the time in a trial). What is said to
them is what the expert says, so that both sources of pre-training teach one strategy. No cluster, application or
problem is involved.
"""

import random
from collections.abc import Iterator
from dataclasses import replace

from aoi.agents import checks
from aoi.agents.operators import ExpertOperator
from aoi.agents.operators import recollection as recall
from aoi.language import lexicon
from aoi.language.codec import WordCodec
from aoi.language.decision import EvolverPlan, ExecutorAct, ProbeCommand, Utterable, render
from aoi.language.profile import SEED_PROFILE
from aoi.language.prompt import EvolverState, ExecutorState, ProbeState, PromptState, parted, render_prompt, within
from aoi.records.decision import Decision, Do, ExecDo, Finding, ObserverState, ProbeDo, SubmitDo
from models.seed.cases import Case, Mixture, invent, look, repair, right_path, surveyed
from models.seed.examples import DecisionExample


def examples(seed: int, mixture: Mixture | None = None) -> Iterator[DecisionExample]:
    """An endless stream of lines of all four roles, the same for the same seed."""
    mixture = mixture or Mixture()
    rng = random.Random(seed)
    while True:
        case = invent(rng, mixture)
        if case.cause and rng.random() < mixture.guided:
            case.plan = right_path(case)
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


def _episode(case: Case, rng: random.Random, mixture: Mixture) -> Iterator[tuple[PromptState, Utterable]]:
    state = ObserverState(case.task, case.alerts, last=surveyed(case, rng, mixture), plan=case.plan)
    expert = ExpertOperator(WordCodec(), SEED_PROFILE, case.remedies)
    for _ in range(SEED_PROFILE.iterations):
        state = within(state, SEED_PROFILE)
        decision = _decide(case, state, expert)
        yield state, decision
        case.did.append(decision.do)
        match decision.do:
            case ProbeDo(check, target) as do:
                yield ProbeState(check, target), ProbeCommand(checks.compact(check, target))
                last = look(case, do, rng)
            case ExecDo(action, target, value) as do:
                yield ExecutorState(action, target, value), ExecutorAct(do)
                last = (Finding("healthy", target),)
            case SubmitDo():
                return
        memory, changed = state.memory if decision.summary is None else (*state.memory, decision.summary), ()
        if isinstance(do, ExecDo):
            memory, changed = parted(memory, do.target)
        state = replace(
            state,
            memory=memory,
            changed=(*state.changed, *changed),
            last=last,
            last_do=do,
            plan=tuple(step for step in state.plan if step != do),
        )


# ---------------------------------------------------------------- deciding


def _decide(case: Case, state: ObserverState, expert: ExpertOperator) -> Decision:
    """What the expert does. It never takes a symptom or a pointer for the cause: where one is, the answer is given."""
    cause = Finding(case.cause or "healthy", case.culprit)
    is_mended = isinstance(state.last_do, ExecDo)
    shown = (*state.last, *recall.remembered(state)) if is_mended else state.last
    if recall.is_cause(cause) or state.plan or cause not in shown or case.cause is None:
        return expert.decide(state)
    if case.task == "mitigate" and not is_mended:
        return Decision(cause, "fix", cause, 8, repair(case))
    labels = case.remedy[1:] if case.task in ("analyse", "mitigate") else (None, None)
    summary = state.last[0] if is_mended else cause
    return Decision(summary, "submit", cause, 9, SubmitDo("yes", case.culprit, case.cause, *labels))


# ---------------------------------------------------------------- the other roles


def _executor_retry(rng: random.Random) -> DecisionExample:
    """A failed action is classified, then another is tried."""
    target = f"s{rng.randint(1, lexicon.MAX_HANDLES)}"
    action, failure = rng.choice(lexicon.ACTIONS), rng.choice(lexicon.FAILURE_CLASSES)
    act = ExecutorAct(ExecDo("restart" if action != "restart" else action, target), failure)
    return DecisionExample(render_prompt(ExecutorState(action, target, failure=failure)), render(act))


def _evolver_line(case: Case, rng: random.Random) -> DecisionExample:
    """An episode cut short and answered wrongly, with the path that would have found the cause."""
    pointed = [Finding(word, there) for word, there in zip(case.pointers, case.path[1:], strict=True)]
    known = rng.randint(0, len(pointed))
    did: list[Do] = [ProbeDo("logs", handle) for handle in case.path[:known]]
    did.append(ProbeDo(rng.choice(lexicon.CHECKS), rng.choice(case.others)))
    did.append(rng.choice((SubmitDo("no"), SubmitDo("yes", case.path[max(known - 1, 0)], "refused"))))
    state = EvolverState(case.task, case.alerts, tuple(pointed[:known]), tuple(did))
    return DecisionExample(render_prompt(state), render(EvolverPlan(right_path(case))))
