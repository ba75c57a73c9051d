"""What counts as lost against a baseline, and what does not."""

from typing import Any

import pytest

from aoi.problems.inventory import capture, losses
from kubeworld.cluster import new_cluster
from kubeworld.machine.store import fork
from kubeworld.machine.world import World

NS = "shop"
DEPLOYMENT = ("deployments.apps", NS, "cart")
CONTAINERS = ("spec", "template", "spec", "containers")


@pytest.fixture
def world() -> World:
    """A Deployment, a Service, a ConfigMap and a node, with nobody to reconcile them."""
    made = new_cluster(seed=1, controllers=())
    container = {"name": "cart", "image": "cart:1", "env": []}
    template = {"metadata": {"labels": {"app": "cart"}}, "spec": {"containers": [container]}}
    made.store.create("deployments.apps", _object("cart", spec={"replicas": 2, "template": template}))
    made.store.create("services", _object("cart", spec={"selector": {"app": "cart"}, "ports": [{"port": 80}]}))
    made.store.create("configmaps", _object("cart-config", data={"a": "1", "b": "2"}))
    made.store.create("nodes", {"metadata": {"name": "n1"}, "spec": {}})
    return made


def _object(name: str, **content: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": NS}, **content}


def change(world: World, key: tuple[str, str, str], value: Any, *path: str) -> None:
    """Commit a new version of an object with `path` set to `value`."""
    obj = world.store.get(*key)
    assert obj is not None
    new, parent = fork(obj, *path[:-1])
    parent[path[-1]] = value
    world.store.update(key[0], new)


def test_an_untouched_world_has_lost_nothing(world: World) -> None:
    assert losses(capture(world), world) == []


def test_restart_marks_labels_status_and_more_replicas_are_no_loss(world: World) -> None:
    before = capture(world)
    change(
        world, DEPLOYMENT, {"kubectl.kubernetes.io/restartedAt": "now"}, "spec", "template", "metadata", "annotations"
    )
    change(world, DEPLOYMENT, {"team": "core"}, "metadata", "labels")
    change(world, DEPLOYMENT, {"readyReplicas": 1}, "status")
    change(world, DEPLOYMENT, 3, "spec", "replicas")
    assert losses(before, world) == []


@pytest.mark.parametrize("mended", [(), (DEPLOYMENT,)])
def test_fewer_replicas_are_a_loss_even_of_what_the_fault_touched(world: World, mended: Any) -> None:
    before = capture(world)
    change(world, DEPLOYMENT, 1, "spec", "replicas")
    assert losses(before, world, mended) == ["deployments.apps/cart: 1 replicas, expected at least 2"]


def test_a_deleted_object_is_a_loss_even_of_what_the_fault_touched(world: World) -> None:
    before = capture(world)
    world.store.delete("services", NS, "cart")
    assert losses(before, world, [("services", NS, "cart")]) == ["services/cart is gone"]


def test_an_object_that_is_being_deleted_counts_as_gone(world: World) -> None:
    before = capture(world)
    change(world, DEPLOYMENT, "2026-01-05T08:00:00Z", "metadata", "deletionTimestamp")
    assert losses(before, world) == ["deployments.apps/cart is gone"]


def test_another_image_is_a_loss_unless_the_fault_touched_it(world: World) -> None:
    before = capture(world)
    change(world, DEPLOYMENT, [{"name": "cart", "image": "cart:2"}], "spec", "template", "spec", "containers")
    assert losses(before, world) == ["deployments.apps/cart was changed"]
    assert losses(before, world, [DEPLOYMENT]) == []


def test_a_container_that_is_gone_is_a_loss_even_of_what_the_fault_touched(world: World) -> None:
    before = capture(world)
    change(world, DEPLOYMENT, [{"name": "other"}], "spec", "template", "spec", "containers")
    assert losses(before, world, [DEPLOYMENT]) == ["deployments.apps/cart: containers ['cart'] are gone"]


def test_a_probe_or_a_kept_folder_that_is_gone_is_a_loss_even_of_what_the_fault_touched(world: World) -> None:
    probed = {"name": "cart", "readinessProbe": {"httpGet": {"path": "/health", "port": 80}}}
    kept = {**probed, "volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    change(
        world,
        DEPLOYMENT,
        {"containers": [kept], "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "cart"}}]},
        "spec",
        "template",
        "spec",
    )
    before = capture(world)
    change(world, DEPLOYMENT, [{**kept, "readinessProbe": {"tcpSocket": {"port": 80}}}], *CONTAINERS)
    assert losses(before, world, [DEPLOYMENT]) == []
    change(world, DEPLOYMENT, [{**kept, "readinessProbe": None}], *CONTAINERS)
    gone = "deployments.apps/cart: probes ['cart/readinessProbe', 'cart/readinessProbe of a port'] are gone"
    assert losses(before, world, [DEPLOYMENT]) == [gone]
    change(world, DEPLOYMENT, [{**kept, "readinessProbe": {"exec": {"command": ["true"]}}}], *CONTAINERS)
    gone = "deployments.apps/cart: probes ['cart/readinessProbe of a port'] are gone"
    assert losses(before, world, [DEPLOYMENT]) == [gone]
    change(
        world,
        DEPLOYMENT,
        [{**kept, "readinessProbe": {**probed["readinessProbe"], "failureThreshold": 9000}}],
        *CONTAINERS,
    )
    late = "deployments.apps/cart: probes ['cart/readinessProbe'] are asked too late to say anything"
    assert losses(before, world, [DEPLOYMENT]) == [late]
    change(world, DEPLOYMENT, [probed], *CONTAINERS)
    assert losses(before, world, [DEPLOYMENT]) == [
        "deployments.apps/cart: kept folders ['cart:/data of claim cart'] are gone"
    ]


def test_a_database_that_lets_everybody_in_is_a_loss_even_of_what_the_fault_touched(world: World) -> None:
    change(world, DEPLOYMENT, [{"name": "cart", "args": ["--auth", "--maxConns", "1"]}], *CONTAINERS)
    before = capture(world)
    change(world, DEPLOYMENT, [{"name": "cart", "command": ["mongod", "--auth"]}], *CONTAINERS)
    assert losses(before, world, [DEPLOYMENT]) == []
    change(world, DEPLOYMENT, [{"name": "cart"}], *CONTAINERS)
    assert losses(before, world, [DEPLOYMENT]) == ["deployments.apps/cart: logins ['cart --auth'] are gone"]


def test_a_config_key_that_is_gone_or_changed_is_a_loss(world: World) -> None:
    before, key = capture(world), ("configmaps", NS, "cart-config")
    change(world, key, {"a": "1", "b": "3"}, "data")
    assert losses(before, world) == ["configmaps/cart-config was changed"]
    assert losses(before, world, [key]) == []
    change(world, key, {"a": "1"}, "data")
    assert losses(before, world, [key]) == ["configmaps/cart-config: keys ['b'] are gone"]


def test_a_cordoned_node_is_a_loss_and_a_pressure_taint_is_not(world: World) -> None:
    before, key = capture(world), ("nodes", "", "n1")
    change(world, key, [{"key": "node.kubernetes.io/memory-pressure", "effect": "NoSchedule"}], "spec", "taints")
    assert losses(before, world) == []
    change(world, key, True, "spec", "unschedulable")
    assert losses(before, world) == ["nodes/n1 was changed"]


def test_replicas_that_an_autoscaler_takes_back_are_no_loss(world: World) -> None:
    change(world, DEPLOYMENT, 9, "spec", "replicas")
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": DEPLOYMENT[2]}
    scaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "cart", "namespace": NS},
        "spec": {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 9},
    }
    world.store.create("horizontalpodautoscalers.autoscaling", scaler)
    before = capture(world)
    change(world, DEPLOYMENT, 2, "spec", "replicas")
    assert losses(before, world) == []
    change(world, DEPLOYMENT, 1, "spec", "replicas")
    assert losses(before, world) == ["deployments.apps/cart: 1 replicas, expected at least 2"]
