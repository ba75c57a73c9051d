"""Who holds a lease: a process, named so that others on its machine can see that it is gone.

A process id alone is reused, and two containers of one machine have the same ids for different processes. So the name
is the machine's boot, the process namespace, the user, the id and the time at which that process started, as Linux
tells them.
"""

import os
import socket
from functools import cache
from pathlib import Path

_PROC = Path("/proc")
_START_FIELD = 19
"""Of /proc/PID/stat, counted after the name in brackets: `starttime`, in ticks since boot (proc(5))."""
_STATE_FIELD = 0
_DEAD_STATES = ("Z", "X")
"""A zombie does nothing any more; it only waits to be reaped."""


def this_process() -> str:
    """The name of this process. Off Linux it says nothing that others could look up: expiry has to do."""
    return named(os.getpid())


def named(pid: int) -> str:
    """The name of the process with this id now; of one that is gone, a name that no other ever had."""
    started = _started(pid)
    if _here() is None or started is None:
        return f"{socket.gethostname()}/{pid}/-"
    return f"{_here()}/{pid}/{started}"


def is_dead(holder: str) -> bool:
    """Whether a holder ran on this machine and is gone. False if it lives, or cannot be seen from here."""
    place, _, process = holder.rpartition("/")
    place, _, pid = place.rpartition("/")
    if place != _here() or not pid.isdigit():
        return False
    return _started(int(pid)) != process


def is_alive(holder: str) -> bool:
    """Whether a holder is seen to run, on this machine. False as well if it cannot be seen from here."""
    place, _, started = holder.rpartition("/")
    pid = place.rpartition("/")[2]
    return pid.isdigit() and started.isdigit() and named(int(pid)) == holder


@cache
def _here() -> str | None:
    """This boot of this machine, the process namespace in it, and our user. None where Linux does not tell.

    The user belongs to it: /proc may hide the processes of others (`hidepid`), who then only look dead.
    """
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        namespace = os.readlink(_PROC / "self/ns/pid")
        is_ours = os.readlink(_PROC / "self") == str(os.getpid())  # not so if /proc shows another namespace
    except OSError:
        return None
    return f"{boot}/{namespace}/{os.getuid()}" if is_ours else None


def _started(pid: int) -> str | None:
    """When the process with this id started; None if there is none that still runs."""
    try:
        # The name in brackets may itself hold brackets and blanks: what follows the last one is fields.
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[_STATE_FIELD] in _DEAD_STATES else fields[_START_FIELD]
