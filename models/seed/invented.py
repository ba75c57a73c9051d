"""Invented kinds of fault: episodes of words in which any signal may be the cause, and any word a pointer.

A base model that has answered with every word of the lexicon can name a cause that it never met in a cluster;
one that has not names only what it was trained on (right 0 % against 71 % of the time in a trial). The episodes
follow one plain rule (follow the pointer, look until a finding explains, answer with that finding), so what the
model learns here is form and reading, not where faults hide. No cluster, application or problem is involved.
"""

import random
from collections.abc import Iterator
from dataclasses import replace

from aoi.agents import checks
from aoi.agents.operators.knowledge import FIRST_LOOK, NEXT_LOOK, REMEDY, ROUNDS, USUAL
from aoi.language import lexicon
from aoi.language.decision import EvolverPlan, ExecutorAct, ProbeCommand, Utterable, render
from aoi.language.lexicon import POINTERS
from aoi.language.profile import SEED_PROFILE
from aoi.language.prompt import EvolverState, ExecutorState, ProbeState, PromptState, render_prompt, within
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
    for iteration in range(SEED_PROFILE.iterations):
        is_final = iteration == SEED_PROFILE.iterations - 1
        decision = _decide(case, state, is_final=is_final)
        yield within(state, SEED_PROFILE), decision
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
        state = replace(
            state,
            memory=state.memory if decision.summary is None else (*state.memory, decision.summary),
            last=last,
            last_do=do,
            plan=tuple(step for step in state.plan if step != do),
        )


# ---------------------------------------------------------------- deciding


def _decide(case: Case, state: ObserverState, *, is_final: bool) -> Decision:
    if state.last_do is None:
        return _begin(case, state)
    about = _about(state, state.last_do.target)
    if isinstance(state.last_do, ExecDo):
        return Decision(about, "submit", Finding(case.cause or "healthy", case.culprit), 9, _answer(case))
    if case.cause and about == Finding(case.cause, case.culprit):
        mends = case.task == "mitigate" and not is_final
        do = repair(case) if mends else _answer(case)
        return Decision(about, "fix" if mends else "submit", about, 8 if mends else 9, do)
    lead = _lead(state, about)
    if is_final:
        return _give_up(state, about, lead)
    if about.word == "healthy" and lead is None and not state.plan:
        return _move_on(state, about)
    return _follow(state, about, lead)


def _begin(case: Case, state: ObserverState) -> Decision:
    """The first decision: what the survey found is believed, or followed; without it, the first alert is looked at."""
    about = state.last[0] if state.last else None
    if about is not None and about == Finding(case.cause or "", case.culprit):
        if planned := _planned(state):
            return Decision(about, "verify", about, 6, planned)
        do = repair(case) if case.task == "mitigate" else _answer(case)
        return Decision(about, "fix" if case.task == "mitigate" else "submit", about, 9, do)
    if about is not None and about.subject in case.path:
        check = ROUNDS[about.word][0] if about.word in ROUNDS else NEXT_LOOK.get(about.word, "describe")
        return Decision(about, "depth", about, 4, _planned(state) or ProbeDo(check, about.subject))
    first = state.alerts[0]
    return Decision(about, "scan", None, 2, _planned(state) or ProbeDo(FIRST_LOOK[first.word], first.subject))


def _follow(state: ObserverState, about: Finding, lead: Finding | None) -> Decision:
    """Look on: as the plan says, at the component that a pointer names, or again at the one that suffers."""
    asked = state.last_do.check if isinstance(state.last_do, ProbeDo) else ""
    if about.word == "healthy":
        order = ROUNDS.get(lead.word if lead else "", ROUNDS[""])
        look, target, hypothesis = _after(asked, order), about.subject, lead
    elif about.word in POINTERS:
        look, target, hypothesis = ROUNDS.get(about.word, ROUNDS[""])[0], about.subject, about
    else:
        check = NEXT_LOOK.get(about.word, "describe")
        look, target = check if check != asked else _after(check, ROUNDS[""]), about.subject
        hypothesis = about
    do = _planned(state) or ProbeDo(look, target)
    return Decision(about, "depth" if hypothesis else "point", hypothesis, 4 if hypothesis else 2, do)


def _planned(state: ObserverState) -> ProbeDo | None:
    """The next look of the plan, if one is given."""
    return next((step for step in state.plan if isinstance(step, ProbeDo)), None)


def _about(state: ObserverState, target: str) -> Finding:
    """The finding of the last look that matters: about its target, or what its target points at; best ranked."""
    about = (finding for finding in state.last if finding.subject == target or finding.word in POINTERS)
    return next(about, state.last[0])


def _lead(state: ObserverState, about: Finding) -> Finding | None:
    """The newest suspicion about the component that was looked at: a pointer to it, or a weak signal of it."""
    for finding in reversed(state.memory):
        if finding.word != "healthy" and about.subject == finding.subject:
            return Finding(finding.word, about.subject)
    return None


def _move_on(state: ObserverState, about: Finding) -> Decision:
    """A component that only an alert named looks healthy: look at the next, or say that nothing is wrong."""
    seen = {finding.subject for finding in (*state.memory, about)}
    for alert in state.alerts:
        if alert.subject not in seen:
            return Decision(about, "point", None, 2, ProbeDo(FIRST_LOOK[alert.word], alert.subject))
    return Decision(about, "submit", None, 7, SubmitDo("no"))


def _give_up(state: ObserverState, about: Finding, lead: Finding | None) -> Decision:
    suspect = about if about.word != "healthy" else lead
    if suspect is None:
        return Decision(about, "submit", None, 3, SubmitDo("unsure"))
    _, level, kind = REMEDY.get(suspect.word, USUAL)
    labels = (level, kind) if state.task in ("analyse", "mitigate") else (None, None)
    return Decision(about, "submit", suspect, 5, SubmitDo("yes", suspect.subject, suspect.word, *labels))


def _answer(case: Case) -> SubmitDo:
    if case.cause is None:
        return SubmitDo("no")
    labels = case.remedy[1:] if case.task in ("analyse", "mitigate") else (None, None)
    return SubmitDo("yes", case.culprit, case.cause, *labels)


def _after(check: str, order: tuple[str, ...]) -> str:
    return order[(order.index(check) + 1) % len(order)] if check in order else order[0]


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
