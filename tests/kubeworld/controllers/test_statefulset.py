"""StatefulSets keep identity and order."""

from kubeworld.machine.runtime import ContainerPlan
from tests.kubeworld.controllers.cluster import (
    NAMESPACE,
    condition,
    create,
    edit,
    events_of,
    get,
    make_world,
    pods_of,
    template,
)

RESOURCE = "statefulsets.apps"


def stateful_set(replicas=3, **spec):
    body = {
        "replicas": replicas,
        "serviceName": "db",
        "selector": {"matchLabels": {"app": "db"}},
        "template": template("db"),
        **spec,
    }
    meta = {"name": "db", "namespace": NAMESPACE}
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": meta, "spec": body}


def run(**spec):
    world = make_world()
    create(world, RESOURCE, stateful_set(**spec))
    world.advance(20_000)
    return world


def names(world):
    return [pod["metadata"]["name"] for pod in pods_of(world, "db")]


def set_image(world, image):
    old = get(world, RESOURCE, "db")["spec"]["template"]["spec"]["containers"][0]
    edit(world, RESOURCE, "db", "spec", "template", "spec", containers=[{**old, "image": image}])


def images(world):
    return [pod["spec"]["containers"][0]["image"] for pod in pods_of(world, "db")]


def test_pods_come_up_one_after_another():
    world = make_world()
    create(world, RESOURCE, stateful_set())
    assert names(world) == ["db-0"]
    world.advance(2_400)
    assert names(world) == ["db-0", "db-1"]
    world.advance(20_000)
    assert names(world) == ["db-0", "db-1", "db-2"]
    status = get(world, RESOURCE, "db")["status"]
    assert (status["readyReplicas"], status["updatedReplicas"], status["currentReplicas"]) == (3, 3, 3)
    assert [e["message"] for e in events_of(world, "db", "SuccessfulCreate")] == [
        f"create Pod db-{number} in StatefulSet db successful" for number in range(3)
    ]


def test_parallel_management_does_not_wait():
    world = make_world()
    create(world, RESOURCE, stateful_set(podManagementPolicy="Parallel"))
    assert names(world) == ["db-0", "db-1", "db-2"]


def test_a_deleted_pod_comes_back_under_its_name_with_its_claim():
    template_ = {"metadata": {"name": "data"}, "spec": {"resources": {"requests": {"storage": "1Gi"}}}}
    world = make_world()
    meta = {"name": "standard"}
    create(world, "storageclasses.storage.k8s.io", {"metadata": meta, "provisioner": "rancher.io/local-path"})
    template_["spec"]["storageClassName"] = "standard"
    create(world, RESOURCE, stateful_set(1, volumeClaimTemplates=[template_]))
    world.advance(10_000)
    (pod,) = pods_of(world, "db")
    assert pod["spec"]["hostname"] == "db-0"
    assert pod["spec"]["subdomain"] == "db"
    assert get(world, "persistentvolumeclaims", "data-db-0")["status"]["phase"] == "Bound"
    claim_uid = get(world, "persistentvolumeclaims", "data-db-0")["metadata"]["uid"]
    from kubeworld.controllers.deletion import request_deletion

    request_deletion(world, "pods", pod)
    world.advance(20_000)
    (again,) = pods_of(world, "db")
    assert again["metadata"]["name"] == "db-0"
    assert again["metadata"]["uid"] != pod["metadata"]["uid"]
    assert get(world, "persistentvolumeclaims", "data-db-0")["metadata"]["uid"] == claim_uid


def test_an_update_goes_from_the_highest_ordinal_down():
    world = run()
    set_image(world, "shop/app:2")
    seen = [images(world)]
    for _ in range(60):
        world.advance(500)
        if images(world) != seen[-1]:
            seen.append(images(world))
    assert images(world) == ["shop/app:2"] * 3
    assert ["shop/app:1", "shop/app:1", "shop/app:2"] in seen
    assert ["shop/app:2", "shop/app:1", "shop/app:1"] not in seen
    assert (
        get(world, RESOURCE, "db")["status"]["currentRevision"]
        == get(world, RESOURCE, "db")["status"]["updateRevision"]
    )


def test_a_broken_update_stops_at_the_first_pod():
    world = run()
    world.runtime.plans["shop/bad:1"] = ContainerPlan(image_error="not_found")
    set_image(world, "shop/bad:1")
    world.advance(120_000)
    assert images(world) == ["shop/app:1", "shop/app:1", "shop/bad:1"]
    assert get(world, RESOURCE, "db")["status"]["readyReplicas"] == 2


def test_a_partition_protects_the_lower_ordinals():
    world = run(updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 2}})
    set_image(world, "shop/app:2")
    world.advance(60_000)
    assert images(world) == ["shop/app:1", "shop/app:1", "shop/app:2"]


def test_scaling_down_removes_the_highest_first():
    world = run()
    edit(world, RESOURCE, "db", "spec", replicas=1)
    world.advance(30_000)
    assert names(world) == ["db-0"]
    messages = [e["message"] for e in events_of(world, "db", "SuccessfulDelete")]
    assert messages == [f"delete Pod db-{number} in StatefulSet db successful" for number in (2, 1)]


def test_claims_go_with_the_pods_that_a_smaller_scale_removes_if_they_are_to():
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "storageClassName": "fast"}
    world = make_world()
    fast = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "fast"}}
    create(world, "storageclasses.storage.k8s.io", {**fast, "provisioner": "example.com/fast"})
    policy = {"whenScaled": "Delete", "whenDeleted": "Retain"}
    templates = [{"metadata": {"name": "data"}, "spec": spec}]
    create(
        world,
        RESOURCE,
        stateful_set(persistentVolumeClaimRetentionPolicy=policy, volumeClaimTemplates=templates),
    )
    world.advance(20_000)
    assert len(world.store.objects("persistentvolumeclaims", NAMESPACE)) == 3
    edit(world, "statefulsets.apps", "db", "spec", replicas=1)
    world.advance(60_000)
    left = world.store.objects("persistentvolumeclaims", NAMESPACE)
    assert [claim["metadata"]["name"] for claim in left] == ["data-db-0"]


def test_a_claim_that_a_quota_refuses_holds_its_pod_up_and_is_told_of():
    world = make_world()
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Gi"}}}
    quota = {"metadata": {"name": "team", "namespace": NAMESPACE}, "spec": {"hard": {"requests.storage": "15Gi"}}}
    create(world, "resourcequotas", {"apiVersion": "v1", "kind": "ResourceQuota", **quota})
    templates = [{"metadata": {"name": "data"}, "spec": spec}]
    create(world, RESOURCE, stateful_set(podManagementPolicy="Parallel", volumeClaimTemplates=templates))
    world.advance(20_000)
    assert names(world) == ["db-0"]
    forbidden = (
        'persistentvolumeclaims "data-db-1" is forbidden: exceeded quota: team, requested: requests.storage=10Gi, '
        "used: requests.storage=10Gi, limited: requests.storage=15Gi"
    )
    said = [e["message"] for e in events_of(world, "db", "FailedCreate")]
    assert f"create Claim data-db-1 Pod db-1 in StatefulSet db failed error: {forbidden}" in said
    why = f"failed to create PVC data-db-1: {forbidden}"
    assert f"create Pod db-1 in StatefulSet db failed error: {why}" in said


def test_a_pod_that_does_not_get_ready_holds_up_the_rest():
    world = make_world()
    world.runtime.plans["shop/app:1"] = ContainerPlan(image_error="not_found")
    create(world, RESOURCE, stateful_set())
    world.advance(60_000)
    assert names(world) == ["db-0"]
    assert condition(pods_of(world, "db")[0], "Ready")["status"] == "False"


def test_a_daemon_set_of_the_same_name_and_template_has_a_revision_of_its_own():
    world = run(replicas=1)
    body = {"selector": {"matchLabels": {"app": "db"}}, "template": template("db")}
    meta = {"name": "db", "namespace": NAMESPACE}
    create(world, "daemonsets.apps", {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": meta, "spec": body})
    world.advance(20_000)
    owners = [one["metadata"]["ownerReferences"][0]["kind"] for one in world.store.objects("controllerrevisions.apps")]
    assert sorted(owners) == ["DaemonSet", "StatefulSet"]
