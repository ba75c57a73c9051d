"""Claims and volumes: binding, provisioning, release, and what waits for them."""

import orjson
import pytest

from kubeworld.api.server import api_of
from kubeworld.controllers.deletion import request_deletion
from kubeworld.machine.identity import ADMIN
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

CLAIMS, VOLUMES, CLASSES = "persistentvolumeclaims", "persistentvolumes", "storageclasses.storage.k8s.io"


def claim(name="data", size="1Gi", **spec):
    requested = {"requests": {"storage": size}}
    body = {"accessModes": ["ReadWriteOnce"], "resources": requested, "storageClassName": "", **spec}
    meta = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": body}


def volume(name="disk", size="1Gi", **spec):
    body = {"capacity": {"storage": size}, "accessModes": ["ReadWriteOnce"], "persistentVolumeReclaimPolicy": "Retain"}
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": {**body, **spec}}


def storage_class(mode="Immediate", **fields):
    meta = {"name": "standard"}
    kind = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": meta, "volumeBindingMode": mode}
    return {**kind, "provisioner": "rancher.io/local-path", "reclaimPolicy": "Delete", **fields}


def user(world, name="data"):
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": name}}]
    create(world, "deployments.apps", deployment("geo", template=template("geo", volumes=volumes)))
    world.advance(10_000)


def phase(world, resource, name):
    return get(world, resource, name, NAMESPACE if resource == CLAIMS else "")["status"]["phase"]


DEFAULT = {"storageclass.kubernetes.io/is-default-class": "true"}


@pytest.mark.parametrize("names", [("aged", "young"), ("young", "aged")])
def test_of_several_default_classes_the_newest_is_given_and_of_equals_the_first_by_name(names):
    world = make_world()
    stamps = {"aged": "2026-01-05T08:00:00Z", "young": "2026-01-06T08:00:00Z", "as-young": "2026-01-06T08:00:00Z"}

    def add(name):
        meta = {"name": name, "annotations": DEFAULT, "creationTimestamp": stamps[name]}
        create(world, CLASSES, {**storage_class(), "metadata": meta})

    for name in names:
        add(name)
    assert given_class(world, "first") == "young"
    add("as-young")
    assert given_class(world, "second") == "as-young"


def given_class(world, name, **spec):
    """The class of a claim that the API is sent with this spec."""
    wanted = claim(name, **spec)
    if not spec:
        del wanted["spec"]["storageClassName"]
    path = f"/api/v1/namespaces/{NAMESPACE}/persistentvolumeclaims"
    sent = api_of(world).handle("POST", path, body=orjson.dumps(wanted), identity=ADMIN)
    assert sent.status == 201
    return orjson.loads(sent.body)["spec"].get("storageClassName")


def test_a_claim_is_given_no_class_where_there_is_no_default_or_where_it_names_one():
    world = make_world()
    create(world, CLASSES, storage_class())
    assert given_class(world, "unclassed") is None
    create(world, CLASSES, {**storage_class(), "metadata": {"name": "fast", "annotations": DEFAULT}})
    assert given_class(world, "static", storageClassName="") == ""
    assert given_class(world, "named", storageClassName="standard") == "standard"


def test_a_claim_binds_the_smallest_volume_that_satisfies_it():
    world = make_world()
    for name, size in (("large", "10Gi"), ("fitting", "2Gi"), ("small", "500Mi")):
        create(world, VOLUMES, volume(name, size))
    create(world, CLAIMS, claim())
    assert get(world, CLAIMS, "data")["spec"]["volumeName"] == "fitting"
    assert {n: phase(world, VOLUMES, n) for n in ("large", "fitting", "small")} == {
        "large": "Available", "fitting": "Bound", "small": "Available",
    }  # fmt: skip


def test_a_claim_that_nothing_satisfies_waits_and_says_so():
    world = make_world()
    create(world, VOLUMES, volume(size="500Mi"))
    create(world, CLAIMS, claim())
    (event,) = events_of(world, "data", "FailedBinding")
    assert event["message"] == "no persistent volumes available for this claim and no storage class is set"
    create(world, VOLUMES, volume("bigger", "2Gi"))
    assert phase(world, CLAIMS, "data") == "Bound"


def test_an_unknown_storage_class_is_named():
    world = make_world()
    create(world, CLAIMS, claim(storageClassName="fast"))
    world.advance(31_000)
    (event,) = events_of(world, "data", "ProvisioningFailed")
    assert event["message"] == 'storageclass.storage.k8s.io "fast" not found'
    assert (event["type"], event["count"]) == ("Warning", 3)


def test_an_immediate_class_provisions_at_once():
    world = make_world()
    create(world, "storageclasses.storage.k8s.io", storage_class())
    create(world, CLAIMS, claim(storageClassName="standard"))
    assert phase(world, CLAIMS, "data") == "Bound"
    provisioned = get(world, CLAIMS, "data")["spec"]["volumeName"]
    assert provisioned == f"pvc-{get(world, CLAIMS, 'data')['metadata']['uid']}"


def test_a_waiting_class_provisions_on_the_node_of_the_first_consumer():
    world = make_world()
    create(world, "storageclasses.storage.k8s.io", storage_class("WaitForFirstConsumer"))
    create(world, CLAIMS, claim(storageClassName="standard"))
    assert phase(world, CLAIMS, "data") == "Pending"
    (event,) = events_of(world, "data", "WaitForFirstConsumer")
    assert event["message"] == "waiting for first consumer to be created before binding"
    user(world)
    (pod,) = pods_of(world, "geo")
    assert condition(pod, "Ready")["status"] == "True"
    provisioned = get(world, VOLUMES, get(world, CLAIMS, "data")["spec"]["volumeName"], "")
    (term,) = provisioned["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
    assert term["matchExpressions"][0]["values"] == [pod["spec"]["nodeName"]]


def test_a_pod_waits_for_its_unbound_claim():
    world = make_world()
    create(world, CLAIMS, claim())
    user(world)
    (event,) = events_of(world, "geo", "FailedScheduling")
    assert event["message"] == (
        "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims. "
        "preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."
    )
    create(world, VOLUMES, volume())
    world.advance(10_000)
    assert condition(pods_of(world, "geo")[0], "Ready")["status"] == "True"


def test_a_retained_volume_is_released_and_binds_nobody_until_its_claim_reference_is_cleared():
    world = make_world()
    create(world, VOLUMES, volume())
    create(world, CLAIMS, claim())
    request_deletion(world, CLAIMS, get(world, CLAIMS, "data"))
    world.settle()
    assert phase(world, VOLUMES, "disk") == "Released"
    create(world, CLAIMS, claim())
    assert phase(world, CLAIMS, "data") == "Pending"
    edit(world, VOLUMES, "disk", "spec", claimRef=None)
    assert (phase(world, CLAIMS, "data"), phase(world, VOLUMES, "disk")) == ("Bound", "Bound")


def test_a_volume_of_policy_delete_goes_with_its_claim():
    world = make_world()
    create(world, "storageclasses.storage.k8s.io", storage_class())
    create(world, CLAIMS, claim(storageClassName="standard"))
    request_deletion(world, CLAIMS, get(world, CLAIMS, "data"))
    world.settle()
    assert world.store.objects(VOLUMES) == []


def test_a_claim_whose_volume_vanished_is_lost():
    world = make_world()
    create(world, VOLUMES, volume())
    create(world, CLAIMS, claim())
    world.store.delete(VOLUMES, "", "disk")
    world.settle()
    assert phase(world, CLAIMS, "data") == "Lost"
    assert events_of(world, "data", "ClaimLost")[0]["message"].startswith("Bound claim has lost its PersistentVolume.")


def test_a_volume_ties_its_pod_to_the_nodes_that_reach_it():
    world = make_world()
    expression = {"key": "kubernetes.io/hostname", "operator": "In", "values": ["node-7"]}
    affinity = {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}}
    create(world, VOLUMES, volume(nodeAffinity=affinity))
    create(world, CLAIMS, claim())
    user(world)
    assert "3 node(s) had volume node affinity conflict" in events_of(world, "geo", "FailedScheduling")[0]["message"]


def test_access_modes_and_selectors_must_match():
    world = make_world()
    create(world, VOLUMES, volume())
    create(world, CLAIMS, claim("shared", accessModes=["ReadWriteMany"]))
    create(world, CLAIMS, claim("picky", selector={"matchLabels": {"disk": "ssd"}}))
    assert (phase(world, CLAIMS, "shared"), phase(world, CLAIMS, "picky")) == ("Pending", "Pending")


def test_an_attached_volume_cannot_serve_a_second_node():
    world = make_world()
    create(world, "storageclasses.storage.k8s.io", storage_class(provisioner="ebs.csi.aws.com"))
    create(world, CLAIMS, claim(storageClassName="standard"))
    user(world)
    edit(world, "deployments.apps", "geo", "spec", replicas=2)
    world.advance(20_000)
    first, second = sorted(pods_of(world, "geo"), key=lambda pod: "podIP" not in pod["status"])
    volume_name = get(world, CLAIMS, "data")["spec"]["volumeName"]
    (event,) = events_of(world, second["metadata"]["name"], "FailedAttachVolume")
    assert event["message"] == (
        f'Multi-Attach error for volume "{volume_name}" Volume is already used by pod(s) {first["metadata"]["name"]}'
    )
    assert second["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "ContainerCreating"
    assert condition(first, "Ready")["status"] == "True"
