"""Claims and volumes that are in use stay until they are not; claims grow where their class lets them."""

import pytest

from kubeworld.admission.plugins import admit
from kubeworld.controllers.deletion import request_deletion
from kubeworld.machine.admission import Refused
from kubeworld.machine.store import fork
from tests.kubeworld.controllers.cluster import NAMESPACE, create, edit, get, make_world, pods_of
from tests.kubeworld.controllers.test_volumes import CLAIMS, VOLUMES, claim, storage_class, user


def used_claim(**fields):
    """A world in which a Deployment uses a claim that was admitted as the API server admits it."""
    world = make_world()
    create(world, "storageclasses.storage.k8s.io", storage_class(**fields))
    create(world, CLAIMS, admit(world, CLAIMS, claim(storageClassName="standard")))
    user(world)
    return world


def test_a_claim_in_use_waits_for_its_pod():
    world = used_claim()
    assert request_deletion(world, CLAIMS, get(world, CLAIMS, "data")) is not None
    world.advance(60_000)
    assert get(world, CLAIMS, "data")["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]
    edit(world, "deployments.apps", "geo", "spec", replicas=0)
    world.advance(60_000)
    assert not pods_of(world, "geo")
    assert world.store.get(CLAIMS, NAMESPACE, "data") is None
    assert world.store.objects(VOLUMES) == [], "its volume is reclaimed with it"


def test_a_bound_volume_waits_for_its_claim():
    world = used_claim()
    (volume,) = world.store.objects(VOLUMES)
    assert request_deletion(world, VOLUMES, volume) is not None
    world.advance(1000)
    assert len(world.store.objects(VOLUMES)) == 1


def test_an_unused_claim_goes_at_once():
    world = make_world()
    create(world, CLAIMS, admit(world, CLAIMS, claim()))
    request_deletion(world, CLAIMS, get(world, CLAIMS, "data"))
    world.settle()
    assert world.store.get(CLAIMS, NAMESPACE, "data") is None


def larger(world):
    new, requests = fork(get(world, CLAIMS, "data"), "spec", "resources", "requests")
    requests["storage"] = "2Gi"
    return admit(world, CLAIMS, new, get(world, CLAIMS, "data"))


def test_a_claim_grows_only_where_its_class_lets_it():
    with pytest.raises(Refused, match="only dynamically provisioned pvc can be resized"):
        larger(used_claim())
    world = used_claim(allowVolumeExpansion=True)
    world.store.update(CLAIMS, larger(world))
    world.settle()
    assert get(world, CLAIMS, "data")["status"]["capacity"] == {"storage": "2Gi"}
    assert world.store.objects(VOLUMES)[0]["spec"]["capacity"] == {"storage": "2Gi"}
