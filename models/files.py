"""Model folders on disk: which files they may hold, and the digests that stand for them.

Weights are safetensors and everything else is JSON or text. A pickle in any guise is refused before it is read.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from aoi.errors import CorruptObject
from aoi.records.base import Sha256, canonical_bytes, sha256_hex

WEIGHT_FILES = ("config.json", "generation_config.json", "model.safetensors", "model.safetensors.index.json")
TOKENIZER_FILES = (
    "tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "special_tokens_map.json", "added_tokens.json",
    "vocab.json", "merges.txt",
)  # fmt: skip
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")
READABLE = frozenset({".safetensors", ".json", ".jinja", ".txt", ".md"})
"""Suffixes of files that cannot execute anything when they are read as what they claim to be."""


def sha256_file(path: Path) -> Sha256:
    """Digest of one file's bytes, which are never held at once."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of(files: Mapping[str, Sha256]) -> Sha256:
    """One digest for several files: over their names and digests, in canonical JSON."""
    return sha256_hex(canonical_bytes(dict(files)))


def weights_digest(folder: Path) -> Sha256:
    """What stands for a base model: its configuration and its weights, tokenizer apart."""
    shards = sorted(path.name for path in folder.glob("model-*.safetensors"))
    return _digest_of_present(folder, (*WEIGHT_FILES, *shards))


def tokenizer_digest(folder: Path) -> Sha256:
    """What stands for a tokenizer and its chat template."""
    return _digest_of_present(folder, TOKENIZER_FILES)


def adapter_digest(folder: Path) -> Sha256:
    """What stands for a LoRA adapter: its configuration and its weights."""
    return _digest_of_present(folder, ADAPTER_FILES)


def check_readable(folder: Path) -> None:
    """Refuse a folder that holds anything but safetensors, JSON and text.

    Raises: CorruptObject, naming the first such file. Nothing has been deserialised by then.
    """
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not (path.is_dir() or path.suffix in READABLE):
            raise CorruptObject(
                f"{path.name} in {folder.name}: only {', '.join(sorted(READABLE))} may be loaded, no links and "
                "no pickled weights. Convert the model to safetensors"
            )


def read_weights(paths: Iterable[Path]) -> dict[str, Tensor]:
    """Tensors of safetensors files. Raises: CorruptObject for any other content."""
    weights: dict[str, Tensor] = {}
    for path in paths:
        try:
            weights.update(load_file(str(path)))
        except (SafetensorError, OSError) as error:
            raise CorruptObject(f"{path.name} is not a readable safetensors file: {error}") from error
    return weights


def base_weights(folder: Path) -> dict[str, Tensor]:
    """All tensors of a base model's folder, in 32-bit floats whatever they were published in."""
    paths = sorted(folder.glob("model*.safetensors"))
    if not paths:
        raise CorruptObject(f"{folder.name} holds no model*.safetensors: no other weight format is loaded")
    weights = read_weights(paths)
    for name in weights:
        weights[name] = weights[name].float()  # one after the other: never all of them in both
    return weights


def _digest_of_present(folder: Path, names: Iterable[str]) -> Sha256:
    files = {name: sha256_file(folder / name) for name in names if (folder / name).is_file()}
    if not files:
        raise CorruptObject(f"{folder} holds none of the expected model files")
    return digest_of(files)
