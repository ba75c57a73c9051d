"""Policies and bindings as API objects: defaults, columns, discovery, explain, and what is refused in whose words."""

import pytest
import yaml

from kubeworld.bootstrap import empty_world
from tests.kubeworld.policies.conftest import GROUP, RULE

TABLE = {"accept": "application/json;as=Table;g=meta.k8s.io;v=v1"}
VALID = "validations: [{expression: object.spec.replicas <= 5}]"


def test_what_a_policy_does_not_say_gets_the_defaults_of_kubernetes(cluster):
    spec = cluster.policy(VALID)["spec"]
    assert spec["failurePolicy"] == "Fail"
    assert spec["matchConstraints"] == {
        "matchPolicy": "Equivalent",
        "namespaceSelector": {},
        "objectSelector": {},
        "resourceRules": [{**RULE, "scope": "*"}],
    }
    bound = cluster.bind(matchResources={"namespaceSelector": {"matchLabels": {"a": "b"}}})["spec"]
    assert bound["matchResources"]["matchPolicy"] == "Equivalent"
    assert bound["matchResources"]["objectSelector"] == {}


def test_both_kinds_are_listed_patched_replaced_and_deleted(cluster):
    cluster.policy(VALID)
    path = f"{GROUP}/validatingadmissionpolicies/p"
    changed = cluster.patch(path, {"spec": {"failurePolicy": "Ignore"}}, "application/merge-patch+json")
    assert (changed["spec"]["failurePolicy"], changed["metadata"]["generation"]) == ("Ignore", 2)
    named = {"spec": {"variables": [{"name": "a", "expression": "1"}]}}
    cluster.patch(path, named)
    named["spec"]["variables"][0] = {"name": "b", "expression": "2"}
    merged = cluster.patch(path, named)["spec"]["variables"]
    assert sorted(item["name"] for item in merged) == ["a", "b"]
    assert [item["metadata"]["name"] for item in cluster.get(f"{GROUP}/validatingadmissionpolicies")["items"]] == ["p"]
    assert cluster.send("DELETE", path)[0] == 200
    assert cluster.send("GET", path)[0] == 404


def test_the_status_is_written_through_its_subresource_alone(cluster):
    cluster.policy(VALID)
    path = f"{GROUP}/validatingadmissionpolicies/p"
    media = "application/merge-patch+json"
    assert "status" not in cluster.patch(path, {"status": {"observedGeneration": 7}}, media)
    assert cluster.patch(f"{path}/status", {"status": {"observedGeneration": 7}}, media)["status"] == {
        "observedGeneration": 7
    }


def test_tables_have_the_columns_of_kubectl(cluster):
    cluster.policy(VALID, paramKind={"apiVersion": "v1", "kind": "ConfigMap"})
    cluster.policy(VALID, name="plain")
    for name, reference in (
        ("b1", {}),
        ("b2", {"paramRef": {"name": "limits", "namespace": "shop", "parameterNotFoundAction": "Deny"}}),
        ("b3", {"paramRef": {"selector": {"matchLabels": {"a": "b"}}, "parameterNotFoundAction": "Deny"}}),
    ):
        cluster.bind(name=name, **reference)
    table = cluster.get(f"{GROUP}/validatingadmissionpolicies", headers=TABLE)
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Validations", "ParamKind", "Age"]
    assert [row["cells"][:3] for row in table["rows"]] == [["p", 1, "v1/ConfigMap"], ["plain", 1, "<unset>"]]
    table = cluster.get(f"{GROUP}/validatingadmissionpolicybindings", headers=TABLE)
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "PolicyName", "ParamRef", "Age"]
    assert [row["cells"][2] for row in table["rows"]] == ["<unset>", "shop/limits", "a=b"]


def test_discovery_and_openapi_know_the_kinds_of_admission(cluster):
    listed = {item["name"]: item for item in cluster.get(GROUP)["resources"]}
    assert set(listed) == {
        "validatingadmissionpolicies",
        "validatingadmissionpolicies/status",
        "validatingadmissionpolicybindings",
        "validatingwebhookconfigurations",
        "mutatingwebhookconfigurations",
    }
    assert listed["validatingadmissionpolicies"]["categories"] == ["api-extensions"]
    assert listed["validatingadmissionpolicies"]["namespaced"] is False
    schemas = cluster.get(f"/openapi/v3{GROUP}")["components"]["schemas"]
    assert (
        "matchConditions" in schemas["io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicySpec"]["properties"]
    )


def test_an_unknown_field_is_refused_when_validation_is_strict(cluster):
    body = {"metadata": {"name": "p"}, "spec": {"validation": []}}
    query = (("fieldValidation", "Strict"),)
    status, answer = cluster.send("POST", f"{GROUP}/validatingadmissionpolicies", body, query=query)
    assert (status, 'unknown field "spec.validation"' in answer["message"]) == (400, True)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            "{}",
            "[spec.validations: Required value: validations or auditAnnotations must contain at least one item, "
            "spec.auditAnnotations: Required value: validations or auditAnnotations must contain at least one item]",
        ),
        (
            f"{{failurePolicy: Warn, {VALID}}}",
            'spec.failurePolicy: Unsupported value: "Warn": supported values: "Fail", "Ignore"',
        ),
        (f"{{matchConstraints: {{}}, {VALID}}}", "spec.matchConstraints.resourceRules: Required value"),
        ("validations: [{message: m}]", "spec.validations[0].expression: Required value: expression is not specified"),
        (
            "validations: [{expression: object.spec.replicas}]",
            'spec.validations[0].expression: Invalid value: "object.spec.replicas": must evaluate to bool',
        ),
        (
            "validations: [{expression: object.spec.replicas <=}]",
            'spec.validations[0].expression: Invalid value: "object.spec.replicas <=": compilation failed: ERROR: '
            "<input>:1:24: Syntax error: mismatched input '<EOF>'",
        ),
        (
            "validations: [{expression: variables.gone == 1}]",
            "compilation failed: ERROR: <input>:1:10: undefined field 'gone'\n | variables.gone == 1\n | .........^",
        ),
        ("validations: [{expression: params.max > 1}]", "undeclared reference to 'params.max'"),
        (
            'validations: [{expression: "true", messageExpression: "1"}]',
            'spec.validations[0].messageExpression: Invalid value: "1": must evaluate to string',
        ),
        (
            "validations: [{expression: \"true\", messageExpression: \"authorizer.path('/').check('get')\"}]",
            "undeclared reference to 'authorizer'",
        ),
        (
            'validations: [{expression: "true", messageExpression: " "}]',
            'spec.validations[0].messageExpression: Invalid value: " ": must be non-empty if specified',
        ),
        (
            'validations: [{expression: "true", message: "a\\nb"}]',
            'spec.validations[0].message: Invalid value: "a\\nb": message must not contain line breaks',
        ),
        (
            'validations: [{expression: "true", reason: NotFound}]',
            'spec.validations[0].reason: Unsupported value: "NotFound": supported values: "Forbidden", "Invalid", '
            '"RequestEntityTooLarge", "Unauthorized"',
        ),
        (
            f'{{variables: [{{name: 1a, expression: "1"}}], {VALID}}}',
            'spec.variables[0].name: Invalid value: "1a": name is not a valid CEL identifier',
        ),
        (
            'variables: [{name: a, expression: variables.b}, {name: b, expression: "1"}]\n' + VALID,
            'spec.variables[0].expression: Invalid value: "variables.b": compilation failed: ERROR: <input>:1:10: '
            "undefined field 'b'",
        ),
        (
            'matchConditions: [{name: a, expression: "true"}, {name: a, expression: "1"}]\n' + VALID,
            '[spec.matchConditions[1].expression: Invalid value: "1": must evaluate to bool, '
            'spec.matchConditions[1].name: Duplicate value: "a"]',
        ),
        (
            'auditAnnotations: [{key: k, valueExpression: "1"}]',
            'spec.auditAnnotations[0].valueExpression: Invalid value: "1": must evaluate to one of [string null_type]',
        ),
        (f"{{paramKind: {{kind: ConfigMap}}, {VALID}}}", "spec.paramKind.apiVersion: Required value"),
        (
            f"{{variables: [{{name: v, expression: 'object.?spec'}}], {VALID}}}",
            "a variable of type optional_type is not supported",
        ),
        (
            "variables: [{name: v, expression: '1'}]\nvalidations: [{expression: has(variables.v)}]",
            "has(variables.v) is not supported: it is always there",
        ),
    ],
)
def test_an_invalid_policy_is_refused_in_the_words_of_kubernetes(cluster, spec, message):
    assert message in cluster.refuses(spec)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (
            {"operations": ["PATCH"]},
            'operations[0]: Unsupported value: "PATCH": supported values: "*", "CONNECT", "CREATE", "DELETE", "UPDATE"',
        ),
        ({"operations": ["*", "CREATE"]}, "if '*' is present, must not specify other operations"),
        ({"apiGroups": []}, "resourceRules[0].apiGroups: Required value"),
        ({"apiVersions": ["v1", "*"]}, 'Invalid value: []string{"v1", "*"}: if \'*\' is present, must not specify'),
        ({"resources": ["pods/*", "pods/exec"]}, "if 'pods/*' is present, must not specify pods/exec"),
        ({"resources": ["*/*", "pods"]}, "if '*/*' is present, must not specify other resources"),
        ({"resources": ["*", "pods"]}, "if '*' is present, must not specify other resources without subresources"),
        ({"scope": "All"}, 'scope: Unsupported value: "All": supported values: "*", "Cluster", "Namespaced"'),
        ({"resourceNames": ["a", "a"]}, 'resourceNames[1]: Duplicate value: "a"'),
    ],
)
def test_an_invalid_rule_is_refused_in_the_words_of_kubernetes(cluster, rule, message):
    spec = {"matchConstraints": {"resourceRules": [{**RULE, **rule}]}, "validations": [{"expression": "true"}]}
    assert message in cluster.refuses(yaml.safe_dump(spec))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"validationActions": ["Deny"]}, "spec.policyName: Required value"),
        ({"policyName": "p"}, "spec.validationActions: Required value: at least one validation action is required"),
        (
            {"policyName": "p", "validationActions": ["Deny", "Log"]},
            'spec.validationActions[1]: Unsupported value: "Log": supported values: "Audit", "Deny", "Warn"',
        ),
        (
            {"policyName": "p", "validationActions": ["Deny", "Warn"]},
            'Invalid value: []admissionregistration.ValidationAction{"Deny", "Warn"}: must not contain both Deny and '
            "Warn (repeating the same validation failure information in the API response and headers serves no "
            "purpose)",
        ),
        (
            {"policyName": "p", "validationActions": ["Deny"], "paramRef": {"parameterNotFoundAction": "Deny"}},
            "spec.paramRef: Required value: one of name or selector must be specified",
        ),
        (
            {"policyName": "p", "validationActions": ["Deny"], "paramRef": {"name": "a", "selector": {}}},
            "spec.paramRef.name: Forbidden: name and selector are mutually exclusive",
        ),
        (
            {"policyName": "p", "validationActions": ["Deny"], "paramRef": {"name": "a"}},
            "spec.paramRef.parameterNotFoundAction: Required value",
        ),
    ],
)
def test_an_invalid_binding_is_refused_in_the_words_of_kubernetes(cluster, spec, message):
    body = {"metadata": {"name": "b"}, "spec": spec}
    status, answer = cluster.send("POST", f"{GROUP}/validatingadmissionpolicybindings", body)
    assert status == 422
    assert message in answer["message"]


def test_the_status_says_which_generation_was_checked_and_what_the_check_warns_of():
    from kubeworld.api.server import api_of
    from tests.kubeworld.policies.conftest import Guarded

    cluster = Guarded()
    cluster.world = empty_world(1, seed=1)
    cluster.api = api_of(cluster.world)
    text = """
validations:
- expression: object.spec.replicas > 1 && object.spec.template.spec.containers.all(c, c.imagePullPolicies == 'Always')
- expression: has(object.spec.paused) || object.metadata.labels['a'] == 'b'
- expression: object.spec.template.spec.containers.filter(c, has(c.image)).all(c, c.image.size() > 0 && c.tag == '')
"""
    cluster.policy(text)
    cluster.world.settle()
    status = cluster.get(f"{GROUP}/validatingadmissionpolicies/p")["status"]
    assert status["observedGeneration"] == 1
    warnings = status["typeChecking"]["expressionWarnings"]
    assert [item["fieldRef"] for item in warnings] == [
        "spec.validations[0].expression",
        "spec.validations[2].expression",
    ]
    assert warnings[0]["warning"].startswith(
        "apps/v1, Kind=Deployment: ERROR: <input>:1:74: undefined field 'imagePullPolicies'\n | object.spec.replicas"
    )
    cluster.patch(f"{GROUP}/validatingadmissionpolicies/p", {"spec": {"validations": [{"expression": "true"}]}})
    cluster.world.settle()
    assert cluster.get(f"{GROUP}/validatingadmissionpolicies/p")["status"] == {
        "observedGeneration": 2,
        "typeChecking": {},
    }
