"""Named sets of problems, for those who want to draw from one."""

from aoi.errors import UnknownProblem
from aoi.problems import aiopslab, catalogue

SETS = ("aiopslab", "train", "development", "test")


def problem_ids(name: str) -> tuple[str, ...]:
    """Ids of a set, in catalogue order. Raises: UnknownProblem."""
    if name not in SETS:
        raise UnknownProblem(f"no set {name!r:.40} of problems; there are: {', '.join(SETS)}")
    every = catalogue.problems(split=None if name == "aiopslab" else name)
    theirs = {theirs.pattern.format(kind.value) for theirs in aiopslab.PROBLEMS.values() for kind in theirs.kinds}
    theirs |= set(aiopslab.NOOPS.values())
    return tuple(problem.id for problem in every if name != "aiopslab" or problem.id in theirs)
