"""`aoi diagnose` on a cluster that nobody prepared: verdict, coverage, namespaces, alerts and exit status."""

import io
import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from signal import SIGINT
from typing import Any

import orjson
import pytest

from aoi.records.diagnosis import Diagnosis
from flows import cli
from kubeworld.front.certificates import make_certificates
from kubeworld.machine.identity import ADMIN
from tasks.diagnose import LiveTarget, diagnose_live
from tests.access.live.servers import NAMESPACE, READING, Received, Sent, answer_of, as_json, reviewing, scripted
from tests.command import AOI, Ended, aoi, environment
from tests.flows.live_cluster import BROKEN, CALM, POOR, LiveCluster

Diagnose = Callable[..., Ended]


pytestmark = pytest.mark.usefixtures("own_home")


@pytest.fixture
def diagnose(cluster: LiveCluster, monkeypatch: pytest.MonkeyPatch, typed: Callable[..., Ended]) -> Diagnose:
    """The command as its user runs it, in this process."""

    def run(*arguments: str, kubeconfig: Path | None = None, stdin: bytes = b"") -> Ended:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        return typed("diagnose", "--kubeconfig", str(kubeconfig or cluster.kubeconfig), *arguments)

    return run


def read(ended: Ended) -> Diagnosis:
    """The one document of `--json`, as the record that it is."""
    return Diagnosis.model_validate_json(ended.out)


def webhook(*alerts: dict[str, Any]) -> bytes:
    return orjson.dumps({"version": "4", "status": "firing", "alerts": list(alerts)})


def firing(**labels: str) -> dict[str, Any]:
    return {"status": "firing", "labels": {"alertname": "Paged", **labels}}


def test_the_cause_is_told_first_then_why_next_and_what_was_looked_at_in_the_contexts_namespace(
    diagnose: Diagnose, cluster: LiveCluster
) -> None:
    ended = diagnose()
    lines = [line for line in ended.out.splitlines() if line[:1].strip()]
    assert ended.status == 0
    assert lines[0].startswith("answer    fault: till-worker (missingconfig), confidence ")
    assert lines[1].startswith("why       ")
    assert "till-settings" in lines[1]
    assert lines[2].startswith("next      kubectl ")
    (looked,) = (line for line in lines if line.startswith("looked"))
    assert f"namespace {BROKEN} of {cluster.url} (context " in looked
    assert "2 pods" in looked
    assert "changed   nothing" in lines


def test_a_healthy_namespace_is_without_fault_and_says_what_that_rests_on(diagnose: Diagnose) -> None:
    answer = read(diagnose("-n", CALM, "--json")).answer
    assert answer is not None
    assert answer.verdict == "no_fault"
    assert answer.coverage is not None
    assert answer.coverage.namespaces == (CALM,)
    assert {look.what for look in answer.coverage.looked} >= {"pods", "events", "services", "deployments.apps"}


def test_what_was_refused_is_told_and_nobody_says_no_fault(diagnose: Diagnose) -> None:
    ended = diagnose("-n", CALM, "--context", POOR.name)
    assert ended.status == 3
    assert ended.out.startswith("answer    inconclusive\n")
    (missing,) = (line for line in ended.out.splitlines() if "replicasets.apps, statefulsets.apps" in line)
    assert "refused: replicasets.apps is forbidden" in missing


def test_an_unknown_namespace_is_an_error_with_the_remedy(diagnose: Diagnose) -> None:
    ended = diagnose("-n", "nosuch")
    assert ended.status == 69
    assert ended.err.startswith("error: the cluster has no namespace 'nosuch'")
    assert "kubectl get namespaces" in ended.err
    assert ended.out == ""


def test_an_identity_is_refused_if_it_can_do_too_much_in_one_of_several_namespaces(diagnose: Diagnose) -> None:
    ended = diagnose("-n", CALM, "-n", BROKEN, "--context", ADMIN.name)
    assert ended.status == 69
    assert "does not run with an identity that powerful" in ended.err


def test_of_several_namespaces_each_cause_is_named_with_its_own(diagnose: Diagnose) -> None:
    answer = read(diagnose("-n", CALM, "-n", BROKEN, "--json")).answer
    assert answer is not None
    assert answer.coverage is not None
    assert answer.coverage.namespaces == (CALM, BROKEN)
    assert answer.component == f"{BROKEN}/till-worker"


def test_all_namespaces_are_those_that_may_be_read_and_the_others_are_told(diagnose: Diagnose) -> None:
    ended = diagnose("-A")
    assert ended.status == 0
    assert f"{BROKEN}/till-worker" in ended.out.splitlines()[0]
    assert "all of namespace kube-system: refused: pods is forbidden" in ended.out


def test_of_several_namespaces_one_that_may_not_be_read_is_told_and_the_others_are_looked_at(
    diagnose: Diagnose,
) -> None:
    ended = diagnose("-n", BROKEN, "-n", "kube-system")
    assert ended.status == 0
    assert f"{BROKEN}/till-worker" in ended.out.splitlines()[0]
    assert "all of namespace kube-system: refused: pods is forbidden" in ended.out
    alone = diagnose("-n", "kube-system")
    assert alone.status == 69
    assert "may not get pods" in alone.err


def test_how_far_an_identity_was_asked_about_is_told(diagnose: Diagnose) -> None:
    ended = diagnose("--context", POOR.name)
    (missing,) = (line for line in ended.out.splitlines() if "its rights were asked for in" in line)
    assert f"{BROKEN}, default, kube-system alone" in missing


def test_an_alert_says_where_to_look_and_what_about(diagnose: Diagnose, tmp_path: Path) -> None:
    file = tmp_path / "alert.json"
    file.write_bytes(webhook(firing(namespace=BROKEN, deployment="till-worker", severity="critical")))
    told = read(diagnose("--alert", str(file), "--json", kubeconfig=None))
    assert told.answer is not None
    assert told.answer.component == "till-worker"
    assert (told.alerts[0].namespace, told.alerts[0].about) == (BROKEN, ("till-worker",))


def test_an_alert_about_a_pod_is_looked_at_in_its_namespace_and_not_explained_away(
    diagnose: Diagnose, cluster: LiveCluster
) -> None:
    (pod,) = (obj["metadata"] for obj in cluster.world.store.objects("pods") if obj["metadata"]["namespace"] == CALM)
    ended = diagnose("--alert", "-", "--json", stdin=webhook(firing(namespace=CALM, pod=pod["name"])))
    answer = read(ended).answer
    assert ended.status == 3
    assert answer is not None
    assert answer.coverage is not None
    assert answer.coverage.namespaces == (CALM,)
    assert "vault" in answer.summary


@pytest.mark.parametrize("symptom", ["vault is slow", "customers cannot log in, password=hunter22"])
def test_whoever_reports_a_symptom_is_not_told_that_nothing_is_wrong(diagnose: Diagnose, symptom: str) -> None:
    ended = diagnose("-n", CALM, "--symptom", symptom, "--json")
    told = read(ended)
    assert ended.status == 3
    assert told.answer is not None
    assert told.answer.verdict == "inconclusive"
    assert "hunter22" not in ended.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--alert", "/nowhere/alert.json"), "/nowhere/alert.json cannot be read"),
        (("--alert", "-"), "not JSON"),
        (("-n", "No_Name"), "no name of a namespace"),
        (("-n", "a", "-A"), "give one of them"),
        (("--kind", "mitigation"), "mitigation"),
        (("--problem", "x", "--symptom", "y"), "give one of them"),
        (("--events", "/nowhere/events.jsonl"), "/nowhere/events.jsonl cannot be written"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_is_wrong(
    diagnose: Diagnose, arguments: tuple[str, ...], says: str
) -> None:
    ended = diagnose(*arguments)
    assert ended.status == 2
    assert says in " ".join(ended.err.replace("│", " ").split())


def test_where_nothing_says_where_to_look_the_options_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["aoi", "diagnose"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "--problem ID" in capsys.readouterr().err


def test_a_diagnosis_is_kept_and_shown_again(
    diagnose: Diagnose, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = read(diagnose("--json"))
    assert told.kept_as is not None
    monkeypatch.setattr(sys, "argv", ["aoi", "data", "show", told.kept_as])
    with pytest.raises(SystemExit):
        cli.main()
    kept = Diagnosis.model_validate_json(capsys.readouterr().out)
    assert kept == told.model_copy(update={"kept_as": None})
    assert all(evidence.seen for evidence in told.evidence)


def test_reports_for_which_there_is_no_room_are_told(cluster: LiveCluster, diagnose: Diagnose, tmp_path: Path) -> None:
    file = tmp_path / "alert.json"
    file.write_bytes(webhook(*(firing(namespace=BROKEN, pod=f"p{number}") for number in range(109))))
    told = read(diagnose("--alert", str(file), "--json", *(f"--symptom=s{number}" for number in range(103))))
    assert told.answer is not None
    assert told.answer.coverage is not None
    gaps = {gap.what: gap.detail for gap in told.answer.coverage.gaps if gap.reason == "cut"}
    assert gaps["alerts"] == "the first 100 of 109 were looked for"
    assert gaps["symptoms"] == "the first 100 of 103 were looked for"
    assert (len(told.alerts), len(told.symptoms)) == (100, 100)


def test_names_in_the_document_for_scripts_stay(diagnose: Diagnose) -> None:
    document = json.loads(diagnose("--json").out)
    assert set(document) == {
        "schema_version", "answer", "survey", "evidence", "ended", "symptoms", "alerts", "trajectory", "trajectory_ref",
        "bundle", "version", "seconds", "tokens", "costs", "spent_ms", "changed", "kept_as",
    }  # fmt: skip
    assert set(document["answer"]) == {
        "schema_version", "verdict", "component", "cause", "system_level", "fault_type", "confidence", "evidence",
        "dropped_claims", "summary", "next", "chain", "symptoms", "also", "coverage",
    }  # fmt: skip
    assert set(document["answer"]["coverage"]) == {
        "schema_version", "cluster", "context", "namespaces", "looked", "gaps", "retried"
    }  # fmt: skip


def test_events_go_where_they_are_asked_for_and_the_answer_stays_alone(diagnose: Diagnose, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    ended = diagnose("--json", "--events", str(file))
    (event,) = (json.loads(line) for line in file.read_text().splitlines())
    assert (event["event"], event["component"]) == ("surveyed", "till-worker")
    assert file.stat().st_mode & 0o777 == 0o600
    assert ended.err == ""
    assert read(ended).answer is not None
    assert [json.loads(line)["event"] for line in diagnose("--events", "-").err.splitlines()] == ["surveyed"]


def test_what_a_diagnosis_cost_is_told(diagnose: Diagnose) -> None:
    ended = diagnose()
    (cost,) = (line for line in ended.out.splitlines() if line.startswith("cost"))
    assert re.fullmatch(r"cost      survey: [1-9]\d+ reads, [\d,]{4,} bytes; \d+\.\d s", cost)


def test_the_use_case_is_a_function(cluster: LiveCluster) -> None:
    told = diagnose_live(LiveTarget(kubeconfig=str(cluster.kubeconfig), namespaces=(BROKEN,)))
    assert told.answer is not None
    assert told.answer.component == "till-worker"


def test_a_setting_stands_in_for_the_namespace_that_is_not_given(
    diagnose: Diagnose, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AOI_CLUSTER__NAMESPACE", CALM)
    assert f"namespace {CALM} of " in diagnose().out


def test_a_command_of_its_own_ends_with_the_verdicts_status(cluster: LiveCluster, tmp_path: Path) -> None:
    where = ("--kubeconfig", str(cluster.kubeconfig))
    said = aoi(tmp_path, "diagnose", *where)
    assert (said.returncode, said.stdout[:13]) == (0, "answer    fau")
    assert aoi(tmp_path, "diagnose", *where, "-n", CALM, "--symptom", "vault is slow").returncode == 3


def test_a_cluster_that_does_not_answer_may_answer_later(diagnose: Diagnose, tmp_path: Path) -> None:
    with scripted(lambda received: [None]) as server:
        kubeconfig = server.kubeconfig(tmp_path / "config")
    ended = diagnose(kubeconfig=kubeconfig)
    assert ended.status == 75
    assert ended.err.splitlines()[-1].startswith("error: ")


def test_a_server_that_is_not_trusted_is_no_trouble_that_passes(diagnose: Diagnose, tmp_path: Path) -> None:
    other = make_certificates("127.0.0.1").authority_pem
    with scripted(reviewing) as server:
        server.authority_pem = other
        ended = diagnose(kubeconfig=server.kubeconfig(tmp_path / "config"))
        assert not server.requests
    assert ended.status == 69
    assert "certificate is not one that the kubeconfig trusts" in ended.err
    assert "kubectl config set-cluster" in ended.err


@pytest.mark.parametrize(("status", "remedy"), [(401, "create token"), (403, "system:basic-user")])
def test_reviews_that_are_refused_are_no_trouble_that_passes(
    diagnose: Diagnose, tmp_path: Path, status: int, remedy: str
) -> None:
    with scripted(lambda _: as_json({}, status=status)) as server:
        ended = diagnose(kubeconfig=server.kubeconfig(tmp_path / "config"))
    assert ended.status == 69
    assert remedy in ended.err


STUCK = {
    "metadata": {"name": "web", "namespace": NAMESPACE, "uid": "u1"},
    "spec": {"nodeName": "node-1", "containers": [{"name": "main", "image": "web:1"}]},
    "status": {
        "phase": "Pending",
        "containerStatuses": [
            {
                "name": "main", "ready": False, "restartCount": 0, "image": "web:1", "imageID": "",
                "state": {"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "web-key" not found'}},
            }
        ],
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("reaches", "status"), [("/pods", 0), ("/namespaces/shop", 130)], ids=["a pod was seen", "nothing was seen"]
)
def test_an_interrupted_survey_tells_what_it_has_seen(reaches: str, status: int, tmp_path: Path) -> None:
    stalled, released = threading.Event(), threading.Event()

    def script(received: Received) -> Sent:
        path = received.path.partition("?")[0]
        if received.is_review:
            return reviewing(received, (READING,))
        if path.endswith("/namespaces/shop"):
            return as_json({"kind": "Namespace", "metadata": {"name": NAMESPACE}})
        if path.endswith(reaches):
            return as_json({"kind": "PodList", "items": [STUCK]})
        stalled.set()
        released.wait(60)
        return [answer_of(503, b""), None]

    with scripted(script) as server:
        kubeconfig = server.kubeconfig(tmp_path / "config")
        command = [*AOI, "diagnose", "--kubeconfig", str(kubeconfig)]
        started = subprocess.Popen(
            command, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert started.stderr is not None
        try:
            assert stalled.wait(60)
            started.send_signal(SIGINT)
            said = next(line for line in started.stderr if "interrupted" in line)
            released.set()
            out, err = started.communicate(timeout=60)
        finally:
            released.set()
            started.kill()
    assert "telling what has been seen" in said
    assert started.returncode == status, out.splitlines()[:20]
    assert "Traceback" not in err
    if status == 0:
        assert out.startswith("answer    fault: web (")
        assert "interrupted by whoever asked" in out
