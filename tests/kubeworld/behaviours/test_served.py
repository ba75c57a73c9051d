"""A served cluster that behaves as a file says, for programs and for the command."""

import os
import signal
import ssl
import subprocess
import sys

import httpx
import pytest

from kubeworld.behaviours import BadBehaviours
from kubeworld.serve import serve
from tests.kubeworld.test_serve import send

POD = {"metadata": {"name": "app"}, "spec": {"containers": [{"name": "main", "image": "registry.example/app:1"}]}}
PODS = "/api/v1/namespaces/default/pods"


def restarts(cluster) -> int:
    return send(cluster, "GET", f"{PODS}/app")["status"]["containerStatuses"][0]["restartCount"]


def test_entries_are_given_as_they_would_stand_in_a_file():
    with serve(speed=0, behaviours=[{"match": {"pod": "app"}, "exit": {"after_s": 1, "code": 3}}]) as cluster:
        send(cluster, "POST", PODS, POD)
        cluster.advance(5)
        assert restarts(cluster) == 1
    with pytest.raises(BadBehaviours, match="entry 1"), serve(behaviours=[{}]):
        pass


def test_a_served_cluster_follows_its_file(tmp_path, capsys):
    file = tmp_path / "behaviours.yaml"
    file.write_text("# nothing yet\n")
    with serve(speed=0, behaviours=file) as cluster:
        send(cluster, "POST", PODS, POD)
        cluster.advance(60)
        assert restarts(cluster) == 0
        file.write_text("- {match: {pod: app}, exit: {after_s: 1, code: 3}}\n")
        (look,) = cluster.front.chores
        for _ in range(2):  # as the server does a few times in a second
            cluster.front.call(look)
        cluster.advance(5)
        assert restarts(cluster) == 1
    assert capsys.readouterr().err == f"{file}: read again, 1 entry\n"


def test_the_command_follows_a_file_and_says_what_became_of_it(tmp_path):
    file = tmp_path / "behaviours.yaml"
    file.write_text("- {node: node-1, ready: false}\n")
    command = [sys.executable, "-m", "kubeworld", "--behaviours", str(file)]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        while "KUBECACHEDIR=" not in process.stdout.readline():
            assert process.poll() is None, process.stderr.read()
        file.write_text("- {node: node-1, ready: perhaps}\n")
        said = process.stderr.readline() + process.stderr.readline()
        assert said == (
            f"{file}: entry 1: ready: expected true or false, found 'perhaps'\nThe behaviours stay as they were.\n"
        )
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0


@pytest.mark.parametrize("content", [None, "- {match: {}, exits: {}}\n"])
def test_the_command_refuses_a_bad_file_without_a_traceback(tmp_path, content):
    file = tmp_path / "behaviours.yaml"
    if content is not None:
        file.write_text(content)
    command = [sys.executable, "-m", "kubeworld", "--behaviours", str(file)]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"error: {file}: ")
    assert refused.stderr.count("\n") == 1


def test_a_followed_log_ends_with_the_run_that_wrote_it():
    entry = {"match": {"pod": "app"}, "exit": {"after_s": 40, "code": 3}, "log": ["one", "two", "three", "four"]}
    with serve(speed=0, behaviours=[entry]) as cluster:
        send(cluster, "POST", PODS, POD)
        cluster.advance(12)
        trust = ssl.create_default_context(cafile=str(cluster.ca_file))
        headers = {"Authorization": f"Bearer {cluster.token}"}
        with (
            httpx.Client(base_url=cluster.url, verify=trust, headers=headers, timeout=20) as client,
            client.stream("GET", f"{PODS}/app/log", params={"follow": "true"}) as answer,
        ):
            parts = answer.iter_bytes()
            assert next(parts) == b"one\ntwo\n"
            cluster.advance(10)
            assert next(parts) == b"three\n"
            cluster.advance(60)
            assert b"".join(parts) == b"four\n"
        assert restarts(cluster) == 1
