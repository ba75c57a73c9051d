"""An API server with RBAC in which one identity has the rights that a test binds, and what it was asked."""

import threading
from collections.abc import Callable, Iterable
from typing import Any

import orjson

from aoi.access import rights
from aoi.access.live.access import Checked, check_identity
from aoi.access.live.allowlist import Role
from aoi.access.live.reviews import RULES
from aoi.access.transport import ReadRequest, Response
from kubeworld.api.server import api_of
from kubeworld.bootstrap import add_default_roles
from kubeworld.cluster import new_cluster
from kubeworld.machine.identity import Identity, service_account
from kubeworld.machine.response import Response as Answer
from kubeworld.machine.store import Obj

RBAC = "rbac.authorization.k8s.io"
LOOKED_AT, OTHER = "shop", "bank"
ASK_RULES = "create selfsubjectrulesreviews.authorization.k8s.io"
ASK_RIGHT = "create selfsubjectaccessreviews.authorization.k8s.io"
LIST = "list namespaces"
PROBE = service_account(rights.NAMESPACE, "probe")
Told = Callable[[dict[str, Any]], dict[str, Any]]
"""What becomes of the status of a rules review."""


def nothing_told(status: dict[str, Any]) -> dict[str, Any]:
    """As a server does whose authorizer is a webhook alone."""
    return {"resourceRules": [], "nonResourceRules": [], "incomplete": True, "evaluationError": "webhook authorizer"}


def not_all_told(status: dict[str, Any]) -> dict[str, Any]:
    """As clouds do, whose authorizers are RBAC and a webhook."""
    return {**status, "incomplete": True, "evaluationError": "webhook authorizer does not support user rule resolution"}


class RbacCluster:
    """Two namespaces unless told otherwise. Requests are those of the server's own audit log."""

    def __init__(self, namespaces: Iterable[str] = (LOOKED_AT, OTHER), *, who: Identity = PROBE) -> None:
        self.who = who
        self.world = new_cluster(seed=1, controllers=())
        self.told: Told = dict
        self._one_at_a_time = threading.Lock()
        for name in namespaces:
            self.world.store.create("namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        add_default_roles(self.world)
        api_of(self.world).audit.clear()

    @property
    def requests(self) -> list[str]:
        """`list namespaces` and the like, in order."""
        return [f"{record.verb} {record.resource}" for record in api_of(self.world).audit]

    def apply(self, documents: Iterable[Obj]) -> None:
        """Roles and bindings of manifests."""
        for document in documents:
            if document["apiVersion"].startswith(RBAC):
                table = f"{document['kind'].lower()}s.{RBAC}"
                place = document["metadata"].get("namespace", "")
                if self.world.store.get(table, place, document["metadata"]["name"]) is None:
                    self.world.store.create(table, document)

    def bind(self, rules: list[Any], namespace: str = "", *, name: str = "given") -> None:
        """Give the identity these rules in one namespace, or in the whole cluster."""
        kind = "Role" if namespace else "ClusterRole"
        metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
        role = {"apiVersion": f"{RBAC}/v1", "kind": kind, "metadata": metadata, "rules": rules}
        self.apply([role])
        self.bind_role(name, namespace, kind=kind)

    def bind_role(self, name: str, namespace: str = "", *, kind: str = "ClusterRole") -> None:
        """Bind a role that is there."""
        subject = {"kind": "User", "apiGroup": RBAC, "name": self.who.name}
        binding = {
            "apiVersion": f"{RBAC}/v1",
            "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
            "metadata": {"name": f"given-{name}", **({"namespace": namespace} if namespace else {})},
            "roleRef": {"apiGroup": RBAC, "kind": kind, "name": name},
            "subjects": [subject],
        }
        self.apply([binding])

    def unbind(self) -> None:
        """Take away what `bind` gave."""
        for kind in ("role", "clusterrole", "rolebinding", "clusterrolebinding"):
            for obj in self.world.store.objects(f"{kind}s.{RBAC}"):
                if obj["metadata"]["name"].startswith("given"):
                    metadata = obj["metadata"]
                    self.world.store.delete(f"{kind}s.{RBAC}", metadata.get("namespace", ""), metadata["name"])

    def check(self, *namespaces: str, role: Role = "probe", **options: Any) -> Checked:
        """AOI's own check. Raises: as `check_identity`."""
        api_of(self.world).audit.clear()
        return check_identity(self.post, self.read, namespaces or (LOOKED_AT,), role, **options)

    def post(self, path: str, body: bytes) -> Response:
        """One POST as the identity."""
        answer = self._send("POST", path, (), body)
        if path != RULES:
            return answer
        review = orjson.loads(answer.body)
        return Response(answer.status, orjson.dumps({**review, "status": self.told(review["status"])}))

    def read(self, request: ReadRequest) -> Response:
        """One GET as the identity."""
        return self._send("GET", request.path, request.query, b"")

    def _send(self, method: str, path: str, query: tuple[tuple[str, str], ...], body: bytes) -> Response:
        headers = {"content-type": "application/json"}
        with self._one_at_a_time:  # a world belongs to one thread at a time
            answer = api_of(self.world).handle(method, path, query, headers, body, self.who)
        assert isinstance(answer, Answer)
        return Response(answer.status, answer.body)


def shipped(*, who: Identity = PROBE, account: rights.Account = "probe", databases: bool = False) -> RbacCluster:
    """A cluster with the manifests of `deploy/rbac` bound in the namespace that is looked at."""
    cluster = RbacCluster(who=who)
    cluster.apply(rights.documents(account, LOOKED_AT, databases=databases))
    return cluster
