"""Who asks: the user and the groups that an authenticator found. A transport sets it, never its caller."""

from dataclasses import dataclass
from functools import cached_property

MASTERS = "system:masters"
AUTHENTICATED = "system:authenticated"


@dataclass(frozen=True)
class Identity:
    """A user name and its groups, as RBAC subjects name them."""

    name: str
    groups: tuple[str, ...] = (AUTHENTICATED,)

    @cached_property
    def is_admin(self) -> bool:
        """Members of `system:masters` bypass authorization, as in Kubernetes."""
        return MASTERS in self.groups

    @cached_property
    def service_account(self) -> tuple[str, str] | None:
        """(namespace, name) if this is a service account."""
        parts = self.name.split(":")
        return (parts[2], parts[3]) if len(parts) == 4 and parts[:2] == ["system", "serviceaccount"] else None


def service_account(namespace: str, name: str) -> Identity:
    """The identity of a service account, with the groups that Kubernetes gives it."""
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", AUTHENTICATED)
    return Identity(f"system:serviceaccount:{namespace}:{name}", groups)


ADMIN = Identity("kubernetes-admin", (MASTERS, AUTHENTICATED))
ANONYMOUS = Identity("system:anonymous", ("system:unauthenticated",))
