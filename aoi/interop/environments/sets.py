"""Sets of problems by name, for those who want to draw from one: those of the catalogue, and its splits."""

from typing import cast, get_args

from aoi.errors import UnknownProblem
from aoi.problems import catalogue
from aoi.problems.sets import SetName, members
from aoi.records.problem import Split

NAMES = (*get_args(SetName), *get_args(Split))


def problem_ids(name: str) -> tuple[str, ...]:
    """Ids of a set, in catalogue order. Raises: UnknownProblem."""
    if name not in NAMES:
        raise UnknownProblem(f"no set {name!r:.40} of problems; there are: {', '.join(NAMES)}")
    if name in get_args(Split):
        return tuple(problem.id for problem in catalogue.problems(split=cast(Split, name)))
    return tuple(problem.id for problem in members(cast(SetName, name)))
