"""What the Probe and the Executor may do in a world: what the manifests of `deploy/` say, no more and no less."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from aoi.worlds.applications.hotel import hotel_reservation
from aoi.worlds.environment import new_world
from aoi.worlds.identities import EXECUTOR, PROBE, add_identities
from kubeworld.api.server import api_of
from kubeworld.bootstrap import add_default_roles, empty_world
from kubeworld.kinds.catalogue import KINDS
from kubeworld.kinds.kind import ALL_VERBS
from kubeworld.machine.identity import Identity
from kubeworld.machine.rbac import Access
from kubeworld.machine.world import World
from tests.deploy.test_rbac import BINDINGS, OPTIONAL, ROLES

Right = tuple[str, str, str]
"""(verb, group, resource with its subresource)."""
# Verbs that no resource takes, and that a role may give nevertheless: they are the way to more rights.
VERBS = (*ALL_VERBS, "impersonate", "bind", "escalate", "use", "approve", "sign", "proxy")
# Subresources that a real API server has and the embedded one does not serve.
UNSERVED = {
    ("", "pods/attach"),
    ("", "pods/portforward"),
    ("", "pods/proxy"),
    ("", "services/proxy"),
    ("", "nodes/proxy"),
    ("", "users"),
    ("", "groups"),
}


@dataclass(frozen=True)
class Place:
    """A world, the namespace that AOI looks after in it, and whether databases may be repaired there."""

    world: World
    namespace: str
    databases: bool


def _served(name: str) -> Place:
    if name == "application":
        application = hotel_reservation(1)
        return Place(new_world(application, 1), application.namespace, databases=True)
    world = empty_world(1, seed=1)
    add_identities(world, "default")
    if name == "empty, with default roles":
        add_default_roles(world)
    return Place(world, "default", databases=False)


@pytest.fixture(scope="module", params=["application", "empty", "empty, with default roles"])
def place(request) -> Place:
    return _served(request.param)


def resources() -> set[tuple[str, str]]:
    """(group, resource) of the catalogue with every subresource, and of every rule of a manifest."""
    names = {(kind.group, kind.plural) for kind in KINDS}
    names |= {(kind.group, f"{kind.plural}/{part}") for kind in KINDS for part in kind.subresources}
    return names | {(group, resource) for role in ROLES for _, group, resource in rights_of(role)} | UNSERVED


def rights_of(role) -> Iterator[Right]:
    for rule in role["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                yield from ((verb, group, resource) for verb in rule["verbs"])


def manifest_rights(account: str, *, in_namespace: bool, databases: bool) -> set[Right]:
    """What the manifests give: cluster-wide, and in the namespace that AOI looks after as well."""
    kinds = {"ClusterRoleBinding", "RoleBinding"} if in_namespace else {"ClusterRoleBinding"}
    names = {
        binding["roleRef"]["name"]
        for binding in BINDINGS
        if binding["kind"] in kinds and any(subject["name"] == account for subject in binding["subjects"])
    }
    wanted = names if databases else names - {OPTIONAL}
    return {right for role in ROLES if role["metadata"]["name"] in wanted for right in rights_of(role)}


IDENTITIES = pytest.mark.parametrize(("account", "identity"), [("probe", PROBE), ("executor", EXECUTOR)])


@IDENTITIES
def test_a_world_allows_exactly_what_the_manifests_say_for_every_verb_resource_and_scope(
    place: Place, account: str, identity: Identity
):
    authorizer = api_of(place.world).authorizer
    # Rights that everyone has who is authenticated, AOI or not: to ask about himself.
    stranger = Identity("system:serviceaccount:aoi:services", identity.groups)
    for namespace in (place.namespace, "kube-system", "aoi", ""):
        expected = manifest_rights(account, in_namespace=namespace == place.namespace, databases=place.databases)
        for group, resource in resources():
            for verb in VERBS:
                access = Access(verb, group, resource, namespace, "")
                allowed = authorizer.allows(identity, access) and not authorizer.allows(stranger, access)
                assert allowed == ((verb, group, resource) in expected), access


@IDENTITIES
def test_a_worlds_rules_name_nothing_that_no_manifest_names(place: Place, account: str, identity: Identity):
    authorizer = api_of(place.world).authorizer
    stranger = Identity("system:serviceaccount:aoi:services", identity.groups)
    for namespace in (place.namespace, ""):
        everyones = authorizer.rules(stranger, namespace)
        rules = [rule for rule in authorizer.rules(identity, namespace) if rule not in everyones]
        assert all(set(rule) == {"apiGroups", "resources", "verbs"} for rule in rules), "no names, no paths"
        expected = manifest_rights(account, in_namespace=bool(namespace), databases=place.databases)
        assert set(rights_of({"rules": rules})) == expected


@IDENTITIES
def test_no_identity_has_a_way_to_secrets(place: Place, account: str, identity: Identity):
    authorizer = api_of(place.world).authorizer
    assert authorizer.allows(identity, Access("list", "", "pods", place.namespace, ""))
    rbac = "rbac.authorization.k8s.io"
    for verb, group, resource in (("get", "", "secrets"), ("create", "", "pods"), ("bind", rbac, "clusterroles")):
        assert not authorizer.allows(identity, Access(verb, group, resource, place.namespace, ""))


def test_the_accounts_are_as_old_as_the_cluster_and_worlds_share_no_object():
    first, second = (_served("application").world for _ in range(2))
    for world in (first, second):
        cluster = world.store.get("namespaces", "", "kube-system")
        account = world.store.get("serviceaccounts", "aoi", "probe")
        assert cluster is not None
        assert account is not None
        assert account["metadata"]["creationTimestamp"] == cluster["metadata"]["creationTimestamp"]
    role = "clusterroles.rbac.authorization.k8s.io"
    ours = first.store.get(role, "", "aoi-probe")
    assert ours is not None
    ours["rules"].clear()
    theirs = second.store.get(role, "", "aoi-probe")
    assert theirs is not None
    assert theirs["rules"]
