"""The catalogue is the one list of kinds: what it says is what is served, stored and told to controllers."""

import importlib
import pkgutil

import pytest

import kubeworld.kinds
from kubeworld.admission import StandardAdmission
from kubeworld.api.server import api_of
from kubeworld.bootstrap import empty_world
from kubeworld.cluster import new_cluster
from kubeworld.kinds.catalogue import BY_NAME, BY_PATH, BY_TABLE, KINDS
from kubeworld.kinds.kind import Kind
from kubeworld.kinds.owners import owner_exists, owner_reference, resource_of
from kubeworld.machine.identity import ADMIN

WORLD = empty_world(2, seed=1)


def declared() -> list[Kind]:
    """Every `Kind` that a module of the package holds under a name, or in a tuple with a name."""
    kinds: list[Kind] = []
    for module in pkgutil.walk_packages(kubeworld.kinds.__path__, "kubeworld.kinds."):
        for value in vars(importlib.import_module(module.name)).values():
            kinds += [item for item in (value if isinstance(value, tuple) else (value,)) if isinstance(item, Kind)]
    return kinds


def test_every_kind_that_a_file_declares_is_in_the_catalogue_once():
    assert set(declared()) == set(KINDS)
    assert len(BY_PATH) == len(KINDS)


def test_no_two_kinds_are_stored_in_one_table():
    stored = [kind for kind in KINDS if "create" in kind.verbs and kind.conversion is None]
    assert sorted(kind.table for kind in stored) == sorted(BY_TABLE)
    assert all(kind.table in BY_TABLE for kind in KINDS if kind.conversion)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.qualified}/{kind.version}")
def test_what_an_owner_reference_names_is_found_where_it_is_stored(kind):
    if "create" not in kind.verbs or "get" not in kind.verbs:
        return
    assert resource_of(kind.api_version, kind.kind) == kind.table
    assert BY_NAME[(kind.group, kind.kind)].table == kind.table
    if kind.conversion:
        return
    store = new_cluster(seed=1, controllers=()).store
    meta = {"name": "x", **({"namespace": "shop"} if kind.namespaced else {})}
    reference = owner_reference(kind.table, store.create(kind.table, {"metadata": meta}))
    assert (reference["apiVersion"], reference["kind"]) == (kind.api_version, kind.kind)
    assert owner_exists(store, "shop", reference)
    assert not owner_exists(store, "shop", {**reference, "uid": "another"})
    store.delete(kind.table, meta.get("namespace", ""), "x")
    assert not owner_exists(store, "shop", reference)


@pytest.mark.parametrize("kind", sorted(BY_TABLE.values(), key=lambda kind: kind.table), ids=lambda kind: kind.table)
def test_objects_have_a_generation_if_their_kind_does(kind):
    created = new_cluster(seed=1, controllers=()).store.create(kind.table, {"metadata": {"name": "x"}})
    assert ("generation" in created["metadata"]) is kind.has_generation


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "list" in kind.verbs], ids=lambda kind: kind.qualified)
def test_every_kind_is_listed_as_a_table_with_its_columns(kind):
    root = f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.version}"
    headers = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    answer = api_of(WORLD).handle("GET", f"{root}/{kind.plural}", headers=headers, identity=ADMIN)
    assert answer.status == 200


@pytest.mark.parametrize("kind", [kind for kind in BY_TABLE.values() if kind.finalizer], ids=lambda kind: kind.table)
def test_a_kind_that_is_protected_in_use_gets_its_finalizer_once(kind):
    meta = {"name": "x", **({"namespace": "default"} if kind.namespaced else {})}
    admitted = StandardAdmission().admit(WORLD, kind.table, {"metadata": meta, "spec": {}})
    assert admitted["metadata"]["finalizers"] == [kind.finalizer]
    again = StandardAdmission().admit(WORLD, kind.table, admitted)
    assert again["metadata"]["finalizers"] == [kind.finalizer]
