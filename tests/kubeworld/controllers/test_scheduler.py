"""Where pods run, and the scheduler's exact words when they cannot."""

import pytest

from tests.kubeworld.controllers.cluster import (
    NAMESPACE,
    condition,
    create,
    deployment,
    edit,
    events_of,
    get,
    make_world,
    pods_of,
    template,
)

HELPLESS = "preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."
NO_VICTIMS = "preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod."


def requests(**amounts):
    return {"container": {"resources": {"requests": amounts}}}


def schedule(world, replicas=1, **spec):
    create(world, "deployments.apps", deployment("geo", replicas, template=template("geo", **spec)))
    world.advance(10_000)
    return world


def refusal(world):
    events = events_of(world, "geo", "FailedScheduling")
    assert {event["type"] for event in events} == {"Warning"}
    assert {event["source"]["component"] for event in events} == {"default-scheduler"}
    return events[-1]["message"]


def anti_affinity(kind="podAntiAffinity"):
    term = {"labelSelector": {"matchLabels": {"app": "geo"}}, "topologyKey": "kubernetes.io/hostname"}
    return {"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"nodeSelector": {"disk": "ssd"}},
            f"0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector. {HELPLESS}",
        ),
        (requests(cpu="64"), f"0/3 nodes are available: 3 Insufficient cpu. {HELPLESS}"),
        (
            requests(cpu="64", memory="1Ti"),
            f"0/3 nodes are available: 3 Insufficient cpu, 3 Insufficient memory. {HELPLESS}",
        ),
        (
            {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]},
            f'0/3 nodes are available: persistentvolumeclaim "data" not found. {HELPLESS}',
        ),
    ],
)
def test_a_pod_that_fits_nowhere_says_why(spec, message):
    world = schedule(make_world(), **spec)
    assert refusal(world) == message
    (pod,) = pods_of(world, "geo")
    scheduled = condition(pod, "PodScheduled")
    assert (scheduled["status"], scheduled["reason"], scheduled["message"]) == ("False", "Unschedulable", message)
    assert pod["status"]["phase"] == "Pending"
    assert "nodeName" not in pod["spec"]


def test_different_nodes_refuse_for_different_reasons():
    world = make_world()
    edit(world, "nodes", "node-1", "spec", unschedulable=True)
    edit(world, "nodes", "node-2", "spec", taints=[{"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}])
    schedule(world, **requests(cpu="64"))
    assert refusal(world) == (
        "0/3 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint {dedicated: gpu}, "
        f"1 node(s) were unschedulable. {HELPLESS}"
    )


def test_a_full_cluster_could_only_be_helped_by_victims():
    world = make_world()
    create(world, "deployments.apps", deployment("rate", 3, template=template("rate", **requests(cpu="3"))))
    schedule(world, **requests(cpu="2"))
    assert refusal(world) == f"0/3 nodes are available: 3 Insufficient cpu. {NO_VICTIMS}"


def test_host_ports_collide():
    ports = [{"containerPort": 8080, "hostPort": 8080}]
    world = schedule(make_world(), 4, container={"ports": ports})
    assert sum("nodeName" in pod["spec"] for pod in pods_of(world, "geo")) == 3
    assert refusal(world) == (
        f"0/3 nodes are available: 3 node(s) didn't have free ports for the requested pod ports. {NO_VICTIMS}"
    )


def test_more_replicas_than_nodes_deadlock_on_anti_affinity():
    world = schedule(make_world(), 4, **anti_affinity())
    assert sum("nodeName" in pod["spec"] for pod in pods_of(world, "geo")) == 3
    message = refusal(world)
    assert message == f"0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules. {NO_VICTIMS}"


def test_affinity_to_itself_may_start_somewhere_and_gathers_there():
    world = schedule(make_world(), 3, **anti_affinity("podAffinity"))
    assert len({pod["spec"].get("nodeName") for pod in pods_of(world, "geo")}) == 1


def test_topology_spread_is_kept():
    constraint = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "geo"}},
    }
    world = schedule(make_world(), 6, topologySpreadConstraints=[constraint])
    nodes = [pod["spec"]["nodeName"] for pod in pods_of(world, "geo")]
    assert sorted(nodes.count(f"node-{number}") for number in (1, 2, 3)) == [2, 2, 2]


def test_no_nodes_at_all():
    world = schedule(make_world(nodes=0))
    assert refusal(world) == "no nodes available to schedule pods"


def test_binding_is_recorded():
    world = schedule(make_world())
    (pod,) = pods_of(world, "geo")
    (event,) = events_of(world, "geo", "Scheduled")
    name, node = pod["metadata"]["name"], pod["spec"]["nodeName"]
    assert event["message"] == f"Successfully assigned shop/{name} to {node}"


@pytest.mark.parametrize("repair", ["label", "uncordon", "untaint", "add"])
def test_a_repaired_node_lets_the_waiting_pod_in(repair):
    world = make_world(nodes=1)
    taint = [{"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}]
    damage = {"label": {}, "uncordon": {"unschedulable": True}, "untaint": {"taints": taint}, "add": {"taints": taint}}
    if damage[repair]:
        edit(world, "nodes", "node-1", "spec", **damage[repair])
    schedule(world, **({"nodeSelector": {"disk": "ssd"}} if repair == "label" else {}))
    assert "nodeName" not in pods_of(world, "geo")[0]["spec"]
    if repair == "label":
        edit(world, "nodes", "node-1", "metadata", "labels", disk="ssd")
    elif repair == "add":
        create(world, "nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-9"}, "spec": {}})
    else:
        edit(world, "nodes", "node-1", "spec", **dict.fromkeys(damage[repair]))
    world.advance(10_000)
    assert condition(pods_of(world, "geo")[0], "Ready")["status"] == "True"


def test_a_deleted_pod_makes_room():
    world = make_world(nodes=1)
    create(world, "deployments.apps", deployment("rate", template=template("rate", **requests(cpu="3"))))
    schedule(world, **requests(cpu="3"))
    assert "nodeName" not in pods_of(world, "geo")[0]["spec"]
    edit(world, "deployments.apps", "rate", "spec", replicas=0)
    world.advance(30_000)
    assert pods_of(world, "geo")[0]["spec"]["nodeName"] == "node-1"


def test_a_toleration_admits_to_a_tainted_node():
    world = make_world(nodes=1)
    edit(world, "nodes", "node-1", "spec", taints=[{"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}])
    schedule(world, tolerations=[{"key": "dedicated", "operator": "Exists"}])
    assert pods_of(world, "geo")[0]["spec"]["nodeName"] == "node-1"


def test_replicas_spread_over_nodes():
    world = schedule(make_world(), 6)
    nodes = [pod["spec"]["nodeName"] for pod in pods_of(world, "geo")]
    assert {nodes.count(node) for node in set(nodes)} == {2}


def test_a_waiting_pod_repeats_its_event_every_five_minutes_only():
    world = schedule(make_world(), nodeSelector={"disk": "ssd"})
    world.advance(12 * 60_000)
    (event,) = events_of(world, "geo", "FailedScheduling")
    assert event["count"] == 3


def test_a_stopped_scheduler_leaves_pods_pending_without_a_word():
    world = make_world()
    world.state["scheduler-stopped"] = True
    schedule(world)
    assert pods_of(world, "geo")[0]["status"]["phase"] == "Pending"
    assert events_of(world, "geo", "FailedScheduling") == []


def test_a_more_important_pod_preempts_a_less_important_one():
    world = make_world(nodes=1)
    for name, value in (("low", 10), ("high", 1000)):
        meta = {"name": name}
        kind = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": meta, "value": value}
        create(world, "priorityclasses.scheduling.k8s.io", kind)
    low = template("rate", priorityClassName="low", **requests(cpu="3"))
    create(world, "deployments.apps", deployment("rate", template=low))
    world.advance(5_000)
    (victim,) = pods_of(world, "rate")
    schedule(world, priorityClassName="high", **requests(cpu="3"))
    (pod,) = pods_of(world, "geo")
    assert pod["spec"]["nodeName"] == "node-1"
    (event,) = events_of(world, victim["metadata"]["name"], "Preempted")
    assert event["message"] == f"Preempted by pod {pod['metadata']['uid']} on node node-1"
    (replacement,) = pods_of(world, "rate")
    assert replacement["status"]["phase"] == "Pending"
    assert world.store.get("pods", NAMESPACE, victim["metadata"]["name"]) is None


def test_required_node_affinity_is_a_disjunction_of_terms():
    terms = [
        {"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]},
        {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["node-2"]}]},
    ]
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}
    world = schedule(make_world(), affinity=affinity)
    assert pods_of(world, "geo")[0]["spec"]["nodeName"] == "node-2"


def test_node_capacity_is_never_exceeded():
    world = schedule(make_world(cpu="2"), 9, **requests(cpu="700m"))
    for number in (1, 2, 3):
        assert len(world.store.pods_on(f"node-{number}")) == 2
    assert get(world, "deployments.apps", "geo")["status"]["unavailableReplicas"] == 3


def test_the_successor_of_a_victim_does_not_take_the_place_that_is_kept():
    world = make_world(nodes=1)
    for name, value in (("low", 10), ("high", 1000)):
        meta = {"name": name}
        kind = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": meta, "value": value}
        create(world, "priorityclasses.scheduling.k8s.io", kind)
    low = template("rate", priorityClassName="low", **requests(cpu="1"))
    create(world, "deployments.apps", deployment("rate", 3, template=low))
    world.advance(5_000)
    # Two have to go, and their successors come before both have gone.
    schedule(world, priorityClassName="high", **requests(cpu="3"))
    world.advance(60_000)
    (pod,) = pods_of(world, "geo")
    assert pod["spec"]["nodeName"] == "node-1"
    assert sum("nodeName" in other["spec"] for other in pods_of(world, "rate")) == 1
