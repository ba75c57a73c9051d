"""What code a stage runs: the digest of the first-party source that a module imports, transitively.

A cache key made from a task's own source misses every change in the functions that it calls; one made
from the whole commit redoes everything for a typo in the docs. The import closure is what really ran.
"""

import ast
import subprocess
from functools import cache
from pathlib import Path

from aoi.records.base import Sha256, sha256_hex

FIRST_PARTY = ("kubeworld", "aoi", "models", "data_contracts", "tasks", "flows")


@cache
def import_closure(module: str) -> tuple[str, ...]:
    """Names of all first-party modules that importing `module` can reach, sorted, itself included.

    Imports inside functions count: a stage imports its heavy vendors late. Static, so nothing is run.
    Raises: ModuleNotFoundError if `module` is not first-party or does not exist.
    """
    if _file(module) is None:
        raise ModuleNotFoundError(f"no first-party module {module}")
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = _file(name)
        if name in seen or path is None:
            continue
        seen.add(name)
        package, _, _ = name.rpartition(".")
        waiting += [package] if package else []
        waiting += _imports(path)
    return tuple(sorted(seen))


@cache
def source_digest(module: str) -> Sha256:
    """SHA-256 over the names and bytes of the closure's files (Python, templates are not included)."""
    parts = []
    for name in import_closure(module):
        path = _file(name)
        assert path is not None
        parts.append(f"{name} {sha256_hex(path.read_bytes())}")
    return sha256_hex("\n".join(parts).encode())


@cache
def revision() -> str:
    """Commit of the checkout, with `+` if files differ; the loop's source digest where there is no git."""
    root = Path(__file__).resolve().parent.parent
    command = ["git", "-C", str(root), "describe", "--always", "--dirty=+", "--abbrev=12"]
    try:
        described = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return source_digest("flows.retrain")[:12]
    return described.stdout.strip()


def _imports(path: Path) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return [name for name in names if name.split(".", maxsplit=1)[0] in FIRST_PARTY]


def _file(module: str) -> Path | None:
    """Source file of a first-party module, without importing it."""
    parts = module.split(".")
    if parts[0] not in FIRST_PARTY:
        return None
    base = Path(__file__).resolve().parent.parent.joinpath(*parts)
    candidates = (base.with_suffix(".py"), base / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)
