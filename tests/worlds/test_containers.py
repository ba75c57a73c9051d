"""What a container does follows from its image, command, configuration, limits and probes, and from nothing else."""

import pytest

from aoi.worlds.runtime import traffic
from kubeworld.machine.store import Obj
from tests.worlds.acts import (
    SETTLED_MS,
    change,
    change_container,
    delete_pods,
    logs,
    pods,
    says,
    with_config,
)
from tests.worlds.conftest import Installed, installed


def newest(installed: Installed, name: str) -> Obj:
    found = pods(installed.world, installed.application, name)
    return max(found, key=lambda pod: (pod["metadata"]["creationTimestamp"], pod["metadata"]["name"]))


def state_of(pod: Obj) -> Obj:
    return pod["status"]["containerStatuses"][0]


def waiting_reason(pod: Obj) -> str:
    return (state_of(pod)["state"].get("waiting") or {}).get("reason", "")


def a_program(installed: Installed) -> str:
    return next(c.name for c in installed.application.components if c.kind == "service")


def test_unknown_tag_of_an_owned_repository_cannot_be_pulled(any_application: Installed) -> None:
    name = a_program(any_application)
    world, application = any_application.world, any_application.application
    repository = application.by_name[name].image
    change_container(world, application, name, lambda c: c.update(image=f"{repository}:v0.0.0-none"))
    world.advance(SETTLED_MS)
    pod = newest(any_application, name)
    assert waiting_reason(pod) in ("ImagePullBackOff", "ErrImagePull")
    assert "not found" in state_of(pod)["state"]["waiting"]["message"]


def test_buggy_build_panics_in_a_crash_loop_and_the_old_tag_heals(any_application: Installed) -> None:
    name = a_program(any_application)
    world, application = any_application.world, any_application.application
    component = application.by_name[name]
    tag = application.by_repository[component.image].buggy[0]
    change_container(world, application, name, lambda c: c.update(image=f"{component.image}:{tag}"))
    world.advance(SETTLED_MS)
    pod = newest(any_application, name)
    assert state_of(pod)["restartCount"] >= 2
    assert state_of(pod)["lastState"]["terminated"]["exitCode"] == 2
    crashed = " ".join(line.text for line in world.runtime.log(world, pod, component.container, previous=True))
    panics = ("panic", "Traceback", "terminate called", "uncaught", "Unhandled", "Application run failed")
    assert any(word in crashed for word in panics)
    change_container(world, application, name, lambda c: c.update(image=f"{component.image}:{component.tag}"))
    world.advance(SETTLED_MS)
    assert traffic(world).conditions.edges == ()
    assert state_of(newest(any_application, name))["ready"]


def test_image_of_nobody_runs_as_a_plain_container_that_does_not_speak_the_protocol(hotel: Installed) -> None:
    world, application = hotel.world, hotel.application
    change_container(world, application, "memcached-rate", lambda c: c.update(image="docker.io/library/nginx:1.27"))
    world.advance(SETTLED_MS)
    assert state_of(newest(hotel, "memcached-rate"))["ready"]
    edge = traffic(world).conditions.edge("rate", "memcached-rate")
    assert edge is not None
    assert dict(edge.outcomes).get("unimplemented") == 1.0


def test_memory_limit_below_the_need_is_oomkilled_and_above_it_runs(any_application: Installed) -> None:
    name = a_program(any_application)
    world, application = any_application.world, any_application.application
    peak = application.by_name[name].demand.peak_bytes

    def limit(amount: int) -> None:
        resources = {"limits": {"memory": str(amount)}, "requests": {"memory": str(amount // 2)}}
        change_container(world, application, name, lambda c: c.update(resources=resources))
        world.advance(SETTLED_MS)

    limit(peak * 6 // 10)
    ended = state_of(newest(any_application, name))["lastState"]["terminated"]
    assert (ended["reason"], ended["exitCode"]) == ("OOMKilled", 137)
    limit(peak * 11 // 10)
    assert state_of(newest(any_application, name))["ready"]


def test_command_that_is_not_in_the_image_cannot_start(any_application: Installed) -> None:
    name = a_program(any_application)
    world, application = any_application.world, any_application.application
    change_container(world, application, name, lambda c: c.update(command=["/usr/bin/nothing-here"]))
    world.advance(60_000)
    pod = newest(any_application, name)
    message = str(state_of(pod))
    assert "no such file or directory" in message
    assert "StartError" in message or "RunContainerError" in message


def test_another_services_binary_makes_its_callers_fail_though_the_pod_is_ready() -> None:
    wrong = installed("gen000")  # one image for all its programs
    world, application = wrong.world, wrong.application
    caller, callee = next(
        (caller, callee)
        for caller, callee in application.edges
        if application.by_name[callee].kind == "service" and application.other_binaries(callee)
    )
    other = next(
        command
        for command in application.other_binaries(callee)
        if dict(application.by_repository[application.by_name[callee].image].binaries)[command] != caller
    )
    change_container(world, application, callee, lambda c: c.update(command=[other]))
    world.advance(SETTLED_MS)
    assert state_of(newest(wrong, callee))["ready"]
    assert says(logs(world, application, caller), "unimplemented") >= 3


def test_wrong_binary_in_hotel_reservation_registers_as_the_other_service(hotel: Installed) -> None:
    """AIOpsLab's wrong_bin_usage: profile's pod runs geo, so the registry knows no profile."""
    world, application = hotel.world, hotel.application
    change_container(world, application, "profile", lambda c: c.update(command=["geo"]))
    world.advance(SETTLED_MS)
    assert state_of(newest(hotel, "profile"))["ready"]
    assert says(logs(world, application, "frontend"), "unavailable") >= 3
    assert traffic(world).conditions.edge("search", "geo") is None


def test_missing_key_of_a_config_map_blocks_or_ends_the_next_start(any_application: Installed) -> None:
    world, application = any_application.world, any_application.application
    component = with_config(application)[0]
    setting = next(s for s in component.settings if s.source.startswith("config") and s.essential)
    before = traffic(world).conditions

    def drop(obj: Obj) -> None:
        obj["data"].pop(setting.key)

    change(world, "configmaps", application.namespace, setting.holder, drop)
    world.advance(SETTLED_MS)
    assert traffic(world).conditions == before, "running programs have read their configuration already"
    delete_pods(world, application, component.name)
    world.advance(SETTLED_MS)
    pod = newest(any_application, component.name)
    if setting.source == "config_env":
        assert waiting_reason(pod) == "CreateContainerConfigError"
    else:
        assert state_of(pod)["restartCount"] >= 1
        assert setting.name in logs(world, application, component.name)

    def restore(obj: Obj) -> None:
        obj["data"][setting.key] = setting.value

    change(world, "configmaps", application.namespace, setting.holder, restore)
    world.advance(400_000)
    assert traffic(world).conditions.edges == ()


def test_wrong_address_in_a_config_map_is_called_after_the_next_start(hotel: Installed) -> None:
    world, application = hotel.world, hotel.application

    def drift(obj: Obj) -> None:
        obj["data"]["RecommendationMongoAddress"] = "mongodb-recomendation:27017"

    change(world, "configmaps", application.namespace, "recommendation-config", drift)
    world.advance(SETTLED_MS)
    assert traffic(world).conditions.edges == ()
    delete_pods(world, application, "recommendation")
    world.advance(SETTLED_MS)
    edge = traffic(world).conditions.edge("recommendation", "mongodb-recommendation")
    assert edge is not None
    assert (edge.outcomes, edge.address) == ((("nohost", 1.0),), "mongodb-recomendation:27017")


def test_unusable_value_ends_the_program_and_its_log_names_it() -> None:
    strict = installed("gen004")
    world, application = strict.world, strict.application
    component, setting = next(
        (c, s) for c in with_config(application) for s in c.settings if s.source.startswith("config") and not s.callee
    )

    def spoil(obj: Obj) -> None:
        obj["data"][setting.key] = "!!"

    change(world, "configmaps", application.namespace, setting.holder, spoil)
    delete_pods(world, application, component.name)
    world.advance(SETTLED_MS)
    assert setting.name in logs(world, application, component.name)
    assert state_of(newest(strict, component.name))["lastState"]["terminated"]["exitCode"] == 1


@pytest.mark.parametrize("kind", ["readinessProbe", "livenessProbe"])
def test_probe_of_a_port_where_nothing_listens_fails(kind: str) -> None:
    probed = installed("gen001")
    world, application = probed.world, probed.application
    name = a_program(probed)
    probe = {"tcpSocket": {"port": 9}, "periodSeconds": 5, "failureThreshold": 2, "timeoutSeconds": 1}
    change_container(world, application, name, lambda c: c.update({kind: {**probe, "successThreshold": 1}}))
    world.advance(SETTLED_MS)
    pod = newest(probed, name)
    reasons = {event["reason"]: event["message"] for event in world.store.events_about(pod["metadata"]["uid"])}
    assert "connection refused" in reasons["Unhealthy"]
    assert state_of(pod)["ready"] is False or state_of(pod)["restartCount"] >= 1


def test_usage_stays_below_the_limit_and_is_the_same_twice(any_application: Installed) -> None:
    world, application = any_application.world, any_application.application
    for component in application.components:
        pod = pods(world, application, component.name)[0]
        container = pod["spec"]["containers"][0]
        usage = world.runtime.usage(world, pod, container)
        assert usage == world.runtime.usage(world, pod, container)
        assert 0 < usage.memory_bytes <= component.resources.memory_limit_bytes
        assert 0 < usage.cpu_millicores <= component.resources.cpu_limit_m
