"""Applications as data: what is promised of HotelReservation and of generated ones."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aoi.errors import UnknownProblem
from aoi.worlds.applications import words
from aoi.worlds.applications.generator import generate
from aoi.worlds.applications.hotel import hotel_reservation
from aoi.worlds.applications.lookup import application
from aoi.worlds.applications.manifests import objects
from aoi.worlds.applications.social import social_network
from aoi.worlds.applications.spec import Application
from aoi.worlds.behaviour.launch import split_image
from aoi.worlds.telemetry.dialects import DIALECTS

numbers = st.integers(0, 299)
seeds = st.integers(0, 10_000)


def names_by_resource(spec: Application) -> dict[str, set[str]]:
    names: dict[str, set[str]] = {}
    for resource, obj in objects(spec):
        names.setdefault(resource, set()).add(obj["metadata"]["name"])
    return names


def test_hotel_reservation_has_the_objects_of_aiopslab() -> None:
    spec = hotel_reservation(1)
    names, components = names_by_resource(spec), set(spec.by_name)
    assert names["deployments.apps"] == components
    assert names["services"] == components | {"jaeger-out"}
    databases = {c.name.removeprefix("mongodb-") for c in spec.components if c.name.startswith("mongodb-")}
    assert databases == {"geo", "profile", "rate", "recommendation", "reservation", "user"}
    assert names["persistentvolumeclaims"] == {f"{name}-pvc" for name in databases}
    assert names["persistentvolumes"] == {f"{name}-pv" for name in databases}
    assert spec.namespace == "test-hotel-reservation"
    assert dict(spec.workload.mix) == {"/hotels": 0.6, "/recommendations": 0.39, "/user": 0.005, "/reservation": 0.005}
    maps = spec.config_maps()
    assert {"mongo-geo-script", "mongo-rate-script", "failure-admin-geo", "failure-admin-rate"} <= maps.keys()


def test_social_network_has_the_objects_of_aiopslab() -> None:
    spec = social_network(1)
    names, components = names_by_resource(spec), set(spec.by_name)
    assert names["deployments.apps"] == names["services"] == components
    assert names["configmaps"] - {"kube-root-ca.crt"} == components
    assert spec.namespace == "test-social-network"
    assert {spec.by_name[name].port for name in ("user-service", "text-service", "post-storage-service")} == {9090}
    assert not any(component.probes for component in spec.components)


def test_words_of_the_three_splits_are_disjoint() -> None:
    train, development, test = set(words.TRAIN), set(words.DEVELOPMENT), set(words.TEST)
    assert not train & development
    assert not train & test
    assert not development & test


def names_of(numbers_: range) -> set[str]:
    return {component.name for number in numbers_ for component in generate(number, 0).components}


def test_no_component_name_is_shared_between_training_and_test() -> None:
    train, test = names_of(range(0, 40)), names_of(range(200, 240))
    assert not train & test


@settings(max_examples=60, deadline=None)
@given(number=numbers, seed=seeds)
def test_generated_application_is_complete(number: int, seed: int) -> None:
    spec = generate(number, seed)
    assert 8 <= len(spec.components) <= 17
    assert len(spec.by_name) == len(spec.components)
    assert set(spec.depth) == set(spec.by_name), "users, or a queue, reach every component"
    assert abs(sum(share for _, share in spec.workload.mix) - 1) < 1e-9
    for component in spec.components:
        image = spec.by_repository[component.image]
        assert component.tag in image.tags
        assert all(revision.tag in image.tags for revision in component.history)
        assert not set(image.tags) & set(image.buggy)
        assert component.resources.memory_limit_bytes > component.demand.peak_bytes
        assert component.dialect in DIALECTS
        for operation in component.operations:
            for call in operation.calls:
                spec.by_name[call.callee].operation(call.operation)
        for setting in component.settings:
            assert __import__("re").fullmatch(setting.pattern, setting.value), setting
            if setting.callee:
                assert setting.value == f"{spec.host_of(setting.callee)}:{spec.by_name[setting.callee].port}"


@settings(max_examples=40, deadline=None)
@given(number=numbers, seed=seeds)
def test_the_seed_varies_the_installation_and_never_what_the_application_is(number: int, seed: int) -> None:
    left, right = generate(number, seed), generate(number, seed + 1)
    assert [c.name for c in left.components] == [c.name for c in right.components]
    assert left.edges == right.edges
    assert left.images == right.images
    assert left.services == right.services
    assert left.config_maps() == right.config_maps()


def test_every_generated_application_has_a_database_with_accounts_and_configuration() -> None:
    for number in range(300):
        spec = generate(number, 0)
        assert any(component.database and component.database.auth for component in spec.components), spec.key
        assert sum(bool(data) for data in spec.config_maps().values()) >= 2, spec.key


def test_training_applications_speak_many_dialects() -> None:
    dialects = {component.dialect for number in range(8) for component in generate(number, 0).components}
    assert len(dialects) >= 7


def test_same_number_and_seed_give_the_same_application_in_another_process() -> None:
    code = (
        "from aoi.worlds.applications.lookup import application as a;"
        "print(a('gen003', 7).digest(), a('hotel_reservation', 7).digest())"
    )
    seen = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "99"}
    )
    assert seen.stdout.split() == [application("gen003", 7).digest(), application("hotel_reservation", 7).digest()]


def test_unknown_application_is_named_in_the_error() -> None:
    with pytest.raises(UnknownProblem, match="gen300"):
        application("gen300", 1)


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("mongo", ("mongo", "latest")),
        ("mongo:4.4.6", ("mongo", "4.4.6")),
        ("registry.example.com:5000/a/b", ("registry.example.com:5000/a/b", "latest")),
        ("quay.io/a/b:1@sha256:00", ("quay.io/a/b:1", "sha256:00")),
    ],
)
def test_image_references_are_split_at_their_tag(reference: str, parts: tuple[str, str]) -> None:
    assert split_image(reference) == parts
