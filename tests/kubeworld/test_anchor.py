"""A world that is moved to another time has one calendar, whatever its controllers remember of its past."""

from kubeworld.machine.anchor import anchor
from kubeworld.machine.runtime import ContainerPlan, ExitPlan
from tests.kubeworld.controllers.cluster import NAMESPACE, SteeredRuntime, deployment, make_world

CRASH = ContainerPlan(pull_ms=400, ready_after_ms=2000, exit=ExitPlan(1_000, 2, "Error"))


def test_what_a_kubelet_remembers_of_a_crashing_pod_moves_with_the_world():
    world = make_world()
    assert isinstance(world.runtime, SteeredRuntime)
    world.runtime.plans["shop/app:1"] = CRASH
    world.store.create("deployments.apps", deployment("geo"))
    world.settle()
    world.advance(100_000)
    anchor(world, world.clock.at_ms("2031-05-06T07:08:09Z") + world.clock.epoch_ms)
    world.advance(400_000)  # the kubelet writes statuses again from what it remembers

    (pod,) = world.store.objects("pods", NAMESPACE)
    last = pod["status"]["containerStatuses"][0]["lastState"]["terminated"]
    times = [pod["status"]["startTime"], last["startedAt"], last["finishedAt"]]
    assert all(time.startswith("2031-05-06T07:") for time in times), times
    assert times == sorted(times)
