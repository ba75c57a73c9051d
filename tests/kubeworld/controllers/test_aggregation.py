"""Aggregated ClusterRoles, and the default roles, which are made of them."""

from kubeworld.bootstrap import empty_world
from kubeworld.machine.store import fork
from tests.kubeworld.controllers.cluster import create, get, make_world

ROLES = "clusterroles.rbac.authorization.k8s.io"


def role(name, *resources, labels=None, selector=None):
    rules = [{"apiGroups": [""], "resources": [one], "verbs": ["get"]} for one in resources]
    obj = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "rules": rules}
    if selector:
        obj["aggregationRule"] = {"clusterRoleSelectors": [{"matchLabels": selector}]}
    return {**obj, "metadata": {"name": name, "labels": labels or {}}}


def resources(world, name):
    return [rule["resources"][0] for rule in get(world, ROLES, name, "").get("rules") or ()]


def test_rules_are_those_of_the_roles_it_selects_each_once():
    world = make_world()
    create(world, ROLES, role("all", "secrets", selector={"in": "all"}))
    assert resources(world, "all") == [], "rules written by hand are replaced"
    create(world, ROLES, role("b", "pods", "nodes", labels={"in": "all"}))
    create(world, ROLES, role("a", "pods", labels={"in": "all"}))
    assert resources(world, "all") == ["pods", "nodes"]
    unlabelled, meta = fork(get(world, ROLES, "b", ""), "metadata")
    meta["labels"] = {}
    world.store.update(ROLES, unlabelled)
    world.settle()
    assert resources(world, "all") == ["pods"]


def test_a_role_labelled_for_view_reaches_edit_and_admin():
    world = empty_world(1, seed=1)
    create(world, ROLES, role("more", "gadgets", labels={"rbac.authorization.k8s.io/aggregate-to-view": "true"}))
    for name in ("view", "edit", "admin"):
        assert "gadgets" in resources(world, name)
    assert "secrets" not in [one for rule in get(world, ROLES, "view", "")["rules"] for one in rule["resources"]]
