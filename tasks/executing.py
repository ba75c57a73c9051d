"""The Executor on a live cluster: an identity of its own, one at a time in each namespace, with one journal there.

`tasks/actions.py` calls it. Everything is bound to the namespace's uid, as both identities read it: whatever a cluster
is called and by whatever address it is reached, one namespace has one lease and one journal.
"""

import os
import re
import secrets
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aoi.access.transport import ReadRequest, ReadTransport, Request, Response, Transport
from aoi.agents.actions.scripts import read_list
from aoi.agents.approval import GivenApproval
from aoi.agents.executor import Executor
from aoi.agents.journal import Journal
from aoi.agents.read_back import object_of
from aoi.database.clusters import RegisteredCluster
from aoi.database.leases import Lease, Leases
from aoi.errors import ClusterRefused, ClusterUnavailable, SettingsError, StageBusy, StoreNotWritable
from aoi.settings import ClusterSettings
from tasks.live import LiveTarget, connected
from tasks.workspace import workspace

if TYPE_CHECKING:
    from aoi.access.live import LiveTransport

VERIFY_STEP_MS = 2_000
KEY_BYTES = 32
_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


NOTHING = GivenApproval(lambda digest: False, name="nobody", issued_at=datetime.min.replace(tzinfo=UTC))
"""Approves no change."""


@dataclass(frozen=True)
class Site:
    """One namespace of a registered cluster, open for both identities."""

    cluster: str
    namespace: str
    place: str
    """The namespace's uid: becomes a part of a file's name."""
    reader: ReadTransport
    writer: Transport


@dataclass(frozen=True)
class Hands:
    """An Executor that nobody else works beside, and the journal that it writes."""

    executor: Executor
    journal: Journal


@contextmanager
def opened(cluster: RegisteredCluster, namespace: str, settings: ClusterSettings) -> Iterator[Site]:
    """Both identities, each found to hold no more than it is meant to. `settings` say how the cluster is read.

    Raises: SettingsError for a cluster without an identity that may change anything, and for one that may do more than
    the shipped roles; ClusterRefused if the two see different clusters; as `tasks.live.connected`.
    """
    _check_configured(cluster, namespace)
    with (
        connected(LiveTarget(namespaces=(namespace,)), settings) as reader,
        armed(cluster, (namespace,), settings) as writer,
    ):
        yield Site(cluster.name, namespace, same_place(reader, writer, namespace), reader, writer)


@contextmanager
def armed(
    cluster: RegisteredCluster, namespaces: Sequence[str], settings: ClusterSettings
) -> Iterator["LiveTransport"]:
    """The cluster as its Executor. Raises: SettingsError, ClusterRefused, ClusterUnavailable."""
    from aoi.access.live import LiveTransport  # TLS and clients: half a second

    _check_configured(cluster, namespaces[0])
    transport = LiveTransport(
        Path(cluster.executor_kubeconfig),
        namespaces=namespaces,
        context=cluster.executor_context or None,
        timeout_s=settings.request_s,
        check_s=settings.budget_s,
    )
    try:
        yield transport
    finally:
        transport.close()


def _check_configured(cluster: RegisteredCluster, namespace: str) -> None:
    """Raises: SettingsError for a cluster where nothing is changed."""
    if not cluster.executor_kubeconfig:
        raise SettingsError(
            f"cluster {cluster.name} has no identity that may change anything, so nothing is changed there. Make one: "
            f"aoi access print --namespace {namespace} --executor ; then enter it: {_entering(cluster)}"
        )
    if not Path(cluster.executor_kubeconfig).is_file():
        raise SettingsError(
            f"the Executor's kubeconfig {cluster.executor_kubeconfig} of cluster {cluster.name} is no file. Write it "
            f"there, as aoi access print --executor shows, or name another: {_entering(cluster)}"
        )


def same_place(reader: ReadTransport, writer: ReadTransport, namespace: str) -> str:
    """The namespace's uid, which both identities have to see. Raises: ClusterRefused, ClusterUnavailable."""
    seen = [_uid(transport, namespace) for transport in (reader, writer)]
    if seen[0] != seen[1]:
        raise ClusterRefused(
            f"the Probe and the Executor see two different namespaces {namespace} (uid {seen[0]} and {seen[1]}): their "
            "kubeconfigs lead to different clusters. Name the one that belongs to it: aoi clusters add NAME --replace "
            "--kubeconfig FILE --executor-kubeconfig FILE"
        )
    return seen[0]


@contextmanager
def hands(site: Site, rendered_at: datetime, approval: GivenApproval = NOTHING) -> Iterator[Hands]:
    """An Executor in a namespace where no other one works meanwhile, on this machine or any other.

    Without an approval it can look, and send dry runs.
    Raises: StageBusy, CorruptObject for a journal that cannot be read, StoreNotWritable, DatabaseUnavailable.
    """
    ws = workspace()
    lease = ws.leases.take(f"executor/{site.place}", wait_s=0)
    if lease is None:
        raise StageBusy(
            f"another Executor is at work in namespace {site.namespace} of cluster {site.cluster}. Try again when it "
            "is done: aoi actions list"
        )
    try:
        journal = Journal(_folder() / f"{site.namespace}-{site.place}.jsonl")
        settings = ws.settings.executor
        yield Hands(
            Executor(
                _Fenced(site.writer, ws.leases, lease),
                approval,
                journal,
                site.namespace,
                reader=site.reader,
                scripts=read_list(Path(settings.scripts)) if settings.scripts else frozenset(),
                rendered_at=rendered_at,
                verify_ms=round(settings.verify_s * 1000),
                verify_step_ms=VERIFY_STEP_MS,
            ),
            journal,
        )
    finally:
        ws.leases.give_back(lease)


def home_key() -> bytes:
    """What digests of requests are made under: of this home alone, and readable for its owner alone.

    Raises: StoreNotWritable.
    """
    path = _folder() / "key"
    try:
        with suppress(FileExistsError):
            _write_whole(path, secrets.token_bytes(KEY_BYTES))
        key = path.read_bytes()
    except OSError as error:
        raise StoreNotWritable(f"{path}: {error.strerror or error}. Nothing is proposed without it") from error
    if len(key) != KEY_BYTES:
        raise StoreNotWritable(f"{path} is no key of {KEY_BYTES} bytes: delete it, and propose anew what is proposed")
    return key


class _Fenced:
    """The Executor's transport, which lets nothing that changes something through once its lease is lost."""

    def __init__(self, inner: Transport, leases: Leases, lease: Lease) -> None:
        self.read = inner.read
        self._inner, self._leases, self._lease = inner, leases, lease

    def request(self, request: Request) -> Response:
        """Raises: StageBusy if another Executor took over meanwhile; ClusterUnavailable, CommandRefused."""
        if not request.dry_run:
            self._leases.renew(self._lease)
        return self._inner.request(request)


def _folder() -> Path:
    return workspace().settings.home.resolve() / "executor"


def _write_whole(path: Path, data: bytes) -> None:
    """All of a file or nothing, and no file in the place of one that is there. Raises: FileExistsError, OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        raise FileExistsError(path)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, data)
        os.fsync(file)
        os.link(draft, path)
    finally:
        os.close(file)
        draft.unlink()


def _uid(transport: ReadTransport, namespace: str) -> str:
    response = transport.read(ReadRequest(f"/api/v1/namespaces/{namespace}"))
    found: dict[str, Any] = object_of(response) or {}
    metadata = found.get("metadata")
    uid = metadata.get("uid") if response.status == 200 and isinstance(metadata, dict) else None
    if not isinstance(uid, str) or not _UID.fullmatch(uid):
        raise ClusterUnavailable(f"namespace {namespace} could not be read, and told no uid: HTTP {response.status}")
    return uid


def _entering(cluster: RegisteredCluster) -> str:
    """The command that gives a registered cluster an Executor, and keeps the rest of what is known of it."""
    options = [("--kubeconfig", cluster.kubeconfig), ("--context", cluster.context)]
    options += [("-n", namespace) for namespace in cluster.namespaces]
    options += [("--prometheus-url", cluster.prometheus_url), ("--jaeger-url", cluster.jaeger_url)]
    known = " ".join(f"{option} {shlex.quote(value)}" for option, value in options if value)
    return f"aoi clusters add {cluster.name} --replace {known} --executor-kubeconfig FILE"
