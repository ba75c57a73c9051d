"""Discovery, OpenAPI, custom resources and protobuf bodies."""

import orjson
import pytest

from kubeworld.api.discovery import AGGREGATED
from kubeworld.api.protobuf import MAGIC, decode
from kubeworld.kinds.errors import ApiError
from kubeworld.machine.identity import ADMIN
from kubeworld.machine.schema.definitions import schema_of

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def gadgets(**more):
    names = {"kind": "Gadget", "plural": "gadgets", "singular": "gadget", "shortNames": ["gd"]}
    shape = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": shape}}
    spec = {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [{**version, **more}]}
    return {"metadata": {"name": "gadgets.example.com"}, "spec": spec}


def test_both_forms_of_discovery_name_the_same_resources(cluster):
    accept = {"accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"}
    aggregated = set()
    for root in ("/api", "/apis"):
        answer = cluster.api.handle("GET", root, (), accept, b"", ADMIN)
        assert answer.content_type == AGGREGATED.format("v2")
        for group in orjson.loads(answer.body)["items"]:
            for version in group["versions"]:
                name = group["metadata"].get("name", "")
                aggregated |= {(name, version["version"], item["resource"]) for item in version["resources"]}
    plain = set()
    paths = ["/api/v1"] + [
        f"/apis/{version['groupVersion']}" for group in cluster.get("/apis")["groups"] for version in group["versions"]
    ]
    for path in paths:
        listed = cluster.get(path)
        group, _, version = listed["groupVersion"].rpartition("/")
        plain |= {(group, version, item["name"]) for item in listed["resources"] if "/" not in item["name"]}
    assert aggregated == plain
    assert ("apps", "v1", "deployments") in plain


def test_every_openapi_document_resolves_its_references(cluster):
    links = cluster.get("/openapi/v3")["paths"]
    assert "apis/apps/v1" in links
    for link in links.values():
        document = cluster.get(link["serverRelativeURL"].partition("?")[0])
        schemas = document["components"]["schemas"]
        for reference in _references(document):
            assert reference.removeprefix("#/components/schemas/") in schemas


def _references(node):
    if isinstance(node, list):
        return [found for item in node for found in _references(item)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
    return own + [found for value in node.values() for found in _references(value)]


def test_openapi_says_where_validation_and_dry_run_are_supported(cluster):
    paths = cluster.get("/openapi/v3/apis/apps/v1")["paths"]
    patch = paths["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"]
    assert patch["x-kubernetes-group-version-kind"] == {"group": "apps", "version": "v1", "kind": "Deployment"}
    assert {"fieldValidation", "dryRun"} <= {parameter["name"] for parameter in patch["parameters"]}


def test_the_schemas_carry_the_merge_keys_that_patches_need():
    spec = schema_of("io.k8s.api.apps.v1.Deployment").fields["spec"].fields["template"].fields["spec"]
    assert spec.fields["containers"].merge_key == "name"
    assert spec.fields["containers"].items.fields["ports"].merge_key == "containerPort"
    assert "replace" not in spec.fields["tolerations"].strategies


def test_a_custom_resource_is_served_while_its_definition_exists(cluster):
    path = "/apis/example.com/v1/namespaces/shop/gadgets"
    assert cluster.send("GET", path)[0] == 404
    cluster.post(
        CRDS, gadgets(additionalPrinterColumns=[{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}])
    )
    cluster.post(path, {"metadata": {"name": "one"}, "spec": {"size": 3, "any": {"thing": [1]}}})
    assert cluster.get(path)["kind"] == "GadgetList"
    table = cluster.get(path, headers={"accept": "application/json;as=Table;g=meta.k8s.io;v=v1"})
    assert table["rows"][0]["cells"] == ["one", 3]
    assert any(group["name"] == "example.com" for group in cluster.get("/apis")["groups"])
    assert (
        cluster.send("PATCH", f"{path}/one", {}, headers={"content-type": "application/strategic-merge-patch+json"})[0]
        == 415
    )
    changed = cluster.patch(f"{path}/one", {"spec": {"size": 4}}, "application/merge-patch+json")
    assert (changed["spec"]["size"], changed["metadata"]["generation"]) == (4, 2)
    cluster.send("DELETE", f"{CRDS}/gadgets.example.com")
    assert cluster.send("GET", path)[0] == 404


def test_a_definition_becomes_established_and_a_wrong_one_is_refused(cluster):
    conditions = cluster.post(CRDS, gadgets())["status"]["conditions"]
    assert {item["type"]: item["status"] for item in conditions} == {"NamesAccepted": "True", "Established": "True"}
    wrong = gadgets()
    wrong["metadata"]["name"] = "widgets.example.com"
    status, body = cluster.send("POST", CRDS, wrong)
    assert status == 422
    assert "metadata.name" in body["message"]


def test_custom_content_is_checked_against_its_schema(cluster):
    cluster.post(CRDS, gadgets())
    path = "/apis/example.com/v1/namespaces/shop/gadgets"
    status, body = cluster.send("POST", path, {"metadata": {"name": "x"}, "spec": {"size": "big"}})
    assert status == 422
    assert "spec.size" in body["message"]
    kept = cluster.post(path, {"metadata": {"name": "y"}, "spec": {"size": 1, "colour": "red"}})
    assert kept["spec"] == {"size": 1}


def _field(number, payload):
    return bytes([number << 3 | 2, len(payload)]) + payload


def test_a_protobuf_body_is_read_with_its_zero_values():
    meta = _field(1, b"web") + _field(3, b"shop") + _field(11, _field(1, b"app") + _field(2, b"web"))
    spec = bytes([1 << 3, 0])  # replicas: 0, a pointer in Go: zero is a value
    deployment = _field(1, meta) + _field(2, spec)
    body = MAGIC + _field(1, _field(1, b"apps/v1") + _field(2, b"Deployment")) + _field(2, deployment)
    decoded = decode(body)
    assert decoded["metadata"] == {"name": "web", "namespace": "shop", "labels": {"app": "web"}}
    assert decoded["spec"]["replicas"] == 0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        MAGIC,
        MAGIC + b"\xff" * 40,
        MAGIC + _field(1, _field(2, b"Nothing")),
        MAGIC + b"\x0a\x7f",
        MAGIC + b"\x0b",
    ],
)
def test_a_broken_protobuf_body_is_400(body):
    with pytest.raises(ApiError) as refusal:
        decode(body)
    assert refusal.value.code == 400


def test_health_has_parts_and_the_root_lists_what_is_served(cluster):
    status, text = cluster.send("GET", "/readyz", query=(("verbose", ""),))
    assert (status, text.splitlines()[0], text.splitlines()[-1]) == (200, b"[+]ping ok", b"readyz check passed")
    assert cluster.send("GET", "/livez/ping") == (200, b"ok")
    assert cluster.send("GET", "/livez/nonsense")[0] == 404
    assert {"/apis/apps/v1", "/api/v1", "/version"} <= set(cluster.get("/")["paths"])
