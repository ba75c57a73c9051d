"""What lists, watches and digests say about the same world never differs."""

import gc
import subprocess
import sys
import weakref

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubeworld.api.server import Api, api_of
from kubeworld.cluster import new_cluster
from kubeworld.machine.identity import ADMIN

MAPS = "/api/v1/namespaces/shop/configmaps"
MERGE = {"content-type": "application/merge-patch+json"}

NAMES = st.sampled_from(["a", "b", "c"])
TIERS = st.sampled_from(["web", "db"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("POST"), NAMES, TIERS),
        st.tuples(st.just("PATCH"), NAMES, TIERS),
        st.tuples(st.just("DELETE"), NAMES, TIERS),
        st.tuples(st.just("poll"), NAMES, TIERS),
    ),
    max_size=25,
)


def fresh():
    api = Api(new_cluster(seed=3, controllers=()))
    api.handle("POST", "/api/v1/namespaces", (), {}, orjson.dumps({"metadata": {"name": "shop"}}), ADMIN)
    return api


def step(api, verb, name, tier):
    body = orjson.dumps({"metadata": {"name": name, "labels": {"tier": tier}}, "data": {"tier": tier}})
    path = MAPS if verb == "POST" else f"{MAPS}/{name}"
    api.handle(verb, path, (), MERGE if verb == "PATCH" else {}, body if verb != "DELETE" else b"", ADMIN)


def follow(known, watch):
    for line in watch.poll():
        event = orjson.loads(line)
        name = event["object"]["metadata"]["name"]
        if event["type"] == "ADDED":
            assert name not in known, "an object is added once"
        else:
            assert name in known, "only a known object changes or goes"
        if event["type"] == "DELETED":
            del known[name]
        else:
            known[name] = event["object"]


@settings(max_examples=80, deadline=None)
@given(steps=STEPS, selector=st.sampled_from(["", "tier=web", "tier!=web"]))
def test_an_informer_ends_with_exactly_what_a_list_shows(steps, selector):
    api = fresh()
    watch = api.handle("GET", MAPS, {"watch": "true", "labelSelector": selector}, {}, b"", ADMIN)
    known = {}
    for verb, name, tier in steps:
        if verb == "poll":
            follow(known, watch)
        else:
            step(api, verb, name, tier)
    follow(known, watch)
    listed = orjson.loads(api.handle("GET", MAPS, {"labelSelector": selector}, {}, b"", ADMIN).body)["items"]
    assert known == {obj["metadata"]["name"]: obj for obj in listed}


@settings(max_examples=40, deadline=None)
@given(steps=STEPS)
def test_a_restored_world_repeats_itself_exactly(steps):
    api = fresh()
    point = api.world.snapshot()
    digests = []
    for _ in range(2):
        api.world.restore(point)
        for verb, name, tier in steps:
            step(api, verb, name, tier)
        digests.append(api.world.digest())
    assert digests[0] == digests[1]


SCRIPT = """
import orjson
from kubeworld.api.server import Api, api_of
from kubeworld.machine.identity import ADMIN
from kubeworld.cluster import new_cluster
api = Api(new_cluster(seed=5, controllers=()))
def post(path, body):
    answer = api.handle("POST", path, (), {"user-agent": "kubectl/v1"}, orjson.dumps(body), ADMIN)
    assert answer.status == 201
post("/api/v1/namespaces", {"metadata": {"name": "shop"}})
labels = {name: name for name in "zyxwv"}
spec = {"type": "NodePort", "ports": [{"port": 80}]}
for name in ("a", "b"):
    post("/api/v1/namespaces/shop/services", {"metadata": {"name": name, "labels": labels}, "spec": spec})
post("/api/v1/namespaces/shop/configmaps", {"metadata": {"generateName": "x-"}, "data": labels})
print(api.world.digest())
"""


@pytest.mark.parametrize("seeds", [("0", "1", "12345")])
def test_equal_requests_give_equal_worlds_in_every_process(seeds):
    digests = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in seeds
    }
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/namespaces/shop/pods/web-1/attach"),
        ("GET", "/api/v1/namespaces/shop/pods/web-1/proxy"),
        ("PATCH", "/api/v1/namespaces/shop/pods/web-1/ephemeralcontainers"),
        ("PATCH", "/api/v1/namespaces/shop/pods/web-1/resize"),
        ("GET", "/api/v1/watch/namespaces/shop/pods"),
        ("GET", "/api/v1/nodes/n/proxy"),
        ("GET", "/apis/certificates.k8s.io/v1/certificatesigningrequests"),
        ("GET", "/apis/admissionregistration.k8s.io/v1alpha1/mutatingadmissionpolicies"),
        ("GET", "/openapi/v2"),
    ],
)
def test_what_is_not_built_is_never_a_false_success(cluster, method, path):
    cluster.pod()
    before = cluster.world.digest()
    assert cluster.send(method, path, {} if method != "GET" else None)[0] in (404, 405, 406)
    assert cluster.world.digest() == before


def test_a_world_that_nobody_holds_is_freed_with_its_server():
    world = new_cluster(seed=1, controllers=())
    assert api_of(world) is api_of(world)
    gone = weakref.ref(world)
    del world
    gc.collect()
    assert gone() is None


def test_an_unknown_dry_run_is_refused_not_ignored(cluster):
    status, body = cluster.send("DELETE", "/api/v1/namespaces/shop", query=(("dryRun", "none"),))
    assert status == 422
    assert 'dryRun: Unsupported value: "none"' in body["message"]


def test_lists_of_other_revisions_are_refused(cluster):
    cluster.pod()
    now = cluster.get("/api/v1/namespaces/shop/pods")["metadata"]["resourceVersion"]
    cluster.pod("web-2")

    def ask(**query):
        return cluster.send("GET", "/api/v1/namespaces/shop/pods", query=tuple(query.items()))[0]

    assert ask(resourceVersion=now) == 200
    assert ask(resourceVersion=now, resourceVersionMatch="Exact") == 410
    assert ask(resourceVersion="99999") == 504
    assert ask(resourceVersion="x") == 400
