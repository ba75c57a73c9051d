"""Successes made into varied workflows: other ways to the same end, each carried out in the world of the success.

Paper, section 4, *augment*. Who thinks of ways is who thinks of corrections (`search`), and the Evolver. Kept is what
the oracle passes and what was earned, if it does something that the success and the ways before it do not.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from random import Random

from aoi.learning.correcting import Try, Write
from aoi.learning.corrections import rests_on_evidence
from aoi.learning.lessons import Judged
from aoi.learning.purifier import purify
from aoi.learning.search import Tree, tries
from aoi.records.base import Sha256
from aoi.records.decision import Do, SubmitDo
from aoi.records.episode import BROKEN_OFF, Trajectory
from aoi.records.learning import Proposer
from aoi.records.problem import TaskKind
from aoi.store.shards import Rows

WAYS: dict[Proposer, int] = {"remedies": 2, "suspects": 1, "retry": 1}
"""Tries at each success. Another answer is not tried: to the same problem it would be wrong, or lucky."""
WRITTEN = 1
"""Plans of the Evolver for each."""
REPAIRS = 2
"""Share of the mitigations that are drawn, against one of other tasks: only they can be solved in many ways."""

Workflow = tuple[Do, ...]


def to_augment(trajectories: Rows[Trajectory], *, most: int, seed: int) -> list[Trajectory]:
    """One success of each of at most `most` problems with a fault.

    Those first that another rollout failed: what is solved every time has the least to learn from. Of equals
    mitigations are twice as likely. They are held for as long as they are varied.
    """
    solved: dict[Sha256, tuple[int, bool]] = {}
    failed: set[Sha256] = set()
    for place, trajectory in enumerate(trajectories):
        content = trajectory.content
        digest = content.instance.digest()
        if not content.outcome.success:
            failed |= set() if content.ended in BROKEN_OFF else {digest}
        elif content.instance.problem.fault and content.guidance is None:
            solved.setdefault(digest, (place, content.kind is TaskKind.MITIGATION))
    numbers = Random(seed)
    order = sorted(
        (digest not in failed, numbers.random() ** (REPAIRS if is_repair else 1), place)
        for digest, (place, is_repair) in solved.items()
    )
    chosen = {place for _, _, place in order[:most]}
    return [trajectory for place, trajectory in enumerate(trajectories) if place in chosen]


def ways(solved: Sequence[Trajectory], *, iterations: int, write: Write | None) -> list[Try]:
    """Other ways to solve what was solved; `iterations` are an episode's, `write` is the Evolver, None without one."""
    found = [
        Try(plan, node)
        for node in solved
        for proposer, most in WAYS.items()
        for plan in tries(Tree(node), proposer, most, iterations)
    ]
    by_source = {node.content.digest(): node for node in solved}
    written = write(solved, WRITTEN) if write is not None and solved else []
    return found + [Try(plan, by_source[plan.source_trajectory]) for plan in written if plan.status != "malformed"]


def varied(executed: Iterable[Judged]) -> list[Judged]:
    """The verified ways that rest on what was seen, each of which does something else than the success and than those
    before it."""
    known: defaultdict[Sha256, set[Workflow]] = defaultdict(set)
    kept = []
    for each in executed:
        seen = known[each.plan.source_trajectory]
        seen.add(workflow(each.node))
        way = workflow(each.guided)
        if each.is_verified and rests_on_evidence(each.guided) and way not in seen:
            seen.add(way)
            kept.append(each)
    return kept


def workflow(trajectory: Trajectory) -> Workflow:
    """What an episode did, without what came to nothing: its looks and changes. Another answer is no other way."""
    return tuple(step.decision.do for step in purify(trajectory) if not isinstance(step.decision.do, SubmitDo))
