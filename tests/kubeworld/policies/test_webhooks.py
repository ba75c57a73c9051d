"""Admission webhooks: which requests they see, what they may change, what follows when nobody answers."""

import base64
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson
import pytest

from kubeworld.api.server import api_of
from kubeworld.behaviours import apply, parse
from kubeworld.bootstrap import empty_world
from kubeworld.front.certificates import make_certificates
from kubeworld.machine.identity import ADMIN
from tests.kubeworld.api.conftest import APPLY, MERGE, Cluster, deployment
from tests.kubeworld.policies.conftest import DEPLOYMENTS, GROUP

RULE = {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["*"], "resources": ["deployments"]}
PODS = "/api/v1/namespaces/shop/pods"
Answer = Callable[[dict[str, Any]], dict[str, Any]]


class Program:
    """A real webhook: HTTPS on loopback, answering as it is told, remembering what it was asked."""

    def __init__(self, names: tuple[str, ...] = ()) -> None:
        self.asked: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.answers: dict[str, Answer] = {}
        """Path -> response without uid."""
        self.raw: dict[str, tuple[int, bytes]] = {}
        """Path -> an answer that is no AdmissionReview."""
        self.missing_bytes = 0
        """How much more each answer promises than it brings."""
        program = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                program.serve(self)

            def log_request(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        certificates = make_certificates("127.0.0.1", names)
        self.bundle = base64.b64encode(certificates.authority_pem).decode()
        self.server.socket = certificates.context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        review = orjson.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        path = handler.path.partition("?")[0]
        self.asked.append(review["request"])
        self.paths.append(handler.path)
        if path in self.raw:
            status, body = self.raw[path]
        else:
            response = {"allowed": True, **self.answers.get(path, lambda _: {})(review["request"])}
            response = {"uid": review["request"]["uid"], **response}
            status, body = 200, orjson.dumps({**review, "request": None, "response": response})
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body) + self.missing_bytes))
        handler.end_headers()
        handler.wfile.write(body)

    def hook(self, path: str = "/", name: str = "check.example.com", **fields: Any) -> dict[str, Any]:
        """A webhook of a configuration that leads here."""
        config = {"url": f"https://127.0.0.1:{self.port}{path}", "caBundle": self.bundle}
        return {**hook(name), "clientConfig": config, **fields}


def hook(name: str = "check.example.com", **fields: Any) -> dict[str, Any]:
    """A webhook behind the Service `hooks` of namespace `shop`."""
    return {
        "name": name,
        "clientConfig": {"service": {"namespace": "shop", "name": "hooks", "path": "/check"}},
        "rules": [RULE],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        **fields,
    }


def patch(*operations: dict[str, Any]) -> dict[str, Any]:
    return {"patchType": "JSONPatch", "patch": base64.b64encode(json.dumps(operations).encode()).decode()}


def label(key: str, value: str = "yes") -> dict[str, Any]:
    return {"op": "add", "path": "/metadata/labels", "value": {key: value}}


class Hooked(Cluster):
    """A cluster in which a configuration takes one call."""

    def install(self, sort: str, *hooks: dict[str, Any], name: str = "hooks") -> Any:
        """`sort` is `validating` or `mutating`."""
        body = {"metadata": {"name": name}, "webhooks": list(hooks)}
        return self.post(f"{GROUP}/{sort}webhookconfigurations", body)

    def refusal(self, **fields: Any) -> str:
        """What is said to a validating configuration that is no good."""
        body = {"metadata": {"name": "bad"}, "webhooks": [{**hook(), **fields}]}
        status, answer = self.send("POST", f"{GROUP}/validatingwebhookconfigurations", body)
        assert status == 422, answer
        return str(answer["message"])

    def try_deploy(self, name: str = "web", **more: Any) -> tuple[int, Any]:
        return self.send("POST", DEPLOYMENTS, deployment(name), **more)


@pytest.fixture
def cluster() -> Hooked:
    return Hooked()


@pytest.fixture
def program() -> Iterator[Program]:
    program = Program()
    yield program
    program.server.shutdown()
    program.server.server_close()


def service(cluster: Cluster, *addresses: str, name: str = "hooks") -> None:
    """A Service with these ready endpoints."""
    cluster.post("/api/v1/namespaces/shop/services", {"metadata": {"name": name}, "spec": {"ports": [{"port": 443}]}})
    labels = {"kubernetes.io/service-name": name}
    endpoints = [{"addresses": [address], "conditions": {"ready": True}} for address in addresses]
    body = {"metadata": {"name": name, "labels": labels}, "addressType": "IPv4", "endpoints": endpoints, "ports": []}
    cluster.post("/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices", body)


def test_a_webhook_is_stored_with_kubernetes_defaults(cluster):
    stored = cluster.install("mutating", hook())["webhooks"][0]
    assert stored["failurePolicy"] == "Fail"
    assert stored["matchPolicy"] == "Equivalent"
    assert stored["timeoutSeconds"] == 10
    assert stored["reinvocationPolicy"] == "Never"
    assert stored["clientConfig"]["service"]["port"] == 443
    assert stored["rules"][0]["scope"] == "*"
    assert stored["namespaceSelector"] == stored["objectSelector"] == {}
    assert "reinvocationPolicy" not in cluster.install("validating", hook())["webhooks"][0]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "check"}, 'webhooks[0].name: Invalid value: "check": should be a domain with at least three'),
        ({"sideEffects": "Some"}, 'sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"'),
        (
            {"timeoutSeconds": 31},
            "timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds",
        ),
        ({"clientConfig": {}}, "clientConfig: Required value: exactly one of url or service is required"),
        ({"clientConfig": {"url": "http://127.0.0.1"}}, "'https' is the only allowed URL scheme"),
        ({"clientConfig": {"url": "https://127.0.0.1/?a=b"}}, "query parameters are not permitted in the URL"),
        ({"clientConfig": {"url": "https://127.0.0.1:abc/"}}, 'invalid port ":abc" after host'),
        ({"clientConfig": {"url": "https://127.0.0.1/a\r\nX: y"}}, "invalid control character in URL"),
        ({"admissionReviewVersions": []}, "admissionReviewVersions: Required value: must specify one of v1, v1beta1"),
        ({"admissionReviewVersions": ["v2"]}, "must include at least one of v1, v1beta1"),
        (
            {"rules": [{**RULE, "operations": ["READ"]}]},
            'webhooks[0].rules[0].operations[0]: Unsupported value: "READ"',
        ),
        ({"matchConditions": [{"name": "a", "expression": "object."}]}, "webhooks[0].matchConditions[0].expression"),
        ({"matchConditions": [{"name": "a", "expression": "params.x"}]}, "undeclared reference to 'params.x'"),
        ({"failurePolicy": "Maybe"}, 'webhooks[0].failurePolicy: Unsupported value: "Maybe"'),
    ],
)
def test_a_wrong_configuration_is_refused_in_kubernetes_words(cluster, fields, message):
    assert message in cluster.refusal(**fields)


def test_a_denial_carries_message_code_and_reason(cluster, program):
    cluster.install("validating", program.hook("/no"))
    refusal = {"code": 403, "reason": "Forbidden", "message": "too many cooks"}
    program.answers["/no"] = lambda _: {"allowed": False, "status": refusal}
    status, answer = cluster.try_deploy()
    assert (status, answer["reason"]) == (403, "Forbidden")
    assert answer["message"] == 'admission webhook "check.example.com" denied the request: too many cooks'
    program.answers["/no"] = lambda _: {"allowed": False}
    status, answer = cluster.try_deploy()
    assert (status, answer["message"]) == (
        400,
        'admission webhook "check.example.com" denied the request without explanation',
    )
    assert "reason" not in answer


def test_a_webhook_is_asked_as_kube_apiserver_asks(cluster, program):
    cluster.install("validating", program.hook("/see", timeoutSeconds=7))
    assert cluster.try_deploy(query=(("fieldManager", "me"),))[0] == 201
    asked = program.asked[0]
    assert program.paths == ["/see?timeout=7s"]
    assert asked["kind"] == {"group": "apps", "version": "v1", "kind": "Deployment"}
    assert asked["resource"] == {"group": "apps", "version": "v1", "resource": "deployments"}
    assert (asked["operation"], asked["namespace"], asked["name"]) == ("CREATE", "shop", "web")
    assert asked["userInfo"] == {"username": ADMIN.name, "groups": list(ADMIN.groups)}
    assert asked["object"]["spec"]["replicas"] == 1
    assert asked["oldObject"] is None
    assert asked["dryRun"] is False
    assert asked["options"] == {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1", "fieldManager": "me"}
    cluster.patch(f"{DEPLOYMENTS}/web", {"spec": {"replicas": 3}}, MERGE)
    assert program.asked[1]["operation"] == "UPDATE"
    assert program.asked[1]["oldObject"]["spec"]["replicas"] == 1
    cluster.send("DELETE", f"{DEPLOYMENTS}/web")
    assert program.asked[2]["operation"] == "DELETE"
    assert program.asked[2]["object"] is None


def test_a_mutating_webhook_changes_what_is_stored_and_its_defaults_are_filled_in(cluster, program):
    cluster.install("mutating", program.hook("/add"))
    sidecar = {"op": "add", "path": "/spec/template/spec/containers/-", "value": {"name": "proxy", "image": "proxy:1"}}
    program.answers["/add"] = lambda _: patch(sidecar, label("mesh"))
    created = cluster.try_deploy()[1]
    proxy = created["spec"]["template"]["spec"]["containers"][1]
    assert created["metadata"]["labels"] == {"mesh": "yes"}
    assert (proxy["imagePullPolicy"], proxy["terminationMessagePath"]) == ("IfNotPresent", "/dev/termination-log")
    assert "uid" not in program.asked[0]["object"]["metadata"], "the server gives it afterwards"


def test_a_mutation_may_mend_what_would_be_refused_and_is_refused_if_it_breaks_something(cluster, program):
    cluster.install("mutating", program.hook("/mend"))
    broken = deployment("web")
    broken["spec"]["template"]["metadata"] = {}
    mend = {"op": "add", "path": "/spec/template/metadata/labels", "value": {"app": "web"}}
    program.answers["/mend"] = lambda _: patch(mend)
    assert cluster.send("POST", DEPLOYMENTS, broken)[0] == 201
    program.answers["/mend"] = lambda _: patch({"op": "replace", "path": "/spec/replicas", "value": -1})
    status, answer = cluster.try_deploy("other")
    assert status == 422
    assert "spec.replicas" in answer["message"]


def test_server_side_apply_and_updates_are_mutated_too(cluster, program):
    cluster.install("mutating", program.hook("/add"))
    program.answers["/add"] = lambda _: patch({"op": "add", "path": "/spec/paused", "value": True})
    applied = {"apiVersion": "apps/v1", "kind": "Deployment", **deployment("web")}
    made = cluster.patch(f"{DEPLOYMENTS}/web", applied, APPLY, query=(("fieldManager", "me"),))
    assert made["spec"]["paused"] is True
    program.answers["/add"] = lambda _: patch({"op": "replace", "path": "/spec/replicas", "value": 4})
    assert cluster.patch(f"{DEPLOYMENTS}/web", {"spec": {"minReadySeconds": 1}})["spec"]["replicas"] == 4


def test_an_earlier_webhook_sees_a_later_change_once_if_it_asks_to(cluster, program):
    again = program.hook("/a", "a.example.com", reinvocationPolicy="IfNeeded")
    cluster.install("mutating", again, program.hook("/b", "b.example.com"), program.hook("/c", "c.example.com"))
    program.answers["/b"] = lambda _: patch(label("b"))
    cluster.try_deploy()
    assert [path.partition("?")[0] for path in program.paths] == ["/a", "/b", "/c", "/a"]
    assert program.asked[3]["object"]["metadata"]["labels"] == {"b": "yes"}


def test_a_patch_of_a_deletion_is_an_error(cluster, program):
    cluster.deploy("web")
    cluster.install("mutating", program.hook("/del"))
    program.answers["/del"] = lambda _: patch(label("x"))
    status, answer = cluster.send("DELETE", f"{DEPLOYMENTS}/web")
    assert status == 500
    assert "attempted to modify the object, which is not supported for this operation" in answer["message"]


def test_warnings_reach_the_client(cluster, program):
    cluster.install("validating", program.hook("/warn"))
    program.answers["/warn"] = lambda _: {"warnings": ["old image"]}
    result = cluster.api.handle("POST", DEPLOYMENTS, (), {}, orjson.dumps(deployment("web")), ADMIN)
    assert result.headers["Warning"] == '299 - "old image"'  # type: ignore[union-attr]


def test_rules_selectors_and_conditions_decide_who_is_asked(cluster, program):
    only = {"objectSelector": {"matchLabels": {"guard": "yes"}}}
    there = {"namespaceSelector": {"matchLabels": {"env": "live"}}}
    named = {"matchConditions": [{"name": "named", "expression": "object.metadata.name.startsWith('a')"}]}
    cluster.install("validating", program.hook("/o", "o.example.com", **only))
    cluster.install("validating", program.hook("/n", "n.example.com", **there), name="other")
    cluster.install("validating", program.hook("/c", "c.example.com", **named), name="third")
    cluster.try_deploy("web")
    assert program.paths == []
    guarded = deployment("apple")
    guarded["metadata"]["labels"] = {"guard": "yes"}
    cluster.patch("/api/v1/namespaces/shop", {"metadata": {"labels": {"env": "live"}}})
    cluster.send("POST", DEPLOYMENTS, guarded)
    assert sorted(path.partition("?")[0] for path in program.paths) == ["/c", "/n", "/o"]


def test_a_condition_without_a_value_follows_the_failure_policy(cluster, program):
    condition = [{"name": "x", "expression": "object.spec.nothing.here == 1"}]
    cluster.install("validating", program.hook("/c", matchConditions=condition))
    status, answer = cluster.try_deploy()
    assert status == 403
    assert "no such key: nothing" in answer["message"]
    cluster.patch(
        f"{GROUP}/validatingwebhookconfigurations/hooks",
        [{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Ignore"}],
        "application/json-patch+json",
    )
    assert cluster.try_deploy()[0] == 201
    assert program.paths == []


def test_no_webhook_stands_in_the_way_of_changing_webhooks(cluster, program):
    everything = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*/*"]}
    cluster.install("validating", program.hook("/no", rules=[everything]))
    program.answers["/no"] = lambda _: {"allowed": False}
    assert cluster.try_deploy()[0] == 400
    assert cluster.send("DELETE", f"{GROUP}/validatingwebhookconfigurations/hooks")[0] == 200
    assert cluster.try_deploy()[0] == 201


def test_an_equivalent_version_is_shown_in_the_version_that_the_rule_names(cluster, program):
    rule = {"apiGroups": ["autoscaling"], "apiVersions": ["v1"], "operations": ["*"]}
    cluster.install("validating", program.hook("/v", rules=[{**rule, "resources": ["horizontalpodautoscalers"]}]))
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    body = {"metadata": {"name": "web"}, "spec": {"scaleTargetRef": target, "maxReplicas": 3}}
    cluster.post("/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers", body)
    asked = program.asked[0]
    assert asked["kind"]["version"] == "v1"
    assert asked["requestKind"]["version"] == "v2"
    assert asked["object"]["apiVersion"] == "autoscaling/v1"


def test_a_dry_run_is_told_as_one_and_stores_nothing(cluster, program):
    cluster.install("mutating", program.hook("/dry"))
    program.answers["/dry"] = lambda _: patch(label("dry"))
    status, answer = cluster.try_deploy(query=(("dryRun", "All"),))
    assert (status, answer["metadata"]["labels"]) == (201, {"dry": "yes"})
    assert program.asked[0]["dryRun"] is True
    assert cluster.send("GET", f"{DEPLOYMENTS}/web")[0] == 404


CALLING = 'Internal error occurred: failed calling webhook "check.example.com": failed to call webhook: '
POST = f'{CALLING}Post "https://hooks.shop.svc:443/check?timeout=10s": '


def test_a_service_is_followed_as_far_as_it_leads(cluster):
    cluster.install("validating", hook())
    status, answer = cluster.try_deploy()
    assert (status, answer["reason"], answer["message"]) == (
        500,
        "InternalError",
        f'{POST}service "hooks" not found',
    )
    service(cluster)
    assert cluster.try_deploy()[1]["message"] == f'{POST}no endpoints available for service "hooks"'
    cluster.send("DELETE", "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices/hooks")
    cluster.send("DELETE", "/api/v1/namespaces/shop/services/hooks")
    service(cluster, "10.244.0.9")
    assert cluster.try_deploy()[0] == 201, "its pods are ready, and nothing in them objects"


def test_a_wrong_port_of_a_service_is_named(cluster):
    config = {"service": {"namespace": "shop", "name": "hooks", "port": 8443}}
    cluster.install("validating", hook(clientConfig=config))
    service(cluster, "10.244.0.9")
    assert 'no service port 8443 found for service "hooks"' in cluster.try_deploy()[1]["message"]


def test_nobody_behind_it_is_passed_over_if_the_policy_is_to_ignore(cluster):
    cluster.install("validating", hook(failurePolicy="Ignore"))
    cluster.install("mutating", hook(failurePolicy="Ignore"))
    assert cluster.try_deploy()[0] == 201


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://hooks.example.com/x", "dial tcp: lookup hooks.example.com: no such host"),
        ("https://192.0.2.1:8443/x", "dial tcp 192.0.2.1:8443: connect: network is unreachable"),
        ("https://127.0.0.1.example.com/x", "dial tcp: lookup 127.0.0.1.example.com: no such host"),
        ("https://127.0.0.1:99999/x", "dial tcp: address 99999: invalid port"),
        ("https://127.0.0.1:0/x", "dial tcp 127.0.0.1:0: connect: connection refused"),
        ("https://2130706433/x", "dial tcp 2130706433: connect: network is unreachable"),
        ("https://127.0.0.1:1/x", "dial tcp 127.0.0.1:1: connect: connection refused"),
    ],
)
def test_no_call_leaves_this_machine(cluster, url, why):
    cluster.install("validating", hook(clientConfig={"url": url}))
    assert cluster.try_deploy()[1]["message"] == f'{CALLING}Post "{url}?timeout=10s": {why}'


def test_a_path_beyond_ascii_is_escaped_on_the_wire(cluster, program):
    cluster.install("validating", program.hook("/pr\u00fcfe dies"))
    assert cluster.try_deploy()[0] == 201
    assert program.paths == ["/pr%C3%BCfe%20dies?timeout=10s"]


def test_an_answer_that_ends_too_early_is_none(cluster, program):
    program.answers["/x"] = lambda _: {}
    program.missing_bytes = 1
    cluster.install("validating", program.hook("/x", timeoutSeconds=3))
    assert cluster.try_deploy()[1]["message"].endswith('/x?timeout=3s": EOF')


def test_a_certificate_that_the_bundle_does_not_vouch_for_is_refused(cluster, program):
    other = base64.b64encode(make_certificates().authority_pem).decode()
    url = f"https://127.0.0.1:{program.port}/x"
    cluster.install("validating", program.hook("/x", clientConfig={"url": url, "caBundle": other}))
    assert cluster.try_deploy()[1]["message"].endswith(
        "tls: failed to verify certificate: x509: certificate signed by unknown authority"
    )
    assert program.asked == []


def test_a_certificate_for_another_name_is_refused_and_the_right_one_is_taken(cluster, program):
    service(cluster)
    entry = {"service": {"namespace": "shop", "name": "hooks"}, "address": f"127.0.0.1:{program.port}"}
    apply(cluster.world, parse([entry]))
    config = {**hook()["clientConfig"], "caBundle": program.bundle}
    cluster.install("validating", hook(clientConfig=config))
    message = cluster.try_deploy()[1]["message"]
    assert message.endswith("x509: certificate is valid for localhost, 127.0.0.1, not hooks.shop.svc")
    named = Program(("hooks.shop.svc",))
    entry["address"] = f"127.0.0.1:{named.port}"
    apply(cluster.world, parse([entry]))
    cluster.patch(
        f"{GROUP}/validatingwebhookconfigurations/hooks",
        [{"op": "replace", "path": "/webhooks/0/clientConfig/caBundle", "value": named.bundle}],
        "application/json-patch+json",
    )
    assert cluster.try_deploy()[0] == 201
    assert named.paths == ["/check?timeout=10s"]
    named.server.shutdown()


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ((404, b"no"), "failed to call webhook: the server could not find the requested resource"),
        (
            (500, b"oh"),
            'failed to call webhook: an error on the server ("oh") has prevented the request from succeeding',
        ),
        ((200, b"{}"), "received invalid webhook response: webhook response was absent"),
        (
            (200, b'{"response": {"uid": "1", "allowed": true}}'),
            'received invalid webhook response: expected response.uid="',
        ),
    ],
)
def test_what_is_no_answer_is_told(cluster, program, raw, why):
    program.raw["/x"] = raw
    cluster.install("validating", program.hook("/x"))
    message = cluster.try_deploy()[1]["message"]
    assert message.startswith(f'Internal error occurred: failed calling webhook "check.example.com": {why}')


def test_a_webhook_that_keeps_silent_is_waited_for_until_its_timeout(cluster):
    silent = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)  # listens, and never shakes hands
    config = {"url": f"https://127.0.0.1:{silent.server_address[1]}/x"}
    cluster.install("validating", hook(clientConfig=config, timeoutSeconds=1))
    assert cluster.try_deploy()[1]["message"].endswith('/x?timeout=1s": context deadline exceeded')
    silent.server_close()


def test_described_answers_need_no_program(cluster):
    cluster.install("validating", hook("deny.example.com", objectSelector={"matchLabels": {"guard": "yes"}}))
    cluster.install("mutating", hook("add.example.com"))
    apply(
        cluster.world,
        parse(
            [
                {"webhook": "deny.*", "allowed": False, "message": "not today"},
                {"webhook": "add.example.com", "patch": [label("guard")], "warnings": ["guarded"]},
            ]
        ),
    )
    status, answer = cluster.try_deploy()
    assert (status, answer["reason"]) == (403, "Forbidden")
    assert answer["message"] == 'admission webhook "deny.example.com" denied the request: not today'
    apply(cluster.world, parse([{"webhook": "*", "failure": "context deadline exceeded"}]))
    assert cluster.try_deploy()[1]["message"].endswith(
        'Post "https://hooks.shop.svc:443/check?timeout=10s": context deadline exceeded'
    )


def test_pods_that_a_controller_creates_are_mutated_and_refused(program):
    world = empty_world(1, seed=1)
    api = api_of(world)

    def send(method: str, path: str, body: Any) -> Any:
        answer = api.handle(method, path, (), {}, orjson.dumps(body), ADMIN)
        world.advance(30_000)
        return orjson.loads(answer.body)  # type: ignore[union-attr]

    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    sidecar = {"op": "add", "path": "/spec/containers/-", "value": {"name": "proxy", "image": "proxy:1"}}
    program.answers["/inject"] = lambda _: patch(sidecar)
    inject = program.hook("/inject", rules=[rule], objectSelector={"matchLabels": {"app": "web"}})
    send("POST", f"{GROUP}/mutatingwebhookconfigurations", {"metadata": {"name": "m"}, "webhooks": [inject]})
    send("POST", "/apis/apps/v1/namespaces/default/deployments", deployment("web"))
    pod = world.store.pods_labelled("default", {"app": "web"})[0]
    assert [c["name"] for c in pod["spec"]["containers"]] == ["web", "proxy"]
    assert [s["ready"] for s in pod["status"]["containerStatuses"]] == [True, True]
    account = "system:serviceaccount:kube-system:replicaset-controller"
    assert program.asked[0]["userInfo"]["username"] == account
    assert program.asked[0]["object"]["metadata"]["generateName"].startswith("web-")
    program.answers["/inject"] = lambda _: {"allowed": False, "status": {"message": "no pods", "code": 403}}
    world.store.delete("pods", "default", pod["metadata"]["name"])
    world.advance(5_000)
    events = [event["message"] for event in world.store.objects("events", "default")]
    assert 'Error creating: admission webhook "check.example.com" denied the request: no pods' in events
