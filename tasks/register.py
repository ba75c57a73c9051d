"""Register: one version for the cycle's bundle, in MLflow where people look and in the ledger that decides."""

from aoi.records.base import Record, Ref, Sha256
from aoi.records.learning import JudgeSpend
from aoi.records.promotion import Cycle, LedgerFacts
from aoi.store.shards import read_rows
from models.registry import CHALLENGER, Registry
from models.training.curves import TrainingRun
from tasks.bundles import open_bundle
from tasks.caching import stage
from tasks.train import Trained
from tasks.workspace import actor, workspace

REGISTERED = "registered"
"""Group of marks: what each cycle registered."""


class Registered(Record):
    """A challenger with its version."""

    tree: Ref
    bundle: Sha256
    version: str
    curves: Ref
    judge: JudgeSpend | None = None
    """What a judging model cost its training."""


@stage(timeout_s=900)
def register(cycle: Cycle, trained: Trained) -> Registered:
    """Make the cycle's one version, with its curves and its lineage. Killed and run again, it finds its own work."""
    ws = workspace()
    known = registered_before(cycle)
    if known is not None and known.bundle != trained.bundle:
        return known  # the code changed between a crash and now: what the cycle registered first stays its version
    bundle = open_bundle(trained.tree)
    registry = Registry.of(ws.settings)
    version = registry.register(cycle.number, bundle.folder, bundle.manifest, tree=trained.tree.sha256)
    for run in read_rows(ws.store, trained.curves, TrainingRun):
        registry.log(cycle.number, metrics=_curves(run))
    facts = LedgerFacts(
        bundle=bundle.digest,
        version=version.number,
        tree=trained.tree.sha256,
        data=bundle.manifest.data,
        settings=bundle.manifest.settings,
        code_revision=bundle.manifest.code_revision,
        code_sha256=bundle.manifest.code_sha256,
    )
    made = Registered(
        tree=trained.tree,
        bundle=bundle.digest,
        version=version.number,
        curves=trained.curves,
        judge=trained.judge,
    )
    ws.store.mark(REGISTERED, str(cycle.number), made)  # before the ledger: an entry always finds its mark
    ws.ledger.register(cycle.number, facts, actor())
    registry.point(CHALLENGER, version.number)
    return made


def registered_before(cycle: Cycle) -> Registered | None:
    """What the cycle has registered already; None if nothing."""
    ws = workspace()
    bundles = [entry.facts.bundle for entry in ws.ledger.entries(kind="registered", cycle=cycle.number)]
    known = ws.store.marked(REGISTERED, str(cycle.number), Registered)
    return known if known is not None and known.bundle in bundles else None


def _curves(run: TrainingRun) -> dict[str, list[float]]:
    """One MLflow curve for each figure that the trainer has."""
    names = ("loss", "reward", "reward_deviation", "entropy", "kl", "learning_rate", "sampling_difference")
    curves = {name: [value for point in run.points if (value := getattr(point, name)) is not None] for name in names}
    return {f"{run.method}/{name}": values for name, values in curves.items() if values}
