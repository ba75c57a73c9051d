"""Install: the base model, and the first champion made of it. Done once; afterwards both are found."""

import shutil
from pathlib import Path

from aoi.language.profile import PRODUCTION_PROFILE, SEED_PROFILE, PromptProfile
from aoi.model_settings import ModelSettings
from aoi.records.base import Ref, canonical_bytes, sha256_hex
from aoi.records.promotion import LedgerFacts
from aoi.settings import derive_seed
from aoi.source import revision, source_digest
from tasks.bundles import keep_base, unpack
from tasks.caching import stage
from tasks.workspace import actor, keep_settings, workspace


def ensure_champion() -> None:
    """Make and install the first champion, if there is none. Its base stays: the ledger pins it."""
    if workspace().ledger.champion() is None:
        install_champion(make_base())


@stage("model", "seed_model", timeout_s=3 * 3600)
def make_base() -> Ref:
    """The base model's stored folder: the one that the settings name, or the seed model, made from code.

    The seed model is cached by the digest of its settings and of the code that makes it, so a second home or a
    second run with the same code makes it once per store.
    """
    from models.seed.making import make_seed_model

    ws = workspace()
    if ws.settings.model.base:
        return _store_base(_given_base(ws.settings.model.base))
    folder = ws.cache_folder / "seed" / _seed_key()
    if not (folder / "model.safetensors").exists():
        draft = folder.with_name(f".{folder.name}.part")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        make_seed_model(draft, ws.settings.seed_model, derive_seed(ws.settings.seed, "seed-model"))
        draft.rename(folder)
    return _store_base(folder)


@stage("model", "seed_model", timeout_s=600)
def install_champion(base: Ref) -> Ref:
    """Register the bare base as version 1 and make it champion, unless a champion is there."""
    from models import bundle, files
    from models.registry import Registry

    ws = workspace()
    folder = ws.cache_folder / "first-champion"
    shutil.rmtree(folder, ignore_errors=True)
    base_path = unpack(base)
    profile = profile_of(ws.settings.model)
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
    registry.finish(0)
    return tree


def profile_of(model: ModelSettings) -> PromptProfile:
    """The layout of the base, with the budgets that are set."""
    profile = PRODUCTION_PROFILE if model.base else SEED_PROFILE
    budgets = {"iterations": model.iterations, "prompt_tokens": model.prompt_tokens}
    if model.completion_tokens:
        budgets |= {"completion_tokens": model.completion_tokens, "plan_tokens": model.completion_tokens}
    given = {**{name: value for name, value in budgets.items() if value}, "thinks": model.thinks}
    return PromptProfile.model_validate({**profile.model_dump(), **given})


def _store_base(folder: Path) -> Ref:
    from models import files

    ws = workspace()
    tree = ws.store.put_folder("base", folder)
    weights = files.weights_digest(folder)
    keep_base(weights, tree)
    return tree


def _given_base(name: str) -> Path:
    """What is wanted of a folder, or of the hub's own cache, as plain files."""
    from models.policies.reference import fetch

    return fetch(name, workspace().cache_folder / "given" / sha256_hex(name.encode())[:16])


def _seed_key() -> str:
    settings = workspace().settings
    parts = [settings.seed, settings.seed_model.model_dump(mode="json"), source_digest(__name__)]
    return sha256_hex(canonical_bytes(parts))[:32]
