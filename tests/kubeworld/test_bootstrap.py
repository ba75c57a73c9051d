"""A cluster in which nothing but the system runs, and how it is moved to another time."""

import pytest

from kubeworld.api.server import api_of
from kubeworld.bootstrap import empty_world
from kubeworld.machine.anchor import anchor
from kubeworld.machine.identity import Identity
from kubeworld.machine.rbac import Access


def test_an_anchored_world_ends_at_the_given_time_and_goes_on():
    world = empty_world(2, seed=1)
    now = world.clock.at_ms("2031-05-06T07:08:09Z") + world.clock.epoch_ms
    anchor(world, now)
    assert world.clock.epoch_ms + world.clock.now_ms == now
    assert world.clock.rfc3339() == "2031-05-06T07:08:09Z"
    for resource in list(world.store.resources()):
        for obj in world.store.objects(resource):
            assert obj["metadata"]["creationTimestamp"].startswith("2031-05-06T07:0")
    world.advance(600_000)
    assert all(
        condition["status"] == "True"
        for node in world.store.objects("nodes")
        for condition in node["status"]["conditions"]
        if condition["type"] == "Ready"
    )


@pytest.mark.parametrize(
    ("role", "verb", "resource", "allowed"),
    [
        ("view", "list", "pods", True),
        ("view", "list", "secrets", False),
        ("view", "delete", "pods", False),
        ("edit", "list", "secrets", True),
        ("edit", "create", "roles.rbac.authorization.k8s.io", False),
        ("admin", "create", "roles.rbac.authorization.k8s.io", True),
        ("admin", "delete", "nodes", False),
        ("cluster-admin", "delete", "nodes", True),
    ],
)
def test_default_roles_grant_what_kubernetes_grants(role, verb, resource, allowed):
    world = empty_world(1, seed=1)
    somebody = Identity("somebody")
    subject = {"kind": "User", "name": "somebody", "apiGroup": "rbac.authorization.k8s.io"}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    world.store.create(
        "clusterrolebindings.rbac.authorization.k8s.io",
        {"metadata": {"name": "b"}, "roleRef": reference, "subjects": [subject]},
    )
    plural, _, group = resource.partition(".")
    namespace = "" if plural == "nodes" else "default"
    assert api_of(world).authorizer.allows(somebody, Access(verb, group, plural, namespace, "")) is allowed
