"""Clusters by name: entered once their identity is proven, diagnosed by name, and without a credential in any row."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError
from sqlalchemy import text

from aoi.records.diagnosis import Diagnosis
from aoi.records.request import DiagnosisRequest
from kubeworld.machine.identity import ADMIN
from tasks.diagnose import diagnose
from tasks.workspace import workspace
from tests.access.live.servers import NAMESPACE, Received, Sent, as_json, reviewing, scripted
from tests.command import Ended
from tests.flows.live_cluster import BROKEN, CALM, LiveCluster

Run = Callable[..., Ended]


pytestmark = pytest.mark.usefixtures("own_home")


@pytest.fixture
def prod(cluster: LiveCluster, typed: Run) -> str:
    """The name of the served cluster, registered."""
    ended = typed("clusters", "add", "prod", "--kubeconfig", str(cluster.kubeconfig))
    assert ended.status == 0, ended.err
    return "prod"


def read(ended: Ended) -> Any:
    assert ended.status == 0, ended.err
    return json.loads(ended.out)


def rows() -> str:
    with workspace().database.read() as connection:
        return " ".join(row.record for row in connection.execute(text("SELECT record FROM clusters")))


def test_a_registered_cluster_is_diagnosed_by_its_name_in_its_namespaces(prod: str, typed: Run) -> None:
    told = Diagnosis.model_validate_json(typed("diagnose", "--cluster", prod, "--json").out)
    assert told.answer is not None
    assert told.answer.component == "till-worker"
    assert told.answer.coverage is not None
    assert told.answer.coverage.namespaces == (BROKEN,)
    elsewhere = Diagnosis.model_validate_json(typed("diagnose", "--cluster", prod, "-n", CALM, "--json").out)
    assert elsewhere.answer is not None
    assert elsewhere.answer.verdict == "no_fault"


def test_what_is_registered_is_listed_and_shown_and_removed(prod: str, cluster: LiveCluster, typed: Run) -> None:
    (listed,) = read(typed("clusters", "list", "--json"))
    assert (listed["name"], listed["server"], listed["namespaces"]) == (prod, cluster.url, [BROKEN])
    assert read(typed("clusters", "show", prod, "--json")) == listed
    assert str(cluster.kubeconfig) in typed("clusters", "show", prod).out
    assert typed("clusters", "remove", prod).status == 0
    assert "aoi clusters add" in typed("clusters", "list").out
    for words in (("clusters", "show", prod), ("clusters", "remove", prod)):
        gone = typed(*words)
        assert gone.status == 1
        assert "aoi clusters list" in gone.err
    assert typed("diagnose", "--cluster", prod).status == 69


def test_no_credential_of_the_kubeconfig_is_kept(prod: str, cluster: LiveCluster) -> None:
    document = yaml.safe_load(cluster.kubeconfig.read_text())
    secrets = [value for user in document["users"] for value in user["user"].values()]
    assert len(secrets) >= 3
    kept = rows()
    assert str(cluster.kubeconfig) in kept
    assert [secret for secret in secrets if secret in kept] == []


def test_an_identity_that_can_do_more_than_look_is_not_entered(cluster: LiveCluster, typed: Run) -> None:
    ended = typed("clusters", "add", "prod", "--kubeconfig", str(cluster.kubeconfig), "--context", ADMIN.name)
    assert ended.status == 69
    assert "does not run with an identity that powerful" in ended.err
    assert rows() == ""


def test_a_cluster_that_does_not_answer_is_not_entered(tmp_path: Path, typed: Run) -> None:
    with scripted(lambda _: [None]) as server:
        kubeconfig = server.kubeconfig(tmp_path / "config")
    ended = typed("clusters", "add", "prod", "--kubeconfig", str(kubeconfig))
    assert ended.status == 75
    assert rows() == ""


def test_a_name_that_is_taken_is_replaced_only_on_request(prod: str, cluster: LiveCluster, typed: Run) -> None:
    again = ("clusters", "add", prod, "--kubeconfig", str(cluster.kubeconfig), "-n", CALM)
    refused = typed(*again)
    assert refused.status == 69
    assert "--replace" in refused.err
    assert typed(*again, "--replace").status == 0
    assert read(typed("clusters", "show", prod, "--json"))["namespaces"] == [CALM]


def test_a_kubeconfig_that_is_gone_is_told_with_the_next_command(
    cluster: LiveCluster, tmp_path: Path, typed: Run
) -> None:
    file = tmp_path / "probe.kubeconfig"
    file.write_bytes(cluster.kubeconfig.read_bytes())
    read(typed("clusters", "add", "prod", "--kubeconfig", str(file), "--json"))
    file.unlink()
    ended = typed("diagnose", "--cluster", "prod")
    assert ended.status == 69
    assert f"{file} of cluster prod is no file" in ended.err
    assert "aoi clusters add prod --replace --kubeconfig FILE" in ended.err
    assert "is gone" in typed("clusters", "show", "prod").out


def test_settings_of_another_cluster_do_not_reach_a_registered_one(
    prod: str, typed: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AOI_CLUSTER__KUBECONFIG", "/nowhere/config")
    monkeypatch.setenv("AOI_CLUSTER__CONTEXT", ADMIN.name)
    monkeypatch.setenv("AOI_CLUSTER__NAMESPACE", CALM)
    workspace.cache_clear()
    told = Diagnosis.model_validate_json(typed("diagnose", "--cluster", prod, "--json").out)
    assert told.answer is not None
    assert told.answer.component == "till-worker"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("clusters", "add", "Prod!", "--kubeconfig", "x"), "name: "),
        (("clusters", "add", "prod", "--kubeconfig", "x", "-n", "--all"), "namespaces.0: "),
        (("clusters", "add", "prod", "--kubeconfig", "x", "--prometheus-url", "http://a:b@c"), "prometheus_url: "),
        (("diagnose", "--cluster", "prod", "--kubeconfig", "x"), "give one of them"),
        (("diagnose", "--cluster", "prod", "--problem", "x"), "give one of them"),
        (("diagnose", "--cluster", "../prod"), "cluster: "),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_is_wrong(arguments: tuple[str, ...], says: str, typed: Run) -> None:
    ended = typed(*arguments)
    assert ended.status == 2
    assert says in " ".join(ended.err.replace("│", " ").split())


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"cluster": "prod", "problem": "x"},
        {"problem": "x", "namespaces": ("a",)},
        {"problem": "x", "symptoms": ("a",)},
        {"cluster": "prod", "namespaces": ("a",), "is_everywhere": True},
        {"cluster": "prod", "namespaces": ("-n",)},
        {"cluster": "prod", "kind": "mitigation"},
        {"cluster": "prod", "budget_s": 0},
        {"cluster": "prod", "symptoms": ("",)},
    ],
)
def test_a_request_that_says_no_one_place_is_none(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DiagnosisRequest(**fields)


def test_a_request_ends_with_its_own_budget_and_what_came_by_then(tmp_path: Path, typed: Run) -> None:
    released = threading.Event()

    def script(received: Received) -> Sent:
        if received.is_review:
            return reviewing(received)
        if received.path.partition("?")[0].endswith(f"/namespaces/{NAMESPACE}"):
            return as_json({"kind": "Namespace", "metadata": {"name": NAMESPACE}})
        released.wait(30)
        return [None]

    with scripted(script) as server:
        read(typed("clusters", "add", "slow", "--kubeconfig", str(server.kubeconfig(tmp_path / "config")), "--json"))
        told = diagnose(DiagnosisRequest(cluster="slow", budget_s=3.0))
        released.set()
    assert told.answer is not None
    assert told.answer.verdict == "inconclusive"
    assert told.answer.coverage is not None
    assert told.answer.coverage.gaps
    assert told.seconds < 6.0
