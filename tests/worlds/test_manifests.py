"""Objects and logs of the two DeathStarBench applications are as their own manifests and loggers make them."""

import json
import re

import pytest

from aoi.worlds.applications.lookup import application
from aoi.worlds.environment import new_world
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

HOTEL, SOCIAL = "hotel_reservation", "social_network"
COLOURS = re.compile(r"\x1b\[\d+m")


@pytest.fixture(scope="module", params=[HOTEL, SOCIAL])
def key(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def world(key: str) -> World:
    return new_world(application(key, 4), 4)


def service(world: World, name: str) -> Obj:
    return next(obj for obj in world.store.objects("services") if obj["metadata"]["name"] == name)


def pod_of(world: World, name: str) -> Obj:
    return next(pod for pod in world.store.objects("pods") if pod["metadata"]["name"].startswith(f"{name}-"))


def log_of(world: World, name: str) -> list[str]:
    pod = pod_of(world, name)
    container = pod["spec"]["containers"][0]["name"]
    return [line.text for line in world.runtime.log(world, pod, container, previous=False)]


def test_datagrams_of_the_collector_have_their_protocol_in_services_and_pods(key, world):
    ports = {port["port"]: port["protocol"] for port in service(world, "jaeger")["spec"]["ports"]}
    assert {ports[5775], ports[6831], ports[6832]} == {"UDP"}
    assert ports[16686] == "TCP"
    declared = pod_of(world, "jaeger")["spec"]["containers"][0]["ports"]
    assert {port["containerPort"]: port["protocol"] for port in declared} == ports


def test_pods_and_services_bear_what_the_installing_tool_writes(key, world):
    tool = {HOTEL: "kompose.cmd", SOCIAL: "meta.helm.sh/release-name"}[key]
    assert tool in service(world, "jaeger")["metadata"]["annotations"]
    in_pod = pod_of(world, "jaeger")["metadata"].get("annotations") or {}
    assert (tool in in_pod) == (key == HOTEL)  # kompose copies it into the template, helm does not


def test_services_find_pods_by_one_label_and_pods_bear_all_of_them(key, world):
    label, also = {HOTEL: ("io.kompose.service", ()), SOCIAL: ("service", ("app",))}[key]
    for component in application(key, 4).components:
        labels = pod_of(world, component.name)["metadata"]["labels"]
        assert {labels[name] for name in (label, *also)} == {component.name}
    assert service(world, "jaeger")["spec"]["selector"] == {label: "jaeger"}


def test_hub_images_start_whichever_way_their_repository_is_written(key, world):
    for pod in world.store.objects("pods", application(key, 4).namespace):
        assert all(status["ready"] for status in pod["status"]["containerStatuses"]), pod["metadata"]["name"]


def test_each_line_of_mongod_is_json_with_a_component_and_a_fixed_number(key, world):
    lines = [json.loads(line) for line in log_of(world, {HOTEL: "mongodb-user", SOCIAL: "user-mongodb"}[key])]
    assert lines
    assert {line["c"] for line in lines} <= {"ACCESS", "COMMAND", "CONTROL", "NETWORK", "STORAGE"}
    numbers: dict[str, set[int]] = {}
    for line in lines:
        numbers.setdefault(line["msg"], set()).add(line["id"])
    assert all(len(ids) == 1 for ids in numbers.values())


def test_a_message_stands_at_one_place_of_the_source(key, world):
    form = {HOTEL: r"services/\w+/\w+\.go:\d+ >", SOCIAL: r"\(\w+Handler\.h:\d+:\w+\)"}[key]
    name = {HOTEL: "search", SOCIAL: "user-timeline-service"}[key]
    places: dict[str, set[str]] = {}
    for line in (COLOURS.sub("", text) for text in log_of(world, name)):
        if found := re.search(form, line):
            places.setdefault(re.sub(r"\d+", "", line[found.end() :]), set()).add(found[0])
    assert places
    assert all(len(spots) == 1 for spots in places.values()), places


def test_a_program_of_hotel_reservation_says_at_its_start_whom_it_asks_and_as_what_it_registers():
    world = new_world(application(HOTEL, 4), 4)
    pod = pod_of(world, "profile")
    world.store.delete("pods", pod["metadata"]["namespace"], pod["metadata"]["name"])
    world.advance(5_000)
    pod = pod_of(world, "profile")
    lines = [COLOURS.sub("", text) for text in log_of(world, "profile")]
    told = [line.partition(" > ")[2] for line in lines[3:27]]
    assert json.loads(lines[0])["message"] == "TLS disabled."
    assert told[1:5] == [
        "Read database URL: mongodb-profile:27017",
        "Initializing DB connection...",
        "New session successfull...",
        "Generating test data...",
    ]
    assert "Read profile memcashed address: memcached-profile:11211" in told
    assert f"address: {pod['status']['podIP']}:8081 ]" in told[-2]
    assert told[-1] == "Successfully registered in consul"
    places = [int(found[1]) for line in lines if (found := re.search(r"cmd/profile/main\.go:(\d+) >", line))]
    assert places == sorted(places)


@pytest.mark.parametrize("name", ["frontend", "search"])
def test_a_program_of_hotel_reservation_without_a_database_speaks_of_none(name):
    world = new_world(application(HOTEL, 4), 4)
    pod = pod_of(world, name)
    world.store.delete("pods", pod["metadata"]["namespace"], pod["metadata"]["name"])
    world.advance(5_000)
    assert not [text for text in log_of(world, name)[:31] if "database" in text or "memcashed" in text]
