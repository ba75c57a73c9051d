"""APIServices: which groups this server answers for, and what follows when another does not answer."""

import orjson
import pytest

from kubeworld.api.server import Api, api_of
from kubeworld.behaviours import apply, parse
from kubeworld.bootstrap import empty_world
from kubeworld.machine.identity import ADMIN
from tests.kubeworld.api.conftest import TABLE

SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


class Server:
    """An empty cluster with its controllers."""

    def __init__(self) -> None:
        self.world = empty_world(1, seed=1)
        self.api: Api = api_of(self.world)

    def send(self, method, path, body=None, accept="application/json"):
        raw = b"" if body is None else orjson.dumps(body)
        answer = self.api.handle(method, path, (), {"accept": accept}, raw, ADMIN)
        self.world.settle()
        return answer.status, orjson.loads(answer.body)  # type: ignore[union-attr]

    def register(self, group="custom.metrics.k8s.io", version="v1beta1", service="adapter"):
        spec = {"group": group, "version": version, "groupPriorityMinimum": 100, "versionPriority": 100}
        spec["service"] = {"namespace": "default", "name": service}
        return self.send("POST", SERVICES, {"metadata": {"name": f"{version}.{group}"}, "spec": spec})

    def available(self, name="v1beta1.custom.metrics.k8s.io"):
        (condition,) = self.send("GET", f"{SERVICES}/{name}")[1]["status"]["conditions"]
        return condition["status"], condition["reason"], condition["message"]

    def serve_it(self, *addresses, name="adapter", port=443):
        spec = {"ports": [{"port": port, "name": "https"}]}
        body = {"metadata": {"name": name}, "spec": spec}
        self.send("POST", "/api/v1/namespaces/default/services", body)
        if addresses:
            subset = {"addresses": [{"ip": one} for one in addresses], "ports": [{"port": 6443, "name": "https"}]}
            self.send("POST", "/api/v1/namespaces/default/endpoints", {"metadata": {"name": name}, "subsets": [subset]})


@pytest.fixture
def server() -> Server:
    return Server()


def test_every_group_that_is_served_has_a_local_service(server):
    rows = server.send("GET", SERVICES, accept=TABLE)[1]["rows"]
    shown = {row["cells"][0]: row["cells"][1:3] for row in rows}
    assert shown["v1.apps"] == ["Local", "True"]
    assert "v1." in shown
    assert "v1beta1.metrics.k8s.io" not in shown, "a metrics server brings its own"


def test_a_definition_registers_its_group_and_takes_it_along(server):
    names = {"plural": "wheels", "kind": "Wheel"}
    schema = {"openAPIV3Schema": {"type": "object"}}
    versions = [{"name": "v1", "served": True, "storage": True, "schema": schema}]
    spec = {"group": "cars.example.com", "scope": "Namespaced", "names": names, "versions": versions}
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    server.send("POST", definitions, {"metadata": {"name": "wheels.cars.example.com"}, "spec": spec})
    assert server.available("v1.cars.example.com")[:2] == ("True", "Local")
    server.send("DELETE", f"{definitions}/wheels.cars.example.com")
    assert server.send("GET", f"{SERVICES}/v1.cars.example.com")[0] == 404


def test_availability_follows_the_service_its_port_and_its_endpoints(server):
    server.register()
    assert server.available() == ("False", "ServiceNotFound", 'service/adapter in "default" is not present')
    server.serve_it(port=8443)
    assert server.available()[1:] == ("ServicePortError", 'service/adapter in "default" is not listening on port 443')
    server.send("DELETE", "/api/v1/namespaces/default/services/adapter")
    server.serve_it("10.9.9.9")
    assert server.available() == ("True", "Passed", "all checks passed")
    server.send("DELETE", "/api/v1/namespaces/default/endpoints/adapter")
    assert server.available()[:2] == ("False", "MissingEndpoints")


def test_what_cannot_be_reached_answers_503_and_is_stale_in_discovery(server):
    server.register()
    path = "/apis/custom.metrics.k8s.io/v1beta1"
    for where in (path, f"{path}/namespaces/default/pods/x/cpu"):
        status, answer = server.send("GET", where)
        assert (status, answer["reason"]) == (503, "ServiceUnavailable")
    groups = {item["metadata"].get("name"): item for item in server.send("GET", "/apis", accept=AGGREGATED)[1]["items"]}
    assert groups["custom.metrics.k8s.io"]["versions"][0]["freshness"] == "Stale"
    assert groups["apps"]["versions"][0]["freshness"] == "Current"
    server.serve_it("10.9.9.9")
    assert server.send("GET", path)[1]["resources"] == []


def test_metrics_go_with_the_server_that_registers_them(server):
    path = "/apis/metrics.k8s.io/v1beta1/nodes"
    assert server.send("GET", path)[0] == 200
    server.register("metrics.k8s.io", service="metrics-server")
    assert server.send("GET", path)[0] == 503
    server.serve_it("10.9.9.9", name="metrics-server")
    assert server.send("GET", path)[0] == 200


def test_behaviours_say_who_can_be_reached(server):
    server.register()
    apply(server.world, parse([{"api": "*.custom.metrics.k8s.io", "available": True}]))
    assert server.available()[:2] == ("True", "Passed")
    apply(server.world, parse([{"api": "*", "available": False, "message": "bad certificate"}]))
    status, reason, message = server.available()
    assert (status, reason) == ("False", "FailedDiscoveryCheck")
    assert message.endswith("/apis/custom.metrics.k8s.io/v1beta1: bad certificate")


def test_a_flow_schema_without_its_level_dangles(server):
    rule = {"subjects": [{"kind": "Group", "group": {"name": "x"}}]}
    rule["nonResourceRules"] = [{"verbs": ["*"], "nonResourceURLs": ["*"]}]
    spec = {"priorityLevelConfiguration": {"name": "mine"}, "rules": [rule]}
    path = "/apis/flowcontrol.apiserver.k8s.io/v1"
    server.send("POST", f"{path}/flowschemas", {"metadata": {"name": "f"}, "spec": spec})
    assert server.send("GET", f"{path}/flowschemas/f")[1]["status"]["conditions"][0]["status"] == "True"
    limited = {"type": "Limited", "limited": {"limitResponse": {"type": "Queue"}}}
    status, level = server.send(
        "POST", f"{path}/prioritylevelconfigurations", {"metadata": {"name": "mine"}, "spec": limited}
    )
    assert (status, level["spec"]["limited"]["limitResponse"]["queuing"]["queues"]) == (201, 64)
    assert server.send("GET", f"{path}/flowschemas/f")[1]["status"]["conditions"][0]["status"] == "False"
    spec["matchingPrecedence"] = 1
    status, answer = server.send("POST", f"{path}/flowschemas", {"metadata": {"name": "g"}, "spec": spec})
    assert status == 422
    assert "only the schema named 'exempt' may have matchingPrecedence 1" in answer["message"]


def test_a_pod_gets_what_its_runtime_class_costs_and_none_is_admitted_without_it(server):
    pods = "/api/v1/namespaces/default/pods"
    spec = {"runtimeClassName": "sandboxed", "containers": [{"name": "c", "image": "i"}]}
    status, answer = server.send("POST", pods, {"metadata": {"name": "p"}, "spec": spec})
    assert (status, answer["message"]) == (
        403,
        'pods "p" is forbidden: pod rejected: RuntimeClass "sandboxed" not found',
    )
    runtime = {"metadata": {"name": "sandboxed"}, "handler": "kata", "overhead": {"podFixed": {"cpu": "250m"}}}
    runtime["scheduling"] = {"nodeSelector": {"kata": "yes"}}
    server.send("POST", "/apis/node.k8s.io/v1/runtimeclasses", runtime)
    pod = server.send("POST", pods, {"metadata": {"name": "p"}, "spec": spec})[1]
    assert pod["spec"]["overhead"] == {"cpu": "250m"}
    assert pod["spec"]["nodeSelector"] == {"kata": "yes"}


def test_hand_written_endpoints_are_mirrored_for_services_without_a_selector(server):
    server.serve_it("10.9.9.9", "10.9.9.8")
    slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
    own = [s for s in server.send("GET", slices)[1]["items"] if s["metadata"]["name"].startswith("adapter-")]
    assert [entry["addresses"] for entry in own[0]["endpoints"]] == [["10.9.9.9"], ["10.9.9.8"]]
    assert own[0]["ports"] == [{"name": "https", "port": 6443, "protocol": "TCP"}]
    labels = own[0]["metadata"]["labels"]
    assert labels["kubernetes.io/service-name"] == "adapter"
    assert labels["endpointslice.kubernetes.io/managed-by"] == "endpointslicemirroring-controller.k8s.io"
    path = "/api/v1/namespaces/default/endpoints/adapter"
    changed = server.send("GET", path)[1]
    changed["subsets"][0]["addresses"] = [{"ip": "10.9.9.7"}]
    server.send("PUT", path, changed)
    own = [s for s in server.send("GET", slices)[1]["items"] if s["metadata"]["name"].startswith("adapter-")]
    assert [[entry["addresses"] for entry in one["endpoints"]] for one in own] == [[["10.9.9.7"]]]
    server.send("DELETE", path)
    assert not [s for s in server.send("GET", slices)[1]["items"] if s["metadata"]["name"].startswith("adapter-")]
