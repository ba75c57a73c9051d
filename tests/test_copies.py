"""No block of code stands in two places."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("kubeworld", "aoi", "models", "data_contracts", "tasks", "flows")
SYMILAR = Path(sys.executable).with_name("symilar")


def _copies(files: list[Path]) -> str:
    """What the detector says of runs of more than ten equal lines."""
    command = [str(SYMILAR), "--duplicates=10", "--ignore-comments", *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _without_imports(path: Path) -> str:
    """The text with its imports blank: the detector's own way to pass over them takes minutes."""
    lines = path.read_text().splitlines()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import | ast.ImportFrom):
            lines[node.lineno - 1 : node.end_lineno] = [""] * ((node.end_lineno or node.lineno) - node.lineno + 1)
    return "\n".join(lines)


def test_no_block_of_more_than_ten_lines_is_copied_in_product_code(tmp_path: Path) -> None:
    files = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    assert all(any(path.is_relative_to(ROOT / package) for path in files) for package in PACKAGES)
    bare = [tmp_path / path.relative_to(ROOT).as_posix().replace("/", ".") for path in files]
    for path, copy in zip(files, bare, strict=True):
        copy.write_text(_without_imports(path))
    said = _copies(bare)
    assert "duplicates=0 " in said, said


@pytest.mark.parametrize(("lines", "is_told"), [(10, False), (11, True)])
def test_the_detector_sees_a_block_of_eleven_lines_and_none_of_ten(tmp_path: Path, lines: int, is_told: bool) -> None:
    block = "".join(f"value_{number} = {number} * offset\n" for number in range(lines))
    for name in ("left", "right"):
        (tmp_path / f"{name}.py").write_text(f"offset = len({name!r})\nname_of_{name} = {name!r}\n{block}")
    assert shutil.which(str(SYMILAR))
    assert ("duplicates=0 " not in _copies(sorted(tmp_path.glob("*.py")))) is is_told
