"""`aoi cluster up` as a process of its own: what it serves, what it writes, and how it ends."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import yaml

from aoi.problems import catalogue

COMMAND = (sys.executable, "-c", "from flows.cli import main; main()", "cluster", "up")
DEPLOYMENTS = "/apis/apps/v1/namespaces/{}/deployments"


class Running:
    """A started command and what it said about itself."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        text = ""
        while line := process.stdout.readline():
            text += line
            if line == "}\n":
                break
        self.process = process
        self.text = text
        assert text, process.communicate()[1]
        self.said = json.loads(text)

    def get(self, path: str, user: str = "admin", context: str | None = None) -> httpx.Response:
        document = yaml.safe_load(Path(self.said["kubeconfigs"][user]).read_text())
        wanted = context or document["current-context"]
        chosen = next(one["context"] for one in document["contexts"] if one["name"] == wanted)
        cluster = next(one["cluster"] for one in document["clusters"] if one["name"] == chosen["cluster"])
        token = next(one["user"]["token"] for one in document["users"] if one["name"] == chosen["user"])
        trust = ssl.create_default_context()
        trust.load_verify_locations(cadata=_pem(cluster["certificate-authority-data"]))
        with httpx.Client(verify=trust, timeout=20) as client:
            return client.get(cluster["server"] + path, headers={"Authorization": f"Bearer {token}"})

    def end(self, number: int) -> tuple[int, str]:
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=20)
        return self.process.returncode, errors


def _pem(encoded: str) -> str:
    import base64

    return base64.b64decode(encoded).decode()


@contextmanager
def up(folder: Path, *options: str) -> Iterator[Running]:
    environment = {**os.environ, "TMPDIR": str(folder), "HOME": str(folder)}
    process = subprocess.Popen(
        [*COMMAND, "--json", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    try:
        yield Running(process)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def age_s(timestamp: str) -> float:
    return time.time() - datetime.fromisoformat(timestamp).timestamp()


def test_a_problem_is_served_with_its_past_and_without_its_answer(tmp_path):
    problem = next(p for p in catalogue.problems(fault="wrong_target_port") if p.kind.value == "localization")
    with up(tmp_path, "--problem", problem.id) as running:
        said = running.text.lower()
        for word in (problem.fault, problem.id.lower(), "target", "fault", "port of"):
            assert word not in said.replace("127.0.0.1", "")
        namespace = running.said["worlds"][0]["namespace"]
        deployments = running.get(DEPLOYMENTS.format(namespace)).json()["items"]
        assert len(deployments) > 5
        oldest = max(age_s(one["metadata"]["creationTimestamp"]) for one in deployments)
        assert 3600 < oldest < 48 * 3600, "warmed up for hours, ending now"
        events = running.get(f"/api/v1/namespaces/{namespace}/events").json()["items"]
        assert all(age_s(one["lastTimestamp"]) > -2 for one in events if one.get("lastTimestamp"))
        assert running.get(f"/api/v1/namespaces/{namespace}/pods", "probe").status_code == 200
        assert running.get(f"/api/v1/namespaces/{namespace}/secrets", "probe").status_code == 403
        assert running.get(f"/api/v1/namespaces/{namespace}/secrets", "executor").status_code == 403
        assert running.end(signal.SIGINT) == (0, "")
    assert list(tmp_path.iterdir()) == [], "kubeconfigs are gone with the cluster that they opened"


def test_several_applications_have_a_cluster_each(tmp_path):
    file = tmp_path / "config"
    with up(tmp_path, "--app", "gen000", "--app", "gen001", "--kubeconfig", str(file)) as running:
        assert [world["name"] for world in running.said["worlds"]] == ["gen000", "gen001"]
        assert {path.name for path in tmp_path.glob("config*")} == {"config", "config.probe", "config.executor"}
        assert all(path.stat().st_mode & 0o777 == 0o600 for path in tmp_path.glob("config*"))
        for world in running.said["worlds"]:
            other = next(one["namespace"] for one in running.said["worlds"] if one is not world)
            mine = running.get(DEPLOYMENTS.format(world["namespace"]), context=world["name"])
            assert mine.json()["items"]
            if other != world["namespace"]:
                assert not running.get(DEPLOYMENTS.format(other), context=world["name"]).json()["items"]
        assert running.end(signal.SIGTERM)[0] == 0
    assert not list(tmp_path.glob("config*"))


def test_a_kubeconfig_of_somebody_else_is_never_overwritten(tmp_path):
    file = tmp_path / "config"
    file.write_text("apiVersion: v1\nkind: Config\nclusters: [{name: production, cluster: {server: https://x}}]\n")
    before = file.read_text()
    done = subprocess.run(
        [*COMMAND, "--empty", "--kubeconfig", str(file)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "was not written by" in done.stderr
    assert file.read_text() == before


def test_choices_that_exclude_each_other_are_refused():
    done = subprocess.run([*COMMAND, "--empty", "--app", "gen000"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "error: --app, --problem and --empty exclude each other: choose one\n")


def test_an_application_named_twice_and_a_speed_without_end_are_refused():
    twice = subprocess.run(
        (*COMMAND, "--app", "gen001", "--app", "gen001"), capture_output=True, text=True, timeout=60, check=False
    )
    assert twice.returncode == 1
    assert "the same application twice" in twice.stderr
    endless = subprocess.run(
        (*COMMAND, "--empty", "--speed", "inf"), capture_output=True, text=True, timeout=60, check=False
    )
    assert endless.returncode == 2
    assert "--speed" in endless.stderr


def test_in_a_stepped_cluster_time_passes_with_requests_alone(tmp_path):
    with up(tmp_path, "--empty", "--nodes", "5", "--clock", "stepped", "--speed", "90") as running:
        first = running.get("/api/v1/nodes")
        assert len(first.json()["items"]) == 5
        second = running.get("/version")
        passed = _date(second) - _date(first)
        assert passed == 90
        assert running.end(signal.SIGHUP)[0] == 0


def test_telemetry_of_each_cluster_is_served_on_its_port(tmp_path):
    with up(tmp_path, "--app", "gen000", "--app", "hotel_reservation") as running:
        telemetry = running.said["telemetry"]
        assert set(telemetry) == {"prometheus", "jaeger", "alertmanager"}
        asked = {"query": 'count by (namespace) (kube_deployment_spec_replicas{namespace="test-hotel-reservation"})'}
        counts = {}
        for name in ("gen000", "hotel_reservation"):
            answer = httpx.post(f"{telemetry['prometheus']}/w/{name}/api/v1/query", data=asked)
            counts[name] = [int(one["value"][1]) for one in answer.json()["data"]["result"]]
        assert counts == {"gen000": [], "hotel_reservation": [19]}
        services = httpx.get(f"{telemetry['jaeger']}/w/hotel_reservation/jaeger/ui/api/services").json()["data"]
        assert "mongodb-geo" in services
        assert httpx.get(f"{telemetry['alertmanager']}/w/gen000/api/v2/status").json()["cluster"]["status"] == "ready"
        silence = httpx.post(f"{telemetry['alertmanager']}/w/gen000/api/v2/silences", json={"matchers": []})
        assert (silence.status_code, silence.json()["code"]) == (405, 405)
        assert httpx.get(f"{telemetry['prometheus']}/w/nothing/api/v1/labels").status_code == 404
        assert running.end(signal.SIGINT) == (0, "")


def test_a_telemetry_port_that_is_taken_is_refused_in_one_line():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        number = other.getsockname()[1]
        options = ["--empty", "--jaeger-port", str(number)]
        done = subprocess.run([*COMMAND, *options], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: cannot serve on 127.0.0.1 (jaeger {number}): ")
    assert done.stderr.count("\n") == 1


def _date(answer: httpx.Response) -> float:
    return datetime.strptime(answer.headers["Date"], "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC).timestamp()


def test_an_applications_containers_behave_as_a_file_says_and_the_rest_as_before(tmp_path):
    folder, file = tmp_path / "running", tmp_path / "behaviours.yaml"
    folder.mkdir()
    file.write_text('- {match: {pod: "*"}, usage: {cpu_m: 777}}\n')
    with up(folder, "--app", "gen000", "--behaviours", str(file)) as running:
        namespace = running.said["worlds"][0]["namespace"]
        measured = running.get(f"/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods").json()["items"]
        assert {container["usage"]["cpu"] for pod in measured for container in pod["containers"]} == {"777m"}
        assert len({container["usage"]["memory"] for pod in measured for container in pod["containers"]}) > 1
        pod = measured[0]["metadata"]["name"]
        assert "started" not in running.get(f"/api/v1/namespaces/{namespace}/pods/{pod}/log?tailLines=1").text
        assert running.end(signal.SIGINT) == (0, "")


def test_behaviours_that_cannot_be_read_are_refused_in_one_line(tmp_path):
    file = tmp_path / "behaviours.yaml"
    file.write_text("- {match: {pod: web}, exit: {code: 300}}\n")
    done = subprocess.run(
        [*COMMAND, "--empty", "--behaviours", str(file)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    why = "entry 1 (pod web): exit.code: expected a whole number from 0 to 255, found 300"
    assert done.stderr == f"error: --behaviours: {file}: {why}. The format: kubeworld/README.md\n"
