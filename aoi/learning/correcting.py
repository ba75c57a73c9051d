"""Who gets how many tries at a failure, and when to stop: the budget of the search for corrections.

A first wave gives every proposer the same few tries at every failure: that is the table by which they are compared.
What is left goes, wave by wave, to the failures that are still open, and there to whoever may go on. The Evolver may
only if it repaired more than each proposer that needs no learning: a model that does not beat those is not used.
"""

from collections.abc import Callable, Sequence
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
    """Searches corrections of many failures at once. Ask for a `wave`, carry it out, `learn` from it, until none."""

    def __init__(self, failed: Sequence[Trajectory], *, budget: int, iterations: int, write: Write | None) -> None:
        """`budget` is tries a failure; `write` is the Evolver, None without one."""
        self._trees = {tree.source: tree for tree in map(Tree, failed)}
        self._budget, self._iterations, self._write = budget, iterations, write
        self._everybody: list[Proposer] = [*UNLEARNED, *((EVOLVER,) if write else ())]
        self._allowed = self._everybody
        self._is_first = True
        self._first: list[Judged] = []
        self.executed: list[Judged] = []
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

    def learn(self, executed: Sequence[Judged]) -> None:
        """What the world said to a wave."""
        for each in executed:
            tree = self._trees[each.plan.source_trajectory]
            if each.is_verified:
                tree.is_repaired = True
            else:
                tree.nodes.append(each.guided)
        self.executed += executed
        if self._is_first:
            self._first, self._is_first = list(executed), False
            if self._write is not None and not self._is_best(EVOLVER):
                self._allowed = list(UNLEARNED)

    def kept(self) -> list[Judged]:
        """Of each repaired failure the verified try with the fewest decisions; of equals the first."""
        best: dict[Sha256, Judged] = {}
        for each in self.executed:
            if each.is_verified:
                other = best.get(each.plan.source_trajectory)
                if other is None or len(each.guided.content.steps) < len(other.guided.content.steps):
                    best[each.plan.source_trajectory] = each
        return list(best.values())

    def results(self) -> tuple[ProposerResult, ...]:
        """What each proposer's equal tries of the first wave came to, and all that it tried."""
        return tuple(self._result(proposer) for proposer in self._everybody)

    def _result(self, proposer: Proposer) -> ProposerResult:
        everything = [each for each in self.executed if each.plan.proposer == proposer]
        first = [each for each in self._first if each.plan.proposer == proposer]
        at = [tree for tree in self._trees.values() if _applies(proposer, tree)]
        return ProposerResult(
            proposer=proposer,
            failures=len(at),
            equal_tries=self._equal_tries,
            repaired_equally=len({each.plan.source_trajectory for each in first if each.is_verified}),
            tries=len(everything) + sum(plan.proposer == proposer for plan in self.malformed),
            verified=sum(each.is_verified for each in everything),
            repaired=len({each.plan.source_trajectory for each in everything if each.is_verified}),
        )

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
        passed = [e for e in self._first if e.plan.proposer == proposer and e.is_verified]
        return len({e.plan.source_trajectory for e in passed if e.plan.instance.problem.kind is kind})

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


def _applies(proposer: Proposer, tree: Tree) -> bool:
    if proposer in ("answers", "remedies"):
        return (proposer == "remedies") == (tree.root.content.kind is TaskKind.MITIGATION)
    return True
