"""Whatever a container does, its kubelet keeps a lawful record of it and the clock never spins."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubeworld.machine.runtime import ContainerPlan, ExitPlan
from tests.kubeworld.controllers.cluster import create, deployment, events_of, make_world, pods_of, template

milliseconds = st.sampled_from([0, 1, 400, 999, 1000, 5_000, 30_000, 700_000])
exits = st.builds(
    ExitPlan, after_ms=milliseconds, code=st.sampled_from([0, 1, 137]), reason=st.sampled_from(["Error", "OOMKilled"])
)
plans = st.builds(
    ContainerPlan,
    pull_ms=milliseconds,
    image_error=st.sampled_from([None, None, "not_found", "pull_denied", "registry_unreachable", "invalid_name"]),
    start_error=st.sampled_from([None, None, None, "exec: no such file"]),
    ready_after_ms=milliseconds,
    exit=st.one_of(st.none(), exits),
    stop_ms=milliseconds,
)
probes = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {"tcpSocket": st.just({"port": 8080})},
        optional={
            "periodSeconds": st.sampled_from([1, 7, 30]),
            "initialDelaySeconds": st.sampled_from([0, 3, 60]),
            "failureThreshold": st.sampled_from([1, 3]),
            "successThreshold": st.just(1),
        },
    ),
)
lives = st.fixed_dictionaries(
    {"plans": st.lists(plans, min_size=1, max_size=4)},
    optional={
        "probes": st.fixed_dictionaries(dict.fromkeys(("startup", "readiness", "liveness"), probes)),
        "failing": st.sets(st.sampled_from(["startup", "readiness", "liveness"])),
        "init": plans,
    },
)


def lawful(status, before):
    """One container status, against an earlier one."""
    assert len(status["state"]) == 1
    (kind,) = status["state"]
    assert kind in ("waiting", "running", "terminated")
    if status["ready"]:
        assert kind == "running"
        assert status["started"] is True
    if kind == "waiting":
        assert status["state"]["waiting"]["reason"]
    assert status["restartCount"] >= before
    if status["restartCount"] > 0:
        assert "terminated" in status["lastState"]
        assert status["containerID"].startswith("containerd://")
    return status["restartCount"]


def pod_spec(life):
    container = {f"{kind}Probe": probe for kind, probe in life.get("probes", {}).items() if probe is not None}
    spec = {"container": container, "terminationGracePeriodSeconds": 10}
    if "init" in life:
        spec["initContainers"] = [{"name": "init", "image": "shop/init:1"}]
    return spec


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(lives)
def test_any_life_of_a_container_is_lawful(life):
    world = make_world(nodes=1)
    world.runtime.failing = {("geo", kind): "no" for kind in life.get("failing", ())}
    if "init" in life:
        world.runtime.plans["shop/init:1"] = life["init"]
    world.runtime.plans["shop/app:1"] = life["plans"][0]
    create(world, "deployments.apps", deployment("geo", template=template("geo", **pod_spec(life))))
    restarts = 0
    for plan in life["plans"]:
        world.runtime.plans["shop/app:1"] = plan
        for _ in range(12):
            world.advance(17_003)
            (pod,) = pods_of(world, "geo")
            restarts = lawful(pod["status"]["containerStatuses"][0], restarts)
            ready = {c["type"]: c["status"] for c in pod["status"]["conditions"]}
            assert ready["Ready"] == ready["ContainersReady"]
            assert (ready["Ready"] == "True") == pod["status"]["containerStatuses"][0]["ready"]
    assert sum(event["count"] for event in events_of(world, "geo-") if event["source"]["component"] == "kubelet") <= 30


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plans, st.integers(0, 60_000))
def test_any_container_is_gone_after_its_grace_period(plan, age_ms):
    world = make_world(nodes=1)
    world.runtime.plans["shop/app:1"] = plan
    spec = template("geo", terminationGracePeriodSeconds=10)
    stored = create(world, "deployments.apps", deployment("geo", template=spec))
    world.advance(age_ms)
    world.store.delete("deployments.apps", "shop", stored["metadata"]["name"])
    world.settle()
    world.advance(10_000)
    assert pods_of(world, "geo") == []
