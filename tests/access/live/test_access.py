"""The start-up check: few reviews where rules tell all, and never a weaker answer than a review of each right."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aoi.access import patience
from aoi.access.live import LiveReadTransport
from aoi.access.live.access import (
    FORBIDDEN_TO_ALL,
    FORBIDDEN_TO_PROBE,
    NEEDED,
    REVIEWS,
    RULES,
    Role,
    allowed,
    check_identity,
)
from aoi.access.live.connections import Connections
from aoi.access.live.grants import Access, Grants
from aoi.access.live.kubeconfig import load
from aoi.access.live.transport import _tls
from aoi.access.transport import Response
from aoi.errors import ClusterUnavailable, SettingsError
from kubeworld.api.server import api_of
from kubeworld.cluster import new_cluster
from kubeworld.front import Front, serving, write_kubeconfig
from kubeworld.machine.identity import Identity
from kubeworld.machine.world import World
from tests.access.live.servers import READING, Received, Sent, answer_of, as_json, reviewing, scripted

WHO = Identity("system:serviceaccount:aoi:someone", ("system:authenticated",))
RBAC = "rbac.authorization.k8s.io"
ALL_WRITES = {"verbs": ["patch"], "apiGroups": ["apps"], "resources": ["deployments"]}


class Cluster:
    """Two namespaces behind HTTPS, in which one identity has the rules that a test gives it."""

    def __init__(self, world: World, kubeconfig: Path) -> None:
        self.world = world
        config = load(kubeconfig)
        self.server, self.token = config.server, config.token
        self.connections = Connections(kept=64, tls=_tls(config))
        self.asked: list[str] = []
        self.incomplete = False
        self._lock = threading.Lock()

    def post(self, path: str, body: bytes) -> Response:
        with self._lock:
            self.asked.append(path)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"}
        answer = self.connections.send("POST", self.server + path, headers=headers, body=body, timeout_s=20)
        told = answer.body
        if self.incomplete and path == RULES:
            told = orjson.dumps({"status": {**orjson.loads(told)["status"], "incomplete": True}})
        return Response(answer.status, told)

    def give(self, everywhere: list[Any], in_shop: list[Any]) -> None:
        """Bind these rules, and no others, in the whole cluster and in the namespace shop."""
        for kind, namespace, rules in (("ClusterRole", "", everywhere), ("Role", "shop", in_shop)):
            for plural, obj in (
                (f"{kind.lower()}s", {"rules": rules}),
                (
                    f"{kind.lower()}bindings",
                    {
                        "roleRef": {"apiGroup": RBAC, "kind": kind, "name": "given"},
                        "subjects": [{"kind": "User", "apiGroup": RBAC, "name": WHO.name}],
                    },
                ),
            ):
                table = f"{plural}.{RBAC}"
                metadata = {"name": "given", **({"namespace": namespace} if namespace else {})}
                if self.world.store.get(table, namespace, "given"):
                    self.world.store.delete(table, namespace, "given")
                self.world.store.create(table, {"apiVersion": f"{RBAC}/v1", "kind": kind, "metadata": metadata, **obj})

    def refused_one_by_one(self, namespace: str, role: Role) -> bool:
        """The check as it is without rules: a review of each right."""
        forbidden = (*FORBIDDEN_TO_ALL, *FORBIDDEN_TO_PROBE) if role == "probe" else FORBIDDEN_TO_ALL
        needed = all(allowed(self.post, namespace, access) for access in NEEDED)
        return not needed or any(allowed(self.post, namespace, access) for access in forbidden)

    def refused(self, namespaces: tuple[str, ...], role: Role) -> bool:
        self.asked.clear()
        try:
            check_identity(self.post, namespaces, role)
        except SettingsError:
            return True
        return False


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    world = new_cluster(seed=1, controllers=())
    for name in ("shop", "bank"):
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        world.store.create("namespaces", namespace)
    with serving(Front({"": world})) as front:
        kubeconfig = tmp_path_factory.mktemp("access") / "config"
        write_kubeconfig(kubeconfig, front.url, front.authority_pem, {WHO.name: api_of(world).tokens.add(WHO)})
        served = Cluster(world, kubeconfig)
        yield served
        served.connections.close()


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "BACKOFF_S", 0.001)


def some(*words: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(words), min_size=1, max_size=3, unique=True)


RULE = st.fixed_dictionaries(
    {
        "verbs": some("get", "list", "create", "patch", "delete", "impersonate", "bind", "*"),
        "apiGroups": some("", "apps", RBAC, "networking.k8s.io", "*"),
        "resources": some(
            "pods", "secrets", "configmaps", "deployments", "deployments/scale", "nodes", "nodes/proxy", "roles",
            "clusterroles", "users", "serviceaccounts", "serviceaccounts/token", "namespaces", "pods/exec", "pods/*",
            "*/exec", "*/scale", "*/proxy", "*",
        ),
    },
    optional={"resourceNames": some("db", "node-1")},
)  # fmt: skip


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(RULE, max_size=2), st.lists(RULE, max_size=2), st.sampled_from(("probe", "executor")), st.booleans())
def test_whom_a_review_of_each_right_refuses_is_refused(
    cluster: Cluster, everywhere: list[Any], in_shop: list[Any], role: Role, incomplete: bool
) -> None:
    cluster.give([READING, *everywhere], in_shop)
    cluster.incomplete = incomplete
    before = cluster.refused_one_by_one("shop", role)
    after = cluster.refused(("shop",), role)
    named = any("resourceNames" in rule for rule in (*everywhere, *in_shop))
    loose = any("pods/*" in rule["resources"] for rule in (*everywhere, *in_shop))
    assert after or not before
    assert before or not after or named or loose, "stricter without a reason"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(RULE, st.booleans())
def test_rules_tell_of_each_right_what_its_review_tells(cluster: Cluster, rule: Any, in_shop: bool) -> None:
    cluster.give([] if in_shop else [rule], [rule] if in_shop else [])
    cluster.incomplete = False
    grants = Grants.read(cluster.post(RULES, orjson.dumps({"spec": {"namespace": "shop"}})).body)
    assert grants is not None
    for access in (*NEEDED, *FORBIDDEN_TO_ALL, *FORBIDDEN_TO_PROBE):
        told, asked = grants.touch(access), allowed(cluster.post, "shop", access)
        assert told or not asked, access
        if access.namespaced and "resourceNames" not in rule and "pods/*" not in rule["resources"]:
            assert told == asked == grants.give(access), access


@pytest.mark.parametrize("incomplete", [False, True])
@pytest.mark.parametrize(
    ("rule", "in_shop", "says"),
    [
        ({"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"]}, True, "get secrets"),
        ({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}, True, "create "),
        ({"verbs": ["create"], "apiGroups": [""], "resources": ["*/exec"]}, True, "create pods/exec"),
        ({"verbs": ["patch"], "apiGroups": ["*"], "resources": ["*/scale"]}, True, "deployments.apps/scale"),
        ({"verbs": ["get"], "apiGroups": [""], "resources": ["nodes/proxy"]}, False, "get nodes/proxy"),
        ({"verbs": ["impersonate"], "apiGroups": [""], "resources": ["users"]}, False, "impersonate users"),
        ({"verbs": ["impersonate"], "apiGroups": [""], "resources": ["serviceaccounts"]}, True, "impersonate"),
    ],
)
def test_a_right_too_much_is_named(cluster: Cluster, rule: Any, in_shop: bool, says: str, incomplete: bool) -> None:
    cluster.give([READING, *([] if in_shop else [rule])], [rule] if in_shop else [])
    cluster.incomplete = incomplete
    with pytest.raises(SettingsError, match=says):
        check_identity(cluster.post, ("shop",), "probe")
    if in_shop:
        assert not cluster.refused(("bank",), "probe")


def test_rules_that_tell_all_make_one_review_a_namespace(cluster: Cluster) -> None:
    cluster.give([READING], [])
    cluster.incomplete = False
    assert not cluster.refused(("shop", "bank"), "probe")
    assert cluster.asked == [RULES, RULES]


def test_a_role_bound_in_a_namespace_gives_no_right_in_the_cluster(cluster: Cluster) -> None:
    """Its rules stand in the rules review of the namespace all the same, so a review of the right itself is asked."""
    cluster.give([READING], [{"verbs": ["patch"], "apiGroups": [""], "resources": ["nodes"]}])
    cluster.incomplete = False
    assert not cluster.refused(("shop",), "probe")
    assert cluster.asked == [RULES, REVIEWS]


def test_a_right_to_one_secret_by_name_is_a_right_to_read_secrets(cluster: Cluster) -> None:
    rule = {"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["db"]}
    cluster.give([READING], [rule])
    cluster.incomplete = False
    assert cluster.refused(("shop",), "probe")
    cluster.give([READING, {**rule, "verbs": ["patch"], "resources": ["nodes"], "resourceNames": ["node-1"]}], [])
    assert cluster.refused(("shop",), "probe")


def test_an_identity_with_too_much_in_one_of_several_namespaces_is_refused(cluster: Cluster) -> None:
    cluster.give([READING], [ALL_WRITES])
    cluster.incomplete = False
    assert not cluster.refused(("bank",), "probe")
    with pytest.raises(SettingsError, match=r"may patch deployments\.apps in namespace shop:"):
        check_identity(cluster.post, ("bank", "shop"), "probe")


def test_what_is_missing_is_told_for_each_namespace(cluster: Cluster) -> None:
    cluster.give([], [READING])
    cluster.incomplete = False
    with pytest.raises(SettingsError, match=r"may not get pods, .* in namespace bank\. .*--namespace bank \|"):
        check_identity(cluster.post, ("shop", "bank"), "probe")


def opened(folder: Path, script: Any, **options: Any) -> list[Received]:
    with scripted(script) as server:
        LiveReadTransport(server.kubeconfig(folder / "config"), **options).close()
    return server.requests


def test_a_right_of_one_object_is_no_right_that_is_needed(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="may not get pods"):
        opened(tmp_path, lambda received: reviewing(received, [{**READING, "resourceNames": ["db"]}]))


@pytest.mark.parametrize(
    "answer",
    [
        as_json({"status": {"resourceRules": [READING], "incomplete": True}}, status=201),
        as_json({"status": {"resourceRules": [READING], "incomplete": False, "evaluationError": "x"}}, status=201),
        as_json({"status": {"resourceRules": [READING]}}, status=201),
        as_json({"status": {"resourceRules": [{"verbs": "get"}], "incomplete": False}}, status=201),
        as_json({"status": {"resourceRules": ["x"], "incomplete": False}}, status=201),
        as_json({"status": []}, status=201),
        as_json([], status=201),
        as_json({}, status=403),
        as_json({}, status=404),
        [answer_of(200, b"<html>", "text/html")],
    ],
)
def test_rules_that_are_not_all_or_no_rules_are_not_relied_on(tmp_path: Path, answer: Sent) -> None:
    def script(received: Received) -> Sent:
        return answer if received.path.endswith("rulesreviews") else reviewing(received)

    assert len(opened(tmp_path, script)) == 1 + len({*NEEDED, *FORBIDDEN_TO_ALL, *FORBIDDEN_TO_PROBE})
    with pytest.raises(SettingsError, match=r"may patch deployments\.apps"):
        opened(
            tmp_path,
            lambda received: (
                answer if received.path.endswith("rulesreviews") else reviewing(received, [READING, ALL_WRITES])
            ),
        )


def test_reviews_that_rules_do_not_answer_are_asked_at_once(tmp_path: Path) -> None:
    def script(received: Received) -> Sent:
        return [0.1, *reviewing(received, incomplete=True)]

    with scripted(script) as server:
        LiveReadTransport(server.kubeconfig(tmp_path / "config")).close()
    assert server.most_at_once > 8


def test_a_review_whose_connection_is_lost_is_asked_again(tmp_path: Path) -> None:
    lost: set[str] = set()

    def script(received: Received) -> Sent:
        if received.body.decode() in lost:
            return reviewing(received, incomplete=True)
        lost.add(received.body.decode())
        return [None]

    assert len(opened(tmp_path, script)) == 2 * len(lost)


@pytest.mark.parametrize("answer", [as_json({}, status=500), as_json({}, status=403), as_json({"status": {}}), [None]])
def test_no_answer_is_no_leave(tmp_path: Path, answer: Sent) -> None:
    with pytest.raises(ClusterUnavailable):
        opened(tmp_path, lambda _: answer)


def test_a_rule_counts_as_what_it_could_mean() -> None:
    grants = Grants.read(
        orjson.dumps({"status": {"resourceRules": [{**READING, "resources": ["pods/*"]}], "incomplete": False}})
    )
    assert grants is not None
    assert grants.touch(Access("get", "pods", subresource="exec"))
    assert not grants.give(Access("get", "pods", subresource="exec"))
