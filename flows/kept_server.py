"""The Prefect server of a home folder, in a process that ends by itself once no command of the home holds it.

`flows.server` starts it. A command that is killed cannot stop what it started, but the lock that it held is free then,
and whoever sees that has nobody left to serve. Imports nothing of ours: it shall start as fast as Prefect does.
"""

import fcntl
import os
import runpy
import signal
import sys
import threading
import time
from pathlib import Path

HOST = "127.0.0.1"
USERS = "server.lock"
"""Held shared by every command that uses the server, exclusively by whoever stops it."""
STATE = "server.json"
"""Which process serves, and where."""
POLL_S = 1.0
GRACE_S = 10.0
"""For a server that was told to end."""


def command(folder: Path, port: int) -> list[str]:
    """What starts it."""
    return [sys.executable, "-m", "flows.kept_server", str(folder), str(port)]


def main() -> None:
    """Serve. Arguments: Prefect's folder of the home, the port."""
    folder, port = sys.argv[1:]
    threading.Thread(target=_end_when_left, args=(Path(folder),), name="users", daemon=True).start()
    sys.argv = ["prefect", "server", "start", "--host", HOST, "--port", port]
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)


def _end_when_left(folder: Path) -> None:
    """Who starts the server holds the lock before and while it starts, so a free lock says that all are gone."""
    with (folder / USERS).open("a+b") as users:
        while not is_free(users.fileno()):
            time.sleep(POLL_S)
        # Held until this process is gone: who comes now waits, and then starts a server of its own.
        (folder / STATE).unlink(missing_ok=True)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE_S)
        os.kill(os.getpid(), signal.SIGKILL)


def is_free(lock: int) -> bool:
    """Whether nobody else holds the lock. It is held exclusively then, and otherwise no more at all."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


if __name__ == "__main__":
    main()
