"""The ordinary work that goes on in every world: restarts, notes, a limit, a claim, a policy, a drill.

A fault is one write among several by the same user; a control has the same writes, and one more of these in the
fault's place. So neither the number of changes nor their recency says whether something is wrong, and since ordinary
work writes what faults write, about as often, neither does whose object it was (`tells.py`).
"""

from collections.abc import Callable, Collection
from random import Random

from aoi.problems.ordinary import cluster, surroundings, workloads
from aoi.problems.ordinary.workloads import Deeds
from aoi.problems.sites import Site, find, rng
from aoi.problems.writes import Create
from aoi.worlds.applications.spec import Application, Kind
from aoi.worlds.behaviour.chaos import PAUSE
from kubeworld.machine.world import World

__all__ = ["MARKS", "MOST_SLOTS", "PROGRAMS", "ordinary_work"]

MARKS = ("ops/reviewed", "kubectl.kubernetes.io/restartedAt", "team", PAUSE)
"""Keys of annotations and labels that ordinary work leaves."""
PROGRAMS: tuple[Kind, ...] = ("gateway", "service")
ENGINES: tuple[Kind, ...] = ("database", "cache")
MOST_SLOTS = 5
"""Writes in a world at most, the fault among them."""
Work = Callable[[World, Site, Random], Deeds]

SHARES: tuple[tuple[float, tuple[Kind, ...], Work], ...] = (
    (40, PROGRAMS, workloads.set_variable),
    (20, PROGRAMS, workloads.raise_limits),
    (2, PROGRAMS, workloads.scale_up),
    (1.5, PROGRAMS, workloads.restart),
    (0.5, PROGRAMS, workloads.annotate),
    (14, ENGINES, workloads.set_variable),
    (10, ENGINES, workloads.raise_limits),
    (0.5, ENGINES, workloads.restart),
    (6, PROGRAMS, surroundings.pin_clients),
    (0.5, PROGRAMS, surroundings.label_service),
    (6.5, ENGINES, surroundings.pin_clients),
    (6, PROGRAMS, surroundings.note_in_config),
    (0.7, ENGINES, surroundings.note_in_config),
    (5.5, PROGRAMS, surroundings.give_room),
    (3.5, ENGINES, surroundings.give_room),
    (4, PROGRAMS, workloads.delete_pod),
    (0.3, (*PROGRAMS, *ENGINES), workloads.label_pod),
    (3, (*PROGRAMS, *ENGINES), surroundings.exercise),
    (0.5, PROGRAMS, surroundings.open_up),
    (1, PROGRAMS, surroundings.autoscale),
    (0.5, PROGRAMS, surroundings.note_in_secret),
    (0.5, PROGRAMS, cluster.review_node),
    (3, PROGRAMS, cluster.bound),
    (1, PROGRAMS, cluster.put_up),
    (0.3, PROGRAMS, cluster.label_namespace),
)
"""(share, kinds of components, work): about as the problems of the catalogue share what they write.

Few leave a mark, since faults leave none; some delete nothing but pods, as what takes something away leaves no more.
"""


def ordinary_work(world: World, application: Application, slot: int, avoid: Collection[str]) -> Deeds:
    """The harmless writes of one slot of a world: the same for every problem of it, unless they would touch `avoid`.

    Slots begin at different components, so that what one wrote the next leaves alone, as it does a fault's.
    """
    choices = rng("ordinary", application.key, application.seed, slot)
    ((_, kinds, work),) = choices.choices(SHARES, weights=[share for share, _, _ in SHARES])
    for name in _in_turn(application, slot, kinds, avoid):  # the first at which there is something of the kind to do
        deeds = work(world, find(world, application, name), choices)
        if deeds:
            return () if _is_there(world, deeds) else deeds
    for name in _in_turn(application, slot, PROGRAMS, avoid):
        return workloads.set_variable(world, find(world, application, name), choices)
    return cluster.review_node(world, find(world, application, application.workload.entry), choices)


def _in_turn(application: Application, slot: int, kinds: Collection[Kind], avoid: Collection[str]) -> list[str]:
    """Components of some kinds, in an order of the world's own that each slot begins elsewhere."""
    names = [c.name for c in application.components if c.kind in kinds and not c.namespace]
    rng("turns", application.key, application.seed).shuffle(names)
    first = slot % MOST_SLOTS * len(names) // MOST_SLOTS
    return [name for name in (*names[first:], *names[:first]) if name not in avoid]


def _is_there(world: World, deeds: Deeds) -> bool:
    """Whether somebody has made what they would make."""
    return any(isinstance(deed, Create) and world.store.get(*deed.key) is not None for deed in deeds)
