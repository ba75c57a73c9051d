"""NetworkPolicies added up, against a plain reading of the rules as Kubernetes documents them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi.estate.components import components_of
from aoi.estate.policies import NAME_LABEL, Blocked, Policies
from tests.estate.estates import container, thing, workload

PLACES = {"shop": {NAME_LABEL: "shop", "team": "a"}, "blog": {NAME_LABEL: "blog", "team": "b"}}


def _component(label: str, place: str = "shop", *ports: dict[str, Any]):
    made = workload("Deployment", label, place=place)
    made["spec"]["template"]["spec"]["containers"] = [container(ports=list(ports))]
    return components_of({"deployments.apps": [made]})[0]


WEB, DB, FAR = (
    _component("web"),
    _component("db", "shop", {"name": "pg", "containerPort": 5432}),
    _component("web", "blog"),
)


def _policy(label: str, *, of: Any = None, place: str = "shop", **spec: Any) -> dict[str, Any]:
    selector = {} if of is None else {"matchLabels": {"app": of}}
    return thing("NetworkPolicy", label, place, spec={"podSelector": selector, **spec})


def _policies(*policies: dict[str, Any], places: Any = PLACES) -> Policies:
    return Policies(policies, places)


def _peer(label: str) -> dict[str, Any]:
    return {"podSelector": {"matchLabels": {"app": label}}}


def test_without_policies_everybody_may_call():
    assert _policies().call(WEB, DB, 5432) is None


def test_a_policy_that_selects_closes_and_rules_open():
    shut = _policy("shut", of="db", policyTypes=["Ingress"])
    assert _policies(shut).call(WEB, DB, 5432) == Blocked("Ingress", ("shut",))
    assert _policies(shut).call(DB, WEB, 80) is None  # the other direction, and the answer, stay open
    let = _policy("let", of="db", policyTypes=["Ingress"], ingress=[{"from": [_peer("web")]}])
    assert _policies(shut, let).call(WEB, DB, 5432) is None


def test_both_ends_have_to_let_it_through():
    leave = _policy("leave", of="web", policyTypes=["Egress"], egress=[{"to": [_peer("db")]}])
    enter = _policy("enter", of="db", policyTypes=["Ingress"], ingress=[{"from": [_peer("other")]}])
    assert _policies(leave).call(WEB, DB, 5432) is None
    assert _policies(leave, enter).call(WEB, DB, 5432) == Blocked("Ingress", ("enter",))


def test_policies_of_other_namespaces_do_not_select():
    assert _policies(_policy("shut", place="blog", policyTypes=["Ingress", "Egress"])).call(WEB, DB, 1) is None


def test_a_pod_selector_alone_means_the_policys_own_namespace():
    let = _policy("let", of="db", ingress=[{"from": [_peer("web")]}])
    assert _policies(let).call(WEB, DB, 5432) is None
    assert _policies(let).call(FAR, DB, 5432) == Blocked("Ingress", ("let",))


@pytest.mark.parametrize(
    ("selector", "lets"),
    [
        ({}, True),
        ({"matchLabels": {"team": "b"}}, True),
        ({"matchLabels": {"team": "a"}}, False),
        ({"matchLabels": {NAME_LABEL: "blog"}}, True),
        ({"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["b"]}]}, False),
    ],
)
def test_a_namespace_selector_reads_the_namespaces_labels(selector, lets):
    rule = {"from": [{"namespaceSelector": selector, **_peer("web")}]}
    assert (_policies(_policy("p", of="db", ingress=[rule])).call(FAR, DB, 5432) is None) is lets


def test_labels_of_a_namespace_that_was_not_read_may_fit_but_its_name_is_known():
    def lets(pairs):
        rule = {"from": [{"namespaceSelector": {"matchLabels": pairs}}]}
        return _policies(_policy("p", of="db", ingress=[rule]), places={}).call(FAR, DB, 5432) is None

    assert lets({"team": "zzz"})
    assert lets({NAME_LABEL: "blog"})
    assert not lets({NAME_LABEL: "other"})


@pytest.mark.parametrize(
    ("ports", "lets"),
    [
        ([{"port": 5432}], True),
        ([{"port": 5433}], False),
        ([{"port": 5000, "endPort": 6000}], True),
        ([{"port": 5433, "endPort": 6000}], False),
        ([{"port": "pg"}], True),
        ([{"protocol": "TCP"}], True),
        ([{"port": 1}, {"port": 5432}], True),
    ],
)
def test_a_rule_holds_for_its_ports(ports, lets):
    let = _policy("let", of="db", ingress=[{"from": [_peer("web")], "ports": ports}])
    assert (_policies(let).call(WEB, DB, 5432) is None) is lets


def test_a_named_port_is_the_one_that_the_pods_declare():
    let = _policy("let", of="db", ingress=[{"ports": [{"port": "pg"}]}])
    assert _policies(let).call(WEB, DB, 9999) == Blocked("Ingress", ("let",))


def test_an_address_block_may_hold_anybody():
    let = _policy("let", of="db", ingress=[{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}])
    assert _policies(let).call(WEB, DB, 5432) is None


def test_closed_means_that_no_rule_lets_anybody_through():
    shut, let = _policy("shut", policyTypes=["Ingress"]), _policy("let", of="db", ingress=[{"from": [_peer("x")]}])
    assert _policies(shut).closed(DB, "Ingress") == ("shut",)
    assert _policies(shut).closed(DB, "Egress") == ()
    assert _policies(shut, let).closed(DB, "Ingress") == ()


@pytest.mark.parametrize(
    ("egress", "blocked"),
    [
        ([{"ports": [{"port": 5432}]}], True),
        ([{"ports": [{"port": 53, "protocol": "UDP"}]}], False),
        ([{"ports": [{"port": 1, "endPort": 100}]}], False),
        ([{}], False),
        ([{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}], False),
        ([{"to": [{"namespaceSelector": {}}]}], False),
        ([{"to": [_peer("db")], "ports": [{"port": 5432}]}, {"ports": [{"port": 53}]}], False),
        ([{"to": [_peer("db")]}], True),
    ],
)
def test_who_may_only_call_its_database_cannot_ask_for_names(egress, blocked):
    policy = _policy("out", of="web", policyTypes=["Egress"], egress=egress)
    assert (_policies(policy).names_blocked(WEB) is not None) is blocked


def test_policy_types_that_nobody_wrote_follow_from_the_rules():
    assert _policies(_policy("in")).closed(WEB, "Ingress") == ("in",)
    assert _policies(_policy("in")).closed(WEB, "Egress") == ()
    out = _policies(_policy("out", of="web", egress=[{"to": [_peer("x")]}]))
    assert out.call(WEB, DB, 5432) == Blocked("Egress", ("out",))


_APPS = st.sampled_from(["web", "db", "x"])
_PEERS = st.lists(
    st.builds(_peer, _APPS)
    | st.builds(lambda team: {"namespaceSelector": {"matchLabels": {"team": team}}}, st.sampled_from("ab"))
    | st.builds(
        lambda team, app: {"namespaceSelector": {"matchLabels": {"team": team}}, **_peer(app)},
        st.sampled_from("ab"),
        _APPS,
    ),
    max_size=2,
)
_PORTS = st.lists(
    st.builds(lambda low, more: {"port": low, "endPort": low + more}, st.integers(5430, 5434), st.integers(0, 3)),
    max_size=2,
)
_WRITTEN = st.builds(
    lambda of, types, peers, ports, place: (of, types, peers, ports, place),
    st.none() | _APPS,
    st.sampled_from([["Ingress"], ["Egress"], ["Ingress", "Egress"]]),
    st.lists(_PEERS, max_size=2),
    _PORTS,
    st.sampled_from(["shop", "blog"]),
)


def _oracle(written: list[Any], caller: Any, callee: Any, port: int) -> set[str]:
    """The directions in which a call is stopped, read one rule after the other."""
    stopped = set()
    for direction, mine, other in (("Egress", caller, callee), ("Ingress", callee, caller)):
        isolated = allowed = False
        for of, types, rules, ports, place in written:
            if place != mine.namespace or direction not in types or of not in (None, mine.name):
                continue
            isolated = True
            for peers in rules:
                fits = not peers
                for peer in peers:
                    team = peer.get("namespaceSelector", {}).get("matchLabels", {}).get("team")
                    is_place = PLACES[other.namespace]["team"] == team if team else other.namespace == place
                    app = peer.get("podSelector", {}).get("matchLabels", {}).get("app")
                    fits |= is_place and app in (None, other.name)
                allowed |= fits and (not ports or any(p["port"] <= port <= p["endPort"] for p in ports))
        if isolated and not allowed:
            stopped.add(direction)
    return stopped


@given(st.lists(_WRITTEN, max_size=4), st.permutations([WEB, DB, FAR]), st.integers(5430, 5437))
def test_what_is_added_up_is_what_each_rule_says(written, components, port):
    caller, callee, _ = components
    policies = []
    for at, (of, types, rules, ports, place) in enumerate(written):
        spec: dict[str, Any] = {"policyTypes": types}
        if "Ingress" in types:
            spec["ingress"] = [{"from": peers, "ports": ports} for peers in rules]
        if "Egress" in types:
            spec["egress"] = [{"to": peers, "ports": ports} for peers in rules]
        policies.append(_policy(f"p{at}", of=of, place=place, **spec))
    blocked = _policies(*policies).call(caller, callee, port)
    stopped = _oracle(written, caller, callee, port)
    assert (blocked is None) is (not stopped)
    if blocked is not None:
        assert blocked.direction in stopped
