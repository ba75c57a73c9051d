"""Install: the base model, and the first champion made of it. Done once; afterwards both are found."""

import functools
import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

from aoi import progress
from aoi.language.codec import WordCodec
from aoi.language.profile import PRODUCTION_PROFILE, SEED_PROFILE
from aoi.learning.demonstrations import Demonstration, demonstrate, demonstrations
from aoi.problems import sampling
from aoi.problems.faults import MECHANISMS
from aoi.records.base import Ref, canonical_bytes, sha256_hex
from aoi.records.learning import BASES, StoredBase
from aoi.records.problem import ProblemInstance
from aoi.records.promotion import LedgerFacts
from aoi.settings import derive_seed
from aoi.source import source_digest
from models.seed.examples import DecisionExample
from tasks.bundles import base_folder, unpack
from tasks.caching import stage
from tasks.episodes import worker_count, worker_pool
from tasks.workspace import actor, keep_settings, workspace

INVENTED_SHARE = 0.5
"""Examples of invented kinds beside those of demonstrations (learning.md: half gave the best generalisation)."""
HELD_OUT = 512
"""Demonstrations to measure on, at most a tenth of all."""
CHUNK = 40
"""Demonstrations that a worker makes at a time."""


def ensure_champion() -> None:
    """Make and install the first champion, if there is none. Its base stays: the ledger pins it."""
    if workspace().ledger.champion() is None:
        install_champion(make_base())


@stage("seed_model", timeout_s=3 * 3600)
def make_base() -> Ref:
    """The base model's stored folder: the one that the settings name, or the seed model, made from code.

    The seed model is cached by the digest of its settings and of the code that makes it, so a second home or a
    second run with the same code makes it once per store.
    """
    ws = workspace()
    if ws.settings.seed_model.base:
        return _store_base(_given_base(ws.settings.seed_model.base))
    folder = ws.cache_folder / "seed" / _seed_key()
    if not (folder / "model.safetensors").exists():
        draft = folder.with_name(f".{folder.name}.part")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        _train_seed_model(draft)
        draft.rename(folder)
    return _store_base(folder)


@stage("seed_model", timeout_s=600)
def install_champion(base: Ref) -> Ref:
    """Register the bare base as version 1 and make it champion, unless a champion is there."""
    from models import bundle, files
    from models.registry import Registry

    ws = workspace()
    folder = ws.cache_folder / "first-champion"
    shutil.rmtree(folder, ignore_errors=True)
    base_path = unpack(base)
    profile = PRODUCTION_PROFILE if ws.settings.seed_model.base else SEED_PROFILE
    lineage = bundle.Lineage(
        name="champion-0",
        code_revision=revision(),
        code_sha256=source_digest(__name__),
        settings=keep_settings(),
        data=(files.weights_digest(base_path),),
    )
    manifest = bundle.write(folder, bundle.Parts(base_path, profile), lineage)
    tree = ws.store.put_folder("bundle", folder)
    registry = Registry.of(ws.settings)
    version = registry.register(0, folder, manifest, tree=tree.sha256)
    facts = LedgerFacts(
        bundle=manifest.digest(),
        version=version.number,
        tree=tree.sha256,
        data=manifest.data,
        settings=manifest.settings,
        code_revision=manifest.code_revision,
        code_sha256=manifest.code_sha256,
    )
    ws.ledger.install(facts, actor())
    registry.reconcile(ws.ledger.champion())
    return tree


@functools.cache
def revision() -> str:
    """Commit of the checkout, with `+` if files differ; the package's digest where there is no git."""
    import subprocess

    root = Path(__file__).resolve().parent.parent
    command = ["git", "-C", str(root), "describe", "--always", "--dirty=+", "--abbrev=12"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return source_digest("flows.retrain")[:12]
    return found.stdout.strip()


def _store_base(folder: Path) -> Ref:
    from models import files

    ws = workspace()
    tree = ws.store.put_folder("base", folder)
    weights = files.weights_digest(folder)
    ws.store.mark(BASES, weights, StoredBase(weights=weights, tree=tree.sha256))
    base_folder(weights)
    return tree


def _given_base(name: str) -> Path:
    """A local folder as it is; a hub id as plain files, out of the hub's own cache."""
    if Path(name).is_dir():
        return Path(name)
    from models.policies.reference import fetch

    return fetch(name, workspace().cache_folder / "hub" / name.replace("/", "--"))


def _seed_key() -> str:
    settings = workspace().settings
    parts = [settings.seed, settings.seed_model.model_dump(mode="json"), source_digest(__name__)]
    return sha256_hex(canonical_bytes(parts))[:32]


def _train_seed_model(folder: Path) -> None:
    """Demonstrations in real worlds, then pre-training on them and on invented kinds."""
    from models.seed.pretrain import pretrain
    from models.threads import use_threads

    settings = workspace().settings
    seed = derive_seed(settings.seed, "seed-model")
    shown = _demonstrations(settings.seed_model.demonstrations, seed)
    held_out = min(HELD_OUT, len(shown) // 10)
    steps = settings.seed_model.steps
    progress.stage("pre-train")
    use_threads(1)
    run = pretrain(
        _mixture(shown[held_out:], seed),
        folder,
        steps,
        seed,
        held_out=_as_examples(shown[:held_out]),
        progress=lambda point: progress.advance(point.step, steps, f"loss {point.loss:.3f}"),
    )
    (folder / "training.json").write_text(json.dumps(run.model_dump(mode="json")))


def _demonstrations(count: int, seed: int) -> list[Demonstration]:
    """What the junior did in `count` episodes on training problems, made by all cores, in a fixed order."""
    progress.stage("demonstrate")
    instances = sorted(
        sampling.sample("train", count, seed, worlds=6), key=lambda i: (i.problem.application, i.seed, i.problem.id)
    )
    chunks = [instances[start : start + CHUNK] for start in range(0, count, CHUNK)]
    shown: list[Demonstration] = []
    with worker_pool(worker_count()) as pool:
        seeds = [derive_seed(seed, "demonstrate", number) for number in range(len(chunks))]
        for done, part in enumerate(pool.map(_demonstrate, chunks, seeds), start=1):
            shown += part
            progress.advance(min(done * CHUNK, count), count)
    random.Random(seed).shuffle(shown)
    return shown


def _demonstrate(instances: list[ProblemInstance], seed: int) -> list[Demonstration]:
    codec = WordCodec()
    episodes = demonstrate(instances, profile=SEED_PROFILE, codec=codec, seed=seed)
    return [said for episode in episodes for said in demonstrations(episode, codec)]


def _mixture(shown: list[Demonstration], seed: int) -> Iterator[DecisionExample]:
    """Endless: demonstrations and invented kinds by turns drawn at random."""
    from models.seed.invented import Mixture, examples

    known = {fault.cause for fault in MECHANISMS["train"]}
    withheld = {fault.cause for split in ("development", "test") for fault in MECHANISMS[split]} - known
    rng = random.Random(seed)
    invented = examples(seed, Mixture(withheld=frozenset(withheld)))
    demonstrated = _as_examples(shown)
    while True:
        yield next(invented) if rng.random() < INVENTED_SHARE else rng.choice(demonstrated)


def _as_examples(shown: list[Demonstration]) -> list[DecisionExample]:
    return [DecisionExample(said.prompt, said.completion, 1.0) for said in shown]
