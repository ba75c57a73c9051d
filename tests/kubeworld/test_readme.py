"""What kubeworld/README.md tells its reader to type is typed, with loopback only."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from kubeworld.behaviours import parse
from kubeworld.serve import serve
from tests.kubeworld.kubectl.conftest import NO_KUBECTL
from tests.kubeworld.programs import kubectls
from tests.kubeworld.test_pytest_plugin import LOADED

pytest_plugins = "pytester"

PAGE = (Path(__file__).parents[2] / "kubeworld" / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
PYTHON = [block for language, block in BLOCKS if language == "python"]
LINES = [line for language, block in BLOCKS if language == "sh" for line in block.splitlines()]
KUBECTL = list(kubectls().values())[:1]
PROGRAMS = {"python": [sys.executable], "kopf": [sys.executable, "-m", "kopf"], "kubectl": KUBECTL}
ELSEWHERE = ("pip install ./kubeworld",)
"""`make test-kubeworld` does it before any test begins."""


def command(line: str) -> list[str]:
    """The words of a line, with the programs of this environment."""
    program, *arguments = shlex.split(line)
    return [*PROGRAMS[program], *arguments]


def lines_of(program: str) -> list[str]:
    return [line for line in LINES if line.startswith(f"{program} ")]


def block_with(text: str) -> str:
    (block,) = (block for block in PYTHON if text in block)
    return block


@contextmanager
def running(line: str, folder: Path, **variables: str) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", **variables}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command(line), cwd=folder, env=environment, text=True, **streams) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=30)


def test_every_block_and_every_line_is_tried_by_a_test_of_this_module():
    tried = [*ELSEWHERE, *lines_of("python"), *lines_of("kubectl"), *lines_of("kopf")]
    assert sorted(LINES) == sorted(tried)
    assert sorted(PYTHON) == sorted(map(block_with, ("with serve(", "@pytest.mark.kubeworld", "@kopf.on.create")))


def test_the_ten_lines_run_and_print_what_the_page_says(tmp_path):
    block = block_with("with serve(")
    assert len([line for line in block.splitlines() if line.strip()]) <= 10
    script = tmp_path / "ten.py"
    script.write_text(block)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "Running\n"), done.stderr


def test_the_example_of_the_fixture_passes(pytester):
    pytester.makepyfile(block_with("@pytest.mark.kubeworld"))
    pytester.runpytest_subprocess(*LOADED, "--strict-markers").assert_outcomes(passed=1)


def test_the_behaviours_of_the_page_are_understood_and_name_every_key():
    blocks = [block for language, block in BLOCKS if language == "yaml"]
    behaviours = parse([entry for block in blocks for entry in yaml.safe_load(block)])
    assert (len(behaviours.containers), len(behaviours.nodes)) == (5, 1)
    outside = behaviours.outside
    assert (len(outside.hooks), len(outside.addresses), len(outside.apis)) == (3, 1, 1)
    containers = ("match", "pull", "start", "exit", "log", "log_file", "probes", "usage", "exec", "creates", "times")
    programs = ("webhook", "service", "address", "allowed", "message", "code", "reason", "warnings", "patch", "failure")
    for key in (*containers, *programs, "node", "api", "available", "certificate", "trust"):
        assert f"`{key}" in PAGE


def test_kubectl_does_what_the_page_shows_with_what_the_command_prints(tmp_path):
    if not KUBECTL:
        pytest.skip(NO_KUBECTL)
    (serves,) = (line for line in lines_of("python") if "-m kubeworld" in line)
    with running(serves, tmp_path) as process:
        said = ""
        while "KUBECACHEDIR=" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        variables = dict(re.findall(r"export (\w+)=(\S+)", said))
        assert set(variables) == {"KUBECONFIG", "KUBECACHEDIR"}
        for typed in lines_of("kubectl"):
            done = subprocess.run(
                command(typed), env={**os.environ, **variables}, capture_output=True, text=True, timeout=60, check=False
            )
            assert done.returncode == 0, f"{typed}\n{done.stdout}{done.stderr}"


def test_the_operator_of_the_page_answers(tmp_path):
    (tmp_path / "greeter.py").write_text(block_with("@kopf.on.create"))
    (line,) = lines_of("kopf")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "labels": {"greet": "yes"}}}
    body["metadata"]["namespace"] = "default"

    def annotations(world) -> dict[str, str]:
        return world.store.get("configmaps", "default", "x")["metadata"].get("annotations", {})

    with serve() as cluster:
        cluster.call(lambda world: world.store.create("configmaps", body))
        with running(line, tmp_path, KUBECONFIG=str(cluster.kubeconfig)) as process:
            deadline = time.monotonic() + 60
            while "greeting" not in cluster.call(annotations):
                assert time.monotonic() < deadline
                assert process.poll() is None, process.stdout.read()
                time.sleep(0.05)
        assert cluster.call(annotations)["greeting"] == "hello x"
