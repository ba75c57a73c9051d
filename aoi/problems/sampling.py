"""What a cycle works on: problems drawn evenly over mechanisms and applications, each with its control.

Stratified, not uniform: a mechanism with many eligible components would otherwise crowd out the others. Worlds are
shared (`worlds` seeds for each application), so that many problems cost one base world and a restore each.
"""

from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import TypeVar

from aoi.errors import SettingsError
from aoi.problems import catalogue
from aoi.problems.places import Place
from aoi.problems.sites import rng
from aoi.records.problem import Problem, ProblemInstance, Slice, Split, TaskKind
from aoi.records.seed import MAX_SEED

DEFAULT_SLICES: Mapping[Split, Mapping[Slice, float]] = {
    "train": {"seen": 0.75, "several": 0.1, "control": 0.15},
    "development": {
        "seen": 0.25,
        "unseen_mechanism": 0.2,
        "unseen_application": 0.15,
        "unseen_style": 0.15,
        "several": 0.1,
        "control": 0.15,
    },
    "test": {
        "seen": 0.15,
        "unseen_mechanism": 0.25,
        "unseen_application": 0.2,
        "unseen_style": 0.15,
        "several": 0.1,
        "control": 0.15,
    },
}
EVEN_KINDS: Mapping[TaskKind, float] = dict.fromkeys(TaskKind, 1.0)
SEED_BITS = 30

T = TypeVar("T")


def sample(
    split: Split,
    count: int,
    seed: int,
    *,
    slices: Mapping[Slice, float] | None = None,
    kinds: Mapping[TaskKind, float] | None = None,
    worlds: int = 3,
) -> tuple[ProblemInstance, ...]:
    """`count` instances of a split, the same for the same arguments in every process.

    Controls (the `control` weight of `slices`) share application and world seed with a problem of the sample.
    No problem id comes twice before all that fit have come once. Raises: SettingsError for an impossible wish.
    """
    if count < 1 or worlds < 1:
        raise SettingsError(f"sample of {split}: expected count and worlds of at least 1, found {count} and {worlds}")
    weights = dict(slices or DEFAULT_SLICES[split])
    share = weights.pop("control", 0.0)
    control_count = round(count * share / (share + sum(weights.values()))) if weights else count
    control_count = min(control_count, count - 1) if weights else control_count
    faulty = _faulty(split, count - control_count, seed, weights, kinds or EVEN_KINDS)
    choices = rng("sample", split, seed)
    instances = [
        ProblemInstance(problem=p, seed=world_seed(split, seed, p.application, choices.randrange(worlds)))
        for p in faulty
    ]
    return (*instances, *_controls(split, control_count, instances, choices, seed))


def control_of(instance: ProblemInstance) -> ProblemInstance:
    """The paired no-fault instance: same application, same world, same traffic and ordinary work."""
    return ProblemInstance(problem=catalogue.control_of(instance.problem), seed=instance.seed)


def world_seed(split: Split, seed: int, application: str, number: int) -> int:
    """Seed of a world. Splits never share one: the residue modulo 3 tells them apart."""
    drawn = rng("world", split, seed, application, number).getrandbits(SEED_BITS)
    return drawn * len(catalogue.SPLITS) + catalogue.SPLITS.index(split)


def other_world(instance: ProblemInstance, number: int) -> ProblemInstance:
    """The same problem in another world of its split; 0 is the world that it is in."""
    return ProblemInstance(problem=instance.problem, seed=instance.seed + number * len(catalogue.SPLITS))


def in_worlds(problems: Iterable[Problem], first: int, seeds: int) -> list[ProblemInstance]:
    """Each problem in the worlds of `seeds` seeds from `first` on.

    A control is its world and nothing else: one number of an application stands in other worlds than the next, of its
    own split or another, or the same world would count as many times as it has numbers.

    Raises: SettingsError if that many seeds do not follow the first.
    """
    problems = list(problems)
    if first + (max(map(_apart, problems), default=0) + 1) * seeds - 1 > MAX_SEED:
        raise SettingsError(
            f"--seed {first} --seeds {seeds}: no seed is greater than {MAX_SEED}; begin with a lower one"
        )
    return [
        ProblemInstance(problem=problem, seed=first + _apart(problem) * seeds + number)
        for problem in problems
        for number in range(seeds)
    ]


def _apart(problem: Problem) -> int:
    """Number of a control among all of its application, 0 for the others."""
    return 0 if problem.fault else catalogue.SPLITS.index(problem.split) * catalogue.CONTROLS + problem.target


def _controls(
    split: Split, count: int, instances: Sequence[ProblemInstance], choices: Random, seed: int
) -> list[ProblemInstance]:
    if count and not instances:
        pool = list(catalogue.problems(split=split, slice="control"))
        choices.shuffle(pool)
        picked = [pool[index % len(pool)] for index in range(count)]
        return [
            ProblemInstance(problem=p, seed=world_seed(split, seed, p.application, i)) for i, p in enumerate(picked)
        ]
    order = list(instances)
    choices.shuffle(order)
    controls: dict[tuple[str, int], ProblemInstance] = {}
    for instance in order:
        control = control_of(instance)
        controls.setdefault((control.problem.id, control.seed), control)
    distinct = list(controls.values())
    return [distinct[index % len(distinct)] for index in range(count)]


def _faulty(
    split: Split, count: int, seed: int, slices: Mapping[Slice, float], kinds: Mapping[TaskKind, float]
) -> list[Problem]:
    picked: list[Problem] = []
    for kind, of_kind in _apportion(count, kinds).items():
        # Each kind cuts the slices anew; the seed moves the rounding so that no slice always loses.
        for part, of_part in _apportion(of_kind, slices, rng("apportion", seed, kind)).items():
            pool = [place for place in catalogue.places(split=split, slice=part) if kind in place.kinds]
            picked += _draw(pool, kind, of_part, seed)
    rng("order", split, seed).shuffle(picked)
    return picked


def _draw(pool: Sequence[Place], kind: TaskKind, count: int, seed: int) -> list[Problem]:
    """Round robin over mechanisms, then over applications, then targets, each in a seeded order."""
    if not count:
        return []
    if not pool:
        raise SettingsError("sample: a slice and kind with positive weight has no problem; see: aoi problems list")
    queues: dict[str, dict[str, list[Place]]] = {}
    for place in pool:
        queues.setdefault(place.fault, {}).setdefault(place.application, []).append(place)
    choices = rng("draw", seed, kind, pool[0].slice)
    lanes = [
        _interleave([_shuffled(q, choices) for q in _shuffled(list(apps.values()), choices)])
        for apps in queues.values()
    ]
    order = _interleave(_shuffled(lanes, choices))
    return [catalogue.problem_at(order[index % len(order)], kind) for index in range(count)]


def _shuffled(items: Sequence[T], choices: Random) -> list[T]:
    return choices.sample(list(items), len(items))


def _interleave(lanes: Sequence[Sequence[T]]) -> list[T]:
    longest = max((len(lane) for lane in lanes), default=0)
    return [lane[index] for index in range(longest) for lane in lanes if index < len(lane)]


def _apportion(count: int, weights: Mapping[T, float], choices: Random | None = None) -> dict[T, int]:
    """Split `count` by weight, by largest remainder; ties by order, or at random with `choices`."""
    if not weights or min(weights.values()) < 0 or sum(weights.values()) <= 0:
        raise SettingsError(f"sample: expected weights of at least 0 and some above 0, found {dict(weights)}")
    total = sum(weights.values())
    exact = {key: count * weight / total for key, weight in weights.items()}
    parts = {key: int(value) for key, value in exact.items()}
    noise = {key: choices.random() if choices else 0.0 for key in weights}
    for key in sorted(weights, key=lambda k: (parts[k] - exact[k] - noise[k], list(weights).index(k)))[
        : count - sum(parts.values())
    ]:
        parts[key] += 1
    return parts
