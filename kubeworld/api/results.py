"""What a handler is given and what `Api.handle` may answer beside a `Response`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from kubeworld.kinds.kind import Kind
from kubeworld.machine.identity import Identity
from kubeworld.machine.response import Response


@dataclass(slots=True)
class Call:
    """One request, routed: who asks for which verb on which object."""

    method: str
    verb: str
    kind: Kind
    namespace: str
    name: str
    subresource: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Keys in lower case."""
    body: bytes
    identity: Identity
    pairs: tuple[tuple[str, str], ...] = ()
    """The query in full, for parameters that repeat."""
    warnings: list[str] = field(default_factory=list)
    annotations: dict[str, str] = field(default_factory=dict)
    """What admission adds to the audit record."""

    @property
    def is_dry_run(self) -> bool:
        """Validated, admitted, answered, not stored."""
        return bool(self.query.get("dryRun"))

    def flag(self, name: str) -> bool:
        """A boolean query parameter."""
        return self.query.get(name, "") in ("true", "1", "True")


@dataclass(frozen=True, slots=True)
class Exec:
    """A finished command in a container. The front sends it over the channels of a WebSocket."""

    code: int
    stdout: bytes
    stderr: bytes


@dataclass(frozen=True, slots=True)
class Forward:
    """A pod whose ports a client may connect to. The front carries the connections."""

    namespace: str
    pod: str
    uid: str


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`value` as JSON."""
    return Response(status, orjson.dumps(value), headers=headers or {})
