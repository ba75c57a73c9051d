"""Secrets stay: no canary of any shape, in any channel, is in what leaves the cluster or in what is kept of it."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from aoi.access.live import LiveReadTransport
from aoi.access.redaction import CREDENTIALS, Level, Strictness
from aoi.agents.episode import run_episode
from aoi.agents.live_situation import LiveSituation
from aoi.agents.policy import Generation, Turn
from aoi.agents.probe import Probe
from aoi.agents.rollout import rollout
from aoi.estate.reading import Reader
from aoi.estate.survey import survey
from aoi.language.profile import PRODUCTION_PROFILE
from aoi.records.decision import ProbeDo
from tests.agents.test_episode import Utf8Codec, command, spoken
from tests.canaries.planted import CHANNELS, NAMESPACE, PLAIN, deployment, deployments, planted, plantings
from tests.foreign.served import Foreign

CODEC = Utf8Codec()
LINES = (
    "kubectl get pods -o yaml -l app={}",
    "kubectl get pods -o json -l app={}",
    "kubectl get deployment {} -o yaml",
    "kubectl get deployment {} -o json",
    "kubectl get configmap {} -o yaml",
    "kubectl get configmap {} -o json",
    "kubectl describe deployment {}",
    "kubectl describe pods -l app={}",
    "kubectl describe configmap {}",
    "kubectl logs deployment/{}",
    "kubectl logs deployment/{} --previous",
    "kubectl events --for=deployment/{}",
    "kubectl get events -o yaml",
    "kubectl rollout history deployment/{} --revision=1",
)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Foreign]:
    with planted() as served:
        yield served


def leaks(text: str) -> dict[str, list[str]]:
    """Channel -> shapes whose secret can be read in a text."""
    found = {
        channel: [planting.shape.id for planting in plantings(channel) if planting.shape.leaks_into(text)]
        for channel in CHANNELS
    }
    return {channel: shapes for channel, shapes in found.items() if shapes}


def test_as_many_shapes_are_planted_as_are_promised():
    assert all(len(plantings(channel)) >= 120 for channel in CHANNELS)
    assert len(CHANNELS) == 6


def test_the_canaries_would_be_noticed():
    """Without this a text that holds none would prove nothing."""
    for channel in CHANNELS:
        everything = "\n".join(planting.text for planting in plantings(channel))
        assert set(leaks(everything)[channel]) == {planting.shape.id for planting in plantings(channel)}


@pytest.mark.parametrize("line", LINES)
def test_no_canary_is_in_what_a_probe_prints(line: str, cluster: Foreign):
    transport = LiveReadTransport(cluster.kubeconfig, namespace=NAMESPACE)
    probe = Probe(transport, NAMESPACE, limit_bytes=4 * 1024 * 1024)
    printed = []
    for number in range(deployments()):
        result = probe.run(line.format(deployment(number)))
        assert result.status == "ok", result.error
        printed.append(result.observation.decode())
    transport.close()
    assert leaks("\n".join(printed)) == {}


LOOKS = (
    "kubectl get pods -o yaml -l app={}",
    "kubectl get configmap {} -o json",
    "kubectl describe deployment {}",
    "kubectl logs deployment/{} --previous",
    "kubectl events --for=deployment/{}",
)
"""What shows each channel once."""


class Curious:
    """A model that looks at everything, and remembers what it was shown."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self._lines = [line.format(deployment(number)) for number in range(deployments()) for line in LOOKS]
        self._said = 0

    def generate(self, turns: Sequence[Turn]) -> list[Generation]:
        return [self._answer(turn) for turn in turns]

    def _answer(self, turn: Turn) -> Generation:
        self.shown.append(CODEC.decode(turn.prompt_ids))
        if turn.role == "observer":
            self._said += 1
            text = spoken(ProbeDo("logs", deployment((self._said - 1) % deployments())))
        else:
            text = command(f"{self._lines.pop(0)} -n {NAMESPACE}")
        return Generation(CODEC.encode_completion(text), None, "curious")


def prompts(cluster: Foreign, level: Level) -> str:
    """All that a model in the production layout is shown of the namespace when it looks at everything."""
    roomy = {
        "prompt_tokens": 4_000_000,
        "compressed_chars": 3_000_000,
        "observation_bytes": 1_000_000,
        "episode_tokens": 1_000_000_000,
        "iterations": deployments(),
        "probe_rounds": len(LOOKS),
    }
    transport = LiveReadTransport(cluster.kubeconfig, namespace=NAMESPACE)
    situation = LiveSituation(transport, survey(Reader(transport), [NAMESPACE]))
    model = Curious()
    episode = run_episode(
        situation,
        profile=PRODUCTION_PROFILE.model_copy(update=roomy),
        codec=CODEC,
        arm="test",
        bundle="curious",
        rollout_seed=0,
        level=level,
    )
    trajectory = rollout([episode], model)[0]
    transport.close()
    commands = [part for step in trajectory.content.steps for part in step.interactions if part.status == "ok"]
    assert len(commands) == len(LOOKS) * deployments()
    return "\n".join(model.shown)


def test_no_canary_is_in_any_prompt(cluster: Foreign):
    shown = prompts(cluster, CREDENTIALS)
    assert leaks(shown) == {}
    assert all(value in shown for value in PLAIN.values()), "what is no secret is shown, or this would prove nothing"


def test_no_value_of_configuration_is_in_a_prompt_for_a_model_elsewhere(cluster: Foreign):
    shown = prompts(cluster, Strictness())
    assert leaks(shown) == {}
    assert [value for value in PLAIN.values() if value in shown] == []
    assert f"app={deployment(0)}" in shown


def test_no_canary_is_in_a_diagnosis_or_in_anything_that_is_kept_of_it(cluster: Foreign, tmp_path: Path):
    """The command as it is run: what it prints, its JSON, and every file of its home."""
    environment = {**os.environ, "AOI_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-c", "from flows.cli import main; main()", "diagnose"]
    where = ["--kubeconfig", str(cluster.kubeconfig), "-n", NAMESPACE, "--symptom", f"{deployment(0)} is down"]
    printed = []
    for options in ((), ("--json",)):
        done = subprocess.run([*command, *where, *options], capture_output=True, text=True, check=True, env=environment)
        printed += [done.stdout, done.stderr]
    kept = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert len(kept) > 5, "the evidence is kept"
    printed += [path.read_bytes().decode("utf-8", "replace") for path in kept]
    assert deployment(0) in printed[0]
    assert leaks("\n".join(printed)) == {}
