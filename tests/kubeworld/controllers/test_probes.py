"""Probes: thresholds and texts of the kubelet, without polling what cannot change."""

from kubeworld.kubelet import reprobe
from kubeworld.machine.runtime import ContainerPlan
from tests.kubeworld.controllers.cluster import (
    condition,
    create,
    deployment,
    events_of,
    get,
    make_world,
    pods_of,
    service,
    template,
    write_config,
)

HTTP = {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 10}


def run(seconds=30, plan=None, failing=None, **probes):
    world = make_world(nodes=1)
    world.runtime.plans["shop/app:1"] = plan or ContainerPlan()
    world.runtime.failing = failing or {}
    create(world, "services", service("geo"))
    create(world, "deployments.apps", deployment("geo", template=template("geo", container=probes)))
    world.advance(seconds * 1000)
    return world


def pod_of(world):
    (pod,) = pods_of(world, "geo")
    return pod


def is_ready(world):
    return condition(pod_of(world), "Ready")["status"] == "True"


def unhealthy(world):
    return [(event["message"], event["count"]) for event in events_of(world, "geo", "Unhealthy")]


def test_a_failing_readiness_probe_keeps_the_pod_out_of_the_endpoints():
    world = run(60, failing={("geo", "readiness"): "HTTP probe failed with statuscode: 503"}, readinessProbe=HTTP)
    assert not is_ready(world)
    assert pod_of(world)["status"]["containerStatuses"][0]["restartCount"] == 0
    assert unhealthy(world) == [("Readiness probe failed: HTTP probe failed with statuscode: 503", 6)]
    (subset,) = get(world, "endpoints", "geo")["subsets"]
    assert "addresses" not in subset
    assert len(subset["notReadyAddresses"]) == 1


def test_a_failing_readiness_probe_is_asked_again_every_period():
    world = run(60, failing={("geo", "readiness"): "no"}, readinessProbe=HTTP)
    world.runtime.failing.clear()
    world.advance(10_000)
    assert is_ready(world)


def test_a_ready_pod_stays_ready_until_the_failure_threshold():
    world = run(readinessProbe=HTTP)
    world.runtime.failing[("geo", "readiness")] = "no"
    write_config(world, "changed", {"a": "1"})  # an input of probes, as the runtime declares
    world.advance(19_000)
    assert is_ready(world)
    world.advance(2_000)
    assert not is_ready(world)


def test_a_change_that_is_no_object_is_seen_when_control_says_so():
    world = run(readinessProbe=HTTP)
    world.runtime.failing[("geo", "readiness")] = "no"
    world.advance(60_000)
    assert is_ready(world)
    reprobe(world, "shop")
    world.advance(30_000)
    assert not is_ready(world)


def test_a_failing_liveness_probe_restarts_the_container_and_loops():
    message = "HTTP probe failed with statuscode: 404"
    world = run(40, failing={("geo", "liveness"): message}, livenessProbe=HTTP)
    status = pod_of(world)["status"]["containerStatuses"][0]
    assert status["restartCount"] == 1
    assert status["lastState"]["terminated"]["exitCode"] == 143
    assert unhealthy(world)[0][0] == f"Liveness probe failed: {message}"
    assert [e["message"] for e in events_of(world, "geo", "Killing")] == [
        "Container geo failed liveness probe, will be restarted"
    ]
    world.advance(300_000)
    assert pod_of(world)["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "CrashLoopBackOff"


def test_a_process_that_still_starts_refuses_connections():
    world = run(5, plan=ContainerPlan(ready_after_ms=60_000), livenessProbe=HTTP)
    ip = pod_of(world)["status"]["podIP"]
    refused = f'Get "http://{ip}:8080/health": dial tcp {ip}:8080: connect: connection refused'
    assert unhealthy(world) == [(f"Liveness probe failed: {refused}", 1)]
    assert world.runtime.asked == 0


def test_a_startup_probe_gives_a_slow_process_its_time():
    patient = {**HTTP, "failureThreshold": 30}
    world = run(50, plan=ContainerPlan(ready_after_ms=60_000), livenessProbe=HTTP, startupProbe=patient)
    assert pod_of(world)["status"]["containerStatuses"][0]["started"] is False
    world.advance(30_000)
    status = pod_of(world)["status"]["containerStatuses"][0]
    assert (status["started"], status["ready"], status["restartCount"]) == (True, True, 0)


def test_a_startup_probe_that_never_passes_restarts_the_container():
    world = run(60, failing={("geo", "startup"): "no"}, startupProbe=HTTP)
    assert [e["message"] for e in events_of(world, "geo", "Killing")] == [
        "Container geo failed startup probe, will be restarted"
    ]


def test_an_initial_delay_postpones_the_first_question():
    world = run(9, readinessProbe={**HTTP, "initialDelaySeconds": 10})
    assert (world.runtime.asked, is_ready(world)) == (0, False)
    world.advance(2_000)
    assert (world.runtime.asked, is_ready(world)) == (1, True)


def test_a_long_failure_does_not_flood_the_event_log():
    world = run(3600, failing={("geo", "readiness"): "no"}, readinessProbe=HTTP)
    ((_, count),) = unhealthy(world)
    assert 20 <= count <= 40  # a burst of 25 per source and object, then one in five minutes
