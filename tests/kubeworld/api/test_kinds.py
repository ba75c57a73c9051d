"""What single kinds are refused for, and what they are given, when they are written."""

import pytest

from tests.kubeworld.api.conftest import deployment, pod_spec

CRON = "/apis/batch/v1/namespaces/shop/cronjobs"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"schedule": "99 * * * *"}, 'Invalid value: "99 * * * *": end of range (99) above maximum (59): 99'),
        ({"schedule": "5 * * *"}, "expected exactly 5 fields, found 4: [5 * * *]"),
        ({"schedule": "TZ=UTC 5 * * * *"}, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"),
        ({"timeZone": "Mars/Base"}, 'spec.timeZone: Invalid value: "Mars/Base": unknown time zone Mars/Base'),
        ({"concurrencyPolicy": "Maybe"}, 'Unsupported value: "Maybe": supported values: "Allow", "Forbid", "Replace"'),
        ({"jobTemplate": {"spec": {"template": {"spec": pod_spec()}}}}, 'valid values: "OnFailure", "Never"'),
    ],
)
def test_a_cron_job_that_could_not_run_is_refused(cluster, spec, message):
    template = {"spec": {"template": {"spec": {**pod_spec(), "restartPolicy": "Never"}}}}
    body = {"metadata": {"name": "a"}, "spec": {"schedule": "5 * * * *", "jobTemplate": template, **spec}}
    status, answer = cluster.send("POST", CRON, body)
    assert status == 422
    assert message in answer["message"]


def test_a_job_has_the_labels_of_its_pods_unless_it_has_its_own(cluster):
    body = {"metadata": {"name": "a"}, "spec": {"template": {"spec": {**pod_spec(), "restartPolicy": "Never"}}}}
    job = cluster.post("/apis/batch/v1/namespaces/shop/jobs", body)
    assert job["metadata"]["labels"] == job["spec"]["template"]["metadata"]["labels"]
    body["metadata"] = {"name": "b", "labels": {"own": "1"}}
    assert cluster.post("/apis/batch/v1/namespaces/shop/jobs", body)["metadata"]["labels"] == {"own": "1"}


@pytest.mark.parametrize(
    ("type_", "data", "message"),
    [
        ("kubernetes.io/tls", {"tls.crt": ""}, "data[tls.key]: Required value"),
        ("kubernetes.io/basic-auth", {}, "[data[username]: Required value, data[password]: Required value]"),
        ("kubernetes.io/dockerconfigjson", {".dockerconfigjson": "eA=="}, "<secret contents redacted>"),
        ("kubernetes.io/service-account-token", {}, "metadata.annotations[kubernetes.io/service-account.name]"),
    ],
)
def test_a_secret_has_what_its_type_demands(cluster, type_, data, message):
    body = {"metadata": {"name": "s"}, "type": type_, "data": data}
    status, answer = cluster.send("POST", "/api/v1/namespaces/shop/secrets", body)
    assert status == 422
    assert message in answer["message"]


def test_a_daemon_set_counts_the_changes_of_its_template(cluster):
    sets, number = "/apis/apps/v1/namespaces/shop/daemonsets", "deprecated.daemonset.template.generation"
    made = cluster.post(sets, deployment("agent"))
    assert made["metadata"]["annotations"] == {number: "1"}
    same = cluster.patch(f"{sets}/agent", {"metadata": {"labels": {"a": "b"}}})
    assert same["metadata"]["annotations"] == {number: "1"}
    image = {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "nginx:2"}]}}}}
    assert cluster.patch(f"{sets}/agent", image)["metadata"]["annotations"] == {number: "2"}


def ingress(path="/", backend=None, host="a.example.com", kind="Prefix"):
    service = {"service": {"name": "web", "port": {"number": 80}}} if backend is None else backend
    paths = [{"path": path, "pathType": kind, "backend": service}]
    return {"metadata": {"name": "i"}, "spec": {"rules": [{"host": host, "http": {"paths": paths}}]}}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (ingress(path="foo"), 'spec.rules[0].http.paths[0].path: Invalid value: "foo": must be an absolute path'),
        (ingress(host="Foo_"), 'spec.rules[0].host: Invalid value: "Foo_": a lowercase RFC 1123 subdomain'),
        (ingress(kind="Regex"), 'supported values: "Exact", "ImplementationSpecific", "Prefix"'),
        (ingress(backend={"service": {"name": "web"}}), "backend: Required value: port name or number is required"),
        ({"metadata": {"name": "i"}, "spec": {}}, "either `defaultBackend` or `rules` must be specified"),
    ],
)
def test_an_ingress_that_could_not_route_is_refused(cluster, body, message):
    status, answer = cluster.send("POST", "/apis/networking.k8s.io/v1/namespaces/shop/ingresses", body)
    assert status == 422
    assert message in answer["message"]


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        (
            "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies",
            {"spec": {"podSelector": {}, "policyTypes": ["Both"]}},
            'spec.policyTypes[0]: Unsupported value: "Both": supported values: "Egress", "Ingress"',
        ),
        (
            "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies",
            {"spec": {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.1"}}]}]}},
            'spec.ingress[0].from[0].ipBlock.cidr: Invalid value: "10.0.0.1": must be a valid CIDR value',
        ),
        (
            "/api/v1/namespaces/shop/limitranges",
            {"spec": {"limits": [{"type": "Container", "min": {"cpu": "2"}, "max": {"cpu": "1"}}]}},
            'spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1',
        ),
        (
            "/api/v1/namespaces/shop/resourcequotas",
            {"spec": {"hard": {"gadgets": "1"}}},
            'spec.hard[gadgets]: Invalid value: "gadgets": must be a standard resource for quota',
        ),
        (
            "/apis/scheduling.k8s.io/v1/priorityclasses",
            {"value": 2000000000},
            "value: Forbidden: maximum allowed value of a user defined priority is 1000000000",
        ),
        (
            "/api/v1/namespaces/shop/persistentvolumeclaims",
            {"spec": {"accessModes": ["Once"], "resources": {"requests": {"storage": "1Gi"}}}},
            'spec.accessModes: Unsupported value: "Once"',
        ),
        (
            "/apis/apps/v1/namespaces/shop/statefulsets",
            {"spec": {**deployment("db")["spec"], "serviceName": "db", "podManagementPolicy": "Slow"}},
            """spec.podManagementPolicy: Invalid value: "Slow": must be 'OrderedReady' or 'Parallel'""",
        ),
    ],
)
def test_values_that_mean_nothing_are_refused(cluster, path, body, message):
    status, answer = cluster.send("POST", path, {"metadata": {"name": "a"}, **body})
    assert status == 422
    assert message in answer["message"]


def test_ports_of_a_pod_in_its_nodes_network_are_the_nodes(cluster):
    pod = cluster.pod(hostNetwork=True)
    assert pod["spec"]["containers"][0]["ports"] == [{"containerPort": 80, "hostPort": 80, "protocol": "TCP"}]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"dnsPolicy": "Mine"}, 'spec.dnsPolicy: Unsupported value: "Mine": supported values: "ClusterFirst"'),
        ({"tolerations": [{"operator": "Exists", "effect": "Now"}]}, "spec.tolerations[0].effect: Unsupported value"),
        ({"tolerations": [{"value": "x"}]}, "operator must be Exists when `key` is empty"),
        (
            {"tolerations": [{"key": "a", "operator": "Exists", "effect": "NoSchedule", "tolerationSeconds": 5}]},
            "effect must be 'NoExecute' when `tolerationSeconds` is set",
        ),
    ],
)
def test_a_pod_spec_that_means_nothing_is_refused(cluster, spec, message):
    body = {"metadata": {"name": "p"}, "spec": {**pod_spec(), **spec}}
    status, answer = cluster.send("POST", "/api/v1/namespaces/shop/pods", body)
    assert status == 422
    assert message in answer["message"]


def test_an_empty_string_is_a_field_that_was_not_set(cluster):
    container = {"name": "c", "image": "i", "imagePullPolicy": "", "ports": [{"containerPort": 80, "protocol": ""}]}
    container["livenessProbe"] = {"httpGet": {"port": 80, "scheme": "", "path": ""}}
    spec = {"containers": [container], "restartPolicy": "", "dnsPolicy": "", "schedulerName": ""}
    template = {"metadata": {"labels": {"a": "b"}}, "spec": spec}
    body = {"selector": {"matchLabels": {"a": "b"}}, "template": template, "serviceName": "s"}
    body |= {"podManagementPolicy": "", "updateStrategy": {"type": ""}}
    path = "/apis/apps/v1/namespaces/shop/statefulsets"
    made = cluster.post(path, {"metadata": {"name": "s"}, "spec": body})["spec"]
    assert (made["podManagementPolicy"], made["updateStrategy"]["type"]) == ("OrderedReady", "RollingUpdate")
    pod = made["template"]["spec"]
    assert (pod["restartPolicy"], pod["dnsPolicy"]) == ("Always", "ClusterFirst")
    assert pod["containers"][0]["imagePullPolicy"] == "Always"
    assert pod["containers"][0]["ports"][0]["protocol"] == "TCP"
    assert pod["containers"][0]["livenessProbe"]["httpGet"] == {"path": "/", "port": 80, "scheme": "HTTP"}
    ports = [{"port": 80, "protocol": ""}]
    service = {"metadata": {"name": "s"}, "spec": {"type": "", "sessionAffinity": "", "clusterIP": "", "ports": ports}}
    made = cluster.post("/api/v1/namespaces/shop/services", service)["spec"]
    assert (made["type"], made["sessionAffinity"], made["ports"][0]["protocol"]) == ("ClusterIP", "None", "TCP")
    host = {"name": "h", "hostPath": {"path": "/", "type": ""}}
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}], "volumes": [host]}}
    assert cluster.post("/api/v1/namespaces/shop/pods", pod)["spec"]["volumes"][0]["hostPath"]["type"] == ""
