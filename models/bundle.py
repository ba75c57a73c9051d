"""Bundles: one folder with all that makes an answer reproducible, refused unless every digest matches.

    manifest.json    BundleManifest; its digest is the bundle's name everywhere
    profile.json     PromptProfile
    tokenizer/       tokenizer and chat template
    adapter/         LoRA of the Observer (absent for a bare base)
    evolver/         LoRA of the Evolver (optional)

The base model is referred to by digest and kept once, beside the bundles that share it.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from aoi.errors import CorruptObject
from aoi.language.profile import PromptProfile
from aoi.records.base import Sha256
from aoi.records.episode import RoleName
from aoi.records.learning import BundleManifest
from models import files

MANIFEST, PROFILE, TOKENIZER, ADAPTER, EVOLVER = "manifest.json", "profile.json", "tokenizer", "adapter", "evolver"


@dataclass(frozen=True, slots=True)
class Parts:
    """What a bundle is made of."""

    base: Path
    """Folder of the base model, tokenizer included."""
    profile: PromptProfile
    adapter: Path | None = None
    evolver: Path | None = None


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where a bundle comes from."""

    name: str
    code_revision: str
    code_sha256: Sha256
    settings: Sha256
    parent: str | None = None
    cycle: int = 0
    data: tuple[Sha256, ...] = ()


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose every digest was checked."""

    folder: Path
    base: Path
    manifest: BundleManifest
    profile: PromptProfile

    @property
    def digest(self) -> Sha256:
        """What stands for this bundle on trajectories, requests and answers."""
        return self.manifest.digest()

    @property
    def adapters(self) -> Mapping[RoleName, Path]:
        """Folder of each role's adapter; a role that is not named is answered by the base."""
        folders: dict[RoleName, Path] = {}
        if self.manifest.adapter:
            folders["observer"] = self.folder / ADAPTER
        if self.manifest.evolver_adapter:
            folders["evolver"] = self.folder / EVOLVER
        return folders


def write(folder: Path, parts: Parts, lineage: Lineage) -> BundleManifest:
    """Assemble a bundle in `folder`, which must not exist; the manifest is written last.

    Raises: FileExistsError; CorruptObject if a part holds anything but safetensors, JSON and text.
    """
    if folder.exists():
        raise FileExistsError(f"{folder} exists: a bundle is written once")
    draft = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    _copy(parts.base, draft / TOKENIZER, files.TOKENIZER_FILES)
    for source, name in ((parts.adapter, ADAPTER), (parts.evolver, EVOLVER)):
        if source is not None:
            files.read_weights(sorted(source.glob("*.safetensors")))
            _copy(source, draft / name, files.ADAPTER_FILES)
    (draft / PROFILE).write_bytes(parts.profile.to_bytes())
    manifest = BundleManifest(
        name=lineage.name,
        base=files.weights_digest(parts.base),
        tokenizer=files.tokenizer_digest(draft / TOKENIZER),
        adapter=files.adapter_digest(draft / ADAPTER) if parts.adapter else None,
        evolver_adapter=files.adapter_digest(draft / EVOLVER) if parts.evolver else None,
        profile=parts.profile.digest(),
        parent=lineage.parent,
        cycle=lineage.cycle,
        data=lineage.data,
        code_revision=lineage.code_revision,
        code_sha256=lineage.code_sha256,
        settings=lineage.settings,
        files=_digests(draft),
    )
    (draft / MANIFEST).write_bytes(manifest.to_bytes())
    draft.rename(folder)
    return manifest


def load(folder: Path, base: Path, expected: Sha256 | None = None) -> Bundle:
    """Open a bundle on its base model.

    Raises: CorruptObject if a file is missing, added, changed or of a kind that could execute, if the base or the
    tokenizer is another, or if the bundle's digest is not `expected`. Nothing is deserialised before.
    """
    files.check_readable(folder)
    files.check_readable(base)
    manifest = read_manifest(folder)
    _expect(folder, "bundle", expected or manifest.digest(), manifest.digest())
    _check_files(folder, manifest)
    _expect(folder, "base model", manifest.base, files.weights_digest(base))
    _expect(folder, "tokenizer", manifest.tokenizer, files.tokenizer_digest(folder / TOKENIZER))
    _expect(folder, "tokenizer of the base", manifest.tokenizer, files.tokenizer_digest(base))
    for name, digest in ((ADAPTER, manifest.adapter), (EVOLVER, manifest.evolver_adapter)):
        if digest is not None or (folder / name).exists():
            _expect(folder, name, digest, files.adapter_digest(folder / name))
    profile = _profile(folder)
    _expect(folder, "profile", manifest.profile, profile.digest())
    return Bundle(folder, base, manifest, profile)


def read_manifest(folder: Path) -> BundleManifest:
    """What a bundle folder says of itself; `load` is what checks it. Raises: CorruptObject."""
    try:
        return BundleManifest.from_bytes((folder / MANIFEST).read_bytes())
    except (OSError, ValidationError) as error:
        raise CorruptObject(f"{folder} has no readable {MANIFEST}: {type(error).__name__}. Fetch it again") from error


def _profile(folder: Path) -> PromptProfile:
    try:
        return PromptProfile.from_bytes((folder / PROFILE).read_bytes())
    except ValidationError as error:
        raise CorruptObject(
            f"{folder} has a {PROFILE} that this version cannot speak by, its {error.errors()[0]['loc'][0]} for one. "
            "Serve it with the version that made it, or install its base in a new home"
        ) from error


def _check_files(folder: Path, manifest: BundleManifest) -> None:
    digests = _digests(folder)
    wrong = sorted(name for name in {*digests, *manifest.files} if digests.get(name) != manifest.files.get(name))
    if wrong:
        states = {
            name: "missing"
            if name not in digests
            else "not in the manifest"
            if name not in manifest.files
            else "changed"
            for name in wrong
        }
        raise CorruptObject(
            f"bundle {manifest.name} in {folder}: {', '.join(f'{name} is {state}' for name, state in states.items())}. "
            "Fetch it again from the registry"
        )


def _digests(folder: Path) -> dict[str, Sha256]:
    """Relative path -> digest of every file but the manifest."""
    return {
        path.relative_to(folder).as_posix(): files.sha256_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / MANIFEST
    }


def _copy(source: Path, target: Path, names: tuple[str, ...]) -> None:
    files.check_readable(source)
    target.mkdir()
    for name in names:
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)


def _expect(folder: Path, what: str, expected: str | None, actual: str) -> None:
    if expected != actual:
        raise CorruptObject(
            f"bundle {folder}: {what} has digest {actual[:12]}, expected {expected[:12] if expected else 'none'}"
        )
