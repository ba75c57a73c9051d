"""What the Probe and the Executor may do in a world."""

import pytest

from aoi.worlds.identities import add_identities
from kubeworld.api.server import api_of
from kubeworld.bootstrap import empty_world
from kubeworld.machine.identity import service_account
from kubeworld.machine.rbac import Access


@pytest.mark.parametrize("name", ["probe", "executor"])
def test_identities_of_an_empty_cluster_have_no_way_to_secrets(name):
    world = empty_world(1, seed=1)
    add_identities(world)
    authorizer = api_of(world).authorizer
    identity = service_account("aoi", name)
    assert authorizer.allows(identity, Access("list", "", "pods", "default", ""))
    for verb, resource in (("get", "secrets"), ("create", "pods"), ("create", "pods/exec"), ("bind", "clusterroles")):
        assert not authorizer.allows(identity, Access(verb, "", resource, "default", ""))
    assert authorizer.allows(identity, Access("patch", "apps", "deployments", "default", "")) is (name == "executor")
