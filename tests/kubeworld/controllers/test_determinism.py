"""Same seed, same world: in every process, after every restore, whatever is edited."""

import os
import subprocess
import sys

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubeworld.controllers import rollout
from kubeworld.controllers.deletion import request_deletion
from kubeworld.kinds.pod import is_ready
from kubeworld.machine.runtime import ContainerPlan, ExitPlan
from tests.kubeworld.controllers.cluster import (
    condition,
    create,
    deployment,
    edit,
    get,
    make_world,
    pods_of,
    service,
    set_container,
)

STEADY = ("shop/app:1", "shop/app:2", "shop/bad:1", "shop/slow:1")
"""Images whose containers, once ready, stay so: what becomes unavailable is then the rollout's doing."""
IMAGES = (*STEADY, "shop/crash:1")


def new_world(seed=1):
    world = make_world(seed)
    world.runtime.plans["shop/bad:1"] = ContainerPlan(image_error="not_found")
    world.runtime.plans["shop/slow:1"] = ContainerPlan(pull_ms=5_000, ready_after_ms=15_000)
    world.runtime.plans["shop/crash:1"] = ContainerPlan(exit=ExitPlan(700, 1, "Error"))
    return world


def story(seed):
    """A world with a bit of everything that goes wrong in it."""
    world = new_world(seed)
    for name in ("geo", "rate", "user", "search"):
        create(world, "services", service(name))
        create(world, "deployments.apps", deployment(name, 2))
    world.advance(10_000)
    set_container(world, "geo", image="shop/bad:1")
    set_container(world, "rate", image="shop/crash:1")
    edit(world, "services", "user", "spec", selector={"app": "resu"})
    edit(world, "nodes", "node-2", "spec", taints=[{"key": "x", "effect": "NoExecute"}])
    world.advance(200_000)
    return world


def test_equal_seeds_give_equal_worlds_in_every_process():
    code = "from tests.kubeworld.controllers.test_determinism import story\nprint(story(7).digest())"
    digests = set()
    for hash_seed in ("0", "1", "4711"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.getcwd()}
        result = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
        )
        digests.add(result.stdout.strip())
    assert digests == {story(7).digest()}


def test_different_seeds_give_different_worlds():
    assert story(1).digest() != story(2).digest()


def test_a_restored_world_repeats_itself_exactly():
    world = story(3)
    snapshot = world.snapshot()
    set_container(world, "geo", image="shop/app:1")
    world.advance(90_000)
    first = world.digest()
    for _ in range(2):
        world.restore(snapshot)
        set_container(world, "geo", image="shop/app:1")
        world.advance(90_000)
        assert world.digest() == first


def test_time_in_one_step_or_in_many_is_the_same():
    whole, pieces = story(5), story(5)
    whole.advance(60_000)
    for _ in range(60):
        pieces.advance(1_000)
    assert whole.digest() == pieces.digest()


edits = st.lists(
    st.one_of(
        st.tuples(st.just("image"), st.sampled_from(IMAGES)),
        st.tuples(st.just("replicas"), st.integers(0, 6)),
        st.tuples(st.just("delete"), st.integers(0, 5)),
        st.tuples(st.just("cordon"), st.integers(1, 3)),
        st.tuples(st.just("uncordon"), st.integers(1, 3)),
        st.tuples(st.just("advance"), st.integers(0, 40_000)),
    ),
    max_size=12,
)


def apply(world, kind, value):
    if kind == "image":
        set_container(world, "geo", image=value)
    elif kind == "replicas":
        edit(world, "deployments.apps", "geo", "spec", replicas=value)
    elif kind == "delete":
        present = pods_of(world, "geo")
        if present:
            request_deletion(world, "pods", present[value % len(present)])
    elif kind in ("cordon", "uncordon"):
        edit(world, "nodes", f"node-{value}", "spec", unschedulable=kind == "cordon")
    else:
        world.advance(value)
    world.settle()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(edits)
def test_any_edits_settle_and_a_good_image_always_recovers(sequence):
    world = new_world()
    create(world, "services", service("geo"))
    create(world, "deployments.apps", deployment("geo", 3))
    for kind, value in sequence:
        apply(world, kind, value)
    for number in (1, 2, 3):
        edit(world, "nodes", f"node-{number}", "spec", unschedulable=False)
    set_container(world, "geo", image="shop/app:2")
    edit(world, "deployments.apps", "geo", "spec", replicas=3)
    world.advance(120_000)
    geo = get(world, "deployments.apps", "geo")
    assert geo["status"]["availableReplicas"] == geo["status"]["replicas"] == 3
    assert condition(geo, "Progressing")["reason"] == "NewReplicaSetAvailable"
    pods = pods_of(world, "geo")
    assert len(pods) == 3
    addresses = {one["ip"] for one in get(world, "endpoints", "geo")["subsets"][0]["addresses"]}
    assert addresses == {pod["status"]["podIP"] for pod in pods}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.integers(1, 6),
    st.sampled_from([0, 1, "25%", "50%"]),
    st.sampled_from([0, 1, 2, "25%", "34%"]),
    st.lists(st.tuples(st.sampled_from(STEADY), st.integers(0, 30_000)), min_size=1, max_size=5),
)
def test_no_rollout_goes_below_max_unavailable_or_above_max_surge(replicas, surge, unavailable, images):
    world = new_world()
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}
    create(world, "deployments.apps", deployment("geo", replicas, strategy=strategy))
    world.advance(10_000)
    limit = rollout.bounds(get(world, "deployments.apps", "geo"))
    for image, pause_ms in images:
        set_container(world, "geo", image=image)
        for _ in range(pause_ms // 500):
            world.advance(500)
            active = [pod for pod in pods_of(world, "geo") if "deletionTimestamp" not in pod["metadata"]]
            available = [pod for pod in active if is_ready(pod)]
            assert len(active) <= replicas + limit.surge
            assert len(available) >= replicas - limit.unavailable
