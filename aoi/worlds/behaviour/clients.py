"""Load that somebody sends: pods of load generators, read as their tools read their command lines.

Sources: https://fortio.org (`fortio load -qps N URL`), https://github.com/rakyll/hey (`hey -q N -c N URL`).
"""

import re
from collections.abc import Iterator

from aoi.worlds.behaviour.launch import split_image
from aoi.worlds.behaviour.network import Network, is_ready
from aoi.worlds.behaviour.strains import Surge
from kubeworld.machine.store import Obj

TOOLS = ("fortio", "hey")
"""Last part of the image's repository, or of the program's path."""
HEY_WORKERS = 50
FORTIO_QPS = 8.0
"""What the tools do when they are told nothing."""
_URL = re.compile(r"https?://([A-Za-z0-9.-]+:\d{2,5})")
_RATE = re.compile(r"(?:^|\s)-(?:qps|q)[= ](\d+(?:\.\d+)?)")
_WORKERS = re.compile(r"(?:^|\s)-c[= ](\d+)")


def surges_of(network: Network) -> Iterator[Surge]:
    """What load generators of the namespace send, by the component that answers where they send it."""
    totals: dict[str, float] = {}
    for pod in network.strangers:
        if not is_ready(pod):
            continue
        for container in pod["spec"]["containers"]:
            asked = _asked(container)
            if asked is None:
                continue
            address, rps = asked
            name = network.answers_at(address)
            if name is not None:
                totals[name] = totals.get(name, 0.0) + rps
    yield from (Surge(name, round(rps, 3)) for name, rps in sorted(totals.items()))


def _asked(container: Obj) -> tuple[str, float] | None:
    """(address, requests a second) that a container's command line says."""
    words = [*(container.get("command") or ()), *(container.get("args") or ())]
    tool = split_image(container.get("image", ""))[0].rpartition("/")[2]
    tool = tool if tool in TOOLS else (words[0].rpartition("/")[2] if words else "")
    text = " ".join(words)
    url = _URL.search(text)
    if tool not in TOOLS or url is None:
        return None
    rate, workers = _RATE.search(text), _WORKERS.search(text)
    if tool == "fortio":
        return url[1], float(rate[1]) if rate else FORTIO_QPS
    # hey's rate is that of each of its workers; without one they ask as fast as they are answered.
    each = float(rate[1]) if rate else 20.0
    return url[1], each * (int(workers[1]) if workers else HEY_WORKERS)
