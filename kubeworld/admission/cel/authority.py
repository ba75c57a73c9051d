"""`authorizer`: what the caller, or a named service account, may do. A value is the check so far.

The world's own RBAC answers; which world that is, `allowed()` learns from the request that is being decided.
Source: k8s.io/apiserver/pkg/cel/library/authz.go
"""

from collections.abc import Callable, Mapping
from typing import Any

TYPES = tuple(
    f"kubernetes.authorization.{name}"
    for name in ("Authorizer", "PathCheck", "GroupCheck", "ResourceCheck", "Decision")
)
AUTHORIZER, _, _, RESOURCE_CHECK, _ = TYPES
Check = Mapping[str, Any]


def _with(field: str) -> Callable[[Check, str], Check]:
    def run(check: Check, text: str) -> Check:
        # Any map reaches this overload at run time; only one that `authorizer` made is a check.
        if "$check" not in check:
            raise ValueError("no such overload")
        return {**check, field: text}

    return run


def _path(check: Check, path: str) -> Check:
    if not path:
        raise ValueError("path must not be empty")
    return _with("path")(check, path)


def _account(check: Check, namespace: str, name: str) -> Check:
    return _with("account")(check, f"{namespace}/{name}")


FUNCTIONS: dict[str, Callable[..., Any] | None] = {
    "authorizer path(string) pathcheck": _path,
    "authorizer group(string) groupcheck": _with("group"),
    "authorizer serviceAccount(string, string) authorizer": _account,
    "groupcheck resource(string) resourcecheck": _with("resource"),
    "resourcecheck subresource(string) resourcecheck": _with("subresource"),
    "resourcecheck namespace(string) resourcecheck": _with("namespace"),
    "resourcecheck name(string) resourcecheck": _with("name"),
    "pathcheck check(string) decision": _with("verb"),
    "resourcecheck check(string) decision": _with("verb"),
    "decision allowed() bool": None,
}
