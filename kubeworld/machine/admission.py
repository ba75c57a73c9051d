"""What admission is asked about, and how it refuses. Who is asked: `World.admission`."""

from dataclasses import dataclass

from kubeworld.machine.identity import Identity
from kubeworld.machine.store import Obj


class Refused(Exception):
    """Admission does not let an object in. Carries what the API answers with."""

    def __init__(self, message: str, code: int = 403, reason: str = "Forbidden") -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Write:
    """One change of a stored object, complete and valid, just before it is stored."""

    resource: str
    """The store's table: `deployments.apps`."""
    identity: Identity
    old: Obj
    new: Obj
