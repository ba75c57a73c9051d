"""`aoi serve`: a registered cluster is diagnosed over HTTP, watched and cancelled, by those who may and nobody else."""

import json
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from aoi.records.diagnosis import Diagnosis
from tests.access.live.servers import NAMESPACE, Received, Sent, as_json, reviewing, scripted
from tests.command import aoi
from tests.flows.live_cluster import BROKEN, CALM, LiveCluster
from tests.flows.serving import Server, served, token, wait_until
from tests.flows.test_diagnose import STUCK

PROBLEM = "application/problem+json"
SECRET = "hunter2secretXYZ"


@pytest.fixture(scope="module")
def home(cluster: LiveCluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an installation in which the served cluster is registered."""
    folder = tmp_path_factory.mktemp("serve") / "home"
    added = aoi(folder, "clusters", "add", "prod", "--kubeconfig", str(cluster.kubeconfig))
    assert added.returncode == 0, added.stderr
    return folder


@pytest.fixture(scope="module")
def operator_token(home: Path) -> str:
    return token(home, "ann", "operator")


@pytest.fixture(scope="module")
def viewer_token(home: Path) -> str:
    return token(home, "vic", "viewer")


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Server]:
    with served(home) as running:
        yield running


@pytest.fixture
def operator(server: Server, operator_token: str) -> Iterator[httpx.Client]:
    with server.client(operator_token) as client:
        yield client


@pytest.fixture
def viewer(server: Server, viewer_token: str) -> Iterator[httpx.Client]:
    with server.client(viewer_token) as client:
        yield client


def submitted(client: httpx.Client, **fields: Any) -> str:
    answer = client.post("/v1/diagnoses", json={"cluster": "prod", **fields})
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"/v1/diagnoses/{answer.json()['id']}"
    return answer.json()["id"]


def heard(client: httpx.Client, identity: str, **headers: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Event, id and data of a whole stream."""
    with client.stream("GET", f"/v1/diagnoses/{identity}/events", headers=headers) as stream:
        assert stream.status_code == 200
        assert stream.headers["content-type"].startswith("text/event-stream")
        blocks = "".join(stream.iter_text()).strip().split("\n\n")
    told = []
    for block in blocks:
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if fields:
            told.append((fields["event"], fields.get("id", ""), json.loads(fields["data"])))
    return told


def test_a_registered_cluster_is_diagnosed_and_its_progress_is_told_to_who_listens_early_and_late(
    operator: httpx.Client, viewer: httpx.Client
) -> None:
    identity = submitted(operator, symptoms=[f"the till is slow, password={SECRET}"])
    early, late = heard(viewer, identity), heard(viewer, identity)
    assert early == late
    (surveyed, number, event), (end, _, result) = early
    assert (surveyed, number, end) == ("surveyed", "1", "result")
    assert event["component"] == "till-worker"
    diagnosis = Diagnosis.model_validate(result["diagnosis"])
    assert diagnosis.answer is not None
    assert diagnosis.answer.component == "till-worker"
    assert result["submission"]["answer"] == diagnosis.kept_as
    assert SECRET not in json.dumps(result)
    assert [name for name, *_ in heard(viewer, identity, **{"Last-Event-ID": "1"})] == ["result"]
    shown = viewer.get(f"/v1/diagnoses/{identity}").json()
    assert shown == result
    assert identity in [one["id"] for one in viewer.get("/v1/diagnoses").json()]


def test_where_to_look_may_be_said(operator: httpx.Client) -> None:
    told = operator.get(f"/v1/diagnoses/{submitted(operator, namespaces=[CALM])}", params={"wait_s": 60}).json()
    assert told["submission"]["state"] == "done"
    assert told["diagnosis"]["answer"]["verdict"] == "no_fault"
    gone = operator.get(f"/v1/diagnoses/{submitted(operator, namespaces=['nosuch'])}", params={"wait_s": 60}).json()
    assert (gone["submission"]["state"], gone["diagnosis"]) == ("failed", None)
    assert gone["submission"]["trouble"]["type"] == "urn:aoi:error:unknown-namespace"
    assert "kubectl get namespaces" in gone["submission"]["trouble"]["detail"]


def test_an_answer_is_listed_shown_and_rated_under_the_name_of_the_token(
    operator: httpx.Client, viewer: httpx.Client
) -> None:
    told = operator.get(f"/v1/diagnoses/{submitted(operator)}", params={"wait_s": 60}).json()
    name = told["submission"]["answer"]
    assert name in [given["answer"] for given in viewer.get("/v1/answers").json()]
    word = {"is_right": False, "component": "till-db", "cause": "out of memory", "comment": f"password={SECRET}"}
    given = operator.post(f"/v1/answers/{name}/feedback", json=word)
    assert given.status_code == 201
    assert (given.json()["author"], given.json()["consent"]) == ("serve:ann", False)
    (said,) = viewer.get(f"/v1/answers/{name}").json()["feedback"]
    assert (said["component"], said["cause"]) == ("till-db", "oomkilled")
    assert SECRET not in json.dumps(said)
    refused = operator.post(f"/v1/answers/{name}/feedback", json={"is_right": True, "component": "x"})
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:aoi:error:feedback-refused")


def test_of_an_answer_that_is_gone_the_submission_is_told_and_why_there_is_no_more(
    home: Path, operator: httpx.Client, viewer: httpx.Client
) -> None:
    identity = submitted(operator)
    name = wait_until(operator, identity, "done")["submission"]["answer"]
    (kept,) = (home / "store").rglob(f"{name.removeprefix('diagnosis:')}*")
    kept.unlink()
    told = viewer.get(f"/v1/diagnoses/{identity}")
    assert told.status_code == 200, told.text
    assert (told.json()["submission"]["answer"], told.json()["diagnosis"]) == (name, None)
    assert told.json()["trouble"]["type"] == "urn:aoi:error:unknown-object"
    assert heard(viewer, identity)[-1][2] == told.json()
    problem = refused(viewer.get(f"/v1/answers/{name}"), 404, "unknown-object")
    assert str(home) not in told.text + problem["detail"]


def test_no_more_streams_are_open_than_may_be(home: Path, operator_token: str, tmp_path: Path) -> None:
    with (
        stalling(tmp_path) as (kubeconfig, stalled, released),
        registered(home, "stalled", kubeconfig),
        served(home, AOI_SERVE__LISTENERS="3") as small,
        small.client(operator_token) as client,
    ):
        identity = submitted(client, cluster="stalled")
        assert stalled.wait(60)
        told: Counter[int] = Counter()
        together = threading.Barrier(12)

        def listen(_: int) -> None:
            with small.client(operator_token) as caller:
                together.wait(30)
                with caller.stream("GET", f"/v1/diagnoses/{identity}/events") as stream:
                    told[stream.status_code] += 1
                    together.wait(30)  # all are answered before the first of them is left

        with ThreadPoolExecutor(12) as pool:
            list(pool.map(listen, range(12)))
        assert told == {200: 3, 503: 9}
        released.set()
        wait_until(client, identity, "done")
        assert heard(client, identity)[-1][0] == "result"


def test_health_needs_no_token_and_metrics_tell_what_was_done(
    server: Server, operator: httpx.Client, viewer: httpx.Client
) -> None:
    wait_until(operator, submitted(operator), "done")
    with server.client() as nobody:
        assert nobody.get("/healthz").json() == nobody.get("/readyz").json() == {"status": "ok"}
    lines = viewer.get("/metrics").text.splitlines()
    assert any(line.startswith('aoi_diagnoses_total{cluster="prod",state="done"} ') for line in lines)
    assert any(line.startswith('aoi_diagnosis_seconds_bucket{cluster="prod"') for line in lines)
    assert any(
        line.startswith('aoi_http_requests_total{method="POST",route="/v1/diagnoses",status="202"}') for line in lines
    )
    assert any(line.startswith("aoi_queue_length ") for line in lines)
    assert viewer.get("/v1/status").json()["champion"] is None
    assert viewer.get("/v1/clusters").json() == [{"schema_version": 1, "name": "prod", "namespaces": [BROKEN]}]
    assert "/v1/diagnoses" in viewer.get("/v1/openapi.json").json()["paths"]


READS = ["/v1/diagnoses", "/v1/diagnoses/" + "0" * 32, "/v1/answers", "/v1/answers/abcd", "/v1/status", "/v1/clusters"]
WRITES = ["/v1/diagnoses", "/v1/alerts", f"/v1/diagnoses/{'0' * 32}/cancel", "/v1/answers/abcd/feedback"]


def refused(answer: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    """The problem that a refusal is."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM
    problem = answer.json()
    assert (problem["status"], problem["type"]) == (status, f"urn:aoi:error:{kind}")
    assert "Traceback" not in answer.text
    return problem


@pytest.mark.parametrize("given", ["", "nonsense", "aoi_000000000000_x", "aoi__", "\u00e4\u00f6", "a" * 5000])
def test_nobody_without_a_token_that_is_known_gets_anything(server: Server, given: str) -> None:
    with server.client() as client:
        headers = {"Authorization": f"Bearer {given}".encode("latin-1")} if given else {}
        for path in [*READS, f"{READS[1]}/events", "/metrics", "/v1/openapi.json"]:
            answer = client.get(path, headers=headers)
            refused(answer, 401, "token-refused")
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        for path in WRITES:
            refused(client.post(path, headers=headers, json={}), 401, "token-refused")


def test_who_may_read_may_not_ask_cancel_or_rate(viewer: httpx.Client) -> None:
    for path in WRITES:
        refused(viewer.post(path, json={"cluster": "prod"}), 403, "role-refused")
    refused(viewer.delete(READS[1]), 403, "role-refused")
    for path in READS:
        assert viewer.get(path).status_code in (200, 404)


def test_a_token_that_is_revoked_opens_nothing_from_then_on(server: Server, home: Path) -> None:
    with server.client(token(home, "gone", "viewer")) as client:
        assert client.get("/v1/clusters").status_code == 200
        assert aoi(home, "serve", "token", "revoke", "gone").returncode == 0
        refused(client.get("/v1/clusters"), 401, "token-refused")
    assert "gone" not in aoi(home, "serve", "token", "list").stdout


def test_tokens_are_kept_as_salted_digests_alone(home: Path, operator_token: str) -> None:
    kept = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert b'"name":"ann"' in kept
    assert operator_token.encode() not in kept
    assert operator_token.rpartition("_")[2].encode() not in kept


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("/v1/diagnoses/" + "0" * 32, 404, "unknown-submission"),
        ("/v1/diagnoses/" + "0" * 32 + "/events", 404, "unknown-submission"),
        ("/v1/diagnoses/..%2f..%2fetc%2fpasswd", 404, "no-such-path"),
        ("/v1/diagnoses/%00", 422, "request-invalid"),
        ("/v1/diagnoses/' OR 1=1", 422, "request-invalid"),
        ("/v1/answers/observation:0123456789ab", 422, "request-invalid"),
        ("/v1/answers/diagnosis:..", 422, "request-invalid"),
        ("/v1/answers/0123456789ab", 404, "unknown-object"),
        ("/v1/nothing", 404, "no-such-path"),
        ("/v1/diagnoses?last=0", 422, "request-invalid"),
    ],
)
def test_a_name_that_stands_for_nothing_is_refused(viewer: httpx.Client, path: str, status: int, kind: str) -> None:
    refused(viewer.get(path), status, kind)


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (b"{bad MARK", 400, "request-invalid"),
        (b"\xff\xfe MARK", 400, "request-invalid"),
        (b"[" * 100_000 + b"MARK", 400, "request-invalid"),
        (b'["MARK"]', 422, "request-invalid"),
        (b"{}", 422, "request-invalid"),
        (b'{"MARK": 1}', 422, "request-invalid"),
        (b'{"cluster": "mark"}', 404, "unknown-cluster"),
        (b'{"problem": "MARK"}', 404, "unknown-problem"),
        (b'{"cluster": "prod", "namespaces": ["--MARK"]}', 422, "request-invalid"),
        (b'{"cluster": "prod", "namespaces": ["mark/../b"]}', 422, "request-invalid"),
        (b'{"cluster": "prod", "kubeconfig": "/etc/MARK"}', 422, "request-invalid"),
        (b'{"cluster": "prod", "password=MARK": 1}', 422, "request-invalid"),
        (b'{"cluster": "prod", "alerts": [{"name": "x", "MARK": {"MARK": "MARK"}}]}', 422, "request-invalid"),
        (b'{"cluster": "prod", "kind": "MARK"}', 422, "request-invalid"),
        (b'{"cluster": "prod", "kind": "mitigation", "symptoms": ["MARK"]}', 422, "request-invalid"),
        (b'{"cluster": "prod", "budget_s": 1e99, "symptoms": ["MARK"]}', 422, "request-invalid"),
    ],
)
def test_a_request_that_is_none_is_refused_and_nothing_of_it_said_back(
    operator: httpx.Client, body: bytes, status: int, kind: str
) -> None:
    problem = refused(
        operator.post("/v1/diagnoses", content=body, headers={"Content-Type": "application/json"}), status, kind
    )
    assert "mark" not in json.dumps(problem).lower()


def test_of_a_wrong_field_its_name_is_told_if_it_is_one_of_ours(operator: httpx.Client) -> None:
    sent = {"cluster": "prod", "alerts": [{"name": 1}], "budget_s": -1}
    told = refused(operator.post("/v1/diagnoses", json=sent), 422, "request-invalid")["detail"]
    assert "body.alerts.0.name: " in told
    assert "body.budget_s: " in told


def test_a_form_of_another_page_is_no_request(operator: httpx.Client) -> None:
    refused(
        operator.post("/v1/diagnoses", content=b'{"cluster": "prod"}', headers={"Content-Type": "text/plain"}),
        422,
        "request-invalid",
    )


def test_a_body_of_ten_megabytes_is_refused_with_a_reason(operator: httpx.Client) -> None:
    for path in ("/v1/diagnoses", "/v1/alerts"):
        refused(operator.post(path, content=b"x" * 10_000_000), 413, "body-large")


def test_a_stranger_is_refused_before_a_body_is_sent(server: Server) -> None:
    url = httpx.URL(server.url)
    with socket.create_connection((url.host, url.port or 0), timeout=10) as line:  # a body may take 20 s
        line.sendall(b"POST /v1/alerts HTTP/1.1\r\nHost: aoi.test\r\nContent-Length: 100000\r\n\r\n")
        assert line.recv(4096).startswith(b"HTTP/1.1 401 ")


def webhook(**labels: str) -> dict[str, Any]:
    return {"version": "4", "status": "firing", "alerts": [{"status": "firing", "labels": labels}]}


def test_what_alertmanager_posts_is_redacted_and_diagnosed(operator: httpx.Client) -> None:
    hostile = {"alertname": f"\x1b[2J<script> password={SECRET}", "namespace": BROKEN, "deployment": "till-worker"}
    first = operator.post("/v1/alerts", params={"cluster": "prod"}, json=webhook(**hostile))
    assert first.status_code == 202, first.text
    told = wait_until(operator, first.json()["submission"]["id"], "done")
    assert told["diagnosis"]["answer"]["component"] == "till-worker"
    assert told["diagnosis"]["alerts"][0]["subjects"][0]["name"] == "till-worker"
    assert SECRET not in json.dumps(told)
    assert "\\u001b" not in json.dumps(told)
    resolved = operator.post("/v1/alerts", json={**webhook(alertname="x"), "alerts": [{"status": "resolved"}]})
    assert (resolved.status_code, resolved.json()["submission"]) == (200, None)
    assert operator.post("/v1/alerts", json=webhook(alertname="x", namespace=BROKEN)).status_code == 202


def test_what_alertmanager_posts_is_diagnosed_once_while_it_is_looked_into(
    home: Path, operator: httpx.Client, tmp_path: Path
) -> None:
    def posted(**labels: str) -> str:
        asked = {"alertname": f"x password={SECRET}", "namespace": NAMESPACE, **labels}
        answer = operator.post("/v1/alerts", params={"cluster": "stalled"}, json=webhook(**asked))
        assert answer.status_code == 202, answer.text
        return answer.json()["submission"]["id"]

    with stalling(tmp_path) as (kubeconfig, stalled, _), registered(home, "stalled", kubeconfig):
        first = posted()
        assert stalled.wait(60)
        assert posted() == first
        other = posted(severity="page")
        assert other != first
        operator.delete(f"/v1/diagnoses/{other}")
        operator.delete(f"/v1/diagnoses/{first}")
        wait_until(operator, first, "cancelled")
        again = posted()
        assert again != first
        operator.delete(f"/v1/diagnoses/{again}")
        for one in (other, again):
            wait_until(operator, one, "cancelled", "failed")


@pytest.mark.parametrize("labels", [{"namespace": "-nsecret"}, {"namespace": "a; rm -rf /"}])
def test_an_alert_about_no_namespace_is_refused(operator: httpx.Client, labels: dict[str, str]) -> None:
    told = refused(operator.post("/v1/alerts", json=webhook(**labels)), 422, "alert-unreadable")
    assert labels["namespace"] not in told["detail"]


@contextmanager
def registered(home: Path, name: str, kubeconfig: Path) -> Iterator[None]:
    """One more cluster for the block: other tests count on there being one alone."""
    assert aoi(home, "clusters", "add", name, "--kubeconfig", str(kubeconfig)).returncode == 0
    try:
        yield
    finally:
        assert aoi(home, "clusters", "remove", name).returncode == 0


def test_of_a_kubeconfig_that_is_gone_nobody_is_told_where_it_lay(
    home: Path, operator: httpx.Client, cluster: LiveCluster, tmp_path: Path
) -> None:
    file = tmp_path / "moved.kubeconfig"
    file.write_bytes(cluster.kubeconfig.read_bytes())
    with registered(home, "moved", file):
        file.unlink()
        told = wait_until(operator, submitted(operator, cluster="moved"), "failed")
    assert told["submission"]["trouble"]["type"] == "urn:aoi:error:settings-error"
    assert "is no file" in told["submission"]["trouble"]["detail"]
    assert str(tmp_path) not in json.dumps(told)


@contextmanager
def stalling(folder: Path) -> Iterator[tuple[Path, threading.Event, threading.Event]]:
    """A cluster that shows a stuck pod and then says nothing: kubeconfig, whether it was asked, what lets it go."""
    stalled, released = threading.Event(), threading.Event()

    def script(received: Received) -> Sent:
        path = received.path.partition("?")[0]
        if received.is_review:
            return reviewing(received)
        if path.endswith(f"/namespaces/{NAMESPACE}"):
            return as_json({"kind": "Namespace", "metadata": {"name": NAMESPACE}})
        if path.endswith("/pods"):
            return as_json({"kind": "PodList", "items": [STUCK]})
        stalled.set()
        released.wait(30)
        return [None]

    with scripted(script) as running:
        try:
            yield running.kubeconfig(folder / "config"), stalled, released
        finally:
            released.set()


def test_one_that_is_cancelled_answers_with_what_it_has_seen(
    home: Path, operator: httpx.Client, tmp_path: Path
) -> None:
    with stalling(tmp_path) as (kubeconfig, stalled, _), registered(home, "stalled", kubeconfig):
        first, second, third = (submitted(operator, cluster="stalled", symptoms=[f"s{n}"]) for n in range(3))
        assert stalled.wait(60)
        wait_until(operator, second, "running")
        # Two of a cluster run at once, and another cluster does not wait for them.
        assert operator.get(f"/v1/diagnoses/{third}").json()["submission"]["state"] == "queued"
        wait_until(operator, submitted(operator), "done")
        waiting = operator.delete(f"/v1/diagnoses/{third}").json()
        assert (waiting["submission"]["state"], waiting["diagnosis"]) == ("cancelled", None)
        for identity in (first, second):
            told = operator.post(f"/v1/diagnoses/{identity}/cancel", params={"wait_s": 60}).json()
            assert told["submission"]["state"] == "cancelled"
            diagnosis = Diagnosis.model_validate(told["diagnosis"])
            assert diagnosis.ended == "interrupted"
            assert diagnosis.answer is not None
            assert (diagnosis.answer.verdict, diagnosis.answer.component) == ("fault", "web")
            again = operator.delete(f"/v1/diagnoses/{identity}").json()
            assert again == told


def test_a_model_server_that_is_away_leaves_the_survey_and_the_answer_says_so(home: Path, operator_token: str) -> None:
    with served(home, AOI_SERVER__URL="http://127.0.0.1:9") as without, without.client(operator_token) as client:
        told = client.get(f"/v1/diagnoses/{submitted(client)}", params={"wait_s": 60}).json()
    assert told["submission"]["state"] == "done"
    answer = told["diagnosis"]["answer"]
    assert answer["component"] == "till-worker"
    (gap,) = [gap for gap in answer["coverage"]["gaps"] if gap["what"] == "model"]
    assert "could not be asked" in gap["detail"]


def test_of_two_hundred_at_once_each_is_made_or_refused_with_the_time_to_come_again(
    home: Path, operator_token: str
) -> None:
    with served(home, AOI_SERVE__QUEUE="120") as small, small.client(operator_token) as client:

        def ask(number: int) -> httpx.Response:
            with small.client(operator_token) as caller:  # each with connections of its own, as callers have
                return caller.post("/v1/diagnoses", json={"cluster": "prod", "symptoms": [f"number {number}"]})

        with ThreadPoolExecutor(50) as pool:
            answers = list(pool.map(ask, range(200)))
        told = Counter(answer.status_code for answer in answers)
        assert set(told) == {202, 503}
        assert told[202] >= 120
        for answer in answers:
            if answer.status_code == 503:
                assert refused(answer, 503, "queue-full")["retry_in_s"] == float(answer.headers["Retry-After"])
        accepted = [answer.json()["id"] for answer in answers if answer.status_code == 202]
        ended = [wait_until(client, identity, "done", "failed", "cancelled") for identity in accepted]
    assert len({one["submission"]["answer"] for one in ended}) == len(accepted)
    assert {one["diagnosis"]["answer"]["component"] for one in ended} == {"till-worker"}


def test_what_a_killed_server_had_taken_is_made_by_the_next_one(
    home: Path, operator_token: str, tmp_path: Path
) -> None:
    with stalling(tmp_path) as (kubeconfig, stalled, released), registered(home, "slow", kubeconfig):
        with served(home) as first, first.client(operator_token) as client:
            begun = submitted(client, cluster="slow")
            waiting = [submitted(client, symptoms=[f"n{number}"]) for number in range(10)]
            assert stalled.wait(60)
            first.process.kill()
            first.process.wait()
        released.set()
        with served(home) as second, second.client(operator_token) as client:
            told = wait_until(client, begun, "done")
            assert told["submission"]["attempts"] == 2
            assert {wait_until(client, one, "done")["submission"]["by"] for one in waiting} == {"ann"}


def test_a_server_that_is_told_to_end_keeps_what_was_seen_and_leaves_what_waits(
    home: Path, operator_token: str, tmp_path: Path
) -> None:
    with stalling(tmp_path) as (kubeconfig, stalled, released), registered(home, "slow", kubeconfig):
        with served(home) as first, first.client(operator_token) as client:
            begun, _, waiting = (submitted(client, cluster="slow", symptoms=[f"w{n}"]) for n in range(3))
            assert stalled.wait(60)
            wait_until(client, begun, "running")
            first.process.terminate()
            assert first.process.wait(60) == 0
        assert "Traceback" not in first.log.read_text()
        released.set()
        with served(home) as second, second.client(operator_token) as client:
            kept = client.get(f"/v1/diagnoses/{begun}").json()
            assert kept["submission"]["state"] == "cancelled"
            assert kept["diagnosis"]["answer"]["component"] == "web"
            assert wait_until(client, waiting, "done")["submission"]["attempts"] == 1


def test_a_server_that_others_reach_needs_a_token_first(tmp_path: Path) -> None:
    ended = aoi(tmp_path / "home", "serve", "--host", "0.0.0.0", "--port", "0")
    assert ended.returncode == 1
    assert "aoi serve token add" in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1


def test_a_port_that_is_taken_is_told(server: Server, home: Path) -> None:
    ended = aoi(home, "serve", "--port", server.url.rpartition(":")[2])
    assert ended.returncode == 1
    assert "cannot listen on 127.0.0.1 port" in ended.stderr
