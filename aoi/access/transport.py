"""The one interface through which anything in AOI talks to a cluster.

Agents know `ReadTransport` (Probe) or `Transport` (Executor, behind its approval). A transport sets the
identity itself; a caller cannot choose one. `ReadRequest` has no method, no body and no free path, so a
mutating request cannot be expressed, let alone sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable

from aoi.access.reading import check_readable


class Backend(StrEnum):
    """Where a request goes. Each backend has its own allow-list."""

    KUBERNETES = "kubernetes"
    PROMETHEUS = "prometheus"
    JAEGER = "jaeger"


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """A GET on an allow-listed path. Construction refuses every other path (see `aoi.access.reading`)."""

    path: str
    query: tuple[tuple[str, str], ...] = ()
    accept: str = "application/json"
    backend: Backend = Backend.KUBERNETES

    def __post_init__(self) -> None:
        self.check()

    def check(self) -> None:
        """Look again, as a transport does before it sends. Raises: CommandRefused."""
        check_readable(self.backend, self.path, self.query, self.accept)


@dataclass(frozen=True, slots=True)
class Request:
    """Any request. Built by the Executor's typed actions, by injectors and by oracles; never by the Probe."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    backend: Backend = Backend.KUBERNETES
    dry_run: bool = False
    """Sent as `dryRun=All`: validated, admitted, answered, not stored."""


@dataclass(frozen=True, slots=True)
class Response:
    """What came back, whole. `status` is the HTTP status."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    is_final: bool = False
    """The transport's own refusal of an answer (a redirect, a login page, too many bytes): asking again changes
    nothing."""


class ReadTransport(Protocol):
    """All that the Observer's and the Probe's process path can hold."""

    def read(self, request: ReadRequest) -> Response:
        """Send one GET. Raises: ClusterUnavailable; HTTP errors are responses, not exceptions."""
        ...


@runtime_checkable
class TimedReadTransport(ReadTransport, Protocol):
    """Can also be told how long one read may take."""

    def read_within(self, request: ReadRequest, timeout_s: float) -> Response:
        """Send one GET that ends within `timeout_s` of wall-clock time. Raises: ClusterUnavailable."""
        ...


class Transport(ReadTransport, Protocol):
    """Can also write, as the identity it was made for."""

    def request(self, request: Request) -> Response:
        """Send one request. Raises: ClusterUnavailable; HTTP errors are responses, not exceptions."""
        ...
