"""Custom resources: schemas, CEL rules, columns and scale, as their definitions give them."""

import pytest

from tests.kubeworld.api.conftest import MERGE, TABLE

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
WIDGETS = "/apis/example.com/v1/namespaces/shop/widgets"
SPEC = {
    "type": "object",
    "required": ["size"],
    "x-kubernetes-validations": [
        {"rule": "self.size <= self.max", "message": "size is over max"},
        {"rule": "self.size >= oldSelf.size", "messageExpression": "'was ' + string(oldSelf.size)"},
    ],
    "properties": {
        "size": {"type": "integer", "minimum": 1},
        "max": {"type": "integer", "default": 5},
        "name": {"type": "string", "maxLength": 3},
        "tags": {"type": "array", "maxItems": 1, "items": {"type": "string"}},
        "port": {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]},
        "kind": {"type": "string", "not": {"enum": ["bad"]}},
        "replicas": {"type": "integer"},
    },
}


def widgets(spec=SPEC, **more):
    names = {"kind": "Widget", "plural": "widgets"}
    status = {"type": "object", "properties": {"replicas": {"type": "integer"}}}
    shape = {"type": "object", "properties": {"spec": spec, "status": status}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": shape}}
    crd = {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [{**version, **more}]}
    return {"metadata": {"name": "widgets.example.com"}, "spec": crd}


def widget(**spec):
    return {"metadata": {"name": "one"}, "spec": spec}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"size": 9}, 'spec: Invalid value: "object": size is over max'),
        ({"size": 1, "name": "long"}, "spec.name: Too long: may not be more than 3 bytes"),
        ({"size": 1, "tags": ["a", "b"]}, "spec.tags: Too many: 2: must have at most 1 items"),
        ({"size": "1"}, 'spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"'),
        ({"size": 1, "port": [1]}, "spec.port in body must validate at least one schema (anyOf)"),
        ({"size": 1, "kind": "bad"}, "spec.kind in body must not validate the schema (not)"),
        ({}, '<nil>: Invalid value: "null": some validation rules were not checked'),
    ],
)
def test_an_object_that_breaks_its_schema_or_a_rule_is_refused(cluster, spec, message):
    cluster.post(CRDS, widgets())
    status, body = cluster.send("POST", WIDGETS, widget(**spec))
    assert (status, body["reason"]) == (422, "Invalid")
    assert message in body["message"]


def test_a_rule_about_the_old_object_is_asked_on_updates_only(cluster):
    cluster.post(CRDS, widgets())
    cluster.post(WIDGETS, widget(size=3, port="http"))
    assert cluster.patch(f"{WIDGETS}/one", {"spec": {"size": 4}}, MERGE)["spec"]["size"] == 4
    status, body = cluster.send("PATCH", f"{WIDGETS}/one", {"spec": {"size": 2}}, headers={"content-type": MERGE})
    assert status == 422
    assert body["details"]["causes"] == [
        {"reason": "FieldValueInvalid", "message": 'Invalid value: "object": was 4', "field": "spec"}
    ]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"type": "objekt"}, '.properties[spec].type: Unsupported value: "objekt": supported values: "array"'),
        ({"type": "object", "x-kubernetes-validations": [{"rule": "self.x >"}]}, "[0].rule: Invalid value"),
        (
            {"type": "object", "x-kubernetes-validations": [{"rule": "true", "optionalOldSelf": True}]},
            "optionalOldSelf: Invalid value: true: is not supported",
        ),
    ],
)
def test_a_definition_that_could_not_be_kept_is_refused(cluster, spec, message):
    status, body = cluster.send("POST", CRDS, widgets(spec))
    assert status == 422
    assert message in body["message"]


def test_columns_have_the_priority_of_their_definition(cluster):
    columns = [
        {"name": "Size", "type": "integer", "jsonPath": ".spec.size", "description": "how much"},
        {"name": "Max", "type": "integer", "jsonPath": ".spec.max", "priority": 1},
    ]
    cluster.post(CRDS, widgets(additionalPrinterColumns=columns))
    found = cluster.get(WIDGETS, headers={"accept": TABLE})["columnDefinitions"]
    assert [(column["name"], column["priority"]) for column in found] == [("Name", 0), ("Size", 0), ("Max", 1)]
    assert found[1]["description"] == "how much"


def test_a_declared_scale_reads_and_writes_the_paths_it_names(cluster):
    scale = {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}
    cluster.post(CRDS, widgets(subresources={"status": {}, "scale": scale}))
    cluster.post(WIDGETS, widget(size=1))
    cluster.patch(f"{WIDGETS}/one/status", {"status": {"replicas": 2}}, MERGE)
    found = cluster.get(f"{WIDGETS}/one/scale")
    assert (found["kind"], found["spec"], found["status"]) == ("Scale", {"replicas": 0}, {"replicas": 2})
    cluster.patch(f"{WIDGETS}/one/scale", {"spec": {"replicas": 3}}, MERGE)
    assert cluster.get(f"{WIDGETS}/one")["spec"]["replicas"] == 3
    rows = cluster.get(f"{WIDGETS}/one/scale", headers={"accept": TABLE})["rows"]
    assert rows[0]["cells"][:3] == ["one", 3, 2]


def versions(*names, strategy="None", **conversion):
    """A definition of Wheels that are stored in the last of these versions."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    listed = [{"name": name, "served": True, "storage": name == names[-1], "schema": schema} for name in names]
    kinds = {"plural": "wheels", "kind": "Wheel"}
    spec = {"group": "cars.example.com", "scope": "Namespaced", "names": kinds, "versions": listed}
    spec["conversion"] = {"strategy": strategy, **conversion}
    return {"metadata": {"name": "wheels.cars.example.com"}, "spec": spec}


def test_another_version_is_the_same_object_under_its_own_name(cluster):
    cluster.post(CRDS, versions("v1", "v2"))
    wheels = "/apis/cars.example.com/{}/namespaces/shop/wheels"
    made = cluster.post(wheels.format("v1"), {"metadata": {"name": "left"}, "spec": {"inches": 17}})
    assert made["apiVersion"] == "cars.example.com/v1"
    assert cluster.get(wheels.format("v2") + "/left")["apiVersion"] == "cars.example.com/v2"
    (listed,) = cluster.get(wheels.format("v1"))["items"]
    assert (listed["apiVersion"], listed["spec"]) == ("cars.example.com/v1", {"inches": 17})
    changed = cluster.patch(wheels.format("v1") + "/left", {"spec": {"inches": 18}}, MERGE)
    assert (changed["apiVersion"], changed["spec"]["inches"]) == ("cars.example.com/v1", 18)


def test_what_a_conversion_webhook_would_have_to_say_is_refused_and_the_stored_version_is_not(cluster):
    config = {"service": {"namespace": "shop", "name": "converter"}}
    webhook = {"clientConfig": config, "conversionReviewVersions": ["v1"]}
    cluster.post(CRDS, versions("v1", "v2", strategy="Webhook", webhook=webhook))
    wheels = "/apis/cars.example.com/{}/namespaces/shop/wheels"
    assert cluster.get(wheels.format("v1"))["items"] == []
    cluster.post(wheels.format("v2"), {"metadata": {"name": "left"}})
    for method, path, body in (
        ("GET", "/left", None),
        ("GET", "", None),
        ("POST", "", {"metadata": {"name": "right"}}),
    ):
        status, answer = cluster.send(method, wheels.format("v1") + path, body)
        assert status == 500
        assert "conversion webhook for cars.example.com/v1, Kind=Wheel failed" in answer["message"]
    assert len(cluster.get(wheels.format("v2"))["items"]) == 1


def test_a_conversion_says_where_its_webhook_is(cluster):
    status, answer = cluster.send("POST", CRDS, versions("v1", strategy="Webhook"))
    assert status == 422
    assert "spec.conversion.webhookClientConfig: Required value: required when strategy is set" in answer["message"]


def test_a_null_says_nothing_and_does_not_stand_for_what_is_required(cluster):
    cluster.post(CRDS, widgets())
    status, answer = cluster.send("POST", WIDGETS, {"metadata": {"name": "w"}, "spec": {"size": None}})
    assert status == 422
    assert "spec.size: Required value" in answer["message"]
    made = cluster.post(WIDGETS, {"metadata": {"name": "w"}, "spec": {"size": 1, "max": None, "name": None}})
    assert made["spec"] == {"size": 1, "max": 5}
