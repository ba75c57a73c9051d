"""The official Python client: typed and dynamic calls, watches, logs and exec over a WebSocket."""

import kubernetes
import pytest
from kubernetes.dynamic import DynamicClient
from kubernetes.stream import stream

from kubeworld.api.server import api_of
from kubeworld.bootstrap import empty_world
from kubeworld.front import Front, Scaled, serving, write_kubeconfig
from kubeworld.machine.identity import ADMIN

pytestmark = [  # the client's own watch leaves its connection to the garbage collector when a loop ends early
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
WEB = {
    "metadata": {"name": "web"},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "nginx:1.25"}]},
        },
    },
}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    world = empty_world(2, seed=1)
    path = tmp_path_factory.mktemp("client") / "config"
    with serving(Front({"": world}, Scaled(30))) as front:
        write_kubeconfig(path, front.url, front.authority_pem, {"admin": api_of(world).tokens.add(ADMIN)})
        with kubernetes.config.new_client_from_config(str(path)) as made:
            kubernetes.client.AppsV1Api(made).create_namespaced_deployment("default", WEB)
            yield made


def ready_pod(client) -> str:
    core = kubernetes.client.CoreV1Api(client)
    for event in kubernetes.watch.Watch().stream(core.list_namespaced_pod, "default", timeout_seconds=10):
        if any(one.ready for one in event["object"].status.container_statuses or ()):
            return str(event["object"].metadata.name)
    raise AssertionError("no pod became ready")


def test_a_watch_sees_pods_become_ready_and_their_log_is_read(client):
    assert kubernetes.client.CoreV1Api(client).read_namespaced_pod_log(ready_pod(client), "default") == "web started\n"


def test_typed_calls_get_the_types_that_they_expect(client):
    core = kubernetes.client.CoreV1Api(client)
    assert all(node.status.node_info.boot_id for node in core.list_node().items)
    spec = {"containers": [{"name": "a", "image": "nginx"}]}
    core.create_namespaced_pod("default", {"metadata": {"name": "brief"}, "spec": spec})
    assert core.delete_namespaced_pod("brief", "default", grace_period_seconds=0).metadata.name == "brief"
    (endpoints,) = [one for one in core.list_namespaced_endpoints("default").items if one.metadata.name == "kubernetes"]
    assert endpoints.subsets[0].ports[0].port == 6443


def test_exec_gives_output_and_exit_code(client):
    name = ready_pod(client)
    opened = stream(
        kubernetes.client.CoreV1Api(client).connect_get_namespaced_pod_exec,
        name,
        "default",
        command=["sh", "-c", "id"],
        stderr=True,
        stdout=True,
        stdin=False,
        tty=False,
        _preload_content=False,
    )
    opened.run_forever(timeout=10)
    assert "executable file not found" in opened.read_stderr()
    assert opened.returncode == 126


def test_the_dynamic_client_discovers_reads_patches_and_applies(client):
    dynamic = DynamicClient(client)
    deployments = dynamic.resources.get(api_version="apps/v1", kind="Deployment")
    assert deployments.get(name="web", namespace="default").spec.replicas == 2
    patched = deployments.patch(
        {"spec": {"replicas": 1}}, name="web", namespace="default", content_type="application/merge-patch+json"
    )
    assert patched.spec.replicas == 1
    maps = dynamic.resources.get(api_version="v1", kind="ConfigMap")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1"}}
    maps.server_side_apply(body, namespace="default", field_manager="test")
    with pytest.raises(kubernetes.dynamic.exceptions.ConflictError):
        maps.server_side_apply({**body, "data": {"a": "2"}}, namespace="default", field_manager="other")
    assert [item.metadata.name for item in maps.get(namespace="default", label_selector="!x").items if item.data.a] == [
        "c"
    ]
    seen = [event["type"] for event in maps.watch(namespace="default", name="c", timeout=1)]
    assert seen == ["ADDED"]
    maps.delete(name="c", namespace="default")


def test_typed_calls_of_several_groups(client):
    batch, auth = kubernetes.client.BatchV1Api(client), kubernetes.client.AuthorizationV1Api(client)
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "tool:1"}]}}
    batch.create_namespaced_job("default", {"metadata": {"name": "once"}, "spec": {"template": template}})
    for event in kubernetes.watch.Watch().stream(batch.list_namespaced_job, "default", timeout_seconds=10):
        if event["object"].status.succeeded:
            break
    assert batch.read_namespaced_job("once", "default").status.succeeded == 1
    asked = {"spec": {"resourceAttributes": {"verb": "delete", "resource": "nodes"}}}
    assert auth.create_self_subject_access_review(asked).status.allowed
    versions = {group.name for group in kubernetes.client.ApisApi(client).get_api_versions().groups}
    assert {"apps", "batch", "metrics.k8s.io"} <= versions
    usage = kubernetes.client.CustomObjectsApi(client).list_cluster_custom_object("metrics.k8s.io", "v1beta1", "nodes")
    assert len(usage["items"]) == 2
