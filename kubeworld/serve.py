"""Serves clusters to whoever has a Kubernetes client: in a `with` block, or in the foreground until Ctrl-C.

`serve` is for programs and tests, `serve_until_interrupted` for commands: `python -m kubeworld` is one.
"""

import asyncio
import errno
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from kubeworld.api.server import api_of
from kubeworld.behaviours import BehavioursFile, apply, parse
from kubeworld.bootstrap import add_default_roles, empty_world
from kubeworld.front import (
    CLUSTER,
    Context,
    Front,
    Scaled,
    Stepped,
    is_ours,
    serve_until_stopped,
    serving,
    write_contexts,
)
from kubeworld.machine.anchor import anchor
from kubeworld.machine.identity import ADMIN, Identity
from kubeworld.machine.world import World

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Tenant:
    """A world and how its user finds it."""

    name: str
    """Its context in the kubeconfigs, and its id in the URL where several are served."""
    world: World
    namespace: str = "default"
    """Where its contexts begin."""


@dataclass(frozen=True)
class Kubeconfigs:
    """The files that open what is served, each with a context for every tenant. They live as long as the server."""

    identities: Mapping[Path, Identity]
    """File -> whose token is in it."""
    cluster: str = CLUSTER
    """What the clusters in them are called."""

    def check(self) -> None:
        """That they can be written.

        Raises: FileExistsError with the name of a file that others wrote, NotADirectoryError with that of no folder.
        """
        for path in self.identities:
            if path.exists() and not self._is_ours(path):
                raise FileExistsError(errno.EEXIST, "exists and is no kubeconfig of an earlier run", str(path))
            if not path.parent.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, "is no folder", str(path.parent))

    def write(self, front: Front, tenants: Sequence[Tenant]) -> None:
        """With new tokens for a front that runs."""
        for path, identity in self.identities.items():
            contexts = []
            for tenant in tenants:
                url = front.url if len(tenants) == 1 else f"{front.url}/w/{tenant.name}"
                contexts.append(Context(tenant.name, url, api_of(tenant.world).tokens.add(identity), tenant.namespace))
            write_contexts(path, front.authority_pem, contexts, cluster=self.cluster)

    def remove(self) -> None:
        """Authority and tokens die with the server: the files would open nothing."""
        for path in self.identities:
            if self._is_ours(path):
                path.unlink()

    def _is_ours(self, path: Path) -> bool:
        return path.is_file() and is_ours(path, self.cluster)


@dataclass(frozen=True)
class ServedCluster:
    """A cluster that clients can talk to, as its administrator."""

    kubeconfig: Path
    url: str
    token: str
    """Bearer token of an administrator."""
    ca_file: Path
    """What clients without a kubeconfig have to trust (PEM)."""
    front: Front

    def advance(self, seconds: float) -> None:
        """Let simulated time pass at once: timers fire in order, and the cluster settles after each.

        After a write there is nothing to wait for: it is answered when the cluster has settled at that instant.
        """
        self.front.advance(round(seconds * 1000))

    def call(self, action: Callable[[World], T]) -> T:
        """Look at the world, or change it, in the thread that serves it: nobody else may touch it meanwhile."""
        return self.front.call(lambda: action(self.front.worlds[""]))


def _report(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def ending_now(world: World) -> World:
    """The world as a person expects a cluster: its past ends now, and it has the roles that every cluster has."""
    add_default_roles(world)
    anchor(world, int(time.time() * 1000))
    return world


def front_of(tenants: Sequence[Tenant], mode: Stepped | Scaled) -> Front:
    """One tenant is served at `/`, several at `/w/NAME/`."""
    return Front({"" if len(tenants) == 1 else tenant.name: tenant.world for tenant in tenants}, mode)


def follow_behaviours(front: Front, path: Path, report: Callable[[str], None] = _report) -> None:
    """Have the worlds of a front, which does not run yet, behave as a file says, and again whenever it changes.

    `report` is told of changes. Raises: BadBehaviours, OSError.
    """
    file = BehavioursFile(path, tuple(front.worlds.values()), report)
    front.chores = (*front.chores, file.look)


@contextmanager
def serve(
    nodes: int = 1,
    *,
    seed: int = 0,
    speed: float = 1.0,
    port: int = 0,
    behaviours: str | Path | Sequence[Mapping[str, object]] | None = None,
) -> Iterator[ServedCluster]:
    """Serve a cluster with nothing but the system in it on 127.0.0.1 while the block runs, in a thread of its own.

    `speed` is simulated seconds for each second of the wall clock; 0: time stands still but for `advance`. Port 0 takes
    a free one. Equal seeds give equal names, uids and addresses. `behaviours` is a file, read again whenever it
    changes, or its entries. Raises: BadBehaviours, OSError.
    """
    tenant = Tenant(CLUSTER, ending_now(empty_world(nodes, seed)))
    front = front_of([tenant], Scaled(speed) if speed else Stepped())
    if isinstance(behaviours, str | Path):
        follow_behaviours(front, Path(behaviours))
    elif behaviours is not None:
        apply(tenant.world, parse(behaviours))
    with tempfile.TemporaryDirectory(prefix="kubeworld-") as name, serving(front, port):
        folder = Path(name)
        files = Kubeconfigs({folder / "kubeconfig": ADMIN})
        front.call(lambda: files.write(front, [tenant]))
        (folder / "ca.pem").write_bytes(front.authority_pem)
        token = front.call(lambda: api_of(tenant.world).tokens.add(ADMIN))
        yield ServedCluster(folder / "kubeconfig", front.url, token, folder / "ca.pem", front)


def serve_until_interrupted(
    front: Front, tenants: Sequence[Tenant], kubeconfigs: Kubeconfigs, port: int, announce: Callable[[], None]
) -> None:
    """Serve until Ctrl-C, SIGTERM or SIGHUP; the kubeconfigs are there when `announce` is called, and gone at the end.

    Raises: OSError if the port cannot be had; what `Kubeconfigs.check` raises.
    """
    kubeconfigs.check()

    def ready() -> None:
        kubeconfigs.write(front, tenants)
        announce()

    try:
        asyncio.run(serve_until_stopped(front, port, ready))
    finally:
        kubeconfigs.remove()
