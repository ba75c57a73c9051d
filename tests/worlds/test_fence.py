"""What RBAC does not stop, admission does: the Executor cannot turn a patch of a workload into more rights."""

import pytest

from aoi.worlds.fence import ExecutorFence
from aoi.worlds.identities import EXECUTOR
from tests.kubeworld.api.conftest import Cluster

DEPLOYMENTS = "/apis/apps/v1/namespaces/shop/deployments"
RBAC = "/apis/rbac.authorization.k8s.io/v1"


@pytest.fixture
def executor():
    cluster = Cluster(plugins=(ExecutorFence(),))
    rules = [
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["patch"]},
        {"apiGroups": [""], "resources": ["services", "nodes"], "verbs": ["patch"]},
    ]
    cluster.post(f"{RBAC}/clusterroles", {"metadata": {"name": "executor"}, "rules": rules})
    subject = {"kind": "ServiceAccount", "name": "executor", "namespace": "aoi"}
    reference = {"kind": "ClusterRole", "name": "executor"}
    body = {"metadata": {"name": "executor"}, "roleRef": reference, "subjects": [subject]}
    cluster.post(f"{RBAC}/clusterrolebindings", body)
    cluster.deploy()
    cluster.post("/api/v1/namespaces/shop/services", {"metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}]}})
    cluster.post("/api/v1/nodes", {"metadata": {"name": "n1", "labels": {"a": "b"}}, "spec": {"unschedulable": True}})
    return cluster


def container(**fields):
    return {"containers": [{"name": "web", **fields}]}


SECRET = {"name": "P", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}


@pytest.mark.parametrize(
    "pod",
    [
        container(env=[SECRET]),
        container(envFrom=[{"secretRef": {"name": "db"}}]),
        {"volumes": [{"name": "s", "secret": {"secretName": "db"}}]},
        {"volumes": [{"name": "h", "hostPath": {"path": "/"}}]},
        {"volumes": [{"name": "t", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}]},
        {"serviceAccountName": "admin"},
        {"hostNetwork": True},
        {"hostPID": True},
        {"securityContext": {"runAsUser": 0}},
        container(securityContext={"privileged": True}),
        {"containers": [{"name": "new", "image": "evil:1"}]},
        {"initContainers": [{"name": "new", "image": "evil:1"}]},
    ],
)
def test_an_escalating_template_is_refused_to_the_executor_alone(executor, pod):
    executor.post("/api/v1/namespaces/shop/serviceaccounts", {"metadata": {"name": "admin"}})
    body, media = {"spec": {"template": {"spec": pod}}}, {"content-type": "application/strategic-merge-patch+json"}
    for query in ((), (("dryRun", "All"),)):
        status, answer = executor.send("PATCH", f"{DEPLOYMENTS}/web", body, headers=media, who=EXECUTOR, query=query)
        assert status == 403
        assert "ValidatingAdmissionPolicy 'aoi-executor'" in answer["message"]
    assert executor.send("PATCH", f"{DEPLOYMENTS}/web", body, headers=media)[0] == 200


@pytest.mark.parametrize(
    "spec",
    [
        {"replicas": 3},
        {"template": {"spec": container(image="web:2")}},
        {"template": {"spec": container(resources={"limits": {"memory": "1Gi"}})}},
        {"template": {"spec": container(env=[{"name": "A", "value": "1"}])}},
        {"template": {"spec": {"nodeSelector": {"a": "b"}}}},
        {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}},
    ],
)
def test_what_typed_actions_do_is_let_through(executor, spec):
    executor.patch(f"{DEPLOYMENTS}/web", {"spec": spec}, who=EXECUTOR)


def test_what_a_recorded_revision_had_may_come_back(executor):
    obj = executor.get(f"{DEPLOYMENTS}/web")
    template = {"metadata": {"labels": {"app": "web"}}, "spec": container(image="web:1", env=[SECRET])}
    owner = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": "web",
        "uid": obj["metadata"]["uid"],
        "controller": True,
    }
    old = {"metadata": {"name": "web-1", "ownerReferences": [owner]}}
    old["spec"] = {"replicas": 0, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    executor.post("/apis/apps/v1/namespaces/shop/replicasets", old)
    executor.patch(f"{DEPLOYMENTS}/web", {"spec": {"template": {"spec": container(env=[SECRET])}}}, who=EXECUTOR)


def test_services_and_nodes_change_only_where_actions_change_them(executor):
    media = {"content-type": "application/merge-patch+json"}

    def patch(path, spec):
        return executor.send("PATCH", path, spec, headers=media, who=EXECUTOR)[0]

    service, node = "/api/v1/namespaces/shop/services/web", "/api/v1/nodes/n1"
    assert patch(service, {"spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}}) == 200
    assert patch(service, {"spec": {"externalIPs": ["10.0.0.1"]}}) == 403
    assert patch(service, {"spec": {"type": "NodePort"}}) == 403
    assert patch(node, {"spec": {"unschedulable": None}}) == 200
    assert patch(node, {"spec": {"podCIDR": "10.0.0.0/8"}}) == 403
    assert patch(node, {"metadata": {"labels": {"a": "c"}}}) == 403
