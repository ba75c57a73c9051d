"""Register: one version for the cycle's bundle, in MLflow where people look and in the ledger that decides."""

from aoi.records.base import Record, Ref, Sha256
from aoi.records.promotion import Cycle, LedgerFacts
from aoi.store.shards import read_rows
from models.curves import TrainingRun
from models.registry import CHALLENGER, Registry
from tasks.bundles import open_bundle
from tasks.caching import stage
from tasks.train import Trained
from tasks.workspace import actor, workspace


class Registered(Record):
    """A challenger with its version."""

    tree: Ref
    bundle: Sha256
    version: str
    curves: Ref


@stage(timeout_s=900)
def register(cycle: Cycle, trained: Trained) -> Registered:
    """Make the cycle's one version, with its curves and its lineage. Killed and run again, it finds its own work."""
    ws = workspace()
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
    ws.ledger.register(cycle.number, facts, actor())
    registry.point(CHALLENGER, version.number)
    return Registered(tree=trained.tree, bundle=bundle.digest, version=version.number, curves=trained.curves)


def _curves(run: TrainingRun) -> dict[str, list[float]]:
    """One MLflow curve for each figure that the trainer has."""
    names = ("loss", "reward", "reward_deviation", "entropy", "kl", "learning_rate")
    curves = {name: [value for point in run.points if (value := getattr(point, name)) is not None] for name in names}
    return {f"{run.method}/{name}": values for name, values in curves.items() if values}
