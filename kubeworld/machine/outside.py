"""What whoever serves a world says of programs that answer the API server: webhooks, and the servers of other APIs.

Like the runtime it is no API object and no part of a snapshot; `World.outside` holds it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any


@dataclass(frozen=True, slots=True)
class HookAnswer:
    """What a described admission webhook says to everything that it is asked."""

    name: str
    """Glob on the webhook's own name."""
    failure: str = ""
    """It cannot be asked, for this reason: `context deadline exceeded`."""
    response: Mapping[str, Any] = field(default_factory=lambda: {"allowed": True})
    """Fields of an AdmissionResponse but for its uid."""


@dataclass(frozen=True, slots=True)
class ServiceAddress:
    """Where on this machine the program listens that a Service stands for."""

    namespace: str
    name: str
    host: str
    """A loopback address."""
    port: int


@dataclass(frozen=True, slots=True)
class ApiAvailability:
    """Whether an aggregated API can be reached."""

    name: str
    """Glob on the APIService's name: `v1beta1.custom.metrics.k8s.io`."""
    is_available: bool
    message: str = ""
    """Why it is not."""


@dataclass(frozen=True, slots=True)
class Outside:
    """All that is described; the first entry that matches decides."""

    hooks: tuple[HookAnswer, ...] = ()
    addresses: tuple[ServiceAddress, ...] = ()
    apis: tuple[ApiAvailability, ...] = ()

    def hook(self, name: str) -> HookAnswer | None:
        """What is described of the webhook of this name."""
        return next((entry for entry in self.hooks if fnmatchcase(name, entry.name)), None)

    def address(self, namespace: str, name: str) -> ServiceAddress | None:
        """Where a Service leads."""
        return next(
            (e for e in self.addresses if fnmatchcase(namespace, e.namespace) and fnmatchcase(name, e.name)), None
        )

    def api(self, name: str) -> ApiAvailability | None:
        """What is described of an APIService."""
        return next((entry for entry in self.apis if fnmatchcase(name, entry.name)), None)
