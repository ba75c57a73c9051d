"""Looks up a server's name and connects, within one time: the system's own lookup takes as long as it likes."""

import socket
import threading
import time
from concurrent.futures import Future
from typing import Any

Address = tuple[int, int, int, Any]
"""Family, type, protocol, and what to connect to."""

_lock = threading.Lock()
_under_way: dict[tuple[str, int], "Future[list[Address]]"] = {}
"""A name that hangs keeps one thread, however often it is asked for."""


def addresses(host: str, port: int, timeout_s: float) -> list[Address]:
    """Where a name leads. Raises: socket.gaierror, TimeoutError."""
    with _lock:
        future = _under_way.get((host, port))
        if future is None:
            future = _under_way[host, port] = Future()
            threading.Thread(target=_look_up, args=(host, port, future), name="lookup", daemon=True).start()
    return future.result(max(timeout_s, 0.001))


def _look_up(host: str, port: int, future: "Future[list[Address]]") -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        future.set_result([(family, kind, protocol, address) for family, kind, protocol, _, address in found])
    except Exception as error:
        failed = error if isinstance(error, OSError) else socket.gaierror(socket.EAI_NONAME, "it is no name")
        future.set_exception(failed)
    finally:
        with _lock:
            _under_way.pop((host, port), None)


def connected(host: str, port: int, timeout_s: float) -> socket.socket:
    """A socket to the first address that accepts, of all of them within this time.

    Raises: socket.gaierror, TimeoutError, OSError of the last address.
    """
    ends_s = time.monotonic() + timeout_s
    failed: OSError = TimeoutError("timed out")
    for family, kind, protocol, address in addresses(host, port, timeout_s):
        left_s = ends_s - time.monotonic()
        if left_s <= 0:
            break
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(left_s)
            sock.connect(address)
        except OSError as error:
            failed = error
            sock.close()
        else:
            return sock
    raise failed
