"""Train: the Observer's adapter by SFT on verified corrections, then by GRPO on measured or judged rewards."""

import shutil
from pathlib import Path

from aoi.language.layouts import layout_of
from aoi.records.base import Record, Ref, Sha256, canonical_bytes, sha256_hex
from aoi.records.learning import JudgeSpend, TrainingExample
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
    judge: JudgeSpend | None = None
    """What a judging model cost; None where none was asked."""


@stage("training", "judge", "collect", timeout_s=12 * 3600, retries=1)
def train(cycle: Cycle, champion: Ref, corrections: Corrections, examples: Ref) -> Trained:
    """Warm-start from the champion's adapter, imitate what was verified, then improve on rewards."""
    from models import bundle as bundles
    from models.policies.of_bundle import codec_of
    from models.training.fit import fit
    from models.training.judged import judge_of, spend_of

    ws = workspace()
    parent = open_bundle(champion)
    work = _work_folder(cycle, examples)
    with judge_of(ws.settings, layout_of(parent.profile), codec_of(parent), ws.store) as judge:
        runs, adapter = fit(
            parent,
            parent.adapters.get("observer") if ws.settings.training.warm_start else None,
            read_rows(ws.store, examples, TrainingExample),
            work,
            seed=derive_seed(ws.settings.seed, "train", cycle.number),
            settings=ws.settings.training,
            serving=serving(),
            judge=judge,
            kept=ws.store,
        )
        spend = spend_of(judge)
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
        judge=spend,
    )


def _work_folder(cycle: Cycle, examples: Ref) -> Path:
    """Where checkpoints lie: those of one reward are not gone on with under another."""
    ws = workspace()
    judge = ws.settings.judge
    identity = [examples.sha256, ws.settings.training.reward, judge.url, judge.model, judge.completion_tokens]
    return ws.cache_folder / f"cycle-{cycle.number}" / f"train-{sha256_hex(canonical_bytes(identity))[:16]}"
