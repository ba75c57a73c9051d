"""How pods resolve names: by policy and configuration, through the cluster's DNS or past it."""

import pytest

from aoi.worlds.applications.generator import generate
from aoi.worlds.behaviour.chaos import Active, bytes_per_s, looked_up, scheduled_spec
from aoi.worlds.behaviour.conditions import observe
from aoi.worlds.behaviour.names import full_name, resolver_of
from aoi.worlds.behaviour.policies import Policies
from aoi.worlds.environment import new_world
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World
from tests.worlds.acts import change, change_service, workload


@pytest.fixture(scope="module")
def world() -> World:
    return new_world(generate(1, 0), 2)


def pod(**spec: object) -> Obj:
    return {"metadata": {"name": "a", "namespace": "shop", "labels": {"app": "a"}}, "spec": {"containers": [], **spec}}


@pytest.mark.parametrize(
    ("spec", "nameserver", "found"),
    [
        ({}, "10.96.0.10", True),
        (
            {"dnsPolicy": "ClusterFirst", "dnsConfig": {"options": [{"name": "ndots", "value": "1"}]}},
            "10.96.0.10",
            True,
        ),
        ({"dnsPolicy": "Default"}, "10.0.0.2", False),
        ({"hostNetwork": True}, "10.0.0.2", False),
        ({"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"}, "10.96.0.10", True),
        ({"dnsPolicy": "None", "dnsConfig": {"nameservers": ["10.96.0.10"]}}, "10.96.0.10", False),
        (
            {"dnsPolicy": "None", "dnsConfig": {"nameservers": ["10.96.0.10"], "searches": ["shop.svc.cluster.local"]}},
            "10.96.0.10",
            True,
        ),
    ],
)
def test_a_pod_asks_whom_its_policy_says(world: World, spec: dict[str, object], nameserver: str, found: bool) -> None:
    resolver = resolver_of(world, pod(**spec))
    assert resolver.nameserver == nameserver
    assert (full_name("geo", resolver) is not None) is found
    assert full_name("geo.shop.svc.cluster.local", resolver) == "geo.shop.svc.cluster.local"


@pytest.mark.parametrize(
    ("pattern", "word"),
    [("geo.*", "servfail"), ("*", "servfail"), ("ge?.shop.svc.cluster.local", "servfail"), ("rate.*", "")],
)
def test_dns_chaos_hits_the_names_of_its_patterns(pattern: str, word: str) -> None:
    obj = {"kind": "DNSChaos", "spec": {"action": "error", "patterns": [pattern]}}
    hit = [Active(obj, frozenset({"a"}), None)]
    assert looked_up(hit, pod(), "geo.shop.svc.cluster.local") == word
    assert looked_up([Active(obj, frozenset({"b"}), None)], pod(), "geo.shop.svc.cluster.local") == ""


def test_policies_tell_udp_from_tcp() -> None:
    rule = {"ports": [{"port": 53, "protocol": "UDP"}]}
    spec: Obj = {"podSelector": {}, "policyTypes": ["Egress"], "egress": [rule]}
    policies = Policies([{"metadata": {"name": "dns", "namespace": "shop"}, "spec": spec}])
    assert policies.allow(pod(), pod(), 53, protocol="UDP")
    assert not policies.allow(pod(), pod(), 53)


@pytest.mark.parametrize(("text", "rate"), [("1kbps", 1000), ("8kbit", 1000), ("2mbps", 2_000_000), ("fast", 0)])
def test_rates_are_read_as_tc_reads_them(text: str, rate: float) -> None:
    assert bytes_per_s(text) == rate


@pytest.mark.parametrize(
    ("kind", "field"), [("PodChaos", "podChaos"), ("DNSChaos", "dnsChaos"), ("IOChaos", "ioChaos")]
)
def test_a_schedule_holds_its_experiment_under_the_name_of_its_kind(kind: str, field: str) -> None:
    assert scheduled_spec({"type": kind, field: {"mode": "one"}}) == {"mode": "one"}


def test_a_service_for_its_own_node_alone_drops_the_calls_of_other_nodes(world: World) -> None:
    application = generate(1, 0)
    caller, callee = application.workload.entry, application.by_name[application.workload.entry].callees[0]
    nodes = [node["metadata"]["name"] for node in world.store.objects("nodes")]
    for name, node in ((caller, nodes[0]), (callee, nodes[1])):
        change(
            world,
            *workload(application, name),
            lambda obj, node=node: obj["spec"]["template"]["spec"].__setitem__("nodeName", node),
        )
    world.advance(90_000)
    assert observe(world, application).edge(caller, callee) is None
    change_service(world, application, callee, lambda spec: spec.__setitem__("internalTrafficPolicy", "Local"))
    world.advance(10_000)
    edge = observe(world, application).edge(caller, callee)
    assert edge is not None
    assert dict(edge.outcomes) == {"timeout": 1.0}
