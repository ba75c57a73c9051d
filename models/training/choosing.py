"""Which of a cycle's examples are learnt from, and how: `fit` asks.

They are chosen by what each of them is, which is a few words; then those are read that the steps can reach, and no
others are held.
"""

import random
from collections.abc import Sequence
from typing import NamedTuple

from aoi.learning.lessons import LABELLED, REHEARSED
from aoi.model_settings import Corrections
from aoi.records.learning import Source, TrainingExample
from aoi.records.problem import TaskKind
from aoi.store.shards import Rows
from models.training.balance import balanced

CANDIDATES = 4
"""Decision points that are held for each that GRPO can sample at: of these it takes those that teach."""


class Sort(NamedTuple):
    """What decides whether an example is learnt from."""

    source: Source
    kind: TaskKind
    has_target: bool
    has_gold: bool
    """Whether its target was kept as a decision too, which a judge compares with."""
    is_preferred: bool
    """Whether it says what was decided instead."""


def sorts_of(rows: Rows[TrainingExample]) -> list[Sort]:
    """Of every example, in order; equal ones are one object."""
    known: dict[Sort, Sort] = {}
    found = (
        Sort(
            source=row.source,
            kind=row.kind,
            has_target=bool(row.target_ids),
            has_gold=row.target is not None,
            is_preferred=bool(row.rejected_ids),
        )
        for row in rows
    )
    return [known.setdefault(each, each) for each in found]


def read(rows: Rows[TrainingExample], places: Sequence[int], seed: int, *, most: int) -> list[TrainingExample]:
    """The examples at these places, in their order; any `most` of them where there are more."""
    if len(places) > most:
        drawn = set(random.Random(seed).sample(places, most))
        places = [place for place in places if place in drawn]
    return _at(rows, places)


def chosen(
    rows: Rows[TrainingExample], sorts: Sequence[Sort], places: Sequence[int], seed: int, *, most: int
) -> list[TrainingExample]:
    """The examples at these places, in equal shares of the kinds; any `most` of them where there are more."""
    order = _bounded([places[index] for index in balanced([sorts[place].kind for place in places], seed)], sorts)
    if len(order) > most:
        order = random.Random(seed).sample(order, most)
    return _at(rows, order)


def _bounded(order: Sequence[int], sorts: Sequence[Sort]) -> list[int]:
    """The order without what people labelled beyond its share: to balance kinds repeats some of it."""
    labelled = [at for at, place in enumerate(order) if sorts[place].source == "operator_labelled"]
    beyond = set(labelled[int(LABELLED * (len(order) - len(labelled))) :])
    return [place for at, place in enumerate(order) if at not in beyond]


def _at(rows: Rows[TrainingExample], places: Sequence[int]) -> list[TrainingExample]:
    """The examples at these places, in their order. Nothing is read where there are none."""
    wanted = set(places)
    held = {place: row for place, row in enumerate(rows) if place in wanted} if wanted else {}
    return [held[place] for place in places]


def corrected(sorts: Sequence[Sort], way: Corrections, seed: int) -> list[int]:
    """What is learnt from before GRPO: corrections, with own successes beside them so that nothing else is lost."""
    own = [place for place, each in enumerate(sorts) if each.has_target and each.source == "success"]
    verified = [place for place, each in enumerate(sorts) if each.has_target and each.source != "success"]
    match way:
        case "sft":
            return [*verified, *random.Random(seed).sample(own, min(REHEARSED * len(verified), len(own)))]
        case "dpo":
            return [place for place in verified if sorts[place].is_preferred]
        case "successes":
            return own
        case "seeded" | "none":
            return []


def rewarded(sorts: Sequence[Sort], way: Corrections, *, is_judged: bool) -> list[int]:
    """What GRPO samples at: where decisions are executed, whatever was met, also on the way of a correction, which may
    be one of its own group; a judge has to know what was right."""
    if is_judged:
        return [place for place, each in enumerate(sorts) if each.has_gold]
    met = [place for place, each in enumerate(sorts) if not each.has_target]
    if way in ("none", "successes"):
        return met
    return [*met, *(place for place, each in enumerate(sorts) if each.source == "verified_correction")]


def untold(rows: Sequence[TrainingExample]) -> list[TrainingExample]:
    """The rows as points at which nothing is to be imitated.

    Up to where it left the failure's course, a correction went through the states of the failure: those come once.
    """
    bare: dict[str, object] = dict.fromkeys(("target_ids", "target", "rejected_ids", "behaviour"))
    states = {(row.instance, row.commands, row.prompt_ids): row for row in reversed(rows)}
    return [row.model_copy(update=bare | {"source": "decision_point"}) for row in reversed(states.values())]
