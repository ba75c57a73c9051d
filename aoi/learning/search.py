"""Search for what would have been right: tries at a failed problem, carried out in its world until one passes.

Each failure is the root of a tree. A try leaves the course of a node (the failure, or an earlier try that failed as
well) after some of its decisions, and suggests what to do from there; what comes of it is a node too. Who thinks of
tries is told what the agents saw, never the truth: that only says whether a try passed.

  retry      the policy alone, with sampling noise, from a step of the node on
  suspects   looks at the components that evidence implicates, as nobody has looked at them yet
  remedies   in a mitigation, typed changes of those components
  evolver    plans that the Evolver writes (`proposals`)
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from aoi.agents.operators.knowledge import FIRST_LOOK, NEXT_LOOK, OTHERWISE, REMEDY, ROUNDS, USUAL, WEAK
from aoi.agents.operators.recollection import at_fault, is_cause, pointed
from aoi.language.decision import decision_of, render_do
from aoi.language.lexicon import ACTIONS, CHECKS, POINTERS
from aoi.learning.corrections import surveyed
from aoi.learning.failures import classify
from aoi.learning.purifier import decided
from aoi.records.base import Sha256
from aoi.records.decision import Decision, ExecDo, Finding, ProbeDo
from aoi.records.episode import Trajectory
from aoi.records.learning import SEARCH, CorrectivePlan, PlanStep, Proposer
from aoi.records.problem import TaskKind

LOOKS = 2
"""Looks that a plan about a suspect suggests."""
ROOM = 2
"""Decisions that a plan leaves for what follows it."""


@dataclass(slots=True)
class Tree:
    """All tries at one failed problem."""

    root: Trajectory
    nodes: list[Trajectory] = field(default_factory=list)
    """Tries that failed."""
    proposed: set[tuple[str, str]] = field(default_factory=set)
    """Prefix and steps of every try so far, so that none is made twice; retries differ by their noise."""
    attempts: int = 0
    is_repaired: bool = False

    @property
    def source(self) -> Sha256:
        """Digest of the failure."""
        return self.root.content.digest()

    @property
    def best(self) -> Trajectory:
        """The node that has seen most of what is wrong; of equals the shortest, then the oldest."""
        return max([self.root, *self.nodes], key=lambda node: (len(_seen(node)), -len(node.content.steps)))


def tries(tree: Tree, proposer: Proposer, count: int, iterations: int) -> list[CorrectivePlan]:
    """At most `count` new tries that leave the course of the tree's best node; `iterations` are an episode's."""
    node = tree.best
    match proposer:
        case "retry":
            thought = _retries(node)
        case "suspects":
            thought = _looks(node, iterations)
        case "remedies":
            thought = _changes(node, iterations)
        case _:
            raise ValueError(f"the search does not think of what {proposer} proposes")
    return list(_new(tree, proposer, count, thought))


Thought = tuple[int, tuple[ProbeDo | ExecDo, ...]]
"""After how many decisions of the node a try leaves its course, and what it suggests."""


def _new(tree: Tree, proposer: Proposer, count: int, thoughts: Iterator[Thought]) -> Iterator[CorrectivePlan]:
    node = tree.best
    course = _course(node)
    for branch, steps in thoughts:
        if count == 0:
            return
        key = (str(course[:branch]), str(steps))
        if steps and key in tree.proposed:
            continue
        tree.proposed.add(key)
        tree.attempts += 1
        count -= 1
        yield CorrectivePlan(
            instance=tree.root.content.instance,
            source_trajectory=tree.source,
            prefix=course[:branch],
            attempt=tree.attempts,
            mode="repair",
            proposer=proposer,
            evolver=SEARCH,
            steps=tuple(PlanStep(do=render_do(step)) for step in steps),
            failure=classify(tree.root),
            prompt_ids=(),
            completion_ids=(),
            status="hint",
        )


def _course(node: Trajectory) -> tuple[Decision | str, ...]:
    """Its decisions, as they can be carried out again."""
    return tuple(decision_of(step) or step.decision for step in node.content.steps)


# ---------------------------------------------------------------- who thinks of what


def _retries(node: Trajectory) -> Iterator[Thought]:
    """Again from the start, from the last decision, and from those between, round and round."""
    last = max(len(node.content.steps) - 1, 0)
    order = list(dict.fromkeys((0, last, last // 2, *range(last + 1))))
    while True:
        yield from ((branch, ()) for branch in order)


def _looks(node: Trajectory, iterations: int) -> Iterator[Thought]:
    """Looks at one suspect after the other, the likeliest first and the most telling checks first."""
    suspects = _suspects(node)
    done = {kept.decision.do for kept in decided(node) if isinstance(kept.decision.do, ProbeDo)}
    branch = min(_concluded(node), max(iterations - LOOKS - ROOM, 0))
    for start in range(0, len(CHECKS), LOOKS):
        for suspect in suspects:
            open_ = [look for check in _order(suspect) if (look := ProbeDo(check, at_fault(suspect))) not in done]
            if looks := tuple(open_[start : start + LOOKS]):
                yield branch, looks


def _changes(node: Trajectory, iterations: int) -> Iterator[Thought]:
    """Typed changes: all known causes put right together, then one suspect and one action after the other."""
    if node.content.kind is not TaskKind.MITIGATION:
        return
    suspects = _suspects(node)
    branch = min(_concluded(node), max(iterations - 1 - ROOM, 0))
    causes = [ExecDo(REMEDY.get(s.word, USUAL)[0], at_fault(s)) for s in suspects if is_cause(s)]
    if len(causes) > 1:
        yield branch, tuple(causes[:LOOKS])
    ranked = [
        (place + rank, ExecDo(action, at_fault(suspect)))
        for place, suspect in enumerate(suspects)
        for rank, action in enumerate(_actions(suspect))
    ]
    for _, change in sorted(ranked, key=lambda one: one[0]):
        yield branch, (change,)


def _concluded(node: Trajectory) -> int:
    """Index of the step at which it stopped looking: its first change, or its answer."""
    steps = node.content.steps
    ends = (i for i, step in enumerate(steps) if not isinstance(getattr(decision_of(step), "do", None), ProbeDo))
    return next(ends, len(steps))


# ---------------------------------------------------------------- what evidence implicates


def _seen(node: Trajectory) -> list[Finding]:
    """Everything unhealthy that the survey or a look has shown, once each, the newest last."""
    looked = [Finding(s.word, s.subject, s.other) for step in node.content.steps for s in step.signals]
    return [found for found in dict.fromkeys((*surveyed(node), *looked)) if found.word != "healthy"]


def _suspects(node: Trajectory) -> list[Finding]:
    """One finding for each component that something speaks against: causes, then pointers, symptoms, alerts."""
    paged = [Finding(_PAGED, alert.subject) for alert in node.content.alerts]
    ranked = sorted([*paged, *reversed(_seen(node))], key=_rank)
    first: dict[str, Finding] = {}
    for found in ranked:
        first.setdefault(at_fault(found), found)
    return list(first.values())


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
    usual = ROUNDS.get(suspect.word, ROUNDS[""]) if pointed(suspect) else ROUNDS[""]
    first = NEXT_LOOK.get(suspect.word, FIRST_LOOK["errors"])
    told = usual if suspect.word in POINTERS else (first, *usual)
    return list(dict.fromkeys((*told, *CHECKS)))


def _actions(suspect: Finding) -> Sequence[str]:
    """Actions on a suspect, what usually helps first."""
    usual = REMEDY.get(suspect.word, USUAL)[0]
    return list(dict.fromkeys((usual, OTHERWISE.get(usual, USUAL[0]), *ACTIONS)))
