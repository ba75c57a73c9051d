"""What code a stage runs."""

import ast
import sys
from pathlib import Path

import pytest

from aoi import source


def test_the_closure_holds_what_a_module_imports_late_and_what_that_imports() -> None:
    closure = source.import_closure("tasks.train")
    assert "models.training.grpo" in closure  # imported inside a function
    assert "models.network" in closure  # imported by models.training.grpo
    assert "aoi.learning.rewards" in closure


def test_the_closure_leaves_out_what_is_not_reached() -> None:
    assert not any(name.startswith(("flows", "tasks")) for name in source.import_closure("aoi.agents.episode"))


def test_a_change_in_a_reached_module_changes_the_digest_and_one_elsewhere_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "aoi"
    package.mkdir()
    for name, text in {"__init__": "", "a": "from aoi import b\n", "b": "X = 1\n", "c": "Y = 1\n"}.items():
        (package / f"{name}.py").write_text(text)
    monkeypatch.setattr(source, "__file__", str(package / "source.py"))

    def digest() -> str:
        source.source_digest.cache_clear()
        source.import_closure.cache_clear()
        return source.source_digest("aoi.a")

    before = digest()
    (package / "c.py").write_text("Y = 2\n")
    assert digest() == before
    (package / "b.py").write_text("X = 2\n")
    assert digest() != before
    monkeypatch.undo()
    source.source_digest.cache_clear()
    source.import_closure.cache_clear()


def test_every_first_party_import_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compared with what Python itself loads: nothing that runs at import may be missing from the closure."""
    import aoi.agents.episode  # noqa: F401

    closure = set(source.import_closure("aoi.agents.episode"))
    path = Path(sys.modules["aoi.agents.episode"].__file__ or "")
    imported = {node.module or "" for node in ast.parse(path.read_text()).body if isinstance(node, ast.ImportFrom)}
    own = {module for module in imported if module.startswith("aoi")}
    assert own
    assert own <= closure


def test_a_module_of_a_vendor_is_refused() -> None:
    with pytest.raises(ModuleNotFoundError, match="no first-party module numpy"):
        source.import_closure("numpy")


def test_every_folder_with_modules_is_a_package_so_that_import_contracts_see_it() -> None:
    root = Path(__file__).resolve().parents[1]
    folders = {path.parent for name in source.FIRST_PARTY for path in (root / name).rglob("*.py")}
    assert folders
    assert [folder for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []
