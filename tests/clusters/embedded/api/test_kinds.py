"""What single kinds are refused for, and what they are given, when they are written."""

import pytest

from tests.clusters.embedded.api.conftest import deployment, pod_spec

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
