"""Invented cases: one fault in one made-up application, and what a survey or a look shows of it.

What is said to it is `models.seed.invented`; nothing here knows how a decision comes about.
"""

import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from aoi.agents.operators.knowledge import REMEDY, USUAL, WEAK
from aoi.agents.operators.recollection import NOISE
from aoi.language import lexicon
from aoi.language.lexicon import POINTERS
from aoi.records.decision import AlertLine, Do, ExecDo, Finding, ProbeDo
from models.seed.runbook import CAUSES, USUAL_CHECK

TASKS = tuple(lexicon.TASKS)
NODE_SHARE = 0.05
"""Episodes whose culprit is a node."""
_POINTERS, _WEAK, _NOISE = tuple(sorted(POINTERS)), tuple(sorted(WEAK)), tuple(sorted(NOISE))
_STRONG = tuple(word for word in CAUSES if word not in WEAK and word not in POINTERS)
_WEIGHTS = tuple(0.3 if word in WEAK else 1.0 for word in CAUSES)
"""A weak signal is seldom the cause: a model that answers with each at once would look no further."""


@dataclass(frozen=True, slots=True)
class Mixture:
    """What share of episodes is of which form. Shares are of episodes; each gives several examples."""

    healthy: float = 0.15
    """Nothing is wrong: alerts are noise, the answer is `no`."""
    invented_check: float = 0.3
    """Causes that show under any check, instead of where they usually do."""
    weak_first: float = 0.5
    """A weak signal shows at the culprit until its cause is looked up."""
    surveyed: float = 0.75
    """Episodes that begin with what a survey found, as real ones do; the others with an empty page."""
    survey_right: float = 0.6
    """Of these, what share names the cause; the others show a symptom, or point the way."""
    several: float = 0.4
    """Faults with a second beside them, at a component of its own."""
    guided: float = 0.15
    """Episodes with a plan in the prompt, which is followed."""
    evolver: float = 0.4
    """Episodes that also give a line of the Evolver."""
    looks: float = 0.6
    """Observer decisions to look on that are kept; answers and repairs are always kept."""
    probes: float = 0.2
    """Lines of the Probe that are kept: they are all alike."""
    withheld: Collection[str] = ()
    """Signals of which nothing is known: they are mended and classed as usual."""


@dataclass(slots=True)
class Case:
    """One invented fault in one invented application."""

    task: str
    alerts: tuple[AlertLine, ...]
    path: tuple[str, ...]
    """Handles from the alerted component to the culprit; the pointer at each leads to the next."""
    pointers: tuple[str, ...]
    cause: str | None
    check: str
    """The look at the culprit that shows the cause."""
    remedies: Mapping[str, tuple[str, str, str]]
    """Action, level and type of each cause."""
    weak: str | None
    others: tuple[str, ...]
    second: Finding | None = None
    """A cause of its own at another component, which shows beside the first."""
    plan: tuple[ProbeDo | ExecDo, ...] = ()
    did: list[Do] = field(default_factory=list)

    @property
    def culprit(self) -> str:
        """The component that is to blame."""
        return self.path[-1]

    @property
    def remedy(self) -> tuple[str, str, str]:
        """Action, level and type of its first cause. Raises: KeyError where nothing is wrong."""
        return self.remedies[self.cause or ""]


def invent(rng: random.Random, mixture: Mixture) -> Case:
    """A case of this mixture. Its alerted component is the culprit, or leads to it over at most three hops."""
    handles = rng.sample([f"s{number}" for number in range(1, lexicon.MAX_HANDLES + 1)], 10)
    hops = rng.choices((0, 1, 2, 3), weights=(30, 40, 22, 8))[0]
    path, others = tuple(handles[: hops + 1]), tuple(handles[hops + 1 :])
    if hops and rng.random() < NODE_SHARE:
        path = (*path[:-1], f"n{rng.randint(1, lexicon.MAX_NODES)}")
    is_healthy = rng.random() < mixture.healthy
    cause = rng.choices(CAUSES, weights=_WEIGHTS)[0]
    second = None
    if not is_healthy and rng.random() < mixture.several:
        second = Finding(rng.choice(_STRONG), others[-1])
    remedies = {word: _remedy(word, mixture) for word in (cause, *((second.word,) if second else ()))}
    noisy = rng.sample(others, rng.choice((0, 0, 1, 1, 2)))
    return Case(
        task=rng.choice(TASKS[:2] if is_healthy else TASKS),
        alerts=tuple(AlertLine(rng.choice(lexicon.ALERTS), handle) for handle in (path[0], *noisy)),
        path=path,
        pointers=tuple(rng.choice(_POINTERS) for _ in range(hops)),
        cause=None if is_healthy else cause,
        check=rng.choice(lexicon.CHECKS) if rng.random() < mixture.invented_check else USUAL_CHECK[cause],
        remedies=remedies,
        weak=rng.choice(_WEAK) if rng.random() < mixture.weak_first and cause not in WEAK else None,
        others=others,
        second=second,
    )


def _remedy(cause: str, mixture: Mixture) -> tuple[str, str, str]:
    return USUAL if cause in mixture.withheld else REMEDY.get(cause, USUAL)


def right_path(case: Case) -> tuple[ProbeDo | ExecDo, ...]:
    """The looks that lead to the cause, and its repair."""
    looks = (*(ProbeDo("logs", handle) for handle in case.path[:-1]), ProbeDo(case.check, case.culprit))
    return (*looks, repair(case)) if case.task == "mitigate" else looks


def repair(case: Case) -> ExecDo:
    """What mends the culprit."""
    return ExecDo(case.remedy[0], case.culprit)


def surveyed(case: Case, rng: random.Random, mixture: Mixture) -> tuple[Finding, ...]:
    """What a survey shows before the first look: the cause, or how far the rules came; of a healthy case little."""
    noise = tuple(Finding(rng.choice(_NOISE), other) for other in rng.sample(case.others, rng.choice((0, 0, 0, 1))))
    if rng.random() >= mixture.surveyed:
        return ()
    if case.cause is None:
        return noise
    if case.second:
        both = (Finding(case.cause, case.culprit), case.second)
        symptom = (Finding(case.weak, rng.choice(both).subject),) if case.weak else noise
        return (*(both if rng.random() < 0.5 else reversed(both)), *symptom)
    if rng.random() < mixture.survey_right:
        pointer = tuple(map(Finding, case.pointers[-1:], case.path[-1:]))
        return (Finding(case.cause, case.culprit), *pointer, *noise)
    if case.pointers:
        return (Finding(case.pointers[0], case.path[1]), *noise)
    return (Finding(case.weak, case.culprit), *noise) if case.weak else noise


def look(case: Case, do: ProbeDo, rng: random.Random) -> tuple[Finding, ...]:
    """What a check shows, best first, with up to two findings about other components."""
    shown = _shown(case, do, rng)
    noise = []
    if rng.random() < 0.35:
        for other in rng.sample(case.others, rng.choice((1, 1, 2))):
            noise.append(Finding(rng.choice((*_NOISE, "healthy", "healthy", "healthy")), other))
    return (*shown, *noise) if rng.random() < 0.8 else (*noise, *shown)


def _shown(case: Case, do: ProbeDo, rng: random.Random) -> tuple[Finding, ...]:
    if case.cause is None or do.target not in case.path:
        return (Finding("healthy", do.target),)
    place = case.path.index(do.target)
    if place < len(case.pointers):
        # An alert's first look shows its pointer: whoever answers `no` after a healthy first look is right.
        if place == 0 or do.check in ("logs", "traces", "metrics") or rng.random() < 0.2:
            return (Finding(case.pointers[place], case.path[place + 1]),)
        return (Finding("healthy", do.target),)
    if do.check == case.check or _is_enough(case):
        weak = (Finding(case.weak, do.target),) if case.weak and rng.random() < 0.5 else ()
        return (Finding(case.cause, do.target), *weak)
    return (Finding(case.weak, do.target),) if case.weak else (Finding("healthy", do.target),)


def _is_enough(case: Case) -> bool:
    """An invented episode is short: an early look at the culprit shows the cause wherever it hides."""
    looks = sum(isinstance(do, ProbeDo) and do.target == case.culprit for do in case.did)
    return looks >= 3 or (len(case.path) == 1 and case.weak is None)
