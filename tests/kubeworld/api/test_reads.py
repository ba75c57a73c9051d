"""Lists, selectors, paging, logs, exec, eviction, scale and metrics."""

import base64

import orjson
import pytest

from kubeworld.api.results import Exec
from kubeworld.api.server import api_of
from kubeworld.bootstrap import empty_world
from kubeworld.kubelet.plain_runtime import PlainRuntime
from kubeworld.machine.identity import ADMIN
from kubeworld.machine.runtime import LogLine

PODS = "/api/v1/namespaces/shop/pods"
MERGE = "application/merge-patch+json"


def listed(query):
    """The answer to a list of all pods of an empty cluster."""
    return api_of(empty_world(1, seed=1)).handle("GET", "/api/v1/pods", query, {}, b"", ADMIN)


def names(answer):
    return [item["metadata"]["name"] for item in answer["items"]]


@pytest.fixture
def tiers(cluster):
    for name, labels in {
        "a": {"tier": "web", "n": "1"},
        "b": {"tier": "db", "n": "5"},
        "c": {"tier": "web", "canary": ""},
        "d": {},
    }.items():
        cluster.post("/api/v1/namespaces/shop/configmaps", {"metadata": {"name": name, "labels": labels}})
    return cluster


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("tier=web", "ac"), ("tier==web", "ac"), ("tier!=web", "bd"), ("tier in (web, db)", "abc"),
        ("tier notin (web)", "bd"), ("tier", "abc"), ("!tier", "d"), ("tier=web,canary", "c"),
        ("tier=web,!canary", "a"), ("n>2", "b"), ("n<2", "a"), ("canary=", "c"), ("", "abcd"),
    ],
)  # fmt: skip
def test_label_selectors_select_as_kubernetes_does(tiers, selector, found):
    answer = tiers.get("/api/v1/namespaces/shop/configmaps", query=(("labelSelector", selector),))
    assert "".join(names(answer)) == found


@pytest.mark.parametrize("selector", ["tier in web", "=x", "tier in (a", "a b", "$(id)=x"])
def test_a_malformed_selector_is_400(tiers, selector):
    assert tiers.send("GET", "/api/v1/namespaces/shop/configmaps", query=(("labelSelector", selector),))[0] == 400


def test_field_selectors_work_on_indexed_fields_only(cluster):
    cluster.pod("one", nodeName="n1")
    cluster.pod("two")
    by_node = cluster.get(PODS, query=(("fieldSelector", "spec.nodeName=n1,status.phase!=Running"),))
    assert names(by_node) == ["one"]
    status, body = cluster.send("GET", PODS, query=(("fieldSelector", "spec.hostPID=true"),))
    assert status == 400
    assert "field label not supported: spec.hostPID" in body["message"]


def test_pages_are_complete_disjoint_and_in_order(tiers):
    found, token = [], ""
    for _ in range(10):
        query = (("limit", "3"), ("continue", token)) if token else (("limit", "3"),)
        answer = tiers.get("/api/v1/namespaces/shop/configmaps", query=query)
        found += names(answer)
        token = answer["metadata"].get("continue", "")
        if not token:
            break
    assert found == ["a", "b", "c", "d"]


def test_a_forged_continue_token_is_400(tiers):
    for token in ("garbage", "e30=", "WzEsMl0="):
        assert tiers.send("GET", "/api/v1/namespaces/shop/configmaps", query=(("continue", token),))[0] == 400


def test_a_list_reaches_all_namespaces_only_without_one(tiers):
    tiers.post("/api/v1/namespaces", {"metadata": {"name": "other"}})
    tiers.post("/api/v1/namespaces/other/configmaps", {"metadata": {"name": "z"}})
    assert names(tiers.get("/api/v1/configmaps")) == ["z", "a", "b", "c", "d"]
    assert names(tiers.get("/api/v1/namespaces/other/configmaps")) == ["z"]


class Talkative(PlainRuntime):
    def log(self, world, pod, container, *, previous):
        return [LogLine(second * 1000, f"{container} {'old' if previous else 'new'} {second}") for second in range(10)]

    def exec(self, world, pod, container, command):
        return 3, " ".join(command).encode(), b"bad"


@pytest.fixture
def talking(cluster):
    cluster.world.runtime = Talkative()
    cluster.pod("two", nodeName="n1", containers=[{"name": "web", "image": "a:1"}, {"name": "side", "image": "b:1"}])
    cluster.pod("one", nodeName="n1")
    running = {"state": {"running": {"startedAt": "2026-01-05T08:00:00Z"}}, "ready": True, "restartCount": 0}
    statuses = [{"name": name, "image": "", "imageID": "", **running} for name in ("web", "side")]
    for pod, count in (("one", 1), ("two", 2)):
        status = {"phase": "Running", "containerStatuses": statuses[:count]}
        cluster.patch(f"{PODS}/{pod}/status", {"status": status}, MERGE)
    cluster.world.advance(10_000)
    return cluster


def test_logs_honour_tail_since_timestamps_and_byte_limits(talking):
    def read(**query):
        return talking.get(f"{PODS}/one/log", query=tuple(query.items())).decode().splitlines()

    assert len(read()) == 10
    assert read(tailLines="2") == ["web new 8", "web new 9"]
    assert read(sinceSeconds="3") == ["web new 7", "web new 8", "web new 9"]
    assert read(sinceTime="2026-01-05T08:00:09Z") == ["web new 9"]
    assert read(tailLines="1", timestamps="true") == ["2026-01-05T08:00:09.000000000Z web new 9"]
    assert read(limitBytes="5") == ["web n"]
    assert read(tailLines="0") == []


def test_a_pod_of_two_containers_asks_which_log(talking):
    status, body = talking.send("GET", f"{PODS}/two/log")
    assert status == 400
    assert body["message"] == "a container name must be specified for pod two, choose one of: [web side]"
    assert talking.get(f"{PODS}/two/log", query=(("container", "side"), ("tailLines", "1"))) == b"side new 9\n"
    assert talking.send("GET", f"{PODS}/two/log", query=(("container", "none"),))[0] == 400


def test_a_previous_log_needs_a_previous_container(talking):
    status, body = talking.send("GET", f"{PODS}/one/log", query=(("previous", "true"),))
    assert status == 400
    assert body["message"] == 'previous terminated container "web" in pod "one" not found'


def test_a_container_that_never_started_has_no_log(cluster):
    cluster.pod(nodeName="n1")
    waiting = {"name": "web", "state": {"waiting": {"reason": "ImagePullBackOff"}}, "lastState": {}}
    waiting |= {"image": "", "imageID": "", "ready": False, "restartCount": 0}
    cluster.patch(f"{PODS}/web-1/status", {"status": {"phase": "Pending", "containerStatuses": [waiting]}}, MERGE)
    status, body = cluster.send("GET", f"{PODS}/web-1/log")
    assert status == 400
    assert body["message"] == 'container "web" in pod "web-1" is waiting to start: trying and failing to pull image'


def test_exec_runs_in_the_runtime_and_returns_the_exit_code(talking):
    query = (("command", "ls"), ("command", "-l"), ("container", "side"))
    assert talking.api.handle("POST", f"{PODS}/two/exec", query, {}, b"", ADMIN) == Exec(3, b"ls -l", b"bad")
    assert talking.send("POST", f"{PODS}/two/exec")[0] == 400


def test_a_disruption_budget_stops_eviction_with_429(talking):
    budgets = "/apis/policy/v1/namespaces/shop/poddisruptionbudgets"
    spec = {"minAvailable": 2, "selector": {"matchLabels": {"app": "web"}}}
    talking.post(budgets, {"metadata": {"name": "web"}, "spec": spec})
    allowed = {"status": {"disruptionsAllowed": 1, "desiredHealthy": 2, "currentHealthy": 1}}
    talking.patch(f"{budgets}/web/status", allowed, MERGE)
    assert talking.send("POST", f"{PODS}/one/eviction", {"metadata": {"name": "one"}})[0] == 201
    assert talking.get(f"{PODS}/one")["metadata"]["deletionTimestamp"]
    status, body = talking.send("POST", f"{PODS}/two/eviction", {"metadata": {"name": "two"}})
    assert (status, body["reason"]) == (429, "TooManyRequests")
    assert body["details"]["causes"][0]["reason"] == "DisruptionBudget"
    answer = talking.api.handle("POST", f"{PODS}/two/eviction", (), {}, b"", ADMIN)
    assert "Retry-After" not in answer.headers, "clients that are told to retry never report and never give up"


def test_an_unready_pod_is_evicted_where_enough_others_are_healthy(talking):
    budgets = "/apis/policy/v1/namespaces/shop/poddisruptionbudgets"
    spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}
    talking.post(budgets, {"metadata": {"name": "web"}, "spec": spec})
    none_left = {"status": {"disruptionsAllowed": 0, "desiredHealthy": 1, "currentHealthy": 1}}
    talking.patch(f"{budgets}/web/status", none_left, MERGE)
    assert talking.send("POST", f"{PODS}/one/eviction", {"metadata": {"name": "one"}})[0] == 201


def test_two_budgets_over_one_pod_are_refused(talking):
    budgets = "/apis/policy/v1/namespaces/shop/poddisruptionbudgets"
    for name in ("a", "b"):
        spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}
        talking.post(budgets, {"metadata": {"name": name}, "spec": spec})
    status, body = talking.send("POST", f"{PODS}/one/eviction", {"metadata": {"name": "one"}})
    assert (status, "more than one PodDisruptionBudget" in body["message"]) == (500, True)


def test_a_pod_that_no_node_runs_has_an_empty_log_and_takes_no_command(cluster):
    cluster.pod()
    assert cluster.send("GET", f"{PODS}/web-1/log") == (200, b"")
    status, body = cluster.send("POST", f"{PODS}/web-1/exec", query=(("command", "ls"),))
    assert (status, body["message"]) == (400, "pod web-1 does not have a host assigned")


def test_scale_reads_and_writes_replicas(cluster):
    cluster.deploy(replicas=2)
    path = "/apis/apps/v1/namespaces/shop/deployments/web/scale"
    scale = cluster.get(path)
    assert (scale["kind"], scale["spec"], scale["status"]["selector"]) == ("Scale", {"replicas": 2}, "app=web")
    assert cluster.send("PUT", path, {**scale, "spec": {"replicas": 5}})[1]["spec"]["replicas"] == 5
    assert cluster.send("PUT", path, {**scale, "spec": {"replicas": 6}})[0] == 409
    assert cluster.send("PATCH", path, {"spec": {"replicas": -1}}, headers={"content-type": MERGE})[0] == 422
    assert cluster.send("PATCH", path, {"spec": {"replicas": "x"}}, headers={"content-type": MERGE})[0] == 400
    assert cluster.get("/apis/apps/v1/namespaces/shop/deployments/web")["metadata"]["generation"] == 2


def test_metrics_come_from_running_containers_only(talking):
    talking.pod("idle")
    listed = talking.get("/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods")
    assert names(listed) == ["one", "two"]
    assert listed["items"][1]["containers"][0]["usage"] == {"cpu": "5m", "memory": "24576Ki"}
    assert talking.send("GET", "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods/idle")[0] == 404


def test_one_event_is_served_in_both_groups(cluster):
    about = {"kind": "Pod", "name": "p", "namespace": "shop"}
    event = {"metadata": {"name": "e"}, "involvedObject": about, "reason": "X", "message": "said", "type": "Normal"}
    cluster.post("/api/v1/namespaces/shop/events", event)
    new = cluster.get("/apis/events.k8s.io/v1/namespaces/shop/events", query=(("fieldSelector", "regarding.name=p"),))
    assert new["items"][0]["note"] == "said"
    assert new["items"][0]["regarding"] == about
    old = cluster.get("/api/v1/namespaces/shop/events", query=(("fieldSelector", "involvedObject.name=other"),))
    assert old["items"] == []


def test_autoscalers_convert_between_versions(cluster):
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    spec = {"scaleTargetRef": target, "maxReplicas": 5, "targetCPUUtilizationPercentage": 70}
    path = "/apis/autoscaling/{}/namespaces/shop/horizontalpodautoscalers"
    cluster.post(path.format("v1"), {"metadata": {"name": "web"}, "spec": spec})
    stored = cluster.get(path.format("v2") + "/web")
    assert stored["apiVersion"] == "autoscaling/v2"
    assert stored["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 70
    assert cluster.get(path.format("v1") + "/web")["spec"]["targetCPUUtilizationPercentage"] == 70


def test_reading_is_fast_enough_for_learning(cluster):
    """Generous bounds, ten times what one core needs: a regression by an order of magnitude fails."""
    import time

    for number in range(25):
        cluster.pod(f"web-{number}")
    started = time.process_time()
    for _ in range(200):
        cluster.api.handle("GET", f"{PODS}/web-7", (), {}, b"", ADMIN)
    get_us = (time.process_time() - started) / 200 * 1e6
    started = time.process_time()
    for _ in range(100):
        answer = cluster.api.handle("GET", PODS, (), {}, b"", ADMIN)
    list_us = (time.process_time() - started) / 100 * 1e6
    assert len(orjson.loads(answer.body)["items"]) == 25
    assert get_us < 500
    assert list_us < 1000


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("resourceVersionMatch=Exact", "resourceVersionMatch is forbidden unless resourceVersion is provided"),
        ("resourceVersionMatch=Exact&resourceVersion=0", 'resourceVersionMatch "exact" is forbidden for'),
        ("resourceVersionMatch=Near&resourceVersion=1", 'supported values: "", "Exact", "NotOlderThan"'),
        ("sendInitialEvents=true", "sendInitialEvents is forbidden for list"),
        ("watch=1&sendInitialEvents=true", "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"),
        ("watch=1&resourceVersionMatch=NotOlderThan", "is forbidden for watch unless sendInitialEvents is provided"),
    ],
)
def test_a_list_of_a_revision_that_cannot_be_is_refused(cluster, query, message):
    pairs = tuple(tuple(part.split("=")) for part in query.split("&"))
    status, body = cluster.send("GET", PODS, query=pairs)
    assert (status, body["reason"]) == (422, "Invalid")
    assert message in body["message"]


@pytest.mark.parametrize("text", ["true", "²", "٣", "9" * 5000, "1.5"])
@pytest.mark.parametrize("query", [{"limit": ""}, {"resourceVersion": ""}, {"watch": "1", "timeoutSeconds": ""}])
def test_a_parameter_that_is_no_number_is_refused(query, text):
    given = {name: value or text for name, value in query.items()}
    assert listed(given).status == 400


@pytest.mark.parametrize("content", [b"", b"null", b"[1]", b'["x","",""]', b'{"a":1}', b"[1e400,0,0]", b"\xff"])
def test_a_continue_token_that_nobody_gave_is_refused(content):
    query = {"continue": base64.urlsafe_b64encode(content).decode() or "?"}
    assert listed(query).status == 400
