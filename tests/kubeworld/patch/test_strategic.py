"""Strategic merge patch keeps what it does not name, driven by the published merge keys."""

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubeworld.machine.patch.plain import PatchTestFailed, PatchTooLarge, json_patch, merge_patch
from kubeworld.machine.patch.strategic import PatchError, strategic_merge
from kubeworld.machine.schema.definitions import schema_of

DEPLOYMENT = schema_of("io.k8s.api.apps.v1.Deployment")
POD = schema_of("io.k8s.api.core.v1.Pod")
SERVICE = schema_of("io.k8s.api.core.v1.Service")


def pod(*containers, **spec):
    return {"spec": {"containers": list(containers), **spec}}


WEB = {"name": "web", "image": "web:1", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}
SIDE = {"name": "side", "image": "side:1"}


def test_a_patch_of_one_container_keeps_its_sidecar():
    merged = strategic_merge(pod(WEB, SIDE), pod({"name": "web", "image": "web:2"}), POD)
    assert merged == pod({**WEB, "image": "web:2"}, SIDE)


def test_env_merges_by_name_and_deletes_by_directive():
    env = [{"name": "A", "value": "9"}, {"name": "B", "$patch": "delete"}, {"name": "C", "value": "3"}]
    merged = strategic_merge(pod(WEB), pod({"name": "web", "env": env}), POD)
    assert merged["spec"]["containers"][0]["env"] == [{"name": "A", "value": "9"}, {"name": "C", "value": "3"}]


def test_null_deletes_a_field_and_is_dropped_where_nothing_was():
    merged = strategic_merge({"spec": {"nodeName": "n", "hostNetwork": True}}, {"spec": {"nodeName": None}}, POD)
    assert merged == {"spec": {"hostNetwork": True}}
    assert strategic_merge({}, {"spec": {"nodeName": None, "affinity": {"x": None}}}, POD) == {"spec": {"affinity": {}}}


def test_replace_directives_replace_maps_and_lists():
    selector = {"spec": {"selector": {"app": "x", "tier": "y"}}}
    patch = {"spec": {"selector": {"$patch": "replace", "app": "z"}}}
    assert strategic_merge(selector, patch, SERVICE) == {"spec": {"selector": {"app": "z"}}}
    merged = strategic_merge(pod(WEB, SIDE), pod({"$patch": "replace"}, {"name": "new", "image": "n:1"}), POD)
    assert merged == pod({"name": "new", "image": "n:1"})


def test_retain_keys_drops_the_other_members_of_a_union():
    old = {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    patch = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert strategic_merge(old, patch, DEPLOYMENT) == {"spec": {"strategy": {"type": "Recreate"}}}


def test_primitive_lists_with_merge_strategy_unite_and_delete():
    old = {"metadata": {"finalizers": ["a", "b"]}}
    patch = {"metadata": {"finalizers": ["c", "a"], "$deleteFromPrimitiveList/finalizers": ["b"]}}
    assert sorted(strategic_merge(old, patch, POD)["metadata"]["finalizers"]) == ["a", "c"]


def test_lists_without_a_merge_strategy_are_replaced():
    old = pod({"name": "web", "args": ["a", "b"]}, tolerations=[{"key": "x"}])
    patch = pod({"name": "web", "args": ["c"]}, tolerations=[{"key": "y"}])
    merged = strategic_merge(old, patch, POD)
    assert merged == pod({"name": "web", "args": ["c"]}, tolerations=[{"key": "y"}])


def test_set_element_order_decides_the_order():
    order = {
        "spec": {"$setElementOrder/containers": [{"name": "side"}, {"name": "web"}], "containers": [{"name": "web"}]}
    }
    merged = strategic_merge(pod(WEB, SIDE), order, POD)
    assert [item["name"] for item in merged["spec"]["containers"]] == ["side", "web"]


def test_services_merge_ports_by_port():
    old = {
        "spec": {"ports": [{"port": 80, "targetPort": 80, "name": "a"}, {"port": 81, "targetPort": 81, "name": "b"}]}
    }
    merged = strategic_merge(old, {"spec": {"ports": [{"port": 81, "targetPort": 9000}]}}, SERVICE)
    assert {port["port"]: port["targetPort"] for port in merged["spec"]["ports"]} == {80: 80, 81: 9000}
    assert len(merged["spec"]["ports"]) == 2


def test_a_list_item_without_its_merge_key_is_refused():
    with pytest.raises(PatchError, match="does not contain declared merge key: name"):
        strategic_merge(pod(WEB), pod({"image": "x"}), POD)


names = st.sampled_from(["a", "b", "c", "d"])
containers = st.lists(
    st.fixed_dictionaries({"name": names, "image": st.text("xyz:12", min_size=1, max_size=4)}),
    max_size=4,
    unique_by=lambda item: item["name"],
)


@settings(max_examples=150, deadline=None)
@given(old=containers, patch=containers)
def test_merging_is_idempotent_complete_and_mutates_nothing(old, patch):
    original, change = pod(*old), pod(*patch)
    frozen = copy.deepcopy((original, change))
    once = strategic_merge(original, change, POD)
    assert (original, change) == frozen
    assert strategic_merge(once, change, POD) == once
    images = {item["name"]: item["image"] for item in once["spec"]["containers"]}
    assert images == {**{i["name"]: i["image"] for i in old}, **{i["name"]: i["image"] for i in patch}}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab", max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(old=st.dictionaries(st.text("abc", min_size=1, max_size=2), json_values, max_size=4), patch=json_values)
def test_merge_patch_is_idempotent_and_mutates_nothing(old, patch):
    frozen = copy.deepcopy((old, patch))
    once = merge_patch(old, patch)
    assert (old, patch) == frozen
    assert merge_patch(once, patch) == once


def test_json_patch_is_bounded_and_atomic():
    document = {"a": [1, 2]}
    assert json_patch(document, [{"op": "add", "path": "/a/-", "value": 3}]) == {"a": [1, 2, 3]}
    assert document == {"a": [1, 2]}
    with pytest.raises(PatchTestFailed):
        json_patch(document, [{"op": "replace", "path": "/b", "value": 1}])
    with pytest.raises(PatchTooLarge):
        json_patch(document, [{"op": "test", "path": "/a", "value": 1}] * 10_001)
    with pytest.raises(PatchError):
        json_patch(document, [{"op": "explode", "path": "/a"}])
    with pytest.raises(PatchError):
        json_patch(document, {"op": "add"})


def test_copies_cannot_grow_an_object_without_bound():
    doubling = [{"op": "copy", "from": "/a", "path": f"/a/x{number}"} for number in range(60)]
    with pytest.raises(PatchTooLarge):
        json_patch({"a": {"text": "x" * 1000}}, doubling)


@pytest.mark.parametrize("directive", ["$retainKeys", "$deleteFromPrimitiveList/args", "$setElementOrder/args"])
@pytest.mark.parametrize("value", [None, 1, "args", {"args": True}])
def test_a_directive_that_is_no_list_is_refused(directive, value):
    old = {"spec": {"containers": [{"name": "web", "args": ["a"]}]}}
    with pytest.raises(PatchError, match="invalid patch format of"):
        strategic_merge(old, {"spec": {"containers": [{"name": "web", directive: value}]}}, POD)
