import json
import random
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from aoi.agents.policy import Turn
from aoi.errors import CorruptObject
from aoi.language.profile import SEED_PROFILE
from models import bundle, files
from models.bundle import Bundle, Lineage, Parts
from models.policies.in_process import InProcessPolicy

LINEAGE = Lineage(name="test", code_revision="r1", code_sha256="1" * 64, settings="2" * 64, data=("3" * 64,))


@pytest.fixture
def written(base: Path, adapter: Path, other_adapter: Path, tmp_path: Path) -> Path:
    bundle.write(tmp_path / "bundle", Parts(base, SEED_PROFILE, adapter, other_adapter), LINEAGE)
    return tmp_path / "bundle"


def test_a_bundle_comes_back_as_it_was_written(written: Path, base: Path, adapter: Path) -> None:
    loaded = bundle.load(written, base)
    assert loaded.profile == SEED_PROFILE
    assert loaded.manifest.adapter == files.adapter_digest(adapter)
    assert set(loaded.adapters) == {"observer", "evolver"}
    (answer,) = InProcessPolicy(loaded.base, loaded.adapters).generate([Turn("observer", (3,), 1, 0.0, 0)])
    assert answer.adapter == loaded.manifest.adapter


def test_equal_parts_give_an_equal_digest(written: Path, base: Path, adapter: Path, other_adapter: Path) -> None:
    again = bundle.write(written.parent / "again", Parts(base, SEED_PROFILE, adapter, other_adapter), LINEAGE)
    assert again.digest() == bundle.load(written, base).digest


def test_a_bare_base_is_a_bundle_too(base: Path, tmp_path: Path) -> None:
    manifest = bundle.write(tmp_path / "bare", Parts(base, SEED_PROFILE), LINEAGE)
    loaded = bundle.load(tmp_path / "bare", base, expected=manifest.digest())
    assert loaded.adapters == {}
    assert loaded.manifest.adapter is None


def test_every_flipped_bit_is_refused(written: Path, base: Path) -> None:
    rng = random.Random(0)
    paths = sorted(path for path in written.rglob("*") if path.is_file() and path.name != bundle.MANIFEST)
    for _ in range(60):
        path = rng.choice(paths)
        good = path.read_bytes()
        place, bit = rng.randrange(len(good)), 1 << rng.randrange(8)
        path.write_bytes(good[:place] + bytes([good[place] ^ bit]) + good[place + 1 :])
        with pytest.raises(CorruptObject, match="changed"):
            bundle.load(written, base)
        path.write_bytes(good)
    bundle.load(written, base)


def test_a_changed_manifest_is_another_bundle(written: Path, base: Path) -> None:
    expected = bundle.load(written, base).digest
    path = written / bundle.MANIFEST
    manifest = json.loads(path.read_bytes())
    path.write_text(json.dumps({**manifest, "parent": "someone else"}))
    with pytest.raises(CorruptObject, match="expected"):
        bundle.load(written, base, expected=expected)


def test_missing_and_added_files_are_named(written: Path, base: Path) -> None:
    (written / "adapter" / "extra.json").write_text("{}")
    with pytest.raises(CorruptObject, match=r"extra\.json is not in the manifest"):
        bundle.load(written, base)
    (written / "adapter" / "extra.json").unlink()
    (written / "profile.json").unlink()
    with pytest.raises(CorruptObject, match=r"profile\.json is missing"):
        bundle.load(written, base)


def test_another_base_model_is_refused(written: Path, base: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(base, other)
    weights = load_file(other / "model.safetensors")
    weights["model.norm.weight"][0] += 1e-3
    save_file(weights, other / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CorruptObject, match="base model"):
        bundle.load(written, other)


def test_another_tokenizer_is_refused(written: Path, base: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(base, other)
    (other / "chat_template.jinja").write_text("obey: {{ messages }}")
    with pytest.raises(CorruptObject, match="tokenizer"):
        bundle.load(written, other)


@pytest.mark.parametrize("name", ["weights.bin", "adapter/adapter_model.pt", "x.pkl", "tokenizer/run.py", "a.pth", "b"])
def test_anything_that_could_execute_is_refused_unread(written: Path, base: Path, name: str) -> None:
    owned = written.parent / "owned"
    (written / name).write_bytes(f"cposix\nsystem\n(S'touch {owned}'\ntR.".encode())
    with pytest.raises(CorruptObject, match="no pickled weights"):
        bundle.load(written, base)
    assert not owned.exists()


def test_a_pickle_under_a_good_name_is_refused_unread(written: Path, base: Path, adapter: Path) -> None:
    owned = written.parent / "owned"
    payload = f"cposix\nsystem\n(S'touch {owned}'\ntR.".encode()
    fake = written.parent / "fake"
    fake.mkdir()
    shutil.copyfile(adapter / "adapter_config.json", fake / "adapter_config.json")
    (fake / "adapter_model.safetensors").write_bytes(payload)
    with pytest.raises(CorruptObject, match="not a readable safetensors"):
        bundle.write(written.parent / "bad", Parts(base, SEED_PROFILE, fake), LINEAGE)
    assert not owned.exists()
    assert not (written.parent / "bad").exists()


def test_a_link_out_of_the_bundle_is_refused(written: Path, base: Path) -> None:
    (written / "profile.json").unlink()
    (written / "profile.json").symlink_to("/etc/hostname")
    with pytest.raises(CorruptObject, match="no links"):
        bundle.load(written, base)


def test_a_bundle_is_never_half_written(base: Path, adapter: Path, tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "keep.json").write_text("{}")
    with pytest.raises(FileExistsError):
        bundle.write(tmp_path / "bundle", Parts(base, SEED_PROFILE, adapter), LINEAGE)
    assert [path.name for path in (tmp_path / "bundle").iterdir()] == ["keep.json"]


def test_profile_is_bound_to_the_manifest(written: Path, base: Path) -> None:
    loaded: Bundle = bundle.load(written, base)
    changed = SEED_PROFILE.model_copy(update={"iterations": 60}).to_bytes()
    (written / "profile.json").write_bytes(changed)
    manifest = loaded.manifest.model_copy(
        update={"files": {**loaded.manifest.files, "profile.json": files.sha256_file(written / "profile.json")}}
    )
    (written / bundle.MANIFEST).write_bytes(manifest.to_bytes())
    with pytest.raises(CorruptObject, match="profile"):
        bundle.load(written, base)
