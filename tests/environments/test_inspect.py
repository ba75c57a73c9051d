"""`inspect eval` over problems, with Inspect's own scripted model. Runs where `inspect_ai` is installed."""

from pathlib import Path
from typing import Any

import pytest

inspect_ai = pytest.importorskip("inspect_ai", reason="make test-environments installs it")

pytestmark = pytest.mark.filterwarnings("default")  # of Inspect itself, which our tests would take for errors
FIXED = "k8s_target_port-misconfig-mitigation-1"


def _turn(tool: str, arguments: dict[str, Any]) -> Any:
    from inspect_ai.model import ModelOutput, ModelUsage

    output = ModelOutput.for_tool_call("mockllm/model", tool, arguments)
    output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
    return output


def _run(sample: str, turns: list[Any], log_dir: Path) -> Any:
    from inspect_ai.model import get_model

    model = get_model("mockllm/model", custom_outputs=turns)
    task = "aoi/aiopslab"  # by the entry point, as the command line finds it
    (log,) = inspect_ai.eval(task, model=model, sample_id=sample, log_dir=str(log_dir), display="none")
    assert log.status == "success", log.error
    return log


def test_a_repair_scores_and_an_empty_submission_does_not(tmp_path: Path) -> None:
    repair = _turn("act", {"action": "fix_port", "component": "user-service"})
    for turns, expected in (([repair, _turn("submit", {})], 1.0), ([_turn("submit", {})], 0.0)):
        log = _run(f"{FIXED}/0", turns, tmp_path)
        assert log.samples[0].scores["strict_grade"].value == expected
        assert [message.role for message in log.samples[0].messages][:2] == ["user", "assistant"]


def test_the_task_has_every_problem_of_aiopslab_once() -> None:
    from aoi.interop.environments.inspect import aiopslab
    from aoi.interop.environments.sets import problem_ids

    assert [sample.metadata["problem"] for sample in aiopslab().dataset] == list(problem_ids("aiopslab"))
