"""Server-side apply: ownership, conflicts, and what disappears with its owner."""

import orjson
import pytest
import yaml

from kubeworld.api.server import Api
from kubeworld.cluster import new_cluster
from kubeworld.machine.identity import ADMIN
from kubeworld.machine.patch.fields import from_fields, leaves, to_fields
from kubeworld.machine.schema.definitions import schema_of

PATH = "/apis/apps/v1/namespaces/shop/deployments/web"


@pytest.fixture
def api():
    server = Api(new_cluster(seed=1, controllers=()))
    body = orjson.dumps({"metadata": {"name": "shop"}})
    server.handle("POST", "/api/v1/namespaces", (), {}, body, ADMIN)
    return server


def manifest(**spec):
    container = {"name": "web", "image": spec.pop("image", "web:1"), "ports": [{"containerPort": 80}]}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container, *spec.pop("more", [])]}}
    spec = {"selector": {"matchLabels": {"app": "web"}}, "template": template, **spec}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": spec,
    }


def apply(api, body, manager="ann", **query):
    headers = {"Content-Type": "application/apply-patch+yaml"}
    pairs = {"fieldManager": manager, **query}
    answer = api.handle("PATCH", PATH, pairs, headers, yaml.safe_dump(body).encode(), ADMIN)
    return answer.status, orjson.loads(answer.body)


def update(api, body, manager, media="application/strategic-merge-patch+json"):
    headers = {"Content-Type": media, "User-Agent": f"{manager}/v1"}
    answer = api.handle("PATCH", PATH, {}, headers, orjson.dumps(body), ADMIN)
    return orjson.loads(answer.body)


def owners(obj):
    return {(entry["manager"], entry["operation"]) for entry in obj["metadata"]["managedFields"]}


def test_applying_creates_and_then_changes(api):
    status, obj = apply(api, manifest(replicas=2))
    assert (status, obj["spec"]["replicas"]) == (201, 2)
    assert owners(obj) == {("ann", "Apply")}
    status, obj = apply(api, manifest(replicas=3, image="web:2"))
    assert (status, obj["spec"]["replicas"]) == (200, 3)
    assert obj["spec"]["template"]["spec"]["containers"][0]["image"] == "web:2"
    assert obj["spec"]["template"]["spec"]["containers"][0]["ports"] == [{"containerPort": 80, "protocol": "TCP"}]


def test_another_managers_field_is_a_conflict_unless_forced(api):
    apply(api, manifest(replicas=2))
    status, body = apply(api, manifest(replicas=5), manager="bob")
    assert (status, body["reason"]) == (409, "Conflict")
    assert body["details"]["causes"] == [
        {"reason": "FieldManagerConflict", "message": 'conflict with "ann"', "field": ".spec.replicas"}
    ]
    status, obj = apply(api, manifest(replicas=5), manager="bob", force="true")
    assert (status, obj["spec"]["replicas"]) == (200, 5)
    status, body = apply(api, manifest(replicas=2), manager="ann")
    assert status == 409


def test_several_conflicts_are_listed_under_their_managers(api):
    apply(api, manifest(replicas=2, minReadySeconds=7))
    update(api, {"spec": {"paused": True}}, "kubectl-rollout")
    _, body = apply(api, manifest(replicas=3, minReadySeconds=8, paused=False), manager="bob")
    assert body["message"] == (
        'Apply failed with 3 conflicts: conflicts with "ann":\n- .spec.minReadySeconds\n- .spec.replicas\n'
        'conflicts with "kubectl-rollout" using apps/v1:\n- .spec.paused'
    )


def test_the_same_value_is_shared_without_conflict(api):
    apply(api, manifest(replicas=2))
    status, obj = apply(api, manifest(replicas=2), manager="bob")
    assert status == 200
    assert owners(obj) == {("ann", "Apply"), ("bob", "Apply")}


def test_a_field_goes_when_its_last_owner_stops_applying_it(api):
    apply(api, manifest(replicas=2, minReadySeconds=7, more=[{"name": "side", "image": "s:1"}]))
    apply(api, manifest(replicas=2, minReadySeconds=7), manager="bob")
    _, obj = apply(api, manifest(replicas=2))
    assert obj["spec"]["minReadySeconds"] == 7, "bob still owns it"
    assert [item["name"] for item in obj["spec"]["template"]["spec"]["containers"]] == ["web"]
    _, obj = apply(api, manifest(replicas=2), manager="bob")
    assert "minReadySeconds" not in obj["spec"]


def test_an_update_takes_ownership_of_what_it_changes(api):
    apply(api, manifest(replicas=2))
    obj = update(api, {"spec": {"replicas": 9}}, "kubectl-scale")
    assert owners(obj) == {("ann", "Apply"), ("kubectl-scale", "Update")}
    status, body = apply(api, manifest(replicas=2))
    assert status == 409
    assert 'conflict with "kubectl-scale"' in body["message"]
    status, obj = apply(api, manifest())
    assert (status, obj["spec"]["replicas"]) == (200, 9)


def test_repeating_an_apply_changes_nothing(api):
    _, first = apply(api, manifest(replicas=2))
    _, second = apply(api, manifest(replicas=2))
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


def test_applying_needs_a_manager_and_no_managed_fields(api):
    answer = api.handle("PATCH", PATH, {}, {"Content-Type": "application/apply-patch+yaml"}, b"{}", ADMIN)
    assert answer.status == 422
    assert b"fieldManager: Required value: is required for apply patch" in answer.body
    body = manifest()
    body["metadata"]["managedFields"] = [{}]
    assert apply(api, body)[0] == 400


def test_in_process_writes_leave_no_trace_of_their_writer(api):
    body = orjson.dumps(manifest())
    api.handle("POST", PATH.removesuffix("/web"), {"fieldManager": "injector"}, {}, body, ADMIN)
    answer = api.handle("GET", PATH, (), {}, b"", ADMIN)
    assert "managedFields" not in orjson.loads(answer.body)["metadata"]


def test_field_sets_survive_their_written_form():
    paths = set(leaves(manifest(replicas=0), schema_of("io.k8s.api.apps.v1.Deployment")))
    assert ("f:spec", "f:replicas") in paths
    assert any('k:{"containerPort":80,"protocol":"TCP"}' in path for path in paths)
    assert from_fields(to_fields(paths)) == paths
