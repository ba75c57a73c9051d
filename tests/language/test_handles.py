from hypothesis import given
from hypothesis import strategies as st

from aoi.language.handles import assign

NAMES = ("frontend", "user", "rate", "geo", "mongodb-geo")


def test_the_same_seed_gives_the_same_handles_and_another_seed_others():
    assert assign(NAMES, ("node-1",), seed=4).names == assign(NAMES, ("node-1",), seed=4).names
    assert assign(NAMES, (), seed=4).names != assign(NAMES, (), seed=5).names


def test_the_order_of_the_inventory_does_not_matter():
    assert assign(NAMES, (), seed=4).names == assign(NAMES[::-1], (), seed=4).names


@given(st.integers(0, 2**31))
def test_every_name_resolves_back(seed):
    handles = assign(NAMES, ("node-1", "node-2"), seed=seed)
    assert {handles.resolve(handles.component(name)) for name in NAMES} == set(NAMES)
    assert handles.resolve(handles.node("node-2")) == "node-2"
    assert handles.resolve("s33") is None


def test_hosts_are_recognised_with_and_without_their_domain():
    handles = assign(NAMES, (), seed=1)
    assert handles.host("geo.hotel.svc.cluster.local") == handles.host("geo") == handles.component("geo")
    assert handles.host("geology") is None


def test_real_names_stand_for_themselves():
    assert assign(NAMES, ("node-1",), seed=1, real=True).component("geo") == "geo"
