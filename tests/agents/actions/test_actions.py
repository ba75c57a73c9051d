"""Each typed action mends what it is for, touches nothing else, and stays within its bounds."""

from typing import Any

import pytest

from aoi.language.lexicon import ACTIONS, FAILURE_CLASSES


@pytest.fixture(params=("roles alone", "with the shipped policies"))
def cluster(cluster: Any, request: pytest.FixtureRequest) -> Any:
    """The bounds of typed actions and the admission policies of `deploy/` must agree: each test runs behind both."""
    if request.param == "with the shipped policies":
        cluster.fence()
    return cluster


DEPLOYMENT = "/apis/apps/v1/namespaces/NS/deployments/{}"
SERVICE = "/api/v1/namespaces/NS/services/{}"


def container(cluster: Any, name: str) -> dict[str, Any]:
    return cluster.get("deployments.apps", name)["spec"]["template"]["spec"]["containers"][0]


def test_scale_mends_a_workload_at_zero(cluster) -> None:
    cluster.patch(DEPLOYMENT.format("user"), {"spec": {"replicas": 0}})
    result = cluster.executor.perform("scale", "user", "2")
    assert (result.status, result.failure_class) == ("ok", None), result.text
    assert cluster.ready("user") == 2


def test_scale_without_a_value_asks_for_as_many_as_were_recorded(cluster) -> None:
    before = cluster.get("deployments.apps", "geo")["spec"]["replicas"]
    for replicas in (0, before + 3):
        cluster.patch("/apis/apps/v1/namespaces/NS/deployments/geo", {"spec": {"replicas": replicas}})
        cluster.world.advance(30_000)
        assert cluster.executor.perform("scale", "geo").status == "ok"
        assert cluster.get("deployments.apps", "geo")["spec"]["replicas"] == before


@pytest.mark.parametrize(
    ("value", "failure"), [("0", "configuration"), ("11", "configuration"), ("-1", "syntax"), ("x", "syntax")]
)
def test_scale_outside_its_bounds_is_refused(cluster, value: str, failure: str) -> None:
    before = cluster.world.digest()
    result = cluster.executor.perform("scale", "user", value)
    assert (result.status, result.failure_class) == ("refused", failure)
    assert cluster.world.digest() == before


def test_restart_replaces_every_pod(cluster) -> None:
    pods = {pod["metadata"]["uid"] for pod in cluster.world.store.objects("pods", cluster.namespace)}
    result = cluster.executor.perform("restart", "rate")
    assert result.status == "ok", result.text
    cluster.world.advance(10_000)  # the new ones are ready; the last old one is on its way
    left = [p for p in cluster.world.store.objects("pods", cluster.namespace) if p["metadata"]["uid"] in pods]
    assert not [pod for pod in left if pod["metadata"]["name"].startswith("rate-")]


def test_rollback_restores_the_revision_before_the_bad_image(cluster) -> None:
    good = container(cluster, "geo")["image"]
    cluster.break_deployment("geo", {"image": "yinfangchen/hotelreservation:nope"})
    assert cluster.ready("geo") == 0
    result = cluster.executor.perform("rollback", "geo")
    assert result.status == "ok", result.text
    assert container(cluster, "geo")["image"] == good


def test_rollback_skips_revisions_that_differ_by_a_restart_alone(cluster) -> None:
    good = container(cluster, "geo")["image"]
    cluster.break_deployment("geo", {"image": "yinfangchen/hotelreservation:nope"})
    cluster.executor.perform("restart", "geo")
    result = cluster.executor.perform("rollback", "geo")
    assert result.status == "ok", result.text
    assert container(cluster, "geo")["image"] == good


def test_rollback_to_a_revision_that_was_never_recorded_is_refused(cluster) -> None:
    result = cluster.executor.perform("rollback", "geo", "97")
    assert (result.status, result.failure_class) == ("refused", "method")


def test_image_must_have_run_before(cluster) -> None:
    good = container(cluster, "geo")["image"]
    cluster.break_deployment("geo", {"image": "yinfangchen/hotelreservation:nope"})
    refused = cluster.executor.perform("set_image", "geo", "evil.example/miner:1")
    assert (refused.status, refused.failure_class) == ("refused", "configuration")
    result = cluster.executor.perform("set_image", "geo", good)
    assert result.status == "ok", result.text
    assert container(cluster, "geo")["image"] == good


def test_limits_return_to_a_recorded_value(cluster) -> None:
    recorded = container(cluster, "geo")["resources"]["limits"]["memory"]
    cluster.break_deployment("geo", {"resources": {"limits": {"memory": "6Mi"}, "requests": {"memory": "6Mi"}}})
    result = cluster.executor.perform("set_limits", "geo")
    assert result.status == "ok", result.text
    assert container(cluster, "geo")["resources"]["limits"]["memory"] == recorded


@pytest.mark.parametrize("value", ["1Mi", "64Gi", "memory=900Gi", "cpu=500"])
def test_limits_far_from_any_that_was_set_are_refused(cluster, value: str) -> None:
    result = cluster.executor.perform("set_limits", "geo", value)
    assert (result.status, result.failure_class) == ("refused", "configuration"), result.text


def test_port_is_led_back_to_the_declared_one(cluster) -> None:
    port = cluster.get("services", "user")["spec"]["ports"][0]
    patch = {"spec": {"ports": [{"port": port["port"], "targetPort": 9999}]}}
    cluster.patch(SERVICE.format("user"), patch)
    assert cluster.get("services", "user")["spec"]["ports"][0]["targetPort"] == 9999
    result = cluster.executor.perform("fix_port", "user")
    assert result.status == "ok", result.text
    declared = container(cluster, "user")["ports"][0]["containerPort"]
    assert cluster.get("services", "user")["spec"]["ports"][0]["targetPort"] == declared


def test_port_that_no_container_declares_is_refused(cluster) -> None:
    cluster.patch(SERVICE.format("user"), {"spec": {"ports": [{"port": 8086, "targetPort": 9999}]}})
    result = cluster.executor.perform("fix_port", "user", "22")
    assert (result.status, result.failure_class) == ("refused", "configuration")


def test_selector_is_made_to_fit_the_pods(cluster) -> None:
    selector = cluster.get("services", "user")["spec"]["selector"]
    cluster.patch(SERVICE.format("user"), {"spec": {"selector": dict.fromkeys(selector, "user-v2")}})
    result = cluster.executor.perform("fix_selector", "user")
    assert result.status == "ok", result.text
    assert cluster.get("services", "user")["spec"]["selector"] == selector


def test_node_selector_that_no_node_has_is_dropped(cluster) -> None:
    cluster.break_deployment("user", nodeSelector={"kubernetes.io/hostname": "extra-node"})
    assert cluster.ready("user") == 0
    result = cluster.executor.perform("fix_scheduling", "user")
    assert result.status == "ok", result.text
    assert not cluster.get("deployments.apps", "user")["spec"]["template"]["spec"].get("nodeSelector")


def test_node_selector_that_nodes_have_stays(cluster) -> None:
    cluster.break_deployment("user", nodeSelector={"kubernetes.io/os": "linux"})
    result = cluster.executor.perform("fix_scheduling", "user")
    assert (result.status, result.failure_class) == ("refused", "method")


def test_required_affinity_that_no_node_satisfies_is_dropped(cluster) -> None:
    term = {"matchExpressions": [{"key": "gpu", "operator": "In", "values": ["a100"]}]}
    rule = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    cluster.break_deployment("user", affinity={"nodeAffinity": rule})
    result = cluster.executor.perform("fix_scheduling", "user")
    assert result.status == "ok", result.text


def test_node_is_uncordoned(cluster) -> None:
    name = cluster.world.store.objects("nodes")[0]["metadata"]["name"]
    cluster.patch(f"/api/v1/nodes/{name}", {"spec": {"unschedulable": True}})
    result = cluster.executor.perform("uncordon", name)
    assert result.status == "ok", result.text
    assert not cluster.get("nodes", name)["spec"].get("unschedulable")


def test_cordoned_node_is_found_from_a_component(cluster) -> None:
    name = cluster.world.store.objects("nodes")[1]["metadata"]["name"]
    cluster.patch(f"/api/v1/nodes/{name}", {"spec": {"unschedulable": True}})
    assert cluster.executor.perform("uncordon", "user").status == "ok"
    assert not cluster.get("nodes", name)["spec"].get("unschedulable")


def test_one_pod_is_deleted_and_replaced(cluster) -> None:
    before = [p["metadata"]["name"] for p in cluster.world.store.objects("pods", cluster.namespace)]
    result = cluster.executor.perform("delete_pod", "rate")
    assert result.status == "ok", result.text
    after = [p["metadata"]["name"] for p in cluster.world.store.objects("pods", cluster.namespace)]
    gone = set(before) - set(after)
    assert len(gone) == 1
    assert gone.pop().startswith("rate-")


def test_only_a_chaos_object_that_acts_on_the_component_is_deleted(cluster) -> None:
    labels = cluster.get("deployments.apps", "user")["spec"]["selector"]["matchLabels"]
    over = {"duration": "1ms"}
    for name, selector, more in (("loss-user", labels, {}), ("other", {"app": "x"}, {}), ("a-drill", labels, over)):
        loss = {"action": "loss", "mode": "all", "loss": {"loss": "99"}}
        spec = {**loss, "selector": {"labelSelectors": selector}, **more}
        body = {
            "apiVersion": "chaos-mesh.org/v1alpha1",
            "kind": "NetworkChaos",
            "metadata": {"name": name},
            "spec": spec,
        }
        cluster.send("POST", "/apis/chaos-mesh.org/v1alpha1/namespaces/NS/networkchaos", body)
    cluster.world.advance(1_000)
    result = cluster.executor.perform("delete_chaos", "user")
    assert result.status == "ok", result.text
    left = [
        c["metadata"]["name"] for c in cluster.world.store.objects("networkchaos.chaos-mesh.org", cluster.namespace)
    ]
    assert sorted(left) == ["a-drill", "other"]
    again = cluster.executor.perform("delete_chaos", "user")
    assert (again.status, again.failure_class) == ("refused", "method")


def test_missing_config_map_is_restored_from_the_capture(cluster) -> None:
    before = cluster.get("configmaps", "geo-config")["data"]
    cluster.send("DELETE", "/api/v1/namespaces/NS/configmaps/geo-config", {})
    for pod in cluster.world.store.objects("pods", cluster.namespace):
        if pod["metadata"]["name"].startswith("geo-"):
            cluster.send("DELETE", f"/api/v1/namespaces/NS/pods/{pod['metadata']['name']}", {})
    cluster.world.advance(60_000)
    assert cluster.ready("geo") == 0
    result = cluster.executor.perform("set_config", "geo")
    assert result.status == "ok", result.text
    assert cluster.get("configmaps", "geo-config")["data"] == before


def test_drifted_value_is_restored_and_the_pods_restarted(cluster) -> None:
    before = cluster.get("configmaps", "geo-config")["data"]
    cluster.patch("/api/v1/namespaces/NS/configmaps/geo-config", {"data": {"GeoMongoAddress": "nowhere:1"}})
    result = cluster.executor.perform("set_config", "geo", f"GeoMongoAddress={before['GeoMongoAddress']}")
    assert result.status == "ok", result.text
    assert cluster.get("configmaps", "geo-config")["data"] == before
    assert len(result.entries) == 2


def test_value_that_was_never_seen_is_refused(cluster) -> None:
    cluster.patch("/api/v1/namespaces/NS/configmaps/geo-config", {"data": {"GeoMongoAddress": "nowhere:1"}})
    result = cluster.executor.perform("set_config", "geo", "GeoMongoAddress=attacker.example:27017")
    assert (result.status, result.failure_class) == ("refused", "configuration")


def test_revoked_role_is_given_back_by_the_recorded_script(cluster) -> None:
    databases = cluster.world.state["databases"]
    users = databases["mongodb-geo"]["users"]
    revoked = {**users, "admin": {**users["admin"], "grants": []}}
    cluster.world.state = {
        **cluster.world.state, "databases": {**databases, "mongodb-geo": {**databases["mongodb-geo"], "users": revoked}}
    }  # fmt: skip
    result = cluster.executor.perform("repair_database", "mongodb-geo")
    assert result.status == "ok", result.text
    assert cluster.world.state["databases"]["mongodb-geo"]["users"]["admin"]["grants"]


@pytest.mark.parametrize("script", ["revoke-admin-geo-mongo.sh", "remove-admin-mongo.sh", "nope.sh"])
def test_script_that_takes_something_away_is_refused(cluster, script: str) -> None:
    result = cluster.executor.perform("repair_database", "mongodb-geo", script)
    assert (result.status, result.failure_class) == ("refused", "method")


@pytest.mark.parametrize("value", ["../../etc/passwd", "x.sh;id", "a b.sh", "-c"])
def test_script_is_a_name_not_a_path_or_a_command(cluster, value: str) -> None:
    result = cluster.executor.perform("repair_database", "mongodb-geo", value)
    assert (result.status, result.failure_class) == ("refused", "syntax")


@pytest.mark.parametrize("name", ACTIONS)
def test_action_on_a_component_that_is_not_there_changes_nothing(cluster, name: str) -> None:
    before = cluster.world.digest()
    result = cluster.executor.perform(name, "no-such-component")
    assert result.status in ("refused", "failed")
    assert result.failure_class in FAILURE_CLASSES
    assert cluster.world.digest() == before


@pytest.mark.parametrize(
    "name", [name for name in ACTIONS if name not in ("restart", "delete_pod", "scale", "rollback")]
)
def test_action_with_nothing_to_mend_changes_nothing(cluster, name: str) -> None:
    before = cluster.world.digest()
    result = cluster.executor.perform(name, "memcached-rate")
    assert result.status == "refused", result.text
    assert cluster.world.digest() == before


@pytest.mark.parametrize(
    "component", ["../secrets/x", "geo/../../x", "", "GEO", "a b", "%2e%2e", "geo\n", "геo", "x" * 300]
)
@pytest.mark.parametrize("name", ["scale", "set_config", "repair_database", "delete_chaos", "uncordon", "fix_port"])
def test_component_that_is_no_name_is_a_syntax_failure(cluster, name: str, component: str) -> None:
    before = cluster.world.digest()
    result = cluster.executor.perform(name, component)
    assert result.status == "refused"
    assert cluster.world.digest() == before


def test_unknown_action_is_a_syntax_failure(cluster) -> None:
    result = cluster.executor.perform("drop_database", "geo")
    assert (result.status, result.failure_class) == ("refused", "syntax")
