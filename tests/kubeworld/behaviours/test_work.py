"""What containers write to the API: described objects, certificates, and the Jobs that are known by their arguments."""

import base64
import ssl

import orjson
import pytest
from cryptography import x509

from kubeworld.api.server import api_of
from kubeworld.behaviours import BadBehaviours, apply, parse
from kubeworld.bootstrap import empty_world
from kubeworld.machine.identity import ADMIN

PODS = "/api/v1/namespaces/default/pods"
GROUP = "/apis/admissionregistration.k8s.io/v1"
HOOK = {
    "name": "guard.example.com",
    "clientConfig": {"service": {"namespace": "default", "name": "guard"}},
    "sideEffects": "None",
    "admissionReviewVersions": ["v1"],
    "failurePolicy": "Ignore",
}


def send(world, path, body):
    answer = api_of(world).handle("POST", path, (), {}, orjson.dumps(body), ADMIN)
    assert answer.status == 201, answer.body  # type: ignore[union-attr]
    world.settle()


def job(world, name, *arguments, restart="OnFailure"):
    variable = {"name": "SPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}
    container = {"name": "c", "image": "i", "args": list(arguments), "env": [variable]}
    send(world, PODS, {"metadata": {"name": name}, "spec": {"restartPolicy": restart, "containers": [container]}})
    world.advance(10_000)


def keys_of(world, secret):
    stored = world.store.get("secrets", "default", secret)
    return {} if stored is None else {key: base64.b64decode(value) for key, value in stored["data"].items()}


def test_a_job_that_makes_certificates_leaves_a_pair_that_tls_accepts(tmp_path):
    world = empty_world(1, seed=1)
    job(world, "make", "create", "--host=web,web.$(SPACE).svc", "--namespace=$(SPACE)", "--secret-name", "guard")
    made = keys_of(world, "guard")
    assert set(made) == {"ca", "cert", "key"}
    certificate = x509.load_pem_x509_certificate(made["cert"])
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["web", "web.default.svc"]
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(made["ca"]))
    (tmp_path / "pair.pem").write_bytes(made["cert"] + made["key"])
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tmp_path / "pair.pem")


def test_a_job_that_patches_webhooks_gives_them_the_authority_and_the_policy():
    world = empty_world(1, seed=1)
    for sort in ("validating", "mutating"):
        configuration = {"metadata": {"name": "guard"}, "webhooks": [HOOK]}
        send(world, f"{GROUP}/{sort}webhookconfigurations", configuration)
    job(world, "make", "create", "--host=a", "--namespace=default", "--secret-name=guard")
    words = ("--webhook-name=guard", "--namespace=default", "--patch-mutating=false", "--secret-name=guard")
    job(world, "patch", "patch", *words, "--patch-failure-policy=Fail")
    authority = base64.b64encode(keys_of(world, "guard")["ca"]).decode()
    tables = [f"{sort}webhookconfigurations.admissionregistration.k8s.io" for sort in ("validating", "mutating")]
    validating, mutating = (world.store.get(table, "", "guard")["webhooks"][0] for table in tables)
    assert (validating["clientConfig"]["caBundle"], validating["failurePolicy"]) == (authority, "Fail")
    assert "caBundle" not in mutating["clientConfig"]
    assert mutating["failurePolicy"] == "Ignore"


def test_the_same_seed_makes_the_same_certificate():
    digests = set()
    for _ in range(2):
        world = empty_world(1, seed=7)
        job(world, "make", "create", "--host=a", "--namespace=default", "--secret-name=guard")
        digests.add(world.digest())
    assert len(digests) == 1


def test_described_objects_come_when_a_container_has_ended_or_runs_for_good():
    world = empty_world(1, seed=1)
    made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "done"}, "data": {"count": 3}}
    password = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "pass"}, "stringData": {"p": "x"}}
    certificate = {"certificate": {"secret": "tls", "hosts": ["a.b.svc", "10.0.0.1"]}}
    entries = [
        {"match": {"pod": "task"}, "creates": [made]},
        {"match": {"pod": "server"}, "creates": [password, certificate]},
    ]
    apply(world, parse(entries))
    job(world, "server", restart="Always")
    assert keys_of(world, "pass") == {"p": b"x"}
    assert set(keys_of(world, "tls")) == {"ca.crt", "tls.crt", "tls.key"}
    assert world.store.get("secrets", "default", "tls")["type"] == "kubernetes.io/tls"
    assert world.store.get("configmaps", "default", "done") is None
    job(world, "task")
    assert world.store.get("configmaps", "default", "done")["data"] == {"count": "3"}


def test_a_container_that_fails_has_made_nothing():
    world = empty_world(1, seed=1)
    made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "done"}}
    apply(world, parse([{"match": {"pod": "task"}, "exit": {"code": 1}, "creates": [made]}]))
    job(world, "task", restart="Never")
    assert world.store.get("configmaps", "default", "done") is None


def test_a_pod_that_waits_for_such_a_secret_starts_when_it_is_made():
    world = empty_world(1, seed=1)
    volume = {"name": "v", "secret": {"secretName": "guard"}}
    spec = {"containers": [{"name": "c", "image": "i"}], "volumes": [volume]}
    send(world, PODS, {"metadata": {"name": "web"}, "spec": spec})
    world.advance(5_000)
    assert world.store.get("pods", "default", "web")["status"]["phase"] == "Pending"
    job(world, "make", "create", "--host=a", "--namespace=default", "--secret-name=guard")
    world.advance(60_000)
    assert world.store.get("pods", "default", "web")["status"]["phase"] == "Running"


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (5, "creates[1]: expected a manifest, a `certificate` or a `trust`, found 5"),
        ({"kind": "Secret"}, "creates[1]: expected a manifest with apiVersion, kind and metadata.name"),
        ({"certificate": {"secret": "a"}}, "entry 1: creates[1]: certificate.hosts: expected a list, found nothing"),
        ({"trust": {"webhooks": "a"}}, "entry 1: creates[1]: trust.secret: expected a text"),
    ],
)
def test_what_is_no_object_is_refused_with_its_place(item, message):
    with pytest.raises(BadBehaviours) as caught:
        parse([{"match": {}, "creates": [item]}])
    assert message in str(caught.value)
