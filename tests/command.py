"""The `aoi` command as its user runs it: in a process of its own, in a home of its own."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

AOI = [sys.executable, "-m", "flows.entry"]


class Ended(NamedTuple):
    """What a command came to that was run in this process."""

    status: int
    out: str
    err: str


def environment(home: Path, **variables: str) -> dict[str, str]:
    """This process's variables without settings of AOI or Prefect, and those given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AOI_", "PREFECT_"))}
    return {**kept, "AOI_HOME": str(home), **variables}


def aoi(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    where = environment(home, **variables)
    return subprocess.run([*AOI, *arguments], env=where, capture_output=True, text=True, timeout=900, check=False)
