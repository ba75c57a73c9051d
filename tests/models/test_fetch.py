"""Base models from the hub: only what cannot execute, as plain files, without a network where it is switched off."""

from pathlib import Path

import pytest

from aoi.errors import UnknownBundle
from models import files
from models.policies.reference import fetch

COMMIT = "0" * 40


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, which is switched off."""
    cache = tmp_path / "hub"
    cache.mkdir()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return cache


def cache_model(hub: Path, model: str, **contents: bytes) -> None:
    """Lay a model out as the hub does: blobs, and links to them under the commit."""
    folder = hub / f"models--{model.replace('/', '--')}"
    (folder / "blobs").mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(COMMIT)
    for number, (name, data) in enumerate(contents.items()):
        blob = folder / "blobs" / str(number)
        blob.write_bytes(data)
        link = folder / "snapshots" / COMMIT / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(blob)


def test_what_is_fetched_is_plain_and_readable(hub: Path, tmp_path: Path) -> None:
    cache_model(
        hub,
        "made/small",
        **{
            "config.json": b"{}",
            "model.safetensors": b"weights",
            "merges.txt": b"a b",
            "pytorch_model.bin": b"pickle",
            "modeling_small.py": b"code",
            "onnx/config.json": b"{}",
        },
    )

    folder = fetch("made/small", tmp_path / "out")

    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "merges.txt", "model.safetensors"]
    assert (folder / "model.safetensors").read_bytes() == b"weights"
    files.check_readable(folder)


def test_what_was_there_before_is_replaced(hub: Path, tmp_path: Path) -> None:
    cache_model(hub, "made/small", **{"config.json": b"{}", "model.safetensors": b"new"})
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old.json").write_text("{}")

    folder = fetch("made/small", tmp_path / "out")

    assert not (folder / "old.json").exists()


@pytest.mark.parametrize("name", ["made/nothing", "no such name", "a/b/c"])
def test_a_model_that_cannot_be_had_says_what_to_do(hub: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(UnknownBundle, match="AOI_MODEL__BASE"):
        fetch(name, tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_a_model_without_safetensors_is_refused(hub: Path, tmp_path: Path) -> None:
    cache_model(hub, "made/pickled", **{"config.json": b"{}", "pytorch_model.bin": b"pickle"})

    with pytest.raises(UnknownBundle, match="safetensors"):
        fetch("made/pickled", tmp_path / "out")


def test_of_a_folder_what_is_wanted_is_taken_and_links_are_followed(tmp_path: Path) -> None:
    source, elsewhere = tmp_path / "cloned", tmp_path / "blob"
    source.mkdir()
    elsewhere.write_bytes(b"weights")
    (source / "model.safetensors").symlink_to(elsewhere)
    for name in ("config.json", "tokenizer.json", ".gitattributes", "LICENSE", "pytorch_model.bin", "modeling.py"):
        (source / name).write_text("{}")
    (source / ".git").mkdir()

    folder = fetch(str(source), tmp_path / "out")

    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors", "tokenizer.json"]
    assert (folder / "model.safetensors").read_bytes() == b"weights"
    files.check_readable(folder)


def test_a_folder_that_holds_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnknownBundle, match="safetensors"):
        fetch(str(tmp_path / "empty"), tmp_path / "out")
