"""Deletion: dependents, finalizers, propagation, and namespaces that empty."""

import pytest

from kubeworld.controllers.deletion import request_deletion
from tests.kubeworld.controllers.cluster import (
    NAMESPACE,
    condition,
    create,
    deployment,
    edit,
    get,
    make_world,
    pods_of,
    service,
)


def run():
    world = make_world()
    create(world, "services", service("geo"))
    create(world, "deployments.apps", deployment("geo", 2))
    world.advance(10_000)
    return world


def delete(world, resource, name, **options):
    namespace = "" if resource == "namespaces" else NAMESPACE
    request_deletion(world, resource, get(world, resource, name, namespace), **options)
    world.settle()


def left(world):
    return {
        resource: len(world.store.objects(resource, NAMESPACE))
        for resource in ("deployments.apps", "replicasets.apps", "pods")
    }


def test_background_deletion_takes_the_owner_first_and_the_dependents_after():
    world = run()
    delete(world, "deployments.apps", "geo")
    assert left(world) == {"deployments.apps": 0, "replicasets.apps": 0, "pods": 2}
    world.advance(5_000)
    assert left(world)["pods"] == 0


def test_foreground_deletion_keeps_the_owner_until_its_dependents_are_gone():
    world = run()
    delete(world, "deployments.apps", "geo", propagation="Foreground")
    assert get(world, "deployments.apps", "geo")["metadata"]["finalizers"] == ["foregroundDeletion"]
    assert left(world)["pods"] == 2
    world.advance(5_000)
    assert left(world) == {"deployments.apps": 0, "replicasets.apps": 0, "pods": 0}


def test_orphaned_dependents_stay_and_can_be_adopted_again():
    world = run()
    before = {pod["metadata"]["uid"] for pod in pods_of(world, "geo")}
    delete(world, "deployments.apps", "geo", propagation="Orphan")
    world.advance(5_000)
    assert left(world) == {"deployments.apps": 0, "replicasets.apps": 1, "pods": 2}
    create(world, "deployments.apps", deployment("geo", 2))
    world.advance(10_000)
    assert {pod["metadata"]["uid"] for pod in pods_of(world, "geo")} == before


def test_a_finalizer_holds_an_object_until_it_is_removed():
    world = make_world()
    meta = {"name": "held", "namespace": NAMESPACE, "finalizers": ["example.org/hold"]}
    create(world, "configmaps", {"metadata": meta})
    delete(world, "configmaps", "held")
    assert "deletionTimestamp" in get(world, "configmaps", "held")["metadata"]
    edit(world, "configmaps", "held", "metadata", finalizers=[])
    assert world.store.get("configmaps", NAMESPACE, "held") is None


def test_a_pod_that_was_never_scheduled_goes_at_once():
    world = make_world(nodes=0)
    create(world, "deployments.apps", deployment("geo"))
    edit(world, "deployments.apps", "geo", "spec", replicas=0)
    assert pods_of(world, "geo") == []


def test_a_dependent_whose_owner_never_existed_is_collected():
    world = make_world()
    owner = {"apiVersion": "v1", "kind": "Service", "name": "gone", "uid": "no-such-uid"}
    create(world, "configmaps", {"metadata": {"name": "x", "namespace": NAMESPACE, "ownerReferences": [owner]}})
    assert world.store.get("configmaps", NAMESPACE, "x") is None


def test_grace_zero_ends_a_pod_now():
    world = run()
    pod = pods_of(world, "geo")[0]
    delete(world, "pods", pod["metadata"]["name"], grace_s=0)
    assert world.store.get("pods", NAMESPACE, pod["metadata"]["name"]) is None
    world.advance(10_000)
    assert left(world)["pods"] == 2


def test_every_namespace_has_its_default_account_and_gets_it_back():
    world = make_world()
    assert get(world, "serviceaccounts", "default")
    assert "ca.crt" in get(world, "configmaps", "kube-root-ca.crt")["data"]
    delete(world, "serviceaccounts", "default")
    assert get(world, "serviceaccounts", "default")


def test_deleting_a_namespace_empties_it():
    world = run()
    delete(world, "namespaces", NAMESPACE)
    assert get(world, "namespaces", NAMESPACE, "")["status"]["phase"] == "Terminating"
    world.advance(10_000)
    assert world.store.get("namespaces", "", NAMESPACE) is None
    assert all(not world.store.objects(resource, NAMESPACE) for resource in world.store.resources())


def test_a_finalizer_keeps_a_namespace_terminating_and_is_named():
    world = run()
    edit(world, "services", "geo", "metadata", finalizers=["example.org/hold"])
    delete(world, "namespaces", NAMESPACE)
    world.advance(60_000)
    namespace = get(world, "namespaces", NAMESPACE, "")
    assert condition(namespace, "NamespaceFinalizersRemaining")["message"] == (
        "Some content in the namespace has finalizers remaining: example.org/hold in 1 resource instances"
    )
    assert condition(namespace, "NamespaceContentRemaining")["message"] == (
        "Some resources are remaining: services. has 1 resource instances"
    )
    edit(world, "services", "geo", "metadata", finalizers=[])
    world.advance(1_000)
    assert world.store.get("namespaces", "", NAMESPACE) is None


def test_what_remains_in_a_namespace_is_named_with_its_group():
    world = run()
    edit(world, "deployments.apps", "geo", "metadata", finalizers=["example.org/hold"])
    delete(world, "namespaces", NAMESPACE)
    world.advance(60_000)
    message = condition(get(world, "namespaces", NAMESPACE, ""), "NamespaceContentRemaining")["message"]
    assert message == "Some resources are remaining: deployments.apps has 1 resource instances"


def test_deletion_raises_a_generation_and_gives_none_to_a_pod():
    world = run()
    pod = pods_of(world, "geo")[0]
    assert "generation" not in pod["metadata"]
    delete(world, "pods", pod["metadata"]["name"])
    assert "generation" not in get(world, "pods", pod["metadata"]["name"])["metadata"]
    edit(world, "deployments.apps", "geo", "metadata", finalizers=["example.org/hold"])
    before = get(world, "deployments.apps", "geo")["metadata"]["generation"]
    delete(world, "deployments.apps", "geo")
    assert get(world, "deployments.apps", "geo")["metadata"]["generation"] == before + 1


@pytest.mark.parametrize("labels", [{"app": "other"}, {}])
def test_a_relabelled_pod_is_released_and_replaced(labels):
    world = run()
    pod = pods_of(world, "geo")[0]
    edit(world, "pods", pod["metadata"]["name"], "metadata", labels=labels)
    world.advance(5_000)
    assert get(world, "pods", pod["metadata"]["name"])["metadata"]["ownerReferences"] == []
    assert len(pods_of(world, "geo")) == 2


def test_dependents_of_custom_resources_follow_them_too():
    world = make_world()
    create(world, "networkchaos.chaos-mesh.org", {"metadata": {"name": "loss", "namespace": NAMESPACE}})
    uid = get(world, "networkchaos.chaos-mesh.org", "loss")["metadata"]["uid"]
    owner = {"apiVersion": "chaos-mesh.org/v1alpha1", "kind": "NetworkChaos", "name": "loss", "uid": uid}
    create(world, "configmaps", {"metadata": {"name": "x", "namespace": NAMESPACE, "ownerReferences": [owner]}})
    assert get(world, "configmaps", "x")
    delete(world, "networkchaos.chaos-mesh.org", "loss")
    assert world.store.get("configmaps", NAMESPACE, "x") is None


def test_controllers_keep_no_notes_about_what_is_gone():
    world = run()
    edit(world, "nodes", "node-1", "spec", unschedulable=True)
    stuck = deployment("rate")
    stuck["spec"]["template"]["spec"]["nodeSelector"] = {"disk": "ssd"}
    create(world, "deployments.apps", stuck)
    world.advance(10_000)
    for name in ("geo", "rate"):
        delete(world, "deployments.apps", name)
    world.advance(60_000)
    assert sorted(key.partition("/")[0] for key in world.state) == ["event-expiry-timer-ms"] + ["images"] * len(
        [key for key in world.state if key.startswith("images/")]
    ) + ["next-address"] * len([key for key in world.state if key.startswith("next-address/")])
