"""Who gets how many tries at a failure, and when to stop: the budget of the search for corrections.

A first wave gives every proposer the same few tries at every failure: that is the table by which they are compared.
What is left goes, wave by wave, to the failures that are still open, and there to whoever may go on. The Evolver may
only if it repaired more than each proposer that needs no learning: a model that does not beat those is not used.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from aoi.learning.lessons import Judged
from aoi.learning.search import Tree, tries
from aoi.records.base import Sha256
from aoi.records.episode import Trajectory
from aoi.records.learning import CorrectivePlan, Proposer
from aoi.records.problem import TaskKind
from aoi.records.report import ProposerResult

FIRST = 3
"""Tries of each proposer at each failure, before anybody is preferred."""
SHARES = (3, 1, 1, 1)
"""Tries at a failure in each later wave, by rank of the proposer; then the best node of its tree is left anew."""
EVOLVER: Proposer = "evolver"
UNLEARNED: tuple[Proposer, ...] = ("retry", "suspects", "answers", "remedies")

Write = Callable[[Sequence[Trajectory], int], list[CorrectivePlan]]
"""Failures and a number -> that many plans of the Evolver for each, without repeats."""


class Try(NamedTuple):
    """A plan that is to be carried out, and the episode whose course it leaves."""

    plan: CorrectivePlan
    node: Trajectory


class Correcting:
    """Searches corrections of many failures at once. Ask for a `wave`, carry it out, `learn` from it, until none.

    Held are the failures, the tries at those that are still open, and the best correction of each other.
    """

    def __init__(self, failed: Sequence[Trajectory], *, budget: int, iterations: int, write: Write | None) -> None:
        """`budget` is tries a failure; `write` is the Evolver, None without one."""
        self._trees = {tree.source: tree for tree in map(Tree, failed)}
        self._budget, self._iterations, self._write = budget, iterations, write
        self._everybody: list[Proposer] = [*UNLEARNED, *((EVOLVER,) if write else ())]
        self._allowed = self._everybody
        self._is_first = True
        self._first: list[CorrectivePlan] = []
        self._best: dict[Sha256, Judged] = {}
        self.executed: list[CorrectivePlan] = []
        self.malformed: list[CorrectivePlan] = []

    def wave(self) -> list[Try]:
        """The next tries; none when every failure is repaired or its budget spent."""
        found: list[Try] = []
        while not found and (open_ := [tree for tree in self._trees.values() if self._left(tree)]):
            before = sum(tree.attempts for tree in open_)
            found = self._deal(open_)
            if sum(tree.attempts for tree in open_) == before:
                break  # nobody has anything new to say
        return found

    def learn(self, executed: Iterable[Judged]) -> None:
        """What the world said to a wave, try by try."""
        plans: list[CorrectivePlan] = []
        for each in executed:
            plans.append(each.plan)
            tree = self._trees[each.plan.source_trajectory]
            if each.is_verified:
                tree.is_repaired = True
                self._keep(each)
            else:
                tree.nodes.append(each.guided)
            if not self._left(tree):
                tree.nodes.clear()  # nobody leaves their courses any more
        self.executed += plans
        if self._is_first:
            self._first, self._is_first = plans, False
            if self._write is not None and not self._is_best(EVOLVER):
                self._allowed = list(UNLEARNED)

    def kept(self) -> list[Judged]:
        """Of each repaired failure the verified try with the fewest decisions; of equals the first."""
        return list(self._best.values())

    def results(self) -> tuple[ProposerResult, ...]:
        """What each proposer's equal tries of the first wave came to, and all that it tried."""
        return tuple(self._result(proposer) for proposer in self._everybody)

    def _result(self, proposer: Proposer) -> ProposerResult:
        everything = [plan for plan in self.executed if plan.proposer == proposer]
        at = [tree for tree in self._trees.values() if _applies(proposer, tree)]
        return ProposerResult(
            proposer=proposer,
            failures=len(at),
            equal_tries=self._equal_tries,
            repaired_equally=len(_repaired(plan for plan in self._first if plan.proposer == proposer)),
            tries=len(everything) + sum(plan.proposer == proposer for plan in self.malformed),
            verified=sum(plan.status == "verified" for plan in everything),
            repaired=len(_repaired(everything)),
        )

    def _keep(self, verified: Judged) -> None:
        source = verified.plan.source_trajectory
        other = self._best.get(source)
        if other is None or len(verified.guided.content.steps) < len(other.guided.content.steps):
            self._best[source] = verified

    # ------------------------------------------------------------ dealing

    def _left(self, tree: Tree) -> int:
        return 0 if tree.is_repaired else max(self._budget - tree.attempts, 0)

    def _deal(self, trees: Sequence[Tree]) -> list[Try]:
        found = self._written(trees) if EVOLVER in self._allowed else []
        for tree in trees:
            for proposer in self._ranked(tree):
                if proposer != EVOLVER:
                    node, most = tree.best, self._share(proposer, tree)
                    found += [Try(plan, node) for plan in tries(tree, proposer, most, self._iterations)]
        return found

    def _is_best(self, proposer: Proposer) -> bool:
        """Whether it repaired more than any other at equal tries; answers and remedies have fewer to repair."""
        repaired = {result.proposer: result.repaired_equally for result in self.results()}
        return all(repaired[proposer] > count for other, count in repaired.items() if other != proposer)

    def _share(self, proposer: Proposer, tree: Tree) -> int:
        """Tries of one proposer at one failure in this wave: later as many more as it repaired more of such tasks."""
        share = self._equal_tries if self._is_first else SHARES[self._ranked(tree).index(proposer)]
        return min(share, self._left(tree))

    @property
    def _equal_tries(self) -> int:
        """Tries of each proposer in the first wave: a small budget holds fewer."""
        most_at_one = len(self._everybody) - 1  # answers and remedies are never tried at the same failure
        return min(FIRST, self._budget // most_at_one) if self._budget >= most_at_one else 1

    def _ranked(self, tree: Tree) -> list[Proposer]:
        """Who may try there, whoever repaired most of such tasks first."""
        kind = tree.root.content.kind
        sharing = [proposer for proposer in self._allowed if _applies(proposer, tree)]
        return sorted(sharing, key=lambda proposer: -self._first_repairs(proposer, kind))

    def _first_repairs(self, proposer: Proposer, kind: TaskKind) -> int:
        tried = (plan for plan in self._first if plan.proposer == proposer and plan.instance.problem.kind is kind)
        return len(_repaired(tried))

    def _written(self, trees: Sequence[Tree]) -> list[Try]:
        assert self._write is not None
        found = []
        left = {tree.source: self._share(EVOLVER, tree) for tree in trees}
        by_source = {tree.best.content.digest(): tree for tree in trees if left[tree.source]}
        most = max(left.values(), default=0)
        for plan in self._write([tree.best for tree in by_source.values()], most) if most else []:
            tree = by_source[plan.source_trajectory]
            node, key = tree.best, ("", str(plan.steps))
            if not left[tree.source] or key in tree.proposed:
                continue
            left[tree.source] -= 1
            tree.proposed.add(key)
            tree.attempts += 1
            at_root = {"source_trajectory": tree.source, "attempt": tree.attempts}
            mine = plan.model_copy(update=at_root)
            if plan.status == "malformed":
                self.malformed.append(mine)
            else:
                found.append(Try(mine, node))
        return found


def _repaired(plans: Iterable[CorrectivePlan]) -> set[Sha256]:
    """The failures that some of the tries repaired."""
    return {plan.source_trajectory for plan in plans if plan.status == "verified"}


def _applies(proposer: Proposer, tree: Tree) -> bool:
    if proposer in ("answers", "remedies"):
        return (proposer == "remedies") == (tree.root.content.kind is TaskKind.MITIGATION)
    return True
