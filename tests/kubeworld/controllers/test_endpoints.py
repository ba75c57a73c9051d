"""Which pods a Service reaches, and at which ports."""

from kubeworld.machine.runtime import ContainerPlan
from tests.kubeworld.controllers.cluster import (
    NAMESPACE,
    create,
    deployment,
    edit,
    get,
    make_world,
    pods_of,
    service,
    set_container,
    template,
)


def run(target=8080, replicas=2, **spec):
    world = make_world()
    create(world, "services", service("geo", target, **spec))
    create(world, "deployments.apps", deployment("geo", replicas))
    world.advance(10_000)
    return world


def slice_of(world, name="geo"):
    (found,) = [
        one
        for one in world.store.objects("endpointslices.discovery.k8s.io", NAMESPACE)
        if one["metadata"]["labels"]["kubernetes.io/service-name"] == name
    ]
    return found


def ready_addresses(world):
    return sorted(e["addresses"][0] for e in slice_of(world)["endpoints"] if e["conditions"]["ready"])


def test_both_representations_agree_on_ready_pods():
    world = run()
    addresses = sorted(pod["status"]["podIP"] for pod in pods_of(world, "geo"))
    (subset,) = get(world, "endpoints", "geo")["subsets"]
    assert sorted(one["ip"] for one in subset["addresses"]) == addresses == ready_addresses(world)
    assert subset["ports"] == [{"name": "http", "port": 8080, "protocol": "TCP"}]
    assert slice_of(world)["ports"] == [{"name": "http", "port": 8080, "protocol": "TCP"}]


def test_a_wrong_numeric_target_port_keeps_the_addresses():
    world = run()
    edit(world, "services", "geo", "spec", ports=[{"name": "http", "port": 80, "targetPort": 9999, "protocol": "TCP"}])
    assert slice_of(world)["ports"][0]["port"] == 9999
    assert len(ready_addresses(world)) == 2


def test_a_named_target_port_is_looked_up_in_the_pod():
    assert slice_of(run("http"))["ports"][0]["port"] == 8080


def test_a_name_that_no_container_port_has_leaves_the_service_empty():
    world = run("grpc")
    assert "subsets" not in get(world, "endpoints", "geo")
    assert slice_of(world)["endpoints"] == []


def test_a_wrong_selector_empties_the_service_until_it_is_repaired():
    world = run()
    edit(world, "services", "geo", "spec", selector={"app": "goe"})
    assert "subsets" not in get(world, "endpoints", "geo")
    assert ready_addresses(world) == []
    edit(world, "services", "geo", "spec", selector={"app": "geo"})
    assert len(ready_addresses(world)) == 2


def test_relabelled_pods_leave_the_service():
    world = run(replicas=1)
    (pod,) = pods_of(world, "geo")
    edit(world, "pods", pod["metadata"]["name"], "metadata", "labels", app="other")
    assert pod["status"]["podIP"] not in ready_addresses(world)


def test_an_over_broad_selector_takes_foreign_pods():
    world = run(selector={"tier": "api"})
    for name in ("geo", "rate"):
        labelled = template(name)
        labelled["metadata"]["labels"]["tier"] = "api"
        if name == "rate":
            create(world, "deployments.apps", deployment(name, template=labelled))
        else:
            edit(world, "deployments.apps", name, "spec", template=labelled)
    world.advance(60_000)
    assert len(ready_addresses(world)) == 3


def test_a_terminating_pod_serves_no_more_but_is_shown():
    world = run(replicas=1)
    world.runtime.plans["shop/app:1"] = ContainerPlan(stop_ms=20_000)
    set_container(world, "geo", image="shop/app:1", args=["x"])
    world.advance(9_000)
    edit(world, "deployments.apps", "geo", "spec", replicas=0)
    (entry,) = [e for e in slice_of(world)["endpoints"] if e["conditions"]["terminating"]]
    assert entry["conditions"] == {"ready": False, "serving": True, "terminating": True}
    assert "subsets" not in get(world, "endpoints", "geo")


def test_scaling_to_zero_empties_the_service():
    world = run()
    edit(world, "deployments.apps", "geo", "spec", replicas=0)
    world.advance(40_000)
    assert slice_of(world)["endpoints"] == []


def test_deleting_the_service_removes_both():
    world = run()
    world.store.delete("services", NAMESPACE, "geo")
    world.settle()
    assert world.store.get("endpoints", NAMESPACE, "geo") is None
    assert world.store.objects("endpointslices.discovery.k8s.io", NAMESPACE) == []


def test_a_service_without_selector_is_left_to_its_author():
    world = make_world()
    create(world, "services", service("external", selector=None))
    assert world.store.get("endpoints", NAMESPACE, "external") is None


def test_publishing_not_ready_addresses_does():
    world = make_world()
    world.runtime.plans["shop/app:1"] = ContainerPlan(ready_after_ms=600_000)
    create(world, "services", service("geo", publishNotReadyAddresses=True))
    create(world, "deployments.apps", deployment("geo"))
    world.advance(5_000)
    assert len(ready_addresses(world)) == 1
