"""prefect.yaml: what is stored by who deploys, and what is read where a worker runs."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.utilities.importtools import import_object
from prefect.utilities.templating import apply_values

from tests.docs.pages import ROOT


def declared() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "prefect.yaml").read_text())


def stored() -> list[dict[str, Any]]:
    """The pull steps as `prefect deploy` stores them."""
    return apply_values(declared()["pull"], {}, remove_notset=False)


def carry_out(steps: list[dict[str, Any]]) -> None:
    """As a worker does, but without a server to ask for blocks and variables, of which these steps have none."""
    outputs: dict[str, Any] = {}
    for step in steps:
        ((name, inputs),) = step.items()
        id_ = inputs.pop("id", name)
        ended = import_object(name)(**apply_values(inputs, outputs))
        outputs[id_] = asyncio.run(ended) if asyncio.iscoroutine(ended) else ended


def test_the_code_is_looked_for_where_the_worker_says_and_not_where_somebody_deployed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # and back, whatever the steps do
    monkeypatch.setenv("AOI_CHECKOUT", "/home/ann/laptop")
    steps = stored()
    assert "/home/ann" not in str(steps)
    there = tmp_path / "where the worker runs"
    there.mkdir()
    monkeypatch.setenv("AOI_CHECKOUT", str(there))
    carry_out(steps)
    assert Path.cwd() == there


def test_a_worker_without_a_checkout_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AOI_CHECKOUT", raising=False)
    with pytest.raises(RuntimeError, match="AOI_CHECKOUT: is not set where the worker runs"):
        carry_out(stored())


def test_a_killed_run_of_any_deployment_is_seen() -> None:
    entrypoints = {each["entrypoint"] for each in declared()["deployments"]}
    for entrypoint in entrypoints:
        path, _, name = entrypoint.partition(":")
        before = (ROOT / path).read_text().partition(f"def {name}(")[0]
        assert "@watched" in before, entrypoint
