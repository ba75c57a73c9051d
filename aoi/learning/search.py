"""Search for what would have been right: tries at a failed problem, carried out in its world until one passes.

Each failure is the root of a tree. A try leaves the course of a node (the failure, or an earlier try that failed as
well) after some of its decisions, and suggests what to do from there; what comes of it is a node too. Who thinks of
tries is told what the agents saw, never the truth: that only says whether a try passed.

  retry      the policy alone, with sampling noise, from a step of the node on
  suspects   looks at the components that evidence implicates, as nobody has looked at them yet
  answers    elsewhere, other answers that what was seen would bear: another component, a second one, other classes
  remedies   in a mitigation, typed changes of those components, one or two
  evolver    plans that the Evolver writes (`proposals`)
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, islice, permutations, product
from typing import NamedTuple

from aoi.agents.operators.knowledge import BOTH, FIRST_LOOK, NEXT_LOOK, OTHERWISE, REMEDY, ROUNDS, USUAL, WEAK
from aoi.agents.operators.recollection import is_cause
from aoi.language.decision import decision_of, render_do
from aoi.language.lexicon import ACTIONS, CHECKS, LEVELS, POINTERS, TYPES
from aoi.language.prompt import at_fault
from aoi.learning.corrections import course, surveyed
from aoi.learning.failures import classify
from aoi.learning.purifier import decided
from aoi.records.base import Sha256
from aoi.records.decision import Decision, Do, ExecDo, Finding, ProbeDo, SubmitDo
from aoi.records.episode import Step, Trajectory
from aoi.records.learning import SEARCH, CorrectivePlan, PlanStep, Proposer
from aoi.records.problem import TaskKind

LOOKS = 2
"""Looks that a plan about a suspect suggests."""
ROOM = 2
"""Decisions that a plan leaves for what follows it."""
TOGETHER = 3
"""Suspects that are thought of two at a time: there may be two faults."""
PLAIN = 3
"""Single changes that are tried before pairs of them."""
CLASSED = 2
"""Classes of the likeliest cause that an analysis is answered in before each other answer."""
SURE = 9
"""Confidence of an answer of the search: it is kept only if it is right."""
_KNOWN = [*((level, kind) for _, level, kind in REMEDY.values()), *BOTH.values()]
CLASSES = tuple(dict.fromkeys((*(both for both, _ in Counter(_KNOWN).most_common()), *product(LEVELS, TYPES))))
"""Levels and types: those that operators know of first, of these the commonest."""


@dataclass(slots=True)
class Tree:
    """All tries at one problem: a failed one, or a solved one that is to be solved otherwise."""

    root: Trajectory
    nodes: list[Trajectory] = field(default_factory=list)
    """Tries that failed."""
    proposed: set[tuple[str, str]] = field(default_factory=set)
    """Prefix and steps of every try so far, so that none is made twice; retries differ by their noise."""
    attempts: int = 0
    retries: int = 0
    is_repaired: bool = False

    @property
    def source(self) -> Sha256:
        """Digest of the failure."""
        return self.root.content.digest()

    @property
    def best(self) -> Trajectory:
        """The node that has seen most of what is wrong; of equals the shortest, then the oldest."""
        return max([self.root, *self.nodes], key=lambda node: (len(_seen(node)), -len(node.content.steps)))


def tries(tree: Tree, proposer: Proposer, most: int, iterations: int) -> list[CorrectivePlan]:
    """At most `most` new tries that leave the course of the tree's best node; `iterations` are an episode's."""
    node = tree.best
    match proposer:
        case "retry":
            thought = _retries(node, tree.retries)
        case "suspects":
            thought = _looks(node, iterations)
        case "answers":
            thought = _answers(node, iterations)
        case "remedies":
            thought = _changes(node, iterations)
        case _:
            raise ValueError(f"the search does not think of what {proposer} proposes")
    return list(_new(tree, node, proposer, most, thought))


class Thought(NamedTuple):
    """Where a try leaves the course of its node, and what it does there."""

    branch: int
    """Decisions of the node that are made again."""
    steps: tuple[ProbeDo | ExecDo, ...] = ()
    """What is suggested to the policy."""
    given: tuple[Decision, ...] = ()
    """What is decided in its place: one that is sure never says anything else."""


def _new(
    tree: Tree, node: Trajectory, proposer: Proposer, most: int, thoughts: Iterator[Thought]
) -> Iterator[CorrectivePlan]:
    decisions = course(node.content.steps)
    for branch, steps, given in thoughts:
        if most == 0:
            return
        prefix = (*decisions[:branch], *given)
        key = (str(prefix), str(steps))
        if proposer != "retry" and key in tree.proposed:
            continue
        tree.proposed.add(key)
        tree.attempts += 1
        tree.retries += proposer == "retry"
        most -= 1
        yield CorrectivePlan(
            instance=tree.root.content.instance,
            source_trajectory=tree.source,
            prefix=prefix,
            branch=branch,
            attempt=tree.attempts,
            mode="augment" if tree.root.content.outcome.success else "repair",
            proposer=proposer,
            evolver=SEARCH,
            steps=tuple(PlanStep(do=render_do(step)) for step in steps),
            failure=classify(tree.root),
            prompt_ids=(),
            completion_ids=(),
            status="hint",
        )


# ---------------------------------------------------------------- who thinks of what


def _retries(node: Trajectory, made: int) -> Iterator[Thought]:
    """Again from the start, from the last decision, and from those between, round and round, after `made` of them."""
    last = max(len(node.content.steps) - 1, 0)
    order = list(dict.fromkeys((0, last, last // 2, *range(last + 1))))
    for number in count(made):
        yield Thought(order[number % len(order)])


def _looks(node: Trajectory, iterations: int) -> Iterator[Thought]:
    """Looks at one suspect after the other, the likeliest first and the most telling checks first."""
    branch = min(_concluded(node), max(iterations - LOOKS - ROOM, 0))
    suspects = _suspects(node, branch)
    done = {kept.decision.do for kept in decided(node) if kept.step.index < branch}
    for start in range(0, len(CHECKS), LOOKS):
        for suspect in suspects:
            open_ = [look for check in _order(suspect) if (look := ProbeDo(check, at_fault(suspect))) not in done]
            if looks := tuple(open_[start : start + LOOKS]):
                yield Thought(branch, looks)


def _changes(node: Trajectory, iterations: int) -> Iterator[Thought]:
    """Typed changes: all known causes put right together, then one suspect and one action after the other."""
    if node.content.kind is not TaskKind.MITIGATION:
        return
    branch = min(_concluded(node), max(iterations - 1 - ROOM, 0))
    suspects = [Finding(found.word, at_fault(found)) for found in _suspects(node, branch)]
    usual = [(suspect, _actions(suspect)[0]) for suspect in suspects]
    causes = [change for change in usual if is_cause(change[0])]
    ranked = [
        (place + rank, (suspect, action))
        for place, suspect in enumerate(suspects)
        for rank, action in enumerate(_actions(suspect))
    ]
    plain = [(change,) for _, change in sorted(ranked, key=lambda one: one[0])]
    together = permutations(causes[:TOGETHER], 2)
    doubtful = permutations(usual[:TOGETHER], 2)
    failed = _done_at(node, branch)
    for changes in (*together, *plain[:PLAIN], *doubtful, *plain[PLAIN:]):
        given = _mended(_shown(node, branch), changes)
        if len(given) > 1 or given[0].do != failed:
            yield Thought(branch, given=given)


def _mended(shown: Finding | None, changes: Sequence[tuple[Finding, str]]) -> tuple[Decision, ...]:
    """The changes as decisions. What waits to be put right next is what is remembered; then that the first is well."""
    waiting = changes[1][0] if len(changes) > 1 else shown
    (cause, action), *others = changes
    decisions = [Decision(waiting, "fix", cause, SURE - 1, ExecDo(action, cause.subject))]
    well = Finding("healthy", cause.subject)
    decisions += [Decision(well, "fix", also, SURE - 1, ExecDo(do, also.subject)) for also, do in others]
    return tuple(decisions)


def _shown(node: Trajectory, branch: int) -> Finding | None:
    """What stood first in the prompt at a step."""
    state = node.content.steps[min(branch, len(node.content.steps) - 1)].state if node.content.steps else None
    return state.last[0] if state and state.last else None


def _answers(node: Trajectory, iterations: int) -> Iterator[Thought]:
    """What was seen, answered otherwise: causes one by one, by pairs, and the first in every class."""
    if node.content.kind is TaskKind.MITIGATION:
        return
    branch = min(_concluded(node), max(iterations - 1, 0))
    summary = _shown(node, branch)
    named = [Finding(found.word, at_fault(found)) for found in _suspects(node, branch) if found.word != _PAGED]
    pairs = [(one, None) for one in named[:TOGETHER]] + list(permutations(named[:TOGETHER], 2))
    usual = [_answer(node, summary, cause, also, _usual_class(cause)) for cause, also in pairs]
    if node.content.kind is TaskKind.ANALYSIS:
        # Asked what kind of fault it is, the likeliest cause is oftener classed wrongly than it is another.
        classed = iter(_classed(node, summary, pairs))
        order = [answer for one in usual for answer in (*islice(classed, CLASSED), one)] + list(classed)
    else:
        order = [*usual[:1], Decision(summary, "submit", None, SURE, SubmitDo("no")), *usual[1:]]
    failed = _done_at(node, branch)
    for answer in order:
        if not _is_as(answer.do, failed, node.content.kind):
            yield Thought(branch, given=(answer,))


def _classed(
    node: Trajectory, summary: Finding | None, pairs: Sequence[tuple[Finding, Finding | None]]
) -> Iterator[Decision]:
    """The likeliest answer in every class; in those of its usual level first."""
    for cause, also in pairs[:1]:
        level, _ = _usual_class(cause)
        for labels in sorted(CLASSES, key=lambda labels: labels[0] != level):
            yield _answer(node, summary, cause, also, labels)


def _usual_class(cause: Finding) -> tuple[str, str]:
    return REMEDY.get(cause.word, USUAL)[1:]


def _is_as(do: Do, failed: Do | None, kind: TaskKind) -> bool:
    """Whether an answer is the one that failed: of a detection, whether it says the same of there being a fault."""
    if kind is TaskKind.DETECTION and isinstance(do, SubmitDo) and isinstance(failed, SubmitDo):
        return do.verdict == failed.verdict
    return do == failed


def _done_at(node: Trajectory, branch: int) -> Do | None:
    """What the node did where a try leaves it."""
    steps = node.content.steps
    return _deed(steps[branch]) if branch < len(steps) else None


def _answer(
    node: Trajectory, summary: Finding | None, cause: Finding, also: Finding | None, labels: tuple[str, str]
) -> Decision:
    told = labels if node.content.kind is TaskKind.ANALYSIS else (None, None)
    return Decision(summary, "submit", cause, SURE, SubmitDo("yes", cause.subject, cause.word, *told, also=also))


def _concluded(node: Trajectory) -> int:
    """Index of the step at which it stopped looking: its first change, or its answer."""
    steps = node.content.steps
    ends = (index for index, step in enumerate(steps) if not isinstance(_deed(step), ProbeDo))
    return next(ends, len(steps))


def _deed(step: Step) -> Do | None:
    """What a step was to do; None of a malformed one."""
    decision = decision_of(step)
    return decision.do if decision else None


# ---------------------------------------------------------------- what evidence implicates


def _seen(node: Trajectory, until: int | None = None) -> list[Finding]:
    """Everything unhealthy that a look or the survey has shown, once each: the newest look first, each as it ranks.

    `until` leaves out what came of that step and later: a try that leaves the course there has not seen it.
    """
    steps = [step for step in reversed(node.content.steps[:until]) if not _is_refused_change(step)]
    looked = [Finding(s.word, s.subject, s.other) for step in steps for s in step.signals]
    return [found for found in dict.fromkeys((*looked, *surveyed(node))) if found.word != "healthy"]


def _suspects(node: Trajectory, until: int) -> list[Finding]:
    """One finding for each component that something speaks against: causes, then pointers, symptoms, alerts."""
    paged = [Finding(_PAGED, alert.subject) for alert in node.content.alerts]
    ranked = sorted([*_seen(node, until), *paged], key=_rank)
    first: dict[str, Finding] = {}
    for found in ranked:
        if at_fault(found) in node.content.handles:  # what the policy made up is nobody
            first.setdefault(at_fault(found), found)
    return list(first.values())


def _is_refused_change(step: Step) -> bool:
    """What it shows is what became of the change, not what is wrong there."""
    return isinstance(_deed(step), ExecDo) and step.status != "ok"


_PAGED = "exception"
"""What an alert says of its component: that calls fail."""


def _rank(found: Finding) -> int:
    if is_cause(found):
        return 0
    if found.word in POINTERS:
        return 1
    return 2 if found.word in WEAK and found.word != _PAGED else 3


def _order(suspect: Finding) -> Sequence[str]:
    """Checks of a suspect, the most telling first."""
    usual = ROUNDS.get(suspect.word, ROUNDS[""])
    first = NEXT_LOOK.get(suspect.word, FIRST_LOOK["errors"])
    told = usual if suspect.word in POINTERS else (first, *usual)
    return list(dict.fromkeys((*told, *CHECKS)))


def _actions(suspect: Finding) -> Sequence[str]:
    """Actions on a suspect, what usually helps first."""
    usual = REMEDY.get(suspect.word, USUAL)[0]
    return list(dict.fromkeys((usual, OTHERWISE.get(usual, USUAL[0]), *ACTIONS)))
