"""The admission policies that `deploy/` ships: compiled, bound in an embedded cluster, and tried with what they name.

That typed actions pass behind them, `tests/agents/actions/test_actions.py` shows: each of its tests runs with and
without these policies.
"""

from typing import Any

import orjson
import pytest

from aoi.worlds.identities import EXECUTOR
from kubeworld.bootstrap import empty_world
from kubeworld.machine.identity import ADMIN
from kubeworld.machine.response import Response
from tests.deploy.test_rbac import Installed

SECRET = {"name": "P", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}
IMAGE = "reg.example/shop/web:1"
DEPLOYMENT = "/apis/apps/v1/namespaces/default/deployments/web"
SERVICE = "/api/v1/namespaces/default/services/web"
NODE = "/api/v1/nodes/node-1"


class Fenced(Installed):
    """A cluster with the manifests applied, one workload, and the Executor at the door."""

    def __init__(self) -> None:
        super().__init__(empty_world(1, seed=1), "default")
        container = {"name": "web", "image": IMAGE}
        template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
        spec = {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template}
        for kind in ("deployments", "statefulsets", "daemonsets"):
            body = {"metadata": {"name": "web"}, "spec": dict(spec)}
            if kind == "daemonsets":
                body["spec"].pop("replicas")
            self.send("POST", f"/apis/apps/v1/namespaces/default/{kind}", body)
        self.send(
            "POST",
            "/api/v1/namespaces/default/services",
            {"metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}]}},
        )
        self.world.advance(30_000)

    def send(self, method: str, path: str, body: Any, who: Any = ADMIN) -> tuple[int, str]:
        media = "application/strategic-merge-patch+json" if method == "PATCH" else "application/json"
        answer = self.api.handle(method, path, (), {"content-type": media}, orjson.dumps(body), who)
        assert isinstance(answer, Response)
        assert who is not ADMIN or answer.status < 300, answer.body
        return answer.status, str(orjson.loads(answer.body).get("message", ""))

    def executor(self, method: str, path: str, body: Any) -> tuple[int, str]:
        return self.send(method, path, body, EXECUTOR)


@pytest.fixture
def fenced() -> Fenced:
    return Fenced()


def pod(**spec: Any) -> Any:
    return {"spec": {"template": {"spec": spec}}}


def container(**fields: Any) -> Any:
    return pod(containers=[{"name": "web", **fields}])


# kubernetes.io/docs/concepts/security/rbac-good-practices: whoever may change a workload may use all that a pod can.
ESCALATIONS = [
    (container(env=[SECRET]), "no Secret is newly read through the environment"),
    (container(envFrom=[{"secretRef": {"name": "db"}}]), "no Secret is newly read through the environment"),
    (
        pod(volumes=[{"name": "s", "secret": {"secretName": "db"}}]),
        "a new volume is a ConfigMap, an emptyDir or a claim",
    ),
    (pod(volumes=[{"name": "h", "hostPath": {"path": "/"}}]), "a new volume is a ConfigMap, an emptyDir or a claim"),
    (
        pod(volumes=[{"name": "t", "projected": {"sources": [{"secret": {"name": "db"}}]}}]),
        "a new volume is a ConfigMap, an emptyDir or a claim",
    ),
    (container(image="evil.example/shop/web:1"), "an image comes from the registry and path of the present one"),
    (container(image="reg.example/other/web:1"), "an image comes from the registry and path of the present one"),
    (container(image="web:1"), "an image comes from the registry and path of the present one"),
    (pod(serviceAccountName="admin"), "service account, host namespaces and pod security stay as they are"),
    (pod(automountServiceAccountToken=False), "service account, host namespaces and pod security stay as they are"),
    (pod(hostPID=True), "service account, host namespaces and pod security stay as they are"),
    (pod(hostNetwork=True), "service account, host namespaces and pod security stay as they are"),
    (pod(hostIPC=True), "service account, host namespaces and pod security stay as they are"),
    (pod(securityContext={"runAsUser": 0}), "service account, host namespaces and pod security stay as they are"),
    (container(securityContext={"privileged": True}), "no container is added, and container security stays as it is"),
    (
        pod(containers=[{"name": "extra", "image": IMAGE}]),
        "no container is added, and container security stays as it is",
    ),
    (
        pod(initContainers=[{"name": "extra", "image": IMAGE}]),
        "no container is added, and container security stays as it is",
    ),
]


@pytest.mark.parametrize(("patch", "message"), ESCALATIONS)
@pytest.mark.parametrize("kind", ["deployments", "statefulsets", "daemonsets"])
def test_an_escalating_patch_is_denied_to_the_executor_by_the_policy_that_names_it(fenced, kind, patch, message):
    path = DEPLOYMENT.replace("deployments", kind)
    status, said = fenced.executor("PATCH", path, patch)
    assert status == 422
    assert said == (
        f"{kind}.apps \"web\" is forbidden: ValidatingAdmissionPolicy 'aoi-executor-workloads' with binding "
        f"'aoi-executor-workloads' denied request: {message}"
    )
    fenced.send("PATCH", path, patch)  # an administrator may


@pytest.mark.parametrize(
    "patch",
    [
        {"spec": {"replicas": 3}},
        container(image="reg.example/shop/web:2"),
        container(resources={"limits": {"memory": "1Gi"}}),
        container(env=[{"name": "A", "value": "1"}]),
        pod(volumes=[{"name": "c", "configMap": {"name": "settings"}}]),
        pod(nodeSelector={"a": "b"}),
        {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}},
    ],
)
def test_what_typed_actions_change_is_let_through(fenced, patch):
    assert fenced.executor("PATCH", DEPLOYMENT, patch) == (200, "")


def test_what_was_there_before_may_stay(fenced):
    secured = {"name": "web", "env": [SECRET], "securityContext": {"privileged": True}}
    volumes = [{"name": "s", "secret": {"secretName": "db"}}]
    fenced.send("PATCH", DEPLOYMENT, pod(hostNetwork=True, containers=[secured], volumes=volumes))
    assert fenced.executor("PATCH", DEPLOYMENT, container(image="reg.example/shop/web:2")) == (200, "")
    status, said = fenced.executor("PATCH", DEPLOYMENT, container(env=[{**SECRET, "name": "OTHER"}]))
    assert (status, "no Secret is newly read" in said) == (422, True)


@pytest.mark.parametrize(("replicas", "status"), [(0, 422), (1, 200), (10, 200), (11, 422)])
def test_replicas_stay_within_the_bounds_of_the_typed_action(fenced, replicas, status):
    assert fenced.executor("PATCH", DEPLOYMENT, {"spec": {"replicas": replicas}})[0] == status


@pytest.mark.parametrize(
    ("spec", "status"),
    [
        ({"selector": {"app": "web"}}, 200),
        ({"ports": [{"port": 80, "targetPort": 8080}]}, 200),
        ({"type": "NodePort"}, 422),
        ({"type": "LoadBalancer"}, 422),
        ({"externalIPs": ["192.0.2.1"]}, 422),
        ({"loadBalancerIP": "192.0.2.1"}, 422),
        ({"type": "ExternalName", "externalName": "evil.example"}, 422),
        ({"ports": [{"port": 80, "name": "a"}, {"port": 81, "name": "b"}]}, 422),
    ],
)
def test_a_service_changes_its_selector_and_target_ports_alone(fenced, spec, status):
    assert fenced.executor("PATCH", SERVICE, {"spec": spec})[0] == status


def test_a_service_without_ports_can_be_mended_too(fenced):
    body = {"metadata": {"name": "headless"}, "spec": {"clusterIP": "None", "selector": {"app": "wrong"}}}
    fenced.send("POST", "/api/v1/namespaces/default/services", body)
    path = SERVICE.replace("web", "headless")
    assert fenced.executor("PATCH", path, {"spec": {"selector": {"app": "web"}}}) == (200, "")
    assert fenced.executor("PATCH", path, {"spec": {"ports": [{"port": 22}]}})[0] == 422


def test_a_node_is_uncordoned_and_nothing_else(fenced):
    fenced.send("PATCH", NODE, {"spec": {"unschedulable": True}})
    assert fenced.executor("PATCH", NODE, {"spec": {"unschedulable": None}}) == (200, "")
    for patch, message in (
        ({"spec": {"unschedulable": True}}, "a node may be uncordoned, not cordoned"),
        ({"spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]}}, "no taint is added"),
        ({"metadata": {"labels": {"a": "b"}}}, "a node keeps its labels"),
    ):
        status, said = fenced.executor("PATCH", NODE, patch)
        assert (status, said.endswith(f"'aoi-executor-nodes' denied request: {message}")) == (422, True), said


def test_a_pod_is_deleted_only_where_a_controller_replaces_it(fenced):
    bare = {"metadata": {"name": "bare"}, "spec": {"containers": [{"name": "a", "image": IMAGE}]}}
    fenced.send("POST", "/api/v1/namespaces/default/pods", bare)
    status, said = fenced.executor("DELETE", "/api/v1/namespaces/default/pods/bare", {})
    assert (status, said.endswith("only a pod that a controller replaces may be deleted")) == (422, True)
    owned = next(
        obj["metadata"]["name"]
        for obj in fenced.world.store.objects("pods", "default")
        if obj["metadata"]["name"].startswith("web-")
    )
    assert fenced.executor("DELETE", f"/api/v1/namespaces/default/pods/{owned}", {})[0] == 200


def test_the_type_check_of_the_policies_warns_of_nothing(fenced):
    policies = fenced.world.store.objects("validatingadmissionpolicies.admissionregistration.k8s.io")
    assert policies
    for policy in policies:
        assert policy["status"] == {"observedGeneration": 1, "typeChecking": {}}, policy["metadata"]["name"]
