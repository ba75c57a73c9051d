"""Create, read, update, patch and delete as Kubernetes answers them."""

import orjson
import pytest

from kubeworld.machine.identity import ADMIN

DEPLOYMENTS = "/apis/apps/v1/namespaces/shop/deployments"
PODS = "/api/v1/namespaces/shop/pods"
JSON_PATCH = "application/json-patch+json"
MERGE = "application/merge-patch+json"


def deployment(name="web", **spec):
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "web", "image": "nginx:1"}]}}
    return {
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": template, **spec},
    }


def test_a_created_deployment_carries_the_servers_defaults(cluster):
    spec = cluster.deploy()["spec"]
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}}
    assert spec["revisionHistoryLimit"] == 10
    assert spec["template"]["spec"]["dnsPolicy"] == "ClusterFirst"
    assert spec["template"]["spec"]["containers"][0]["terminationMessagePath"] == "/dev/termination-log"
    assert spec["template"]["spec"]["containers"][0]["ports"] == [{"containerPort": 80, "protocol": "TCP"}]


def test_creating_a_taken_name_is_409_already_exists(cluster):
    cluster.deploy()
    status, body = cluster.send("POST", DEPLOYMENTS, deployment())
    assert (status, body["reason"]) == (409, "AlreadyExists")
    assert body["message"] == 'deployments.apps "web" already exists'


def test_a_missing_object_is_404_with_its_details(cluster):
    status, body = cluster.send("GET", f"{DEPLOYMENTS}/none")
    assert status == 404
    assert body["message"] == 'deployments.apps "none" not found'
    assert body["details"] == {"name": "none", "group": "apps", "kind": "deployments"}


def test_a_missing_namespace_refuses_creation(cluster):
    status, body = cluster.send("POST", DEPLOYMENTS.replace("shop", "nowhere"), deployment())
    assert (status, body["message"]) == (404, 'namespaces "nowhere" not found')


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/apis/apps/v1/namespaces/shop/gadgets", 404),
        ("GET", "/apis/apps/v9/namespaces/shop/deployments", 404),
        ("GET", "/api/v1/namespaces/shop/pods/a%2f..%2fb", 404),
        ("GET", "/api/v1/namespaces/shop/../pods", 404),
        ("GET", "/api/v1/namespaces/shop/pods/x/portforward", 404),
        ("GET", "/api/v1/pods/x", 404),
        ("PUT", "/apis/apps/v1/namespaces/shop/deployments", 405),
        ("POST", "/apis/apps/v1/namespaces/shop/deployments/web", 405),
        ("BREW", "/api/v1/namespaces/shop/pods", 405),
        ("DELETE", "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods", 405),
    ],
)
def test_what_is_not_served_is_refused(cluster, method, path, status):
    assert cluster.send(method, path)[0] == status


def test_a_stale_resource_version_is_409_conflict(cluster):
    obj = cluster.deploy()
    cluster.patch(f"{DEPLOYMENTS}/web", {"spec": {"replicas": 2}})
    status, body = cluster.send("PUT", f"{DEPLOYMENTS}/web", obj)
    assert (status, body["reason"]) == (409, "Conflict")
    assert "the object has been modified; please apply your changes to the latest version" in body["message"]


def test_a_patch_with_a_stale_resource_version_is_409(cluster):
    version = cluster.deploy()["metadata"]["resourceVersion"]
    body = {"metadata": {"resourceVersion": version}, "spec": {"replicas": 2}}
    cluster.patch(f"{DEPLOYMENTS}/web", body)
    status, _ = cluster.send("PATCH", f"{DEPLOYMENTS}/web", body, headers={"content-type": MERGE})
    assert status == 409


def test_a_foreign_uid_is_409(cluster):
    cluster.pod()
    status, body = cluster.send("DELETE", f"{PODS}/web-1", {"preconditions": {"uid": "other"}})
    assert status == 409
    assert "Precondition failed: UID in precondition: other" in body["message"]


def test_invalid_fields_are_422_with_one_cause_each(cluster):
    broken = deployment(replicas=-1)
    broken["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    del broken["spec"]["template"]["spec"]["containers"][0]["image"]
    status, body = cluster.send("POST", DEPLOYMENTS, broken)
    assert (status, body["reason"]) == (422, "Invalid")
    assert [cause["field"] for cause in body["details"]["causes"]] == [
        "spec.replicas",
        "spec.template.metadata.labels",
        "spec.template.spec.containers[0].image",
    ]
    assert body["message"].startswith('Deployment.apps "web" is invalid: [spec.replicas: Invalid value: -1: must be')


def test_a_deployment_selector_is_immutable(cluster):
    cluster.deploy()
    change = {"selector": {"matchLabels": {"app": "x"}}, "template": {"metadata": {"labels": {"app": "x"}}}}
    status, body = cluster.send("PATCH", f"{DEPLOYMENTS}/web", {"spec": change}, headers={"content-type": MERGE})
    assert status == 422
    assert "field is immutable" in body["message"]


def test_a_running_pods_spec_may_change_its_image_and_nothing_else(cluster):
    cluster.pod()
    containers = [{"name": "web", "image": "nginx:9"}]
    assert (
        cluster.patch(f"{PODS}/web-1", {"spec": {"containers": containers}})["spec"]["containers"][0]["image"]
        == "nginx:9"
    )
    status, body = cluster.send(
        "PATCH", f"{PODS}/web-1", {"spec": {"hostNetwork": True}}, headers={"content-type": MERGE}
    )
    assert status == 422
    assert "pod updates may not change fields other than" in body["message"]


def test_only_spec_changes_bump_the_generation(cluster):
    cluster.deploy()
    assert cluster.patch(f"{DEPLOYMENTS}/web", {"metadata": {"labels": {"a": "b"}}})["metadata"]["generation"] == 1
    assert cluster.patch(f"{DEPLOYMENTS}/web", {"spec": {"replicas": 3}})["metadata"]["generation"] == 2
    cluster.patch(f"{DEPLOYMENTS}/web/status", {"status": {"replicas": 3}}, MERGE)
    assert cluster.get(f"{DEPLOYMENTS}/web")["metadata"]["generation"] == 2


def test_a_main_update_leaves_the_status_alone_and_the_other_way_round(cluster):
    cluster.deploy()
    cluster.patch(f"{DEPLOYMENTS}/web/status", {"status": {"replicas": 3}, "spec": {"replicas": 9}}, MERGE)
    cluster.patch(f"{DEPLOYMENTS}/web", {"status": {"replicas": 7}, "spec": {"replicas": 2}}, MERGE)
    obj = cluster.get(f"{DEPLOYMENTS}/web")
    assert (obj["status"]["replicas"], obj["spec"]["replicas"]) == (3, 2)


def test_a_dry_run_answers_and_stores_nothing(cluster):
    before = cluster.world.digest()
    query = (("dryRun", "All"),)
    assert cluster.post(DEPLOYMENTS, deployment(), query=query)["metadata"]["uid"]
    assert cluster.world.digest() == before
    cluster.deploy()
    before = cluster.world.digest()
    assert cluster.patch(f"{DEPLOYMENTS}/web", {"spec": {"replicas": 4}}, query=query)["spec"]["replicas"] == 4
    assert cluster.send("DELETE", f"{DEPLOYMENTS}/web", query=query)[0] == 200
    assert cluster.world.digest() == before
    twin = type(cluster)()
    twin.deploy()
    assert cluster.world.store.new_uid("x") == twin.world.store.new_uid("x")


def test_unknown_fields_warn_by_default_and_fail_when_strict(cluster):
    body = deployment()
    body["spec"]["replica"] = 3
    status, answer = cluster.send("POST", DEPLOYMENTS, body, query=(("fieldValidation", "Strict"),))
    assert status == 400
    assert 'unknown field "spec.replica"' in answer["message"]
    response = cluster.api.handle("POST", DEPLOYMENTS, (), {}, orjson.dumps(body), ADMIN)
    assert 'unknown field \\"spec.replica\\"' in response.headers["Warning"]
    assert "replica" not in orjson.loads(response.body)["spec"]


def test_a_wrong_type_is_400(cluster):
    status, body = cluster.send("POST", DEPLOYMENTS, deployment(replicas="three"))
    assert status == 400
    assert "cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32" in body["message"]


def test_the_wrong_kind_is_400(cluster):
    assert cluster.send("POST", DEPLOYMENTS, {**deployment(), "kind": "DaemonSet"})[0] == 400
    assert cluster.send("POST", DEPLOYMENTS, {**deployment(), "apiVersion": "apps/v1beta1"})[0] == 400


def test_an_unknown_patch_type_is_415(cluster):
    cluster.deploy()
    status, body = cluster.send("PATCH", f"{DEPLOYMENTS}/web", {}, headers={"content-type": "text/plain"})
    assert (status, body["reason"]) == (415, "UnsupportedMediaType")


def test_hostile_bodies_are_refused(cluster):
    deep = b"[" * 100_000 + b"]" * 100_000
    assert cluster.send("POST", DEPLOYMENTS, deep)[0] == 400
    assert cluster.send("POST", DEPLOYMENTS, b"x" * (4 << 20))[0] == 413
    bomb = b"a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n"
    assert cluster.send("POST", DEPLOYMENTS, bomb, headers={"content-type": "application/yaml"})[0] == 400
    nested = b'{"a":' * 400 + b"1" + b"}" * 400
    assert cluster.send("POST", "/api/v1/namespaces/shop/configmaps", nested)[0] == 400


def test_too_many_json_patch_operations_are_413(cluster):
    cluster.deploy()
    operations = [{"op": "test", "path": "/kind", "value": "Deployment"}] * 10_001
    assert cluster.send("PATCH", f"{DEPLOYMENTS}/web", operations, headers={"content-type": JSON_PATCH})[0] == 413


def test_a_failed_json_patch_test_is_422_and_changes_nothing(cluster):
    cluster.deploy()
    operations = [
        {"op": "replace", "path": "/spec/replicas", "value": 9},
        {"op": "test", "path": "/spec/replicas", "value": 1},
    ]
    assert cluster.send("PATCH", f"{DEPLOYMENTS}/web", operations, headers={"content-type": JSON_PATCH})[0] == 422
    assert cluster.get(f"{DEPLOYMENTS}/web")["spec"]["replicas"] == 1


def test_committed_objects_are_never_mutated(cluster):
    cluster.deploy()
    before = cluster.world.store.get("deployments.apps", "shop", "web")
    frozen = orjson.dumps(before)
    cluster.patch(
        f"{DEPLOYMENTS}/web", {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "x"}]}}}}
    )
    cluster.patch(f"{DEPLOYMENTS}/web", [{"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}], JSON_PATCH)
    cluster.patch(f"{DEPLOYMENTS}/web/scale", {"spec": {"replicas": 5}}, MERGE)
    assert orjson.dumps(before) == frozen


def test_generated_names_are_reproducible_and_distinct(cluster):
    bodies = [{"metadata": {"generateName": "job-"}, "data": {}} for _ in range(3)]
    names = [cluster.post("/api/v1/namespaces/shop/configmaps", body)["metadata"]["name"] for body in bodies]
    assert len(set(names)) == 3
    assert all(name.startswith("job-") and len(name) == 9 for name in names)


def test_a_scheduled_pod_keeps_its_grace_and_grace_zero_removes_at_once(cluster):
    cluster.pod(nodeName="n1")
    left = cluster.send("DELETE", f"{PODS}/web-1")[1]
    assert left["metadata"]["deletionGracePeriodSeconds"] == 30
    assert left["metadata"]["deletionTimestamp"] == "2026-01-05T08:00:30Z"
    assert cluster.send("DELETE", f"{PODS}/web-1", query=(("gracePeriodSeconds", "0"),))[0] == 200
    assert cluster.send("GET", f"{PODS}/web-1")[0] == 404


def test_a_finalizer_holds_an_object_until_it_is_removed(cluster):
    cluster.post("/api/v1/namespaces/shop/configmaps", {"metadata": {"name": "c", "finalizers": ["a.b/c"]}})
    path = "/api/v1/namespaces/shop/configmaps/c"
    assert cluster.send("DELETE", path)[1]["metadata"]["deletionTimestamp"]
    assert cluster.get(path)
    cluster.patch(path, {"metadata": {"finalizers": None}}, MERGE)
    assert cluster.send("GET", path)[0] == 404


def test_deleting_a_collection_honours_its_selector(cluster):
    for name, tier in (("a", "web"), ("b", "db"), ("c", "web")):
        cluster.post("/api/v1/namespaces/shop/configmaps", {"metadata": {"name": name, "labels": {"tier": tier}}})
    cluster.send("DELETE", "/api/v1/namespaces/shop/configmaps", query=(("labelSelector", "tier=web"),))
    left = cluster.get("/api/v1/namespaces/shop/configmaps")["items"]
    assert [item["metadata"]["name"] for item in left] == ["b"]


def test_every_request_is_audited_with_who_what_and_the_code(cluster):
    cluster.send("GET", f"{PODS}/none/log")
    record = cluster.api.audit[-1]
    assert (record.user, record.verb, record.resource, record.namespace, record.name, record.code) == (
        ADMIN.name,
        "get",
        "pods/log",
        "shop",
        "none",
        404,
    )


@pytest.mark.parametrize(
    ("method", "query", "message"),
    [
        ("POST", ("fieldValidation", "Maybe"), 'CreateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported'),
        ("POST", ("dryRun", "Some"), 'CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: "Some"'),
        ("PATCH", ("force", "true"), 'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified'),
    ],
)
def test_parameters_of_a_write_are_checked(cluster, method, query, message):
    cluster.post("/api/v1/namespaces/shop/configmaps", {"metadata": {"name": "a"}})
    path = "/api/v1/namespaces/shop/configmaps" + ("/a" if method == "PATCH" else "")
    status, body = cluster.send(method, path, {}, query=(query,), headers={"content-type": MERGE})
    assert (status, body["reason"]) == (422, "Invalid")
    assert body["message"].startswith(message)


def test_a_dry_run_answers_as_the_write_would(cluster):
    for path, body in (
        ("/api/v1/namespaces/shop/configmaps", {"metadata": {"name": "a"}}),
        ("/apis/apps/v1/namespaces/shop/deployments", deployment("a")),
    ):
        dry = cluster.post(path, body, query=(("dryRun", "All"),))["metadata"]
        assert dry.get("generation") == cluster.post(path, body)["metadata"].get("generation")


def test_an_unknown_path_says_so_in_details_that_name_nothing(cluster):
    status, body = cluster.send("GET", "/api/v1/namespaces/shop/pods/x/ephemeralcontainers")
    assert (status, body["details"]) == (404, {}), "kubectl debug reads them without looking whether they are there"


def test_namespaces_of_the_system_stay_and_none_go_all_at_once(cluster):
    status, body = cluster.send("DELETE", "/api/v1/namespaces/kube-system")
    assert (status, body["message"]) == (
        403,
        'namespaces "kube-system" is forbidden: this namespace may not be deleted',
    )
    assert cluster.send("DELETE", "/api/v1/namespaces")[0] == 405


def test_a_field_that_no_selector_knows_is_named(cluster):
    for path, text in (
        ("pods", "field label not supported: spec.foo"),
        ("configmaps", '"spec.foo" is not a known field selector: only "metadata.name", "metadata.namespace"'),
    ):
        query = (("fieldSelector", "spec.foo=1"),)
        status, body = cluster.send("GET", f"/api/v1/namespaces/shop/{path}", query=query)
        assert (status, body["message"]) == (400, text)


def test_kinds_that_answer_a_deletion_with_the_object_do_so_when_it_is_gone_at_once(cluster):
    cluster.pod()
    for path, name, kind in (("pods", "web-1", "Pod"), ("serviceaccounts", "default", "ServiceAccount")):
        query = (("gracePeriodSeconds", "0"),)
        assert cluster.send("DELETE", f"/api/v1/namespaces/shop/{path}/{name}", query=query)[1]["kind"] == kind
    cluster.post("/api/v1/namespaces/shop/configmaps", {"metadata": {"name": "a"}})
    assert cluster.send("DELETE", "/api/v1/namespaces/shop/configmaps/a")[1]["kind"] == "Status"


def test_replication_controllers_can_be_looked_for_but_not_made(cluster):
    path = "/api/v1/namespaces/shop/replicationcontrollers"
    assert cluster.get(path)["items"] == []
    assert cluster.send("POST", path, {"metadata": {"name": "a"}})[0] == 405


@pytest.mark.parametrize(
    ("path", "patch", "field", "says"),
    [
        (f"{PODS}/web", {"spec": {"nodeName": "another"}}, "spec", "pod updates may not change fields"),
        (f"{PODS}/web", {"metadata": {"labels": {"a b": "c"}}}, "metadata.labels", "name part must consist of"),
        (
            f"{PODS}/web",
            {"metadata": {"labels": {"a/b/c": "d"}}},
            "metadata.labels",
            "a qualified name must",
        ),
        (
            f"{PODS}/web",
            {"metadata": {"labels": {"A_b/c": "d"}}},
            "metadata.labels",
            "prefix part a lowercase",
        ),
        (
            "/api/v1/nodes/node-1",
            {"spec": {"taints": [{"key": "a b", "effect": "NoSchedule"}]}},
            "metadata.taints[0].key",
            "name part must consist of",
        ),
        (
            "/api/v1/nodes/node-1",
            {"spec": {"taints": [{"key": "a", "effect": "Nope"}]}},
            "metadata.taints[0].effect",
            'Unsupported value: "Nope": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
        ),
        (
            "/api/v1/nodes/node-1",
            {"spec": {"taints": [{"key": "a", "effect": "NoExecute"}] * 2}},
            "metadata.taints[1]",
            "Duplicate value",
        ),
    ],
)
def test_what_kubernetes_does_not_take_is_refused_by_its_field(cluster, path, patch, field, says):
    cluster.pod("web")
    cluster.post("/api/v1/nodes", {"metadata": {"name": "node-1"}})
    status, body = cluster.send("PATCH", path, patch, headers={"content-type": MERGE})
    assert (status, body["reason"]) == (422, "Invalid")
    (cause,) = body["details"]["causes"]
    assert cause["field"] == field
    assert says in cause["message"]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("UPPER", "must contain only alphanumeric characters (a-z, 0-9), and hyphens (-)"),
        ("a-name-of-sixteen", "must be no more than 15 characters"),
        ("80", "must contain at least one letter (a-z)"),
        ("a--b", "must not contain consecutive hyphens"),
        ("-a", "must not begin or end with a hyphen"),
    ],
)
def test_a_containers_port_has_a_name_of_a_service(cluster, name, says):
    container = {"name": "web", "image": "nginx:1", "ports": [{"containerPort": 80, "name": name}]}
    status, body = cluster.send("POST", PODS, {"metadata": {"name": "web"}, "spec": {"containers": [container]}})
    assert status == 422
    assert says in body["message"]


def test_a_pod_that_names_no_pull_secret_gets_its_accounts(cluster):
    account = "/api/v1/namespaces/shop/serviceaccounts/default"
    cluster.send("PATCH", account, {"imagePullSecrets": [{"name": "registry"}]}, headers={"content-type": MERGE})
    own = [{"name": "own"}]
    for name, given, expected in (("a", {}, [{"name": "registry"}]), ("b", {"imagePullSecrets": own}, own)):
        spec = {"containers": [{"name": "web", "image": "nginx:1"}], **given}
        _, body = cluster.send("POST", PODS, {"metadata": {"name": name}, "spec": spec})
        assert body["spec"]["imagePullSecrets"] == expected
