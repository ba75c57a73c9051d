"""Server-side printing: the columns of kubectl get."""

import pytest

from kubeworld.kinds.catalogue import KINDS
from kubeworld.kinds.pod import pod_reason
from kubeworld.kinds.shared.columns import human_duration

TABLE = {"accept": "application/json;as=Table;g=meta.k8s.io;v=v1,application/json"}


def rows(cluster, path, **more):
    table = cluster.get(path, headers=TABLE, **more)
    assert (table["kind"], table["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    names = [column["name"] for column in table["columnDefinitions"]]
    assert all(len(row["cells"]) == len(names) for row in table["rows"])
    return names, [row["cells"] for row in table["rows"]]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "<invalid>"), (-1, "0s"), (0, "0s"), (119, "119s"), (120, "2m"), (190, "3m10s"), (600, "10m"),
        (3 * 3600 - 1, "179m"), (3 * 3600, "3h"), (3 * 3600 + 61, "3h1m"), (9 * 3600, "9h"), (48 * 3600, "2d"),
        (49 * 3600, "2d1h"), (9 * 86400, "9d"), (3 * 365 * 86400, "3y"), (3 * 365 * 86400 + 86400, "3y1d"),
        (9 * 365 * 86400 + 86400, "9y"),
    ],
)  # fmt: skip
def test_durations_round_as_kubectl_rounds(seconds, text):
    assert human_duration(seconds) == text


def test_pods_show_readiness_status_restarts_and_age(cluster):
    cluster.pod(nodeName="n1")
    ended = {"exitCode": 1, "reason": "Error", "finishedAt": "2026-01-05T08:01:00Z"}
    container = {
        "name": "web", "image": "x", "imageID": "", "ready": False, "restartCount": 4,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": ended},
    }  # fmt: skip
    status = {"status": {"phase": "Running", "podIP": "10.1.1.1", "containerStatuses": [container]}}
    cluster.patch("/api/v1/namespaces/shop/pods/web-1/status", status, "application/merge-patch+json")
    cluster.world.advance(90_000)
    names, [cells] = rows(cluster, "/api/v1/namespaces/shop/pods")
    assert names[:5] == ["Name", "Ready", "Status", "Restarts", "Age"]
    assert cells[:7] == ["web-1", "0/1", "CrashLoopBackOff", "4 (30s ago)", "90s", "10.1.1.1", "n1"]


@pytest.mark.parametrize(
    ("status", "meta", "text"),
    [
        ({"phase": "Pending"}, {}, "Pending"),
        ({"phase": "Failed", "reason": "Evicted"}, {}, "Evicted"),
        ({"phase": "Running"}, {"deletionTimestamp": "2026-01-05T08:00:00Z"}, "Terminating"),
        ({"phase": "Succeeded"}, {"deletionTimestamp": "2026-01-05T08:00:00Z"}, "Succeeded"),
        ({"initContainerStatuses": [{"state": {"waiting": {"reason": "PodInitializing"}}}]}, {}, "Init:0/2"),
        ({"initContainerStatuses": [{"state": {"waiting": {"reason": "ErrImagePull"}}}]}, {}, "Init:ErrImagePull"),
        ({"initContainerStatuses": [{"state": {"terminated": {"exitCode": 3}}}]}, {}, "Init:ExitCode:3"),
        ({"containerStatuses": [{"state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}]}, {}, "OOMKilled"),
        ({"containerStatuses": [{"state": {"terminated": {"exitCode": 0, "signal": 9}}}]}, {}, "Signal:9"),
    ],
)  # fmt: skip
def test_pod_status_is_told_as_kubectl_tells_it(status, meta, text):
    pod = {"metadata": meta, "spec": {"initContainers": [{}, {}]}, "status": status}
    assert pod_reason(pod)[0] == text


def test_services_show_ports_and_external_addresses(cluster):
    path = "/api/v1/namespaces/shop/services"
    ports = [{"name": "a", "port": 80}, {"name": "b", "port": 53, "protocol": "UDP"}]
    cluster.post(path, {"metadata": {"name": "a"}, "spec": {"ports": ports, "selector": {"app": "web"}}})
    cluster.post(
        path, {"metadata": {"name": "b"}, "spec": {"type": "LoadBalancer", "ports": [{"port": 80, "nodePort": 30080}]}}
    )
    cluster.post(path, {"metadata": {"name": "c"}, "spec": {"type": "ExternalName", "externalName": "example.com"}})
    cluster.post(path, {"metadata": {"name": "d"}, "spec": {"clusterIP": "None"}})
    found = {cells[0]: cells for cells in rows(cluster, path)[1]}
    assert found["a"][3:] == ["<none>", "80/TCP,53/UDP", "0s", "app=web"]
    assert (found["b"][1], found["b"][3], found["b"][4]) == ("LoadBalancer", "<pending>", "80:30080/TCP")
    assert found["c"][2:5] == ["<none>", "example.com", "<none>"]
    assert found["d"][2] == "None"


def test_a_deployment_shows_ready_over_wanted(cluster):
    cluster.deploy(replicas=3)
    cluster.patch(
        "/apis/apps/v1/namespaces/shop/deployments/web/status",
        {"status": {"readyReplicas": 2, "updatedReplicas": 1, "availableReplicas": 2}},
        "application/merge-patch+json",
    )
    cells = rows(cluster, "/apis/apps/v1/namespaces/shop/deployments")[1][0]
    assert cells == ["web", "2/3", 1, 2, "0s", "web", "nginx:1.25", "app=web"]


def test_events_are_shown_with_object_and_age(cluster):
    event = {
        "metadata": {"name": "web-1.17"}, "involvedObject": {"kind": "Pod", "name": "web-1", "namespace": "shop"},
        "reason": "BackOff", "message": "Back-off restarting\n", "type": "Warning", "count": 5,
        "firstTimestamp": "2026-01-05T07:50:00Z", "lastTimestamp": "2026-01-05T07:59:30Z",
        "source": {"component": "kubelet", "host": "n1"},
    }  # fmt: skip
    cluster.post("/api/v1/namespaces/shop/events", event)
    for path in ("/api/v1/namespaces/shop/events", "/apis/events.k8s.io/v1/namespaces/shop/events"):
        cells = rows(cluster, path)[1][0]
        assert cells[:7] == ["30s", "Warning", "BackOff", "pod/web-1", "", "kubelet, n1", "Back-off restarting"]
        assert cells[8] == 5


def test_include_object_decides_what_a_row_carries(cluster):
    cluster.deploy()
    path = "/apis/apps/v1/namespaces/shop/deployments"
    carried = {
        include: cluster.get(path, headers=TABLE, query=(("includeObject", include),))["rows"][0].get("object")
        for include in ("None", "Metadata", "Object")
    }
    assert carried["None"] is None
    assert carried["Metadata"]["kind"] == "PartialObjectMetadata"
    assert "spec" not in carried["Metadata"]
    assert carried["Object"]["spec"]["replicas"] == 1


def test_every_served_kind_has_columns():
    for kind in KINDS:
        assert kind.printer.columns[0]["name"] in ("Name", "Last Seen"), kind


def test_json_first_in_accept_means_json(cluster):
    cluster.deploy()
    accept = {"accept": "application/json,application/json;as=Table;g=meta.k8s.io;v=v1"}
    assert cluster.get("/apis/apps/v1/namespaces/shop/deployments", headers=accept)["kind"] == "DeploymentList"
