"""verifiers' own loader and rollouts, with a scripted model server. Runs where `verifiers` is installed."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.environments.chat import Message, Turn, serving

vf = pytest.importorskip("verifiers", reason="make test-environments installs it")

FAULTY, HEALTHY = "misconfig_app_hotel_res-detection-1", "noop_detection_hotel_reservation-1"


def _suspicious(messages: Sequence[Message]) -> Turn:
    """Looks once, then claims a fault wherever it is."""
    if not any(message["role"] == "tool" for message in messages):
        return "kubectl", {"command": "kubectl get pods"}
    return "submit", {"verdict": "fault"}


def _lost(messages: Sequence[Message]) -> Turn:
    """Never answers."""
    return "kubectl", {"command": "kubectl get pods"}


def _evaluate(script: Any, monkeypatch: pytest.MonkeyPatch, **options: Any) -> list[Any]:
    monkeypatch.setenv("AOI_TEST_KEY", "none")
    environment = vf.load_environment("aoi.interop.environments.verifiers", problems=[FAULTY, HEALTHY], **options)
    with serving(script) as url:
        client = vf.ClientConfig(api_base_url=url, api_key_var="AOI_TEST_KEY")
        return environment.evaluate_sync(client=client, model="scripted", max_concurrent=4)["outputs"]


def test_a_rollout_is_rewarded_by_the_oracle(monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = _evaluate(_suspicious, monkeypatch, seeds=2)
    rewards = {(output["info"]["problem"], output["info"]["seed"]): output["reward"] for output in outputs}
    assert rewards == {(FAULTY, 0): 1.0, (FAULTY, 1): 1.0, (HEALTHY, 0): 0.0, (HEALTHY, 1): 0.0}
    assert not any(output["error"] for output in outputs)


def test_a_rollout_that_never_answers_ends_and_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = _evaluate(_lost, monkeypatch, max_steps=3)
    assert {output["reward"] for output in outputs} == {0.0}
    assert not any(output["error"] for output in outputs)
