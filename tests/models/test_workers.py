import subprocess
import sys
import time
from pathlib import Path

import pytest

from aoi.database.holders import is_dead, named
from tests.command import environment

ENDED_S = 60.0
COMPUTES = """
import os, time
from models.workers import worker_pool

def work(number):
    print(os.getpid(), os.getppid(), flush=True)  # whoever they are forked from among them
    time.sleep(600)

if __name__ == "__main__":
    with worker_pool(2) as pool:
        list(pool.map(work, range(2)))
"""


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_workers_and_what_they_are_forked_from_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "computes.py"
    script.write_text(COMPUTES)
    with subprocess.Popen(
        [sys.executable, str(script)], env=environment(tmp_path), stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        told = [pid for _ in range(2) for pid in parent.stdout.readline().split()]
        assert len(set(told)) == 3, "two workers, forked from one process"
        processes = {named(int(pid)) for pid in told}
        assert not any(map(is_dead, processes))
        parent.kill()  # this one alone: its group would take the others with it
    deadline = time.monotonic() + ENDED_S
    while not all(map(is_dead, processes)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert all(map(is_dead, processes))
