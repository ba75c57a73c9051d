"""A cluster in which policies are a few short lines."""

from collections.abc import Mapping
from typing import Any

import orjson
import pytest
import yaml

from kubeworld.machine.identity import ADMIN, Identity
from tests.kubeworld.api.conftest import Cluster, deployment

GROUP = "/apis/admissionregistration.k8s.io/v1"
DEPLOYMENTS = "/apis/apps/v1/namespaces/shop/deployments"
RULE = {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["deployments"]}


class Guarded(Cluster):
    """An API in which a policy takes one call."""

    def policy(self, text: str, name: str = "p", rule: Mapping[str, Any] = RULE, **spec: Any) -> Any:
        """Create a policy: `text` is YAML of its spec, `rule` what it matches unless the text says."""
        body = {**yaml.safe_load(text), **spec}
        body.setdefault("matchConstraints", {"resourceRules": [rule]})
        return self.post(f"{GROUP}/validatingadmissionpolicies", {"metadata": {"name": name}, "spec": body})

    def bind(self, *actions: str, policy: str = "p", name: str = "b", **spec: Any) -> Any:
        """Bind it."""
        body = {"policyName": policy, "validationActions": list(actions or ("Deny",)), **spec}
        return self.post(f"{GROUP}/validatingadmissionpolicybindings", {"metadata": {"name": name}, "spec": body})

    def refuses(self, text: str, **more: Any) -> str:
        """Try to create a policy that is invalid; its message."""
        body = yaml.safe_load(text)
        body.setdefault("matchConstraints", {"resourceRules": [RULE]})
        answer = self.send("POST", f"{GROUP}/validatingadmissionpolicies", {"metadata": {"name": "p"}, "spec": body})
        assert answer[0] == 422, answer
        return str(answer[1]["message"])

    def try_deploy(self, name: str = "web", *, who: Identity = ADMIN, dry: bool = False, **spec: Any) -> Any:
        """(status, message) of creating a Deployment."""
        query = (("dryRun", "All"),) if dry else ()
        status, answer = self.send("POST", DEPLOYMENTS, deployment(name, **spec), who=who, query=query)
        return status, answer.get("message", "")

    def warning(self, method: str, path: str, body: Any, media: str = "application/json") -> str:
        """The Warning header of an answer."""
        result = self.api.handle(method, path, (), {"content-type": media}, orjson.dumps(body), ADMIN)
        return str(result.headers.get("Warning", ""))  # type: ignore[union-attr]


@pytest.fixture
def cluster() -> Guarded:
    return Guarded()
