"""Components: what owns pods, whatever it is called."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi.estate.components import OWNERS, components_of
from tests.estate.estates import deployed, owned_by, pod, thing, together, workload


def _names(objects):
    return [(c.kind, c.namespace, c.name, len(c.pods), len(c.between)) for c in components_of(objects)]


def test_the_top_of_a_chain_of_owners_is_the_component():
    assert _names(deployed("web")) == [("Deployment", "shop", "web", 1, 1)]


def test_a_cron_job_owns_the_pods_of_its_jobs():
    cron = thing("CronJob", "nightly", spec={})
    job = thing("Job", "nightly-1", owner=cron)
    objects = {"cronjobs.batch": [cron], "jobs.batch": [job], "pods": [pod("nightly-1-x", owner=job)]}
    assert _names(objects) == [("CronJob", "shop", "nightly", 1, 1)]


def test_nothing_is_joined_by_name_or_label():
    stray = pod("web-6f-y", labels={"app": "web"})
    assert _names(together(deployed("web"), {"pods": [stray]})) == [
        ("Deployment", "shop", "web", 1, 1),
        ("Pod", "shop", "web-6f-y", 1, 0),
    ]


def test_same_names_across_kinds_and_namespaces_stay_apart():
    objects = together(
        deployed("web"), deployed("web", place="blog"), {"statefulsets.apps": [workload("StatefulSet", "web")]}
    )
    assert _names(objects) == [
        ("Deployment", "blog", "web", 1, 1),
        ("Deployment", "shop", "web", 1, 1),
        ("StatefulSet", "shop", "web", 0, 0),
    ]


def test_an_owner_of_somebodys_own_kind_is_a_component_known_by_its_reference():
    owner = {"kind": "KafkaPool", "name": "broker", "uid": "k", "controller": True, "apiVersion": "kafka.example/v1"}
    made = pod("broker-0")
    made["metadata"]["ownerReferences"] = [owner]
    (component,) = components_of({"pods": [made]})
    assert (component.kind, component.name, component.obj, component.wanted) == ("KafkaPool", "broker", None, None)
    assert component.reference == owner
    assert component.template is made  # what its pods are made from nobody says, but they show it


def test_a_custom_owner_above_a_known_one_is_the_top():
    operator = thing("Database", "orders")
    top = workload("StatefulSet", "orders-db")
    top["metadata"]["ownerReferences"] = [owned_by(operator)]
    objects = {"statefulsets.apps": [top], "pods": [pod("orders-db-0", owner=top)]}
    assert _names(objects) == [("Database", "shop", "orders", 1, 1)]


def test_the_controller_is_the_owner_and_not_who_else_refers():
    first, second = workload("StatefulSet", "aa"), workload("StatefulSet", "bb")
    made = pod("x")
    made["metadata"]["ownerReferences"] = [{**owned_by(first), "controller": False}, owned_by(second)]
    owners = {c.name: len(c.pods) for c in components_of({"statefulsets.apps": [first, second], "pods": [made]})}
    assert owners == {"aa": 0, "bb": 1}


def test_a_static_pod_is_a_component_of_its_own():
    made = pod("etcd-node-1")
    made["metadata"]["ownerReferences"] = [{"kind": "Node", "name": "node-1", "uid": "n", "controller": True}]
    assert _names({"pods": [made]}) == [("Pod", "shop", "etcd-node-1", 1, 0)]


def test_behind_an_unread_replica_set_its_deployment_is_known_by_its_selector():
    objects = dict(deployed("web"))
    del objects["replicasets.apps"]
    assert _names(objects) == [("Deployment", "shop", "web", 1, 0)]
    objects["deployments.apps"] = [workload("Deployment", "other")]
    assert _names(objects) == [("Deployment", "shop", "other", 0, 0), ("ReplicaSet", "shop", "web-6f", 1, 0)]


def test_owners_in_a_circle_end():
    one, two = workload("ReplicaSet", "one"), workload("ReplicaSet", "two")
    one["metadata"]["ownerReferences"], two["metadata"]["ownerReferences"] = [owned_by(two)], [owned_by(one)]
    components = components_of({"replicasets.apps": [one, two], "pods": [pod("x", owner=one)]})
    assert sum(len(component.pods) for component in components) == 1


@given(st.lists(st.integers(0, 11), min_size=12, max_size=12))
def test_every_pod_belongs_to_exactly_one_component_however_owners_refer(above):
    owners = [workload("ReplicaSet", f"r{at}") for at in range(12)]
    for at, up in enumerate(above):
        owners[at]["metadata"]["ownerReferences"] = [owned_by(owners[up])]
    pods = [pod(f"p{at}", owner=owner) for at, owner in enumerate(owners)]
    components = components_of({"replicasets.apps": owners, "pods": pods})
    assert sorted(p["metadata"]["name"] for c in components for p in c.pods) == sorted(f"p{at}" for at in range(12))
    assert len({c.identity for c in components}) == len(components)


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"])
def test_replicas_that_nobody_wrote_are_one(kind):
    key = next(key for key in OWNERS if key.startswith(kind.lower()))
    made = workload(kind, "web")
    del made["spec"]["replicas"]
    assert components_of({key: [made]})[0].wanted == 1
    made["spec"]["replicas"] = 0
    assert components_of({key: [made]})[0].wanted == 0


def test_a_daemon_set_wants_what_its_controller_counted():
    assert components_of({"daemonsets.apps": [workload("DaemonSet", "agent", 3)]})[0].wanted == 3
