"""A flow of one stage, in a process of its own: `python -m tests.tasks.stage_program WHAT FOLDER`.

Every attempt at the stage adds a line to FOLDER/attempts; the flow's result is the last line on stdout.
"""

import sys
from pathlib import Path
from types import SimpleNamespace

from prefect import flow

from aoi.errors import DatabaseUnavailable, Permanent
from tasks import retrying
from tasks.caching import stage
from tasks.workspace import workspace

WHAT, FOLDER = sys.argv[1], Path(sys.argv[2])


def work(what: str) -> str:
    with (FOLDER / "attempts").open("a") as attempts:
        attempts.write(f"{what}\n")
    number = len((FOLDER / "attempts").read_text().splitlines())
    if what == "permanent":
        raise Permanent("trying again cannot help")
    if what == "transient" and number < 3:
        raise DatabaseUnavailable("the database restarts", retry_in_s=40.0 * number)
    if what == "restart":
        if number == 1:
            print("working", flush=True)
            sys.stdin.readline()  # the test takes the database away now
        return str(workspace().ledger.open_cycle("ann").number)
    if what == "slow":
        print("working", flush=True)
        sys.stdin.readline()
    return f"{what} done"


work.__module__ = "tasks.kept"  # a stage is cached by first-party source, which tests are not


@flow
def program() -> str:
    return stage(timeout_s=300)(work)(WHAT)


if __name__ == "__main__":
    if WHAT == "transient":
        retrying.time = SimpleNamespace(sleep=lambda pause_s: print(f"pause {pause_s:.3f}", flush=True))
    workspace()
    print(program(), flush=True)
