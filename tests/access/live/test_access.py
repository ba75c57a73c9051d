"""The start-up check: deny by default, in every namespace that can be told, in few requests."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from aoi.access.live import LiveReadTransport
from aoi.access.live.namespaces import MAX_NAMESPACES
from aoi.errors import RightsMissing, SettingsError
from aoi.worlds.identities import EXECUTOR
from kubeworld.api.server import api_of
from kubeworld.front import Front, serving, write_kubeconfig
from kubeworld.machine.identity import ADMIN
from tests.access.live.extra_rights import EXTRA_RIGHTS, Extra
from tests.access.live.rbac_cluster import (
    ASK_RULES,
    LIST,
    LOOKED_AT,
    OTHER,
    PROBE,
    RbacCluster,
    shipped,
)
from tests.access.live.servers import READING

SECRETS = {"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"]}
OF_AN_EXECUTOR = {
    *("create configmaps", "patch configmaps", "patch services", "delete pods", "patch nodes"),
    *("patch deployments.apps", "patch statefulsets.apps", "create pods/exec", "get pods/exec"),
}
ALL_WRITES = {"verbs": ["patch"], "apiGroups": ["apps"], "resources": ["deployments"]}


class Served:
    """A cluster with the shipped roles behind HTTPS, and the Probe's kubeconfig."""

    def __init__(self, cluster: RbacCluster, front: Front, kubeconfig: Path) -> None:
        self.cluster, self.front, self.kubeconfig = cluster, front, kubeconfig

    def give(self, extra: Extra) -> None:
        """One right besides the shipped ones, and an empty account of requests."""
        place = "" if extra.place == "cluster" else extra.place
        self.front.call(lambda: self.cluster.bind([extra.rule], place))
        api_of(self.cluster.world).audit.clear()


@pytest.fixture(scope="module")
def over_https(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    cluster = shipped()
    with serving(Front({"": cluster.world})) as front:
        kubeconfig = tmp_path_factory.mktemp("access") / "config"
        tokens = {PROBE.name: api_of(cluster.world).tokens.add(PROBE)}
        write_kubeconfig(kubeconfig, front.url, front.authority_pem, tokens, namespace=LOOKED_AT)
        yield Served(cluster, front, kubeconfig)


@pytest.fixture
def served(over_https: Served) -> Iterator[Served]:
    yield over_https
    over_https.front.call(over_https.cluster.unbind)


def test_there_are_as_many_extra_rights_as_are_promised() -> None:
    assert len(set(EXTRA_RIGHTS)) == len(EXTRA_RIGHTS) >= 64


@pytest.mark.parametrize("extra", EXTRA_RIGHTS, ids=lambda extra: f"{extra.place}: {extra.right}")
def test_each_extra_right_is_refused_by_its_name_in_at_most_three_requests(served: Served, extra: Extra) -> None:
    served.give(extra)
    named = extra.right.partition("=")[0].replace("get,list", "get")
    with pytest.raises(SettingsError, match=rf"may (do everything \()?{re.escape(named)}") as refused:
        LiveReadTransport(served.kubeconfig).close()
    assert len(served.cluster.requests) <= 3
    assert extra.place in (*re.findall(r"in namespace (\w+)", str(refused.value)), "cluster")
    assert "aoi access print --namespace shop |" in str(refused.value)


def test_the_probes_own_role_is_accepted_in_three_requests(served: Served) -> None:
    api_of(served.cluster.world).audit.clear()
    LiveReadTransport(served.kubeconfig).close()
    assert served.cluster.requests == [ASK_RULES, LIST, ASK_RULES]


@pytest.mark.parametrize("databases", [False, True])
def test_what_the_command_prints_for_the_executor_is_accepted_and_is_no_probe(databases: bool) -> None:
    cluster = shipped(who=EXECUTOR, account="executor", databases=databases)
    cluster.check(role="executor")
    assert cluster.requests == [ASK_RULES, LIST, ASK_RULES]
    with pytest.raises(SettingsError, match="the probe identity may create configmaps, "):
        cluster.check(role="probe")


@pytest.mark.parametrize("extra", EXTRA_RIGHTS, ids=lambda extra: f"{extra.place}: {extra.right}")
def test_an_executor_has_no_right_besides_those_that_are_shipped(extra: Extra) -> None:
    cluster = shipped(who=EXECUTOR, account="executor", databases=True)
    cluster.bind([extra.rule], "" if extra.place == "cluster" else extra.place)
    if extra.right.partition("=")[0] in OF_AN_EXECUTOR:
        cluster.check(role="executor")
        return
    with pytest.raises(SettingsError, match=r"the executor identity may .*access print --namespace shop --executor"):
        cluster.check(role="executor")


def test_an_executor_of_the_systems_own_namespaces_is_refused_unless_it_was_made_for_them() -> None:
    cluster = RbacCluster((LOOKED_AT, "kube-system"), who=EXECUTOR)
    cluster.bind([READING, ALL_WRITES, {**READING, "resources": ["namespaces"]}])
    with pytest.raises(SettingsError, match=r"patch deployments\.apps in namespace kube-system"):
        cluster.check(role="executor")
    cluster.check(LOOKED_AT, "kube-system", role="executor")


def test_the_role_view_bound_in_a_namespace_is_accepted() -> None:
    cluster = RbacCluster()
    cluster.bind_role("view", LOOKED_AT)
    cluster.check()
    assert len(cluster.requests) <= 4  # the right to list namespaces is none where it is bound in one of them


@pytest.mark.parametrize("name", ["edit", "admin", "cluster-admin"])
@pytest.mark.parametrize("namespace", ["", LOOKED_AT])
def test_a_role_that_writes_is_refused(name: str, namespace: str) -> None:
    cluster = RbacCluster()
    cluster.bind_role(name, namespace)
    with pytest.raises(SettingsError, match="does not run with an identity that powerful"):
        cluster.check()
    assert cluster.requests == [ASK_RULES]


def test_an_administrator_is_refused_though_no_role_says_so() -> None:
    with pytest.raises(SettingsError, match=r"\* \*\.\*"):
        RbacCluster(who=ADMIN).check()


def test_reads_in_other_namespaces_are_nobodys_loss() -> None:
    cluster = shipped()
    cluster.bind([READING], OTHER)
    cluster.check()


def test_where_namespaces_cannot_be_listed_the_usual_ones_are_asked_about() -> None:
    cluster = RbacCluster((LOOKED_AT, "kube-system", "default", OTHER))
    cluster.bind([READING], LOOKED_AT)
    (told,) = cluster.check().untold
    assert cluster.requests == [ASK_RULES] * 3
    assert "asked for in shop, default, kube-system alone" in told
    cluster.bind([SECRETS], "kube-system")
    with pytest.raises(SettingsError, match="may get secrets in namespace kube-system"):
        cluster.check()


def test_more_namespaces_than_are_asked_about_are_told() -> None:
    cluster = RbacCluster((LOOKED_AT, *(f"team-{number}" for number in range(MAX_NAMESPACES + 30))))
    cluster.bind([READING, {**READING, "resources": ["namespaces"]}])
    checked = cluster.check()
    assert len(cluster.requests) == MAX_NAMESPACES + 2
    assert any(f"30 of {MAX_NAMESPACES + 31} namespaces were not asked" in told for told in checked.untold)


def test_a_namespace_that_cannot_be_read_stops_nobody_who_can_read_another() -> None:
    cluster = RbacCluster()
    cluster.bind([READING], LOOKED_AT)
    cluster.check(OTHER, LOOKED_AT)
    with pytest.raises(RightsMissing, match=r"may not get pods, .* in namespace bank\. .*--namespace bank \|"):
        cluster.check(OTHER)


def test_an_identity_with_too_much_in_one_of_several_namespaces_is_refused() -> None:
    cluster = shipped()
    cluster.bind([ALL_WRITES], OTHER)
    with pytest.raises(SettingsError, match=r"may patch deployments\.apps in namespace bank:"):
        cluster.check(LOOKED_AT, OTHER)


def test_a_right_of_one_object_is_no_right_that_is_needed() -> None:
    cluster = RbacCluster()
    cluster.bind([{**READING, "resourceNames": ["db"]}], LOOKED_AT)
    with pytest.raises(RightsMissing, match="may not get pods"):
        cluster.check()


def test_the_words_of_a_server_forge_no_line_and_fill_no_screen() -> None:
    cluster = shipped()
    cluster.told = lambda status: {
        **status,
        "resourceRules": [{"verbs": [f"a\n\x1b[2J{n}" * 50 for n in range(90)], "apiGroups": [""], "resources": ["x"]}],
    }
    with pytest.raises(SettingsError) as refused:
        cluster.check()
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 1500


def test_an_endless_rule_is_refused_in_no_time() -> None:
    names = [f"kinds{number}" for number in range(3000)]
    groups = [f"{name}.example.com" for name in names]
    rules = [{"verbs": ["get", "list", "watch"], "apiGroups": groups, "resources": names}]
    cluster = shipped()
    cluster.told = lambda status: {**status, "resourceRules": rules}
    with pytest.raises(SettingsError, match="more than 20000 things by one rule"):
        cluster.check()
