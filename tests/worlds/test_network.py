"""Policies, chaos and traffic as pure functions, against hand-made objects."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aoi.worlds.applications.generator import generate
from aoi.worlds.applications.hotel import hotel_reservation
from aoi.worlds.behaviour import policies
from aoi.worlds.behaviour.chaos import Active, between, duration_ms
from aoi.worlds.behaviour.conditions import USERS, WORDS, Conditions, Edge, observe
from aoi.worlds.behaviour.traffic import evaluate
from kubeworld.machine.store import Obj
from tests.worlds.handmade import world_of


def pod(name: str, namespace: str = "shop", **labels: str) -> Obj:
    return {"metadata": {"name": name, "namespace": namespace, "labels": labels}, "spec": {"containers": []}}


def policy(**spec: object) -> Obj:
    return {"metadata": {"name": "p", "namespace": "shop"}, "spec": {"podSelector": {}, **spec}}


def only_from(app: str) -> Obj:
    return policy(policyTypes=["Ingress"], ingress=[{"from": [{"podSelector": {"matchLabels": {"app": app}}}]}])


A, B = pod("a", app="a"), pod("b", app="b")
ELSEWHERE = pod("c", namespace="other", app="a")


@pytest.mark.parametrize(
    ("rules", "caller", "port", "allowed"),
    [
        ([], A, 80, True),
        ([policy(policyTypes=["Ingress"])], A, 80, False),
        ([policy(policyTypes=["Egress"])], A, 80, False),
        ([policy(policyTypes=["Egress"])], None, 80, True),
        ([policy(policyTypes=["Ingress"], ingress=[{}])], A, 80, True),
        ([policy(podSelector={"matchLabels": {"app": "z"}}, policyTypes=["Ingress"])], A, 80, True),
        ([only_from("a")], A, 80, True),
        ([only_from("x")], A, 80, False),
        ([policy(policyTypes=["Ingress"], ingress=[{"from": [{"podSelector": {}}]}])], ELSEWHERE, 80, False),
        ([policy(policyTypes=["Ingress"], ingress=[{"from": [{"namespaceSelector": {}}]}])], ELSEWHERE, 80, True),
        ([policy(policyTypes=["Ingress"], ingress=[{"ports": [{"port": 80}]}])], A, 81, False),
        ([policy(policyTypes=["Ingress"], ingress=[{"ports": [{"port": 80, "endPort": 90}]}])], A, 85, True),
        ([policy(policyTypes=["Ingress"], ingress=[{"ports": [{"port": 80, "protocol": "UDP"}]}])], A, 80, False),
        ([policy(policyTypes=["Ingress"]), policy(policyTypes=["Ingress"], ingress=[{}])], A, 80, True),
        ([policy(policyTypes=["Ingress"], ingress=[{"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}])], None, 80, True),
    ],
)  # fmt: skip
def test_policies_allow_what_kubernetes_allows(rules: list[Obj], caller: Obj | None, port: int, allowed: bool) -> None:
    assert policies.Policies(rules).allow(caller, B, port) is allowed


@pytest.mark.parametrize(("text", "expected"), [("10s", 10_000), ("1m30s", 90_000), ("250ms", 250), ("", 0), ("x", 0)])
def test_go_durations_are_read(text: str, expected: float) -> None:
    assert duration_ms(text) == expected


def chaos_on(names: set[str], targets: set[str] | None = None, **spec: object) -> Active:
    return Active({"spec": spec}, frozenset(names), None if targets is None else frozenset(targets))


def test_chaos_touches_traffic_in_both_directions_and_spares_others() -> None:
    lossy = [chaos_on({"b"}, action="loss", loss={"loss": "99"})]
    assert between(lossy, A, B).lost > 0.95
    assert between(lossy, B, A).lost > 0.95
    assert between(lossy, A, pod("z")).lost == 0


def test_chaos_with_a_target_spares_other_peers() -> None:
    aimed = [chaos_on({"b"}, {"a"}, action="delay", delay={"latency": "2s"})]
    assert between(aimed, A, B).delay_ms == 2000
    assert between(aimed, pod("z"), B).delay_ms == 0


def test_pod_failure_takes_the_callee_down_only() -> None:
    failing = [chaos_on({"b"}, action="pod-failure")]
    assert between(failing, A, B).is_down
    assert not between(failing, B, A).is_down


@pytest.mark.parametrize("number", [0, 2, 3, 101, 203])
def test_hand_made_objects_of_a_healthy_installation_have_no_broken_edge(number: int) -> None:
    application = generate(number, 1)
    assert observe(world_of(application), application).edges == ()


def edges_of(number: int) -> st.SearchStrategy[tuple[Edge, ...]]:
    application = generate(number, 1)
    names = [(USERS, application.workload.entry), *application.edges]

    def edge(pair: tuple[str, str], word: str, share: float, delay: float) -> Edge:
        outcomes = ((word, share), ("ok", 1 - share)) if word != "ok" else (("ok", 1.0),)
        return Edge(*pair, tuple(sorted(outcomes)), delay, "host:1")

    one = st.builds(edge, st.sampled_from(names), st.sampled_from(WORDS), st.floats(0, 1), st.floats(0, 20_000))
    return st.lists(one, max_size=4, unique_by=lambda e: (e.caller, e.callee)).map(tuple)


@settings(max_examples=80, deadline=None)
@given(edges=edges_of(6))
def test_traffic_is_sane_under_any_conditions(edges: tuple[Edge, ...]) -> None:
    application = generate(6, 1)
    usual = evaluate(application, Conditions((), ()))
    now = evaluate(application, Conditions(edges, ()))
    assert 0 <= now.users.errors <= 1
    for name, load in now.components.items():
        assert 0 <= load.errors <= 1
        assert 0 <= load.p50_ms <= load.p99_ms + 1e-6
        if application.by_name[name].kind != "database":  # a cache that is not reached is made up for there
            assert load.rate <= usual.components[name].rate * 1.01, "a fault without retries makes no traffic"
    for edge in edges:
        if edge.caller:
            assert now.flows[edge.caller, edge.callee].failing >= 1 - dict(edge.outcomes).get("ok", 0.0) - 1e-6


@settings(max_examples=40, deadline=None)
@given(edges=edges_of(6))
def test_conditions_survive_being_remembered(edges: tuple[Edge, ...]) -> None:
    conditions = Conditions(edges, ())
    assert Conditions.from_json(conditions.to_json()) == conditions


def test_a_failing_optional_cache_fails_no_request() -> None:
    application = hotel_reservation(1)
    down = Conditions((Edge("rate", "memcached-rate", (("refused", 1.0),), 0.0, "memcached-rate:11211"),), ())
    usual = evaluate(application, Conditions((), ()))
    without = evaluate(application, down)
    assert without.users.errors < usual.users.errors + 0.001
    # What is not found in the cache is asked of the database.
    assert without.components["mongodb-rate"].rate > 2 * usual.components["mongodb-rate"].rate


def test_errors_spread_to_callers_in_the_share_that_uses_the_callee() -> None:
    application = hotel_reservation(1)
    down = Conditions((Edge("search", "geo", (("refused", 1.0),), 0.0, "geo:8083"),), ())
    now = evaluate(application, down)
    assert now.components["search"].errors > 0.99
    assert now.users.errors == pytest.approx(0.6, abs=0.01)
    assert now.components["rate"].rate == 0, "search stops at its first failed call"
