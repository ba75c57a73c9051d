"""Nothing that looks can write: read from the source, module by module."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from aoi.access import transport

ROOT = Path(__file__).parents[2]
WRITERS = (
    "aoi.agents.executor",
    "aoi.agents.actions",
    "aoi.problems.sandbox",
    "aoi.agents.approval",
    "aoi.agents.journal",
)
READ_PATH = (
    "aoi.agents.probe", "aoi.agents.checks", "aoi.agents.observer", "aoi.access.reading",
    "aoi.access.replay", "aoi.access.recording", "aoi.access.patience",
)  # fmt: skip
PACKAGES = ("aoi.agents.kubectl", "aoi.agents.compressor", "aoi.access.redaction")
HEAVY = ("kubernetes", "kubeworld")


def _modules() -> list[str]:
    modules = list(READ_PATH)
    for package in PACKAGES:
        files = sorted((ROOT / package.replace(".", "/")).glob("*.py"))
        assert files, f"{package} is not there"
        modules += [f"{package}.{path.stem}" for path in files]
    return modules


def _path(module: str) -> Path:
    return ROOT / (module.replace(".", "/") + ".py")


def _imports(tree: ast.AST) -> set[tuple[str, str]]:
    """(module, name) pairs; name is empty for `import module`."""
    found: set[tuple[str, str]] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {(alias.name, "") for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {(node.module or "", alias.name) for alias in node.names}
    return found


@pytest.mark.parametrize("module", [*WRITERS, *READ_PATH, *PACKAGES, *HEAVY])
def test_what_is_named_here_is_there(module: str) -> None:
    """Or else the tests below would look for something that nobody could import."""
    assert importlib.util.find_spec(module) is not None


@pytest.mark.parametrize("module", _modules())
def test_module_of_the_read_path_cannot_name_a_mutating_request(module: str) -> None:
    tree = ast.parse(_path(module).read_text())
    imports = _imports(tree)
    writing = {transport.Request.__name__, transport.Transport.__name__}
    assert not {name for source, name in imports if name in writing and "transport" in source}
    assert not {source for source, _ in imports if source.startswith(WRITERS)}
    # Reaching it as an attribute of the module would be the same.
    package, _, name = transport.__name__.rpartition(".")
    assert (package, name) not in imports
    assert (transport.__name__, "") not in imports
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert transport.Transport.request.__name__ not in attributes
    assert not {"eval", "exec", "__import__", "compile"} & {
        node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }


@pytest.mark.parametrize("module", _modules())
def test_module_of_the_read_path_runs_no_program_and_opens_no_connection(module: str) -> None:
    allowed_files = {"aoi.access.recording"}
    sources = {source.partition(".")[0] for source, _ in _imports(ast.parse(_path(module).read_text()))}
    assert not sources & {
        "subprocess",
        "os",
        "pty",
        "socket",
        "httpx",
        "requests",
        "urllib3",
        "shutil",
        "ctypes",
        "pickle",
    }
    if module not in allowed_files:
        assert "pathlib" not in sources


def test_probe_in_a_process_of_its_own_loads_nothing_that_writes() -> None:
    code = f"import sys, aoi.agents.probe; print([m for m in sys.modules if m.startswith({WRITERS!r})])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert out.stdout.strip() == "[]"


def test_probe_module_loads_no_embedded_world_and_no_client() -> None:
    code = f"import sys, aoi.agents.probe; print([m for m in sys.modules if m.startswith({HEAVY!r})])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert out.stdout.strip() == "[]"
