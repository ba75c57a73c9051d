"""What the kubelet asks of whatever runs inside containers. The application model answers it.

`PlainRuntime` (plain_runtime.py) is one for images that nobody described.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

WebhookSort = Literal["validating", "mutating"]
SORTS: tuple[WebhookSort, ...] = ("validating", "mutating")
ImageError = Literal[
    "not_found", "invalid_name", "pull_denied", "unauthorized", "registry_unreachable", "untrusted", "timeout"
]


@dataclass(frozen=True, slots=True)
class ExitPlan:
    """A container that will end by itself."""

    after_ms: int
    code: int
    reason: Literal["Completed", "Error", "OOMKilled"]
    message: str = ""
    """What it writes to its terminationMessagePath."""


@dataclass(frozen=True, slots=True)
class EvictionPlan:
    """A container that will write more than it may: the kubelet evicts its pod at its next look."""

    after_ms: int
    message: str
    """As the pod's status and event carry it."""


@dataclass(frozen=True, slots=True)
class ContainerPlan:
    """What a container does when it is started now, in the world as it is."""

    pull_ms: int = 400
    image_error: ImageError | None = None
    is_image_absent: bool = False
    """The node pulls the image though it did so before."""
    start_error: str | None = None
    """Message of a RunContainerError, e.g. an executable that is not in $PATH."""
    ready_after_ms: int = 0
    """From start until its readiness would succeed (if it has a probe, the probe decides)."""
    exit: ExitPlan | None = None
    evict: EvictionPlan | None = None
    ask_again_ms: int | None = None
    """It waits for something: how it ends is asked again after so long. None for what follows from its start."""
    stop_ms: int = 1000
    """From SIGTERM to its exit; beyond the grace period it is killed (137)."""
    stop_code: int = 143
    """Exit code after SIGTERM."""


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """What a liveness, readiness or startup probe gets back."""

    success: bool
    message: str = ""
    """As the kubelet's Unhealthy event carries it after `<Kind> probe failed: `."""
    until_ms: int | None = None
    """World time at which the answer may change by itself; None if only a change of the world can change it."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a container's log, at simulated time."""

    at_ms: int
    text: str
    """Bytes that are no UTF-8 stand in it as lone surrogates (PEP 383), from which `data` makes them again."""
    is_whole: bool = True
    """False for what a program wrote last without ending the line."""

    @classmethod
    def of_bytes(cls, at_ms: int, data: bytes, *, is_whole: bool = True) -> "LogLine":
        """A line of any bytes, without its newline."""
        return cls(at_ms, data.decode("utf-8", "surrogateescape"), is_whole)

    @property
    def data(self) -> bytes:
        """As it was written, with its newline."""
        return self.text.encode("utf-8", "surrogateescape") + (b"\n" if self.is_whole else b"")


@runtime_checkable
class StoredLog(Protocol):
    """A log that lies somewhere in one piece: its bytes can be had without taking its lines apart."""

    def data(self, limit_bytes: int | None = None) -> bytes:
        """The lines as they were written, one after another; only the first bytes under a limit."""
        ...


@dataclass(frozen=True, slots=True)
class CreateObject:
    """A container creates an object, unless it is there."""

    manifest: Mapping[str, Any]
    """Without a namespace it goes where the pod is."""


@dataclass(frozen=True, slots=True)
class CreateCertificate:
    """A container makes a self-signed authority and a certificate, and keeps them in a Secret, unless that is there."""

    secret: str
    namespace: str
    """Empty: the pod's."""
    names: tuple[str, ...]
    """Hosts and addresses that the certificate is for."""
    authority_key: str = "ca"
    certificate_key: str = "cert"
    private_key: str = "key"
    type: str = "Opaque"


@dataclass(frozen=True, slots=True)
class TrustCertificate:
    """A container writes the authority out of a Secret into webhook configurations, APIServices and definitions."""

    secret: str
    namespace: str
    authority_key: str = "ca"
    webhooks: str = ""
    """Name of the configurations, of both sorts; empty: none."""
    sorts: tuple[WebhookSort, ...] = SORTS
    failure_policy: str = ""
    """What their webhooks get; empty: what they have."""
    api_service: str = ""


Work = CreateObject | CreateCertificate | TrustCertificate


@dataclass(frozen=True, slots=True)
class Usage:
    """What metrics.k8s.io and cAdvisor report for one container."""

    cpu_millicores: int
    memory_bytes: int
