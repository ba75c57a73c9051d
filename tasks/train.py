"""Train: the Observer's adapter by SFT on verified corrections, then by GRPO with executed rewards."""

import shutil

from aoi.records.base import Record, Ref, Sha256
from aoi.records.learning import TrainingExample
from aoi.records.promotion import Cycle
from aoi.settings import derive_seed
from aoi.source import revision, source_digest
from aoi.store.shards import put_rows, read_rows
from tasks.bundles import open_bundle, serving, unpack
from tasks.caching import stage
from tasks.evolve import Corrections
from tasks.workspace import keep_settings, workspace


class Trained(Record):
    """A challenger that nobody has registered yet."""

    tree: Ref
    """Stored bundle folder."""
    bundle: Sha256
    curves: Ref
    """Rows of `TrainingRun`: SFT, then GRPO."""


@stage("training", "collect", timeout_s=12 * 3600, retries=1)
def train(cycle: Cycle, champion: Ref, corrections: Corrections, examples: Ref) -> Trained:
    """Warm-start from the champion's adapter, imitate what was verified, then improve on measured rewards."""
    from models import bundle as bundles
    from models.training.fit import fit

    ws = workspace()
    parent = open_bundle(champion)
    rows = read_rows(ws.store, examples, TrainingExample)
    work = ws.cache_folder / f"cycle-{cycle.number}" / f"train-{examples.sha256[:16]}"
    runs, adapter = fit(
        parent,
        parent.adapters.get("observer") if ws.settings.training.warm_start else None,
        rows,
        work,
        seed=derive_seed(ws.settings.seed, "train", cycle.number),
        settings=ws.settings.training,
        serving=serving(),
    )
    lineage = bundles.Lineage(
        name=f"cycle-{cycle.number}",
        code_revision=revision(),
        code_sha256=source_digest("flows.retrain"),
        settings=keep_settings(),
        parent=parent.digest,
        cycle=cycle.number,
        data=(examples.sha256, corrections.plans.sha256),
    )
    folder = work / "bundle"
    shutil.rmtree(folder, ignore_errors=True)
    evolver = unpack(corrections.evolver) if corrections.evolver else parent.adapters.get("evolver")
    manifest = bundles.write(folder, bundles.Parts(parent.base, parent.profile, adapter, evolver), lineage)
    return Trained(
        tree=ws.store.put_folder("bundle", folder),
        bundle=manifest.digest(),
        curves=put_rows(ws.store, "curves", runs),
    )
