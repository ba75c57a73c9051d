"""Evaluate: champion and challenger, and three references beside them, on the same problems, worlds and seeds."""

from collections.abc import Mapping, Sequence
from random import Random

from aoi.errors import UnknownBundle
from aoi.language.profile import SEED_PROFILE
from aoi.problems import sampling
from aoi.problems.injections.catalogue import injections
from aoi.promotion.evaluation import compare, run_of
from aoi.promotion.standings import Episodes, standings
from aoi.records.base import Record, Ref
from aoi.records.episode import TrajectorySet
from aoi.records.evaluation import EvaluationResult
from aoi.records.problem import ProblemInstance, Slice, Split
from aoi.records.promotion import Cycle
from aoi.records.standings import LineName, Standings
from aoi.settings import EvaluationSettings, derive_seed
from aoi.store.shards import read_set
from models.bundle import Bundle
from models.episodes import EpisodeSpec, Scripted, Side, cut, run_side_by_side
from tasks.bundles import champion_ref, open_bundle, present_champion, seed_bundle, serving, tree_ref
from tasks.caching import stage
from tasks.workspace import workspace

LINES: Sequence[LineName] = ("survey", "expert", "seed", "champion", "challenger")
ARMS: Sequence[LineName] = ("champion", "challenger")
"""The lines that the gate compares."""
EVEN_SLICES: Mapping[Slice, float] = {
    "seen": 1.0,
    "unseen_mechanism": 1.0,
    "unseen_application": 1.0,
    "unseen_style": 1.0,
    "several": 1.0,
    "control": 3.0,
}
"""Controls weigh as three slices: false alarms are rare, so that it takes many to show that they did not rise."""


class Evaluated(Record):
    """A comparison, by reference, with the episodes behind it."""

    result: Ref[EvaluationResult]
    """What the gate reads: champion and challenger."""
    standings: Ref[Standings]
    """What people read: both of them beside the references."""
    champion_runs: Ref
    challenger_runs: Ref


class Measured(Record):
    """A comparison that decides nothing."""

    evaluation: EvaluationResult
    standings: Standings


@stage("evaluation", "gate", timeout_s=6 * 3600)
def evaluate(cycle: Cycle, champion: Ref, challenger: Ref) -> Evaluated:
    """Run both arms at equal budget and pair them. The problems are of the development split, fresh in each cycle."""
    seed = derive_seed(workspace().settings.seed, "evaluate", cycle.number)
    return compare_bundles(open_bundle(champion), open_bundle(challenger), "development", seed)


def planned_of(cycle: Cycle) -> list[EpisodeSpec]:
    """What a cycle's evaluation runs, known before anything is collected: nothing of it may be learned from."""
    settings = workspace().settings
    return planned("development", derive_seed(settings.seed, "evaluate", cycle.number), settings.evaluation)


def compare_bundles(champion: Bundle, challenger: Bundle, split: Split, seed: int) -> Evaluated:
    """Both bundles, and the references beside them, on the same problems, worlds and sampling seeds."""
    ws = workspace()
    settings = ws.settings
    specs = planned(split, seed, settings.evaluation)
    kept, same = played(champion, challenger, specs)
    result = compare(
        read_set(ws.store, kept["champion"]),
        read_set(ws.store, kept["challenger"]),
        planned=[run_of(spec.instance, spec.rollout_seed, spec.injection) for spec in specs],
        split=split,
        seed=seed,
        level=settings.gate.level,
    )
    lines = [_line(name, kept, same.get(name)) for name in LINES]
    return Evaluated(
        result=ws.store.put("evaluation", result),
        standings=ws.store.put("standings", standings(result, lines, settings.gate.level)),
        champion_runs=kept["champion"],
        challenger_runs=kept["challenger"],
    )


def played(
    champion: Bundle, challenger: Bundle, specs: Sequence[EpisodeSpec]
) -> tuple[dict[LineName, Ref[TrajectorySet]], dict[LineName, LineName]]:
    """Every line's episodes on the same runs, and which line is another one's under its own name."""
    ws = workspace()
    players, same = _players(champion, challenger)
    sides = [_side(name, player, cut(specs, ws.settings.collect.shard_size)) for name, player in players.items()]
    temperature = ws.settings.evaluation.temperature
    refs = run_side_by_side(ws.store, sides, serving(), leases=ws.leases, temperature=temperature)
    return dict(zip(players, refs, strict=True)), same


def _players(
    champion: Bundle, challenger: Bundle
) -> tuple[dict[LineName, Bundle | Scripted], dict[LineName, LineName]]:
    """Who acts in each line, and which line is another one's under its own name and so is not run again."""
    seed = seed_bundle()
    # A layout that the scripted operators do not speak is no reason to do without them: they are references.
    profile = seed.profile if seed.profile.layout == SEED_PROFILE.layout else SEED_PROFILE
    players: dict[LineName, Bundle | Scripted] = {
        "survey": Scripted(operator="survey", profile=profile),
        "expert": Scripted(operator="expert", profile=profile),
        "champion": champion,
        "challenger": challenger,
    }
    arms: dict[str, LineName] = {challenger.digest: "challenger", champion.digest: "champion"}
    if arm := arms.get(seed.digest):
        return players, {"seed": arm}
    return players | {"seed": seed}, {}


def _side(name: LineName, player: Bundle | Scripted, shards: Sequence[Sequence[EpisodeSpec]]) -> Side:
    """A line's episodes. What is planted is planted for the arms alone."""
    mine = [
        [spec.model_copy(update={"arm": name}) for spec in shard if name in ARMS or not spec.injection]
        for shard in shards
    ]
    return Side(f"evaluate-{name}", player, mine)


def _line(name: LineName, kept: Mapping[LineName, Ref[TrajectorySet]], same_as: LineName | None) -> Episodes:
    ref = kept[same_as or name]
    return Episodes(name, ref, read_set(workspace().store, ref), same_as)


def evaluate_outside(challenger: str, split: Split, seed: int) -> Measured:
    """Compare a registered version, or an alias, with the champion, outside of any cycle. Raises: UnknownBundle."""
    ws = workspace()
    champion = present_champion()
    registered = _registered(challenger)
    evaluated = compare_bundles(open_bundle(champion_ref(champion)), open_bundle(registered), split, seed)
    return Measured(
        evaluation=ws.store.get(evaluated.result, EvaluationResult),
        standings=ws.store.get(evaluated.standings, Standings),
    )


def _registered(name: str) -> Ref:
    """The stored bundle of a version, found in the ledger; an alias is asked of the registry."""
    from models.registry import Registry

    number = name
    if not name.isdigit():
        version = Registry.of(workspace().settings).alias(name)
        number = version.number if version else name
    entries = workspace().ledger.entries(kind="registered")
    trees = {entry.facts.version: entry.facts.tree for entry in entries}
    tree = trees.get(number)
    if tree is None:
        raise UnknownBundle(f"no version {name!r}; registered are {', '.join(v for v in trees if v)}. See: aoi status")
    return tree_ref("bundle", tree)


def planned(split: Split, seed: int, settings: EvaluationSettings) -> list[EpisodeSpec]:
    """Every run of one arm: each problem in fresh worlds, some again with an injection; neighbours share worlds."""
    wanted = round(settings.problems_per_slice * sum(EVEN_SLICES.values()))
    # A problem that is drawn twice would weigh twice: each stands for itself, with `seeds` runs.
    drawn = {i.problem.id: i for i in sampling.sample(split, wanted, seed, slices=EVEN_SLICES)}.values()
    instances: list[ProblemInstance] = []
    for number in range(settings.seeds):
        # Worlds of the same problem differ by seed; the problem stays one unit of the statistics.
        instances += [sampling.other_world(instance, number) for instance in drawn]
    clean = [
        EpisodeSpec(
            instance=instance, rollout_seed=derive_seed(seed, instance.problem.id, instance.seed), arm="champion"
        )
        for instance in instances
    ]
    return sorted([*clean, *_injected(clean, settings.injected, seed)], key=_place)


def _injected(clean: Sequence[EpisodeSpec], most: int, seed: int) -> list[EpisodeSpec]:
    """Runs that are made again with an injection: one of each problem with a fault, drawn from the whole set."""
    choices = Random(derive_seed(seed, "injected"))
    firsts: dict[str, EpisodeSpec] = {}
    for spec in clean:
        if spec.instance.problem.fault:
            firsts.setdefault(spec.instance.problem.id, spec)
    struck = choices.sample(list(firsts.values()), min(most, len(firsts)))
    names = list(injections())
    drawn = [name for _ in range(0, len(struck), len(names)) for name in choices.sample(names, len(names))]
    return [spec.model_copy(update={"injection": name}) for spec, name in zip(struck, drawn, strict=False)]


def _place(spec: EpisodeSpec) -> tuple[str, int, str, str]:
    problem = spec.instance.problem
    return problem.application, spec.instance.seed, problem.id, spec.injection or ""
