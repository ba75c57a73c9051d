"""A driver that speaks AIOpsLab's protocol: a problem in words, an action a step, and what a shell printed to it."""

import ast
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from aoi.problems import catalogue, scenario
from aoi.records.problem import ProblemInstance, TaskKind
from aoi.worlds.identities import PROBE
from kubeworld.api.server import api_of
from kubeworld.front import Front, serving, write_kubeconfig
from kubeworld.serve import ending_now
from tests.kubeworld.programs import kubectls

DESCRIPTIONS = {
    TaskKind.DETECTION: "You are an expert DevOps engineer assigned to detect anomalies in a deployed service.",
    TaskKind.LOCALIZATION: "You are an expert DevOps engineer assigned to localize faults in a deployed service.",
    TaskKind.ANALYSIS: "You are assigned to do root cause analysis: 'system_level' and 'fault_type'.",
    TaskKind.MITIGATION: "You are an expert DevOps engineer assigned to mitigate anomalies in a deployed service.",
}
SUBMITS = {
    TaskKind.DETECTION: "Args:\n    has_anomaly (str): 'Yes' if anomalies are detected, 'No' otherwise.",
    TaskKind.LOCALIZATION: "Args:\n    faulty_components (list[str]): List of faulty components.",
    TaskKind.ANALYSIS: "Args:\n    analysis (dict[str, str]): system_level and fault_type.",
    TaskKind.MITIGATION: "Submit once your mitigation solution is complete.",
}
NEXT = "Please take the next action"


class Player(Protocol):
    """What AIOpsLab calls an agent."""

    def init_context(self, problem_desc: str, instructions: str, apis: dict[str, str]) -> None: ...
    async def get_action(self, input: str) -> str: ...  # noqa: A002


class NotOneCall(Exception):
    """What an agent said that holds no single call in a fenced block."""


@dataclass
class Shell:
    """A shell with kubectl in it, as the orchestrator gives agents one."""

    folder: Path
    kubeconfig: Path
    timeout_s: float = 60.0
    lines: list[str] = field(default_factory=list)

    def run(self, command: str) -> str:
        """As AIOpsLab's own: of a command that fails nothing but its errors is shown."""
        self.lines.append(command)
        where = {
            "PATH": f"{self.folder}:/usr/bin:/bin",
            "KUBECONFIG": str(self.kubeconfig),
            "HOME": str(self.folder),
        }
        done = subprocess.run(
            command,
            shell=True,
            executable="/bin/sh",
            env=where,
            capture_output=True,
            timeout=self.timeout_s,
            check=False,
        )
        if done.returncode:
            return f"[ERROR] Command execution failed: {done.stderr.decode()}"
        return done.stdout.decode() + done.stderr.decode()


@dataclass(frozen=True)
class Played:
    """How a problem went."""

    submitted: Any
    """What `submit` was given; a tuple of all where it was not one."""
    steps: int
    is_submitted: bool


def call_of(response: str) -> tuple[str, tuple[Any, ...]]:
    """The call in a response: its name and its arguments. Raises: NotOneCall."""
    blocks = re.findall(r"```\s*\n(.*?)\n```", response, re.DOTALL)
    if len(blocks) != 1:
        raise NotOneCall(response)
    name, _, rest = blocks[0].partition("(")
    said = rest.rpartition(")")[0].strip()
    if name == "exec_shell":
        assert said[0] == said[-1] == '"'
        return name, (said.strip('"').replace('\\"', '"').replace("\\'", "'"),)
    node = ast.parse(f"f({said})", mode="eval").body
    assert isinstance(node, ast.Call)
    return name, tuple(ast.literal_eval(argument) for argument in node.args)


def begin(agent: Player, kind: TaskKind, namespace: str) -> None:
    """Tell the agent what is asked for."""
    description = f"{DESCRIPTIONS[kind]}\n\nService Details:\nService Name: x\nNamespace: {namespace}\nDescription: y\n"
    apis = {"exec_shell": "Execute any shell command.", "submit": SUBMITS[kind]}
    agent.init_context(description, "Respond with one of the APIs.", apis)


async def play(agent: Player, kind: TaskKind, namespace: str, shell: Any, max_steps: int) -> Played:
    """A problem from its description to a submission, or to the last step."""
    begin(agent, kind, namespace)
    observation = NEXT
    for step in range(1, max_steps + 1):
        name, arguments = call_of(await agent.get_action(observation))
        if name == "submit":
            return Played(arguments[0] if len(arguments) == 1 else arguments, step, is_submitted=True)
        assert name == "exec_shell"
        observation = f"{shell.run(*arguments)}\n{NEXT}"
    return Played(None, max_steps, is_submitted=False)


@contextmanager
def served(folder: Path, problem_id: str, seed: int = 0) -> Iterator[tuple[scenario.Scenario, Shell]]:
    """The cluster of a problem, and a shell in which a real kubectl reaches it as the Probe."""
    built = scenario.build(ProblemInstance(problem=catalogue.get(problem_id), seed=seed))
    folder.mkdir(parents=True, exist_ok=True)
    os.symlink(next(iter(kubectls().values())), folder / "kubectl")
    ending_now(built.world)  # ages count up to the time of the shell
    with serving(Front({"": built.world})) as front:
        token = api_of(built.world).tokens.add(PROBE)
        kubeconfig = folder / "config"
        write_kubeconfig(kubeconfig, front.url, front.authority_pem, {PROBE.name: token}, namespace=built.namespace)
        yield built, Shell(folder, kubeconfig)
