"""What policies do to requests: who is refused, with which words and code, who is warned, what is audited."""

import orjson
import pytest
import yaml

from kubeworld.admission.cel.decide import FAILURES
from kubeworld.api.server import api_of
from kubeworld.bootstrap import empty_world
from kubeworld.machine.identity import Identity
from tests.kubeworld.api.conftest import APPLY, JSON_PATCH, MERGE, deployment, pod_spec
from tests.kubeworld.policies.conftest import DEPLOYMENTS, GROUP, RULE

FEW = "validations: [{expression: object.spec.replicas <= 5}]"
PODS = "/api/v1/namespaces/shop/pods"
POD_RULE = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}


def test_a_denied_deployment_names_policy_binding_and_expression(cluster):
    cluster.policy(FEW, name="few.example.com")
    cluster.bind(policy="few.example.com", name="few-binding")
    status, message = cluster.try_deploy("web", replicas=6)
    assert status == 422
    assert message == (
        "deployments.apps \"web\" is forbidden: ValidatingAdmissionPolicy 'few.example.com' with binding 'few-binding' "
        "denied request: failed expression: object.spec.replicas <= 5"
    )
    assert cluster.try_deploy("web", replicas=5)[0] == 201


def test_nothing_is_asked_without_a_binding_and_nothing_after_it_is_gone(cluster):
    cluster.policy(FEW)
    assert cluster.try_deploy("a", replicas=6)[0] == 201
    cluster.bind()
    assert cluster.try_deploy("b", replicas=6)[0] == 422
    cluster.send("DELETE", f"{GROUP}/validatingadmissionpolicybindings/b")
    assert cluster.try_deploy("b", replicas=6)[0] == 201


def test_every_way_to_write_is_asked_about_and_dry_runs_too(cluster):
    cluster.policy(FEW)
    cluster.bind()
    assert cluster.try_deploy("web", replicas=6, dry=True)[0] == 422
    created = cluster.deploy("web")
    path, many = f"{DEPLOYMENTS}/web", {"spec": {"replicas": 6}}
    for media in (MERGE, "application/strategic-merge-patch+json"):
        assert cluster.send("PATCH", path, many, headers={"content-type": media})[0] == 422
    operations = [{"op": "replace", "path": "/spec/replicas", "value": 6}]
    assert cluster.send("PATCH", path, operations, headers={"content-type": JSON_PATCH})[0] == 422
    applied = {"apiVersion": "apps/v1", "kind": "Deployment", **deployment("web", replicas=6)}
    for name in ("web", "new"):
        body = {**applied, "metadata": {"name": name}}
        query = (("fieldManager", "me"), ("force", "true"))
        sent = cluster.send("PATCH", f"{DEPLOYMENTS}/{name}", body, headers={"content-type": APPLY}, query=query)
        assert sent[0] == 422
    assert cluster.send("PUT", path, {**created, "spec": {**created["spec"], "replicas": 6}})[0] == 422
    assert cluster.get(path)["spec"]["replicas"] == 1


def test_a_policy_sees_the_object_as_it_will_be_stored(cluster):
    cluster.policy("""
validations:
- expression: object.spec.replicas == 1 && object.spec.strategy.type == 'RollingUpdate'
- expression: object.metadata.namespace == 'shop' && has(object.metadata.uid) && object.kind == 'Deployment'
- expression: oldObject == null
""")
    cluster.bind()
    cluster.deploy()


@pytest.mark.parametrize(
    ("reason", "code"),
    [("Forbidden", 403), ("Unauthorized", 401), ("RequestEntityTooLarge", 413), ("Invalid", 422)],
)
def test_the_reason_decides_the_code(cluster, reason, code):
    cluster.policy(f"validations: [{{expression: 'false', reason: {reason}, message: never}}]")
    cluster.bind()
    status, answer = cluster.send("POST", DEPLOYMENTS, deployment())
    assert (status, answer["reason"], answer["code"]) == (code, reason, code)
    assert answer["details"]["causes"] == [
        {"message": "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: never"}
    ]


@pytest.mark.parametrize(
    ("validation", "said"),
    [
        ({"message": " too many "}, "too many"),
        ({"message": "m", "messageExpression": "'at most ' + string(5)"}, "at most 5"),
        ({"message": "m", "messageExpression": "string(object.spec.gone)"}, "m"),
        ({"message": "m", "messageExpression": "'a\\nb'"}, "m"),
        ({"messageExpression": "' '"}, "failed expression: false"),
        ({"message": "m", "messageExpression": "['x'].map(x, 'a'.replace('a', '" + "a" * 6000 + "'))[0]"}, "m"),
    ],
)
def test_a_message_expression_falls_back_to_the_message_and_that_to_the_expression(cluster, validation, said):
    cluster.policy(yaml.safe_dump({"validations": [{"expression": " false ", **validation}]}))
    cluster.bind()
    assert cluster.try_deploy()[1].endswith(f"denied request: {said}")


def test_a_warning_is_a_header_and_the_request_passes(cluster):
    cluster.policy('validations: [{expression: object.spec.replicas <= 5, message: many "pods"}]')
    cluster.bind("Warn", "Audit")
    warning = cluster.warning("POST", DEPLOYMENTS, deployment("web", replicas=9))
    assert warning == (
        "299 - \"Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': many \\\"pods\\\"\""
    )
    assert cluster.get(f"{DEPLOYMENTS}/web")["spec"]["replicas"] == 9


def test_a_warning_of_many_lines_stays_one_header(cluster):
    cluster.policy('validations: [{expression: "false\\n  &&\\n true"}]')
    cluster.bind("Warn")
    assert "failed expression: false && true" in cluster.warning("POST", DEPLOYMENTS, deployment())


def test_a_warning_reaches_also_whom_another_binding_refuses(cluster):
    cluster.policy(FEW)
    cluster.bind("Warn", name="warns")
    cluster.bind("Deny", name="denies")
    assert "binding 'warns'" in cluster.warning("POST", DEPLOYMENTS, deployment(replicas=9))


def test_an_audited_failure_and_an_annotation_stand_in_the_audit_record(cluster):
    cluster.policy("""
validations: [{expression: "true"}, {expression: object.spec.replicas <= 5, message: many}]
auditAnnotations:
- {key: replicas, valueExpression: "'asked for ' + string(object.spec.replicas)"}
- {key: nothing, valueExpression: "''"}
""")
    cluster.bind("Audit")
    cluster.deploy("web", replicas=9)
    record = cluster.api.audit[-1]
    assert record.annotations["p/replicas"] == "asked for 9"
    assert "p/nothing" not in record.annotations
    assert orjson.loads(record.annotations[FAILURES]) == [
        {"message": "many", "policy": "p", "binding": "b", "expressionIndex": 1, "validationActions": ["Audit"]}
    ]
    cluster.get(DEPLOYMENTS)
    assert cluster.api.audit[-1].annotations == {}


@pytest.mark.parametrize(("policy", "status"), [("Fail", 422), ("Ignore", 201)])
def test_an_expression_without_a_value_is_left_to_the_failure_policy(cluster, policy, status):
    cluster.policy(f"failurePolicy: {policy}\nvalidations: [{{expression: object.spec.gone == 1}}]")
    cluster.bind()
    answer = cluster.try_deploy()
    assert answer[0] == status
    if status == 422:
        assert answer[1].endswith(
            "denied request: expression 'object.spec.gone == 1' resulted in error: no such key: gone"
        )


def test_a_runaway_expression_is_an_error_and_not_a_wait(cluster):
    cluster.policy(
        "validations: [expression: \"object.data.a.replace('', object.data.a).size() > 0\"]",
        rule={**POD_RULE, "resources": ["configmaps"]},
    )
    cluster.bind()
    body = {"metadata": {"name": "big"}, "data": {"a": "x" * 500_000}}
    status, answer = cluster.send("POST", "/api/v1/namespaces/shop/configmaps", body)
    assert status == 422
    assert answer["message"].endswith("resulted in error: operation cancelled: actual cost limit exceeded")


TIERLESS = {"key": "tier", "operator": "DoesNotExist"}

# What a policy matches -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("constraints", "denied"),
    [
        ({"resourceRules": [{**RULE, "operations": ["UPDATE"]}]}, False),
        ({"resourceRules": [{**RULE, "operations": ["*"]}]}, True),
        ({"resourceRules": [{**RULE, "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"]}]}, True),
        ({"resourceRules": [{**RULE, "apiVersions": ["v1beta1"]}]}, False),
        ({"resourceRules": [{**RULE, "resources": ["deployments/*"]}]}, True),
        ({"resourceRules": [{**RULE, "resources": ["deployments/scale", "*/status"]}]}, False),
        ({"resourceRules": [{**RULE, "scope": "Namespaced"}]}, True),
        ({"resourceRules": [{**RULE, "scope": "Cluster"}]}, False),
        ({"resourceRules": [{**RULE, "resourceNames": ["web"]}]}, True),
        ({"resourceRules": [{**RULE, "resourceNames": ["api"]}]}, False),
        ({"resourceRules": [RULE], "excludeResourceRules": [{**RULE, "resourceNames": ["web"]}]}, False),
        ({"resourceRules": [RULE], "excludeResourceRules": [{**RULE, "operations": ["UPDATE"]}]}, True),
        ({"resourceRules": [RULE], "namespaceSelector": {"matchLabels": {"guarded": "yes"}}}, True),
        ({"resourceRules": [RULE], "namespaceSelector": {"matchLabels": {"guarded": "no"}}}, False),
        ({"resourceRules": [RULE], "objectSelector": {"matchLabels": {"tier": "front"}}}, True),
        ({"resourceRules": [RULE], "objectSelector": {"matchExpressions": [TIERLESS]}}, False),
    ],
)
@pytest.mark.parametrize("place", ["policy", "binding"])
def test_rules_and_selectors_decide_what_is_asked_about(cluster, constraints, denied, place):
    cluster.patch("/api/v1/namespaces/shop", {"metadata": {"labels": {"guarded": "yes"}}})
    always = "validations: [{expression: 'false'}]"
    if place == "policy":
        cluster.policy(always, matchConstraints=constraints)
        cluster.bind()
    else:
        cluster.policy(always)
        cluster.bind(matchResources=constraints)
    body = deployment()
    body["metadata"]["labels"] = {"tier": "front"}
    assert cluster.send("POST", DEPLOYMENTS, body)[0] == (422 if denied else 201)


def test_another_version_of_the_same_resource_is_asked_about_unless_the_match_is_exact(cluster):
    rule = {"apiGroups": ["autoscaling"], "apiVersions": ["v2"], "operations": ["CREATE"]}
    rule["resources"] = ["horizontalpodautoscalers"]
    cluster.policy(
        "validations: [{expression: has(object.spec.metrics) && request.kind.version == 'v2' "
        "&& request.requestKind.version == 'v1', messageExpression: string(object.apiVersion)}, {expression: 'false'}]",
        rule=rule,
    )
    cluster.bind()
    scaler = {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "maxReplicas": 3}
    path = "/apis/autoscaling/v1/namespaces/shop/horizontalpodautoscalers"
    body = {"metadata": {"name": "web"}, "spec": {**scaler, "targetCPUUtilizationPercentage": 50}}
    assert cluster.send("POST", path, body)[1]["message"].endswith("failed expression: false")
    exact = {"spec": {"matchConstraints": {"matchPolicy": "Exact"}}}
    cluster.patch(f"{GROUP}/validatingadmissionpolicies/p", exact, MERGE)
    assert cluster.send("POST", path, body)[0] == 201


def test_a_false_condition_skips_and_one_without_a_value_fails(cluster):
    cluster.policy(
        """
matchConditions:
- {name: web, expression: object.metadata.name != 'web'}
- {name: broken, expression: object.spec.gone}
validations: [{expression: 'false'}]
""".replace("object.spec.gone}", "object.spec.gone == 1}")
    )
    cluster.bind()
    assert cluster.try_deploy("web")[0] == 201
    assert cluster.try_deploy("api")[1].endswith(
        "denied request: expression 'object.spec.gone == 1' resulted in error: no such key: gone"
    )


def test_variables_are_composed_and_lazy(cluster):
    cluster.policy("""
variables:
- {name: pod, expression: object.spec.template.spec}
- {name: images, expression: "variables.pod.containers.map(c, c.image)"}
- {name: broken, expression: object.spec.gone}
- {name: worse, expression: variables.broken + 1}
validations:
- expression: variables.images.all(i, i.startsWith('nginx')) || variables.broken == 1
  messageExpression: "'images ' + variables.images.join(', ')"
- expression: object.metadata.name != 'worse' || variables.worse == 1
""")
    cluster.bind()
    assert cluster.try_deploy("web")[0] == 201
    assert cluster.try_deploy("worse")[1].endswith(
        'resulted in error: composited variable "worse" fails to evaluate: composited variable "broken" fails to '
        "evaluate: no such key: gone"
    )
    template = {"metadata": {"labels": {"app": "api"}}, "spec": pod_spec("evil:1")}
    assert 'composited variable "broken"' in cluster.try_deploy("api", template=template)[1]


def test_the_request_is_described_as_an_admission_request(cluster):
    cluster.policy("""
validations:
- expression: >-
    request.operation == 'CREATE' && request.name == 'web' && request.namespace == 'shop' && !request.dryRun
- expression: request.kind.kind == 'Deployment' && request.kind.group == 'apps' && request.kind.version == 'v1'
- expression: request.resource.resource == 'deployments' && !has(request.subResource)
- expression: request.userInfo.username == 'kubernetes-admin' && 'system:masters' in request.userInfo.groups
- expression: request.options.kind == 'CreateOptions' && request.options.fieldManager == 'me'
- expression: namespaceObject.metadata.name == 'shop' && !has(namespaceObject.metadata.labels.team)
""")
    cluster.bind()
    cluster.post(DEPLOYMENTS, deployment(), query=(("fieldManager", "me"),))


def test_the_authorizer_answers_from_the_roles_of_this_world(cluster):
    cluster.policy("""
validations:
- expression: authorizer.requestResource.check('delete').allowed()
  message: may not delete
- expression: >-
    authorizer.serviceAccount('shop', 'bot').group('').resource('pods').namespace('shop').check('get').allowed()
  message: the bot may not
- expression: authorizer.path('/healthz').check('get').allowed()
""")
    cluster.bind()
    rules = [{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["create"]}]
    roles = "/apis/rbac.authorization.k8s.io/v1"
    cluster.post(f"{roles}/clusterroles", {"metadata": {"name": "creator"}, "rules": rules})
    subjects = [{"kind": "User", "name": "eve"}]
    reference = {"kind": "ClusterRole", "name": "creator"}
    cluster.post(
        f"{roles}/clusterrolebindings", {"metadata": {"name": "c"}, "roleRef": reference, "subjects": subjects}
    )
    assert cluster.try_deploy(who=Identity("eve"))[1].endswith("may not delete")
    assert cluster.try_deploy()[1].endswith("the bot may not")
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
    cluster.post(f"{roles}/clusterroles", {"metadata": {"name": "reader"}, "rules": rules})
    bot = [{"kind": "ServiceAccount", "name": "bot", "namespace": "shop"}]
    reference = {"kind": "ClusterRole", "name": "reader"}
    cluster.post(f"{roles}/clusterrolebindings", {"metadata": {"name": "r"}, "roleRef": reference, "subjects": bot})
    assert cluster.try_deploy()[0] == 201


# Operations and subresources -----------------------------------------------------------------------------------------


def test_a_delete_shows_the_old_object_and_no_new_one(cluster):
    rule = {**RULE, "operations": ["DELETE"]}
    cluster.policy("validations: [{expression: object == null && oldObject.spec.replicas == 0}]", rule=rule)
    cluster.bind()
    cluster.deploy("web")
    cluster.deploy("idle", replicas=0)
    for query in ((("dryRun", "All"),), ()):
        assert cluster.send("DELETE", f"{DEPLOYMENTS}/web", query=query)[0] == 422
    assert cluster.send("DELETE", f"{DEPLOYMENTS}/idle")[0] == 200
    assert cluster.send("DELETE", DEPLOYMENTS)[0] == 422


def test_scale_status_eviction_binding_exec_and_token_are_asked_about_as_subresources(cluster):
    rule = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"]}
    rule["resources"] = ["*/scale", "*/status", "pods/eviction", "pods/binding", "pods/exec", "serviceaccounts/token"]
    cluster.policy(
        """
validations:
- expression: "false"
  messageExpression: >-
    request.operation + ' ' + request.resource.resource + '/' + request.subResource + ' ' + request.kind.kind + ' '
    + object.kind + ' ' + (has(object.command) ? object.command.join(' ') :
    has(object.spec) && has(object.spec.replicas) ? string(object.spec.replicas) : '')
""",
        rule=rule,
    )
    cluster.deploy()
    pod = cluster.pod()
    started = {"status": {"containerStatuses": [{"name": "web", "state": {"running": {}}}], "phase": "Running"}}
    cluster.world.store.update("pods", {**pod, **started})
    cluster.bind()

    def said(method, path, body, media=MERGE, query=()):
        status, answer = cluster.send(method, path, body, headers={"content-type": media}, query=query)
        assert status == 422, answer
        return answer["message"].partition("denied request: ")[2].strip()

    scaled = f"{DEPLOYMENTS}/web/scale", {"spec": {"replicas": 4}}
    assert said("PATCH", *scaled) == "UPDATE deployments/scale Scale Scale 4"
    assert said("PATCH", f"{DEPLOYMENTS}/web/status", {"status": {"replicas": 1}}) == (
        "UPDATE deployments/status Deployment Deployment 1"
    )
    plain = "application/json"
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "web-1"}}
    assert said("POST", f"{PODS}/web-1/eviction", body, plain) == "CREATE pods/eviction Eviction Eviction"
    assert said("POST", f"{PODS}/web-1/binding", {"target": {"name": "n1"}}, plain) == (
        "CREATE pods/binding Binding Binding"
    )
    command = (("command", "rm"), ("command", "-rf"), ("container", "web"))
    assert said("POST", f"{PODS}/web-1/exec", None, plain, command) == (
        "CONNECT pods/exec PodExecOptions PodExecOptions rm -rf"
    )
    assert said("POST", "/api/v1/namespaces/shop/serviceaccounts/default/token", {"spec": {}}, plain) == (
        "CREATE serviceaccounts/token TokenRequest TokenRequest"
    )


def test_policies_never_stand_in_the_way_of_changing_policies(cluster):
    rule = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*/*"]}
    cluster.policy("validations: [{expression: 'false'}]", rule=rule)
    cluster.bind()
    assert cluster.try_deploy()[0] == 422
    cluster.policy(FEW, name="other")
    assert cluster.send("DELETE", f"{GROUP}/validatingadmissionpolicybindings/b")[0] == 200
    assert cluster.try_deploy()[0] == 201


def test_a_pod_that_a_controller_creates_is_asked_about_and_its_refusal_is_an_event(cluster):
    cluster.world = empty_world(1, seed=1)
    cluster.api = api_of(cluster.world)
    cluster.post("/api/v1/namespaces", {"metadata": {"name": "shop"}})
    cluster.world.settle()
    cluster.policy(
        """
validations:
- expression: request.userInfo.username == 'system:serviceaccount:kube-system:replicaset-controller'
- expression: object.spec.containers.all(c, c.image.startsWith('reg.example/'))
  message: only images of ours
""",
        rule=POD_RULE,
    )
    cluster.bind()
    cluster.deploy("web")
    cluster.world.advance(1_000)
    assert cluster.get(PODS)["items"] == []
    event = next(item for item in cluster.get("/api/v1/namespaces/shop/events")["items"] if item["type"] == "Warning")
    assert event["reason"] == "FailedCreate"
    assert event["message"].startswith('Error creating: pods "web-')
    assert event["message"].endswith(
        "is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: only images of ours"
    )
    cluster.deploy("ours", template={"metadata": {"labels": {"app": "ours"}}, "spec": pod_spec("reg.example/web:1")})
    cluster.world.advance(1_000)
    assert len(cluster.get(PODS)["items"]) == 1


# Parameters ----------------------------------------------------------------------------------------------------------

LIMITED = """
paramKind: {apiVersion: v1, kind: ConfigMap}
validations:
- expression: object.spec.replicas <= int(params.data.most)
  messageExpression: "'at most ' + params.data.most"
"""


def limit(cluster, name, most, namespace="shop", **labels):
    body = {"metadata": {"name": name, "labels": labels}, "data": {"most": str(most)}}
    cluster.post(f"/api/v1/namespaces/{namespace}/configmaps", body)


def test_a_named_parameter_comes_from_the_namespace_of_the_request(cluster):
    cluster.policy(LIMITED)
    cluster.bind(paramRef={"name": "limit", "parameterNotFoundAction": "Deny"})
    assert cluster.try_deploy("web", replicas=3)[1].endswith(
        "denied request: failed to configure binding: no params found for policy binding with `Deny` "
        "parameterNotFoundAction"
    )
    limit(cluster, "limit", 3)
    assert cluster.try_deploy("web", replicas=3)[0] == 201
    assert cluster.try_deploy("api", replicas=4)[1].endswith("denied request: at most 3")


def test_a_missing_parameter_may_be_allowed(cluster):
    cluster.policy(LIMITED)
    cluster.bind(paramRef={"name": "limit", "namespace": "shop", "parameterNotFoundAction": "Allow"})
    assert cluster.try_deploy("web", replicas=9)[0] == 201


def test_every_selected_parameter_must_be_satisfied(cluster):
    cluster.policy(LIMITED)
    cluster.bind(paramRef={"selector": {"matchLabels": {"kind": "limit"}}, "parameterNotFoundAction": "Deny"})
    limit(cluster, "a", 5, kind="limit")
    limit(cluster, "b", 2, kind="limit")
    limit(cluster, "c", 1)
    assert cluster.try_deploy("web", replicas=2)[0] == 201
    assert cluster.try_deploy("api", replicas=3)[1].endswith("denied request: at most 2")


def test_a_parameter_may_be_a_custom_resource(cluster):
    policy = LIMITED.replace("apiVersion: v1, kind: ConfigMap", "apiVersion: rules.example.com/v1, kind: Limit")
    cluster.policy(
        policy.replace("int(params.data.most)", "params.most").replace("params.data.most", "string(params.most)")
    )
    cluster.bind(paramRef={"name": "limit", "parameterNotFoundAction": "Deny"})
    assert cluster.try_deploy()[1].endswith(
        "failed to configure policy: failed to find resource referenced by paramKind: 'rules.example.com/v1, "
        "Kind=Limit'"
    )
    names = {"kind": "Limit", "plural": "limits", "singular": "limit"}
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"most": {"type": "integer"}}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    spec = {"group": "rules.example.com", "scope": "Cluster", "names": names, "versions": [version]}
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    cluster.post(definitions, {"metadata": {"name": "limits.rules.example.com"}, "spec": spec})
    body = {"apiVersion": "rules.example.com/v1", "kind": "Limit", "metadata": {"name": "limit"}, "most": 2}
    cluster.post("/apis/rules.example.com/v1/limits", body)
    assert cluster.try_deploy("web", replicas=2)[0] == 201
    assert cluster.try_deploy("api", replicas=3)[1].endswith("at most 2")


def test_custom_resources_are_guarded_like_any_other(cluster):
    names = {"kind": "Limit", "plural": "limits"}
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    spec = {"group": "rules.example.com", "scope": "Cluster", "names": names, "versions": [version]}
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    cluster.post(definitions, {"metadata": {"name": "limits.rules.example.com"}, "spec": spec})
    rule = {"apiGroups": ["rules.example.com"], "apiVersions": ["v1"], "operations": ["*"], "resources": ["limits"]}
    cluster.policy("validations: [{expression: object.most < 10}]", rule=rule)
    cluster.bind()
    body = {"apiVersion": "rules.example.com/v1", "kind": "Limit", "metadata": {"name": "l"}, "most": 10}
    assert cluster.send("POST", "/apis/rules.example.com/v1/limits", body)[0] == 422
    assert cluster.send("POST", "/apis/rules.example.com/v1/limits", {**body, "most": 9})[0] == 201


def test_a_policy_of_one_world_does_not_reach_another_nor_a_snapshot_taken_before_it(cluster):
    from tests.kubeworld.policies.conftest import Guarded

    before = cluster.world.snapshot()
    cluster.policy(FEW)
    cluster.bind()
    assert cluster.try_deploy("web", replicas=6)[0] == 422
    twin = Guarded()
    twin.policy(FEW.replace("5", "7"))  # the same uid and version, another rule
    twin.bind()
    assert twin.try_deploy("web", replicas=6)[0] == 201
    assert cluster.try_deploy("web", replicas=6)[0] == 422
    cluster.world.restore(before)
    assert cluster.try_deploy("web", replicas=6)[0] == 201
