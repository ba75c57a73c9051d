"""Applications that other people install by manifests of their own are known by their images, and behave."""

import json
from collections.abc import Iterable
from typing import Any

import pytest

from aoi.worlds.applications import manifests
from aoi.worlds.applications.hotel import hotel_reservation
from aoi.worlds.applications.social import social_network
from aoi.worlds.applications.spec import Application
from aoi.worlds.behaviour.script import commands
from aoi.worlds.endpoints import jaeger_api
from aoi.worlds.environment import open_world
from aoi.worlds.runtime import application_of
from kubeworld.api.server import api_of
from kubeworld.machine.identity import ADMIN
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World
from tests.worlds.acts import query

INIT = """#!/bin/bash
USER="admin"
until mongo --eval "print('up')" > /dev/null 2>&1; do
  sleep 1
done
# One account, as somebody else's script makes it.
mongo admin --eval "db.createUser({user: '$USER', pwd: 'admin', roles:[{role:'userAdminAnyDatabase',db:'admin'}]});"
mongo admin -u $USER -p admin \\
     --eval "db.grantRolesToUser('$USER', [{role: 'readWrite', db: 'geo-db'}]);"
echo "done"
"""


CHAOS = "/apis/chaos-mesh.org/v1alpha1/namespaces/elsewhere/podchaos/pods"


def send(world: World, method: str, path: str, body: Any) -> Any:
    headers = {"content-type": "application/json"}
    answer = api_of(world).handle(method, path, (), headers, json.dumps(body).encode(), ADMIN)
    assert answer.status in (200, 201), (path, answer.body)
    world.settle()
    return json.loads(answer.body)


def somebody_elses(application: Application, rename: dict[str, str]) -> Iterable[tuple[str, Obj]]:
    """Manifests by somebody else: another namespace, labels and repository, tags of their own, no configuration."""
    for resource, obj in manifests.objects(application):
        if resource not in ("deployments.apps", "services", "statefulsets.apps"):
            continue
        copy = json.loads(json.dumps(obj).replace(f'"{application.label_key}"', '"part"'))
        for old, new in rename.items():
            copy = json.loads(json.dumps(copy).replace(f'"{old}"', f'"{new}"'))
        meta = {"name": copy["metadata"]["name"]}
        if resource == "deployments.apps":
            template = copy["spec"]["template"]
            template["spec"]["volumes"] = []
            for container in template["spec"]["containers"]:
                container.pop("env", None)
                container.pop("envFrom", None)
                container["volumeMounts"] = []
                container["image"] = container["image"].replace("hotelreservation:latest", "hotel-reservation:v9")
        yield resource, {**copy, "metadata": meta, "status": {}}


def install(world: World, application: Application, namespace: str, rename: dict[str, str] | None = None) -> None:
    send(world, "POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    for resource, obj in somebody_elses(application, rename or {}):
        obj["spec"].pop("clusterIP", None)
        obj["spec"].pop("clusterIPs", None)
        plural, _, group = resource.partition(".")
        root = f"/apis/{group}/v1" if group else "/api/v1"
        send(world, "POST", f"{root}/namespaces/{namespace}/{plural}", obj)
    world.advance(90_000)


def ready(world: World, namespace: str) -> dict[str, bool]:
    pods = world.store.objects("pods", namespace)
    return {
        pod["metadata"]["labels"]["part"]: all(one["ready"] for one in pod["status"].get("containerStatuses", ()))
        for pod in pods
    }


@pytest.fixture(scope="module")
def hotel() -> World:
    world = open_world(3, 1)
    install(world, hotel_reservation(1), "elsewhere")
    return world


def test_an_empty_cluster_runs_no_application() -> None:
    world = open_world(1, 1)
    assert application_of(world) is None
    assert query(world, "http_requests_total") == []
    assert query(world, 'up{job="kube-state-metrics"}')


def test_somebody_elses_installation_comes_up_and_has_traffic(hotel: World) -> None:
    application = application_of(hotel)
    assert application is not None
    assert (application.key, application.namespace) == ("hotel_reservation", "elsewhere")
    # Two databases want a login, and nothing here made the accounts.
    assert {name for name, is_ready in ready(hotel, "elsewhere").items() if not is_ready} <= {"geo", "rate"}
    assert query(hotel, 'sum(rate(http_requests_total{service="recommendation"}[1m]))')[0][1] > 5


def test_accounts_are_those_that_the_mounted_init_script_makes() -> None:
    world = open_world(3, 1)
    spec = hotel_reservation(1)
    send(world, "POST", "/api/v1/namespaces", {"metadata": {"name": "elsewhere"}})
    scripts = "/api/v1/namespaces/elsewhere/configmaps"
    send(world, "POST", scripts, {"metadata": {"name": "init"}, "data": {"init.sh": INIT}})
    for resource, obj in somebody_elses(spec, {}):
        if obj["metadata"]["name"] not in ("geo", "mongodb-geo", "consul"):
            continue
        if obj["metadata"]["name"] == "mongodb-geo" and resource == "deployments.apps":
            pod = obj["spec"]["template"]["spec"]
            pod["volumes"] = [{"name": "init", "configMap": {"name": "init"}}]
            pod["containers"][0]["volumeMounts"] = [{"name": "init", "mountPath": "/docker-entrypoint-initdb.d"}]
        obj["spec"].pop("clusterIP", None)
        obj["spec"].pop("clusterIPs", None)
        plural, _, group = resource.partition(".")
        send(world, "POST", f"/api{'s/' + group if group else ''}/v1/namespaces/elsewhere/{plural}", obj)
    world.advance(120_000)
    assert ready(world, "elsewhere")["geo"]
    users = world.state["databases"]["mongodb-geo"]["users"]
    assert users["admin"]["grants"] == [["admin", "userAdminAnyDatabase"], ["geo-db", "readWrite"]]


def test_a_broken_service_shows_in_logs_traces_and_metrics(hotel: World) -> None:
    path = "/api/v1/namespaces/elsewhere/services/mongodb-user"
    service = json.loads(api_of(hotel).handle("GET", path, (), {}, b"", ADMIN).body)
    service["spec"]["ports"][0]["targetPort"] = 9999
    send(hotel, "PUT", path, service)
    hotel.advance(120_000)
    failing, every = (f'sum(rate(http_requests_total{{service="user"{code}}}[1m]))' for code in (',code="500"', ""))
    ratio = f"{failing} / {every}"
    assert query(hotel, ratio)[0][1] > 0.9


def test_the_network_counters_of_a_pod_begin_with_the_pod(hotel: World) -> None:
    born = min(
        hotel.clock.at_ms(pod["metadata"]["creationTimestamp"]) for pod in hotel.store.objects("pods", "elsewhere")
    )
    received = 'container_network_receive_bytes_total{namespace="elsewhere",pod=~"frontend-.*"}'
    assert query(hotel, received, at_ms=born - 1) == []
    assert query(hotel, received, at_ms=born + 60_000)[0][1] > 0


def test_a_build_that_is_known_to_be_broken_crashes(hotel: World) -> None:
    path = "/apis/apps/v1/namespaces/elsewhere/deployments/recommendation"
    workload = json.loads(api_of(hotel).handle("GET", path, (), {}, b"", ADMIN).body)
    workload["spec"]["template"]["spec"]["containers"][0]["image"] = "yinfangchen/recommendation:app3"
    send(hotel, "PUT", path, workload)
    hotel.advance(60_000)
    states = [
        status.get("restartCount", 0)
        for pod in hotel.store.objects("pods", "elsewhere")
        if pod["metadata"]["labels"]["part"] == "recommendation"
        for status in pod["status"].get("containerStatuses", ())
    ]
    assert max(states) > 0


def failing(world: World, spec: dict[str, Any]) -> list[Obj]:
    """The pods of `search` after thirty seconds of a `pod-failure`."""
    experiment = {
        "apiVersion": "chaos-mesh.org/v1alpha1",
        "kind": "PodChaos",
        "metadata": {"name": "pods", "namespace": "elsewhere"},
        "spec": {"action": "pod-failure", "mode": "one", "selector": {"labelSelectors": {"part": "search"}}, **spec},
    }
    send(world, "POST", "/apis/chaos-mesh.org/v1alpha1/namespaces/elsewhere/podchaos", experiment)
    world.advance(30_000)
    return searching(world)


def searching(world: World) -> list[Obj]:
    return [pod for pod in world.store.objects("pods", "elsewhere") if pod["metadata"]["labels"]["part"] == "search"]


def test_a_pod_failure_replaces_the_image_and_the_program_is_not_found_there() -> None:
    world = open_world(3, 1)
    install(world, hotel_reservation(1), "elsewhere")
    before = searching(world)[0]["spec"]["containers"][0]["image"]
    pod = failing(world, {})[0]
    status = pod["status"]["containerStatuses"][0]
    assert pod["spec"]["containers"][0]["image"] == "gcr.io/google-containers/pause:latest"
    assert before in pod["metadata"]["annotations"].values()
    assert not status["ready"]
    said = status["lastState"]["terminated"]["message"]
    assert 'exec: "search": executable file not found in $PATH' in said
    assert api_of(world).handle("DELETE", CHAOS, (), {}, b"", ADMIN).status == 200
    world.advance(120_000)
    pod = searching(world)[0]
    assert pod["spec"]["containers"][0]["image"] == before
    assert before not in (pod["metadata"].get("annotations") or {}).values()
    assert pod["status"]["containerStatuses"][0]["ready"]


def test_a_pod_failure_ends_with_its_duration() -> None:
    world = open_world(3, 1)
    install(world, hotel_reservation(1), "elsewhere")
    before = searching(world)[0]["spec"]["containers"][0]["image"]
    assert failing(world, {"duration": "60s"})[0]["spec"]["containers"][0]["image"] != before
    world.advance(180_000)
    pod = searching(world)[0]
    assert pod["spec"]["containers"][0]["image"] == before
    assert pod["status"]["containerStatuses"][0]["ready"]


def test_a_workload_of_another_name_is_known_by_its_command() -> None:
    world = open_world(3, 1)
    install(world, social_network(2), "posts", {"text-service": "words"})
    application = application_of(world)
    assert application is not None
    assert application.by_name["text-service"].workload == "words"


def sampled(env: dict[str, str], file: str = "") -> int:
    """Traces of a minute of an installation whose entry is configured so."""
    world = open_world(3, 1)
    send(world, "POST", "/api/v1/namespaces", {"metadata": {"name": "posts"}})
    jaeger = {"metadata": {"name": "jaeger"}, "data": {"jaeger-config.json": file}}
    send(world, "POST", "/api/v1/namespaces/posts/configmaps", jaeger)
    for resource, obj in somebody_elses(social_network(2), {}):
        if resource == "deployments.apps" and obj["metadata"]["name"] == "nginx-thrift":
            pod = obj["spec"]["template"]["spec"]
            pod["containers"][0]["env"] = [{"name": name, "value": value} for name, value in env.items()]
            pod["volumes"] = [{"name": "jaeger", "configMap": {"name": "jaeger"}}]
        obj["spec"].pop("clusterIP", None)
        obj["spec"].pop("clusterIPs", None)
        plural, _, group = resource.partition(".")
        send(world, "POST", f"/api{'s/' + group if group else ''}/v1/namespaces/posts/{plural}", obj)
    world.advance(120_000)
    now = world.clock.epoch_ms + world.clock.now_ms
    asked = (("service", "nginx-thrift"), ("start", f"{(now - 60_000) * 1000}"), ("end", f"{now * 1000}"))
    asked = (*asked, ("limit", "1000"))
    return len(json.loads(jaeger_api.jaeger(world, "/api/traces", asked).body)["data"])


@pytest.mark.parametrize(
    ("env", "file", "fewest", "most"),
    [
        ({}, "", 1, 3),
        ({"JAEGER_SAMPLE_RATIO": "1"}, "", 230, 240),
        ({}, '{"sampler": {"type": "probabilistic", "param": 0.01}}', 120, 140),
        ({}, '{"sampler": {"type": "probabilistic", "param": 0.0005}}', 4, 9),
        ({"OTEL_SERVICE_NAME": "nginx-thrift"}, "", 230, 240),
        ({"OTEL_SERVICE_NAME": "nginx-thrift", "OTEL_TRACES_SAMPLER": "always_off"}, "", 0, 0),
    ],
)
def test_as_many_requests_are_traced_as_whoever_installed_it_says(
    env: dict[str, str], file: str, fewest: int, most: int
) -> None:
    assert fewest <= sampled(env, file) <= most


def test_what_is_uninstalled_is_forgotten(hotel: World) -> None:
    world = open_world(3, 2)
    install(world, social_network(2), "posts")
    assert application_of(world) is not None
    send(world, "DELETE", "/api/v1/namespaces/posts", {})
    world.advance(60_000)
    assert application_of(world) is None
    assert "databases" not in world.state
    assert query(world, "http_requests_total") == []


def test_a_load_generator_runs_as_long_as_it_is_told() -> None:
    world = open_world(1, 1)
    container = {"name": "wrk", "image": "load:1", "args": ["wrk", "-D", "exp", "-t", "2", "-d", "30s", "-L"]}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    job = {"metadata": {"name": "load"}, "spec": {"template": template}}
    send(world, "POST", "/apis/batch/v1/namespaces/default/jobs", job)
    world.advance(20_000)
    assert world.store.get("jobs.batch", "default", "load")["status"].get("ready") == 1
    world.advance(20_000)
    assert world.store.get("jobs.batch", "default", "load")["status"].get("succeeded") == 1


def test_a_script_is_read_as_a_shell_reads_it() -> None:
    assert list(commands(INIT)) == [
        [
            *("mongo", "admin", "--eval"),
            "db.createUser({user: 'admin', pwd: 'admin', roles:[{role:'userAdminAnyDatabase',db:'admin'}]});",
        ],
        [
            *("mongo", "admin", "-u", "admin", "-p", "admin", "--eval"),
            "db.grantRolesToUser('admin', [{role: 'readWrite', db: 'geo-db'}]);",
        ],
        ["echo", "done"],
    ]
