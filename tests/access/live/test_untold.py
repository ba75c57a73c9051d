"""Servers that do not tell all rights of an identity, or no right at all: what they tell counts, the rest is asked."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from aoi.access import patience
from aoi.access.live import LiveReadTransport
from aoi.access.live.grants import Grants
from aoi.access.live.questions import NEEDED, of_a_namespace, of_another_namespace, of_the_cluster
from aoi.errors import ClusterRefused, ClusterUnavailable, RightsMissing, SettingsError
from tests.access.live.extra_rights import ASKABLE, EXTRA_RIGHTS, Extra
from tests.access.live.rbac_cluster import (
    ASK_RIGHT,
    RbacCluster,
    not_all_told,
    nothing_told,
    shipped,
)
from tests.access.live.servers import READING, Received, Sent, answer_of, as_json, reviewing, scripted

ALL_WRITES = {"verbs": ["patch"], "apiGroups": ["apps"], "resources": ["deployments"]}


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "BACKOFF_S", 0.001)


@pytest.mark.parametrize("extra", EXTRA_RIGHTS, ids=lambda extra: f"{extra.place}: {extra.right}")
def test_what_is_told_is_judged_where_not_all_is_told(extra: Extra) -> None:
    cluster = shipped()
    cluster.told = not_all_told
    cluster.bind([extra.rule], "" if extra.place == "cluster" else extra.place)
    with pytest.raises(SettingsError, match="the probe identity may "):
        cluster.check()
    assert ASK_RIGHT not in cluster.requests


@pytest.mark.parametrize(
    "extra", [extra for extra in ASKABLE if "=" not in extra.right], ids=lambda extra: f"{extra.place}: {extra.right}"
)
def test_what_is_not_told_is_asked_about(extra: Extra) -> None:
    cluster = shipped()
    cluster.told = nothing_told
    cluster.bind([extra.rule], "" if extra.place == "cluster" else extra.place)
    with pytest.raises(SettingsError, match="the probe identity may "):
        cluster.check()


def test_who_is_asked_about_one_by_one_is_told() -> None:
    cluster = shipped()
    cluster.told = nothing_told
    (told,) = cluster.check().untold
    asked = len([*NEEDED, *of_a_namespace("probe"), *of_another_namespace("probe"), *of_the_cluster("probe")])
    assert cluster.requests.count(ASK_RIGHT) == asked
    assert f"{asked - len(NEEDED)} rights that it must not have" in told
    missing = RbacCluster()
    missing.told = nothing_told
    with pytest.raises(RightsMissing, match="may not get pods"):
        missing.check()


def opened(folder: Path, script: Any, **options: Any) -> list[Received]:
    with scripted(script) as server:
        LiveReadTransport(server.kubeconfig(folder / "config"), **options).close()
    return server.requests


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

    asked = opened(tmp_path, script)
    assert len(asked) > len([*of_a_namespace("probe"), *of_the_cluster("probe")])
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
        asked = received.path + received.body.decode()
        if asked in lost:
            return reviewing(received, incomplete=True)
        lost.add(asked)
        return [None]

    assert len(opened(tmp_path, script)) == 2 * len(lost)


@pytest.mark.parametrize("answer", [as_json({}, status=500), as_json({"status": {}}), [None]])
def test_no_answer_is_no_leave(tmp_path: Path, answer: Sent) -> None:
    with pytest.raises(ClusterUnavailable):
        opened(tmp_path, lambda _: answer)


def test_who_may_not_ask_what_it_may_do_is_told_how_to_let_it(tmp_path: Path) -> None:
    with pytest.raises(ClusterRefused, match=r"HTTP 403.*--clusterrole=system:basic-user"):
        opened(tmp_path, lambda _: as_json({}, status=403))


def test_a_token_that_has_ended_costs_one_request(tmp_path: Path) -> None:
    with scripted(lambda _: as_json({}, status=401)) as server:
        with pytest.raises(SettingsError, match="create token"):
            LiveReadTransport(server.kubeconfig(tmp_path / "config"))
        assert len(server.requests) == 1


def test_rules_are_read_as_rbac_reads_them() -> None:
    rules = [{**READING, "resources": ["pods/*"]}, {**READING, "resources": ["*/log"], "resourceNames": ["db"]}]
    grants = Grants.read(orjson.dumps({"status": {"resourceRules": rules, "incomplete": False}}))
    assert grants.is_complete
    assert not any(grants.give(access) for access in NEEDED)
