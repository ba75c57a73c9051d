"""Nodes: registration, silent heartbeats, failure, eviction and cordon."""

import pytest

from kubeworld.controllers import nodes
from tests.kubeworld.controllers.cluster import (
    condition,
    create,
    deployment,
    edit,
    events_of,
    get,
    make_world,
    pods_of,
    service,
)


def run(replicas=3):
    world = make_world()
    create(world, "services", service("geo"))
    create(world, "deployments.apps", deployment("geo", replicas))
    world.advance(10_000)
    return world


def on(world, node):
    return [pod for pod in world.store.pods_on(node) if pod["metadata"]["labels"].get("app") == "geo"]


def test_a_node_registers_with_conditions_address_range_and_lease():
    world = make_world()
    node = get(world, "nodes", "node-2", "")
    assert condition(node, "Ready")["reason"] == "KubeletReady"
    assert {c["type"]: c["status"] for c in node["status"]["conditions"]} == {
        "MemoryPressure": "False", "DiskPressure": "False", "PIDPressure": "False", "Ready": "True",
    }  # fmt: skip
    assert node["metadata"]["labels"]["kubernetes.io/hostname"] == "node-2"
    ranges = {one["spec"]["podCIDR"] for one in world.store.objects("nodes")}
    assert len(ranges) == 3
    assert get(world, "leases.coordination.k8s.io", "node-2", "kube-node-lease")["spec"]["holderIdentity"] == "node-2"


def test_heartbeats_are_shown_without_being_written():
    world = make_world()
    world.advance(3_000_000)
    revision = world.store.revision
    stored = get(world, "leases.coordination.k8s.io", "node-1", "kube-node-lease")
    shown = nodes.present(world, "leases.coordination.k8s.io", stored)
    assert shown["spec"]["renewTime"] == world.clock.rfc3339().replace("Z", ".000000Z")
    node = nodes.present(world, "nodes", get(world, "nodes", "node-1", ""))
    assert condition(node, "Ready")["lastHeartbeatTime"] == world.clock.rfc3339()
    assert world.store.revision == revision
    assert stored["spec"]["renewTime"] != shown["spec"]["renewTime"]


def test_a_dead_kubelet_is_noticed_after_its_grace_period():
    world = run()
    nodes.fail(world, "node-1")
    world.advance(49_000)
    assert condition(get(world, "nodes", "node-1", ""), "Ready")["status"] == "True"
    world.advance(1_000)
    node = get(world, "nodes", "node-1", "")
    ready = condition(node, "Ready")
    assert (ready["status"], ready["reason"]) == ("Unknown", "NodeStatusUnknown")
    assert ready["message"] == "Kubelet stopped posting node status."
    assert [(taint["key"], taint["effect"]) for taint in node["spec"]["taints"]] == [
        ("node.kubernetes.io/unreachable", "NoSchedule"),
        ("node.kubernetes.io/unreachable", "NoExecute"),
    ]
    assert events_of(world, "node-1", "NodeNotReady")[0]["message"] == "Node node-1 status is now: NodeNotReady"
    (lost,) = on(world, "node-1")
    assert condition(lost, "Ready")["status"] == "False"
    assert len(get(world, "endpoints", "geo")["subsets"][0]["addresses"]) == 2


def test_pods_of_a_lost_node_are_replaced_after_five_minutes():
    world = run()
    nodes.fail(world, "node-1")
    world.advance(340_000)
    assert len(pods_of(world, "geo")) == 3
    world.advance(30_000)
    (lost,) = on(world, "node-1")
    assert "deletionTimestamp" in lost["metadata"]  # Terminating for as long as no kubelet confirms it
    assert get(world, "deployments.apps", "geo")["status"]["availableReplicas"] == 3
    marked = f"Marking for deletion Pod shop/{lost['metadata']['name']}"
    assert events_of(world, lost["metadata"]["name"], "TaintManagerEviction")[0]["message"] == marked


def test_a_restored_node_is_ready_again_and_finishes_its_deletions():
    world = run()
    nodes.fail(world, "node-1")
    world.advance(400_000)
    nodes.restore(world, "node-1")
    world.advance(40_000)
    node = get(world, "nodes", "node-1", "")
    assert condition(node, "Ready")["reason"] == "KubeletReady"
    assert "taints" not in node["spec"]
    assert on(world, "node-1") == []


def test_a_short_outage_costs_no_pod():
    world = run()
    before = {pod["metadata"]["uid"] for pod in pods_of(world, "geo")}
    nodes.fail(world, "node-1")
    world.advance(100_000)
    nodes.restore(world, "node-1")
    world.advance(600_000)
    assert {pod["metadata"]["uid"] for pod in pods_of(world, "geo")} == before
    assert get(world, "deployments.apps", "geo")["status"]["readyReplicas"] == 3


def test_a_no_execute_taint_evicts_whoever_does_not_tolerate_it():
    world = run()
    edit(world, "nodes", "node-1", "spec", taints=[{"key": "maintenance", "effect": "NoExecute"}])
    world.advance(30_000)
    assert on(world, "node-1") == []
    assert get(world, "deployments.apps", "geo")["status"]["availableReplicas"] == 3


def test_a_cordoned_node_keeps_its_pods_and_takes_no_more():
    world = run()
    edit(world, "nodes", "node-1", "spec", unschedulable=True)
    node = get(world, "nodes", "node-1", "")
    assert [taint["key"] for taint in node["spec"]["taints"]] == ["node.kubernetes.io/unschedulable"]
    edit(world, "deployments.apps", "geo", "spec", replicas=9)
    world.advance(10_000)
    assert len(on(world, "node-1")) == 1
    assert len(pods_of(world, "geo")) == 9
    edit(world, "nodes", "node-1", "spec", unschedulable=None)
    assert "taints" not in get(world, "nodes", "node-1", "")["spec"]


def set_condition(world, node, type_, status):
    present = get(world, "nodes", node, "")["status"]["conditions"]
    edit(world, "nodes", node, "status", conditions=[
        {**one, "status": status} if one["type"] == type_ else one for one in present
    ])  # fmt: skip


@pytest.mark.parametrize("what", ["Disk", "Memory", "PID"])
def test_a_node_under_pressure_takes_no_new_pods(what):
    world = run()
    set_condition(world, "node-1", f"{what}Pressure", "True")
    node = get(world, "nodes", "node-1", "")
    assert [taint["key"] for taint in node["spec"]["taints"]] == [f"node.kubernetes.io/{what.lower()}-pressure"]
    edit(world, "deployments.apps", "geo", "spec", replicas=8)
    world.advance(10_000)
    assert (len(on(world, "node-1")), len(pods_of(world, "geo"))) == (1, 8)
    set_condition(world, "node-1", f"{what}Pressure", "False")
    assert "taints" not in get(world, "nodes", "node-1", "")["spec"]
    edit(world, "deployments.apps", "geo", "spec", replicas=12)
    world.advance(10_000)
    assert len(on(world, "node-1")) > 1


def patched(world, status):
    """What `kubectl patch node node-1 --subresource=status` writes."""

    now = get(world, "nodes", "node-1", "")["status"]["conditions"]
    changed = [{**one, "status": status} if one["type"] == "Ready" else one for one in now]
    edit(world, "nodes", "node-1", "status", conditions=changed)


@pytest.mark.parametrize(("status", "taint"), [("False", "not-ready"), ("Unknown", "unreachable")])
def test_a_node_that_somebody_sets_not_ready_is_lost_at_once(status, taint):
    world = run()
    patched(world, status)
    world.settle()
    node = get(world, "nodes", "node-1", "")
    assert condition(node, "Ready")["status"] == status
    assert [(item["key"], item["effect"]) for item in node["spec"]["taints"]] == [
        (f"node.kubernetes.io/{taint}", "NoSchedule"),
        (f"node.kubernetes.io/{taint}", "NoExecute"),
    ]
    (lost,) = on(world, "node-1")
    assert condition(lost, "Ready")["status"] == "False"
    assert len(get(world, "endpoints", "geo")["subsets"][0]["addresses"]) == 2
    assert len(events_of(world, "node-1", "NodeNotReady")) == 1
    renewed = nodes.present(world, nodes.LEASES, get(world, nodes.LEASES, "node-1", "kube-node-lease"))
    world.advance(60_000)
    silent = condition(get(world, "nodes", "node-1", ""), "Ready")
    assert (silent["status"], silent["reason"]) == ("Unknown", "NodeStatusUnknown")
    later = nodes.present(world, nodes.LEASES, get(world, nodes.LEASES, "node-1", "kube-node-lease"))
    assert later["spec"] == renewed["spec"], "nobody renews its lease"
    world.advance(400_000)
    assert "deletionTimestamp" in on(world, "node-1")[0]["metadata"]
    assert get(world, "deployments.apps", "geo")["status"]["availableReplicas"] == 3


def test_a_node_that_somebody_sets_ready_again_comes_back_whole():
    world = run()
    before = {pod["metadata"]["uid"] for pod in pods_of(world, "geo")}
    patched(world, "False")
    world.advance(100_000)
    patched(world, "True")
    world.advance(60_000)
    node = get(world, "nodes", "node-1", "")
    assert {one["status"] for one in node["status"]["conditions"] if one["type"] != "Ready"} == {"False"}
    assert condition(node, "Ready")["reason"] == "KubeletReady"
    assert "taints" not in node["spec"]
    assert {pod["metadata"]["uid"] for pod in pods_of(world, "geo")} == before
    assert get(world, "deployments.apps", "geo")["status"]["readyReplicas"] == 3


def test_a_client_cannot_wake_a_kubelet_that_it_has_not_stopped():
    world = run()
    nodes.fail(world, "node-1")
    world.advance(60_000)
    patched(world, "True")
    world.advance(60_000)
    assert condition(get(world, "nodes", "node-1", ""), "Ready")["status"] == "Unknown"


def test_a_node_under_disk_pressure_sends_its_pods_away_and_takes_none():
    world = run(6)
    there = {pod["metadata"]["name"] for pod in on(world, "node-1")}
    assert there
    nodes.press(world, "node-1", threshold="90Gi", available="51234567Ki")
    world.advance(10_000 * len(there) + 1_000)
    node = get(world, "nodes", "node-1", "")
    assert condition(node, "DiskPressure")["reason"] == "KubeletHasDiskPressure"
    assert {t["key"] for t in node["spec"]["taints"]} == {"node.kubernetes.io/disk-pressure"}
    assert all(pod["status"]["reason"] == "Evicted" for pod in on(world, "node-1"))
    assert "available: 51234567Ki" in on(world, "node-1")[0]["status"]["message"]
    assert {e["message"] for e in events_of(world, "node-1", "EvictionThresholdMet")} == {
        "Attempting to reclaim ephemeral-storage"
    }
    nodes.relieve(world, "node-1")
    world.advance(299_000)
    assert get(world, "nodes", "node-1", "")["spec"].get("taints")
    world.advance(2_000)
    node = get(world, "nodes", "node-1", "")
    assert condition(node, "DiskPressure")["status"] == "False"
    assert "taints" not in node["spec"]
