"""An OpenEnv client against `aoi env serve`, both in processes of their own. Runs where `openenv` is installed."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

openenv = pytest.importorskip("openenv", reason="make test-environments installs it")

FIXED = "k8s_target_port-misconfig-mitigation-1"
HEALTHY = "noop_detection_hotel_reservation-1"
MAIN = "from flows.cli import main; main()"


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the server says on standard error."""
    return tmp_path_factory.mktemp("server") / "log"


@pytest.fixture(scope="module")
def url(log: Path) -> Iterator[str]:
    command = [sys.executable, "-c", MAIN, "env", "serve", "--port", "0", "--workers", "2", "--json"]
    with log.open("w") as errors, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as server:
        assert server.stdout is not None
        lines = []
        while not lines or lines[-1] != "}\n":
            lines.append(server.stdout.readline())
        yield json.loads("".join(lines))["url"]
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=30) in (0, 130)


async def _play(url: str, problem: str | None, seed: int, *calls: tuple[str, dict[str, Any]]) -> list[Any]:
    async with openenv.GenericEnvClient(base_url=url) as client:
        results = [await client.reset(seed=seed, **({"problem": problem} if problem else {}))]
        results += [await client.step({"tool": tool, "arguments": arguments}) for tool, arguments in calls]
        return [*results, await client.state()]


def test_a_client_is_told_the_tools_and_rewarded_by_the_oracle(url: str) -> None:
    repair = ("act", {"action": "fix_port", "component": "user-service"})
    began, acted, ended, state = asyncio.run(_play(url, FIXED, 1, repair, ("submit", {})))
    assert {tool["name"] for tool in began.observation["tools"]} >= {"kubectl", "act", "submit"}
    assert acted.observation["text"].startswith("ok")
    assert (ended.reward, ended.done) == (1.0, True)
    assert (state["problem"], state["step_count"]) == (FIXED, 2)


def test_the_state_of_an_open_episode_does_not_name_its_problem(url: str) -> None:
    open_ = asyncio.run(_play(url, FIXED, 1, ("kubectl", {"command": "kubectl get pods"})))[-1]
    assert (open_["problem"], open_["seed"], open_["kind"], open_["is_done"]) == (None, 1, "mitigation", False)
    assert "target_port" not in str(open_)


def test_sessions_at_once_do_not_see_each_other(url: str) -> None:
    look = ("kubectl", {"command": "kubectl describe service user-service"})
    repair = ("act", {"action": "fix_port", "component": "user-service"})

    async def together() -> list[list[Any]]:
        plays = [_play(url, FIXED, 1, *((repair, look) if place % 2 else (look, look))) for place in range(12)]
        return list(await asyncio.gather(*plays))

    played = asyncio.run(together())
    untouched = {results[2].observation["text"] for results in played[0::2]}
    repaired = {results[2].observation["text"] for results in played[1::2]}
    assert len(untouched) == len(repaired) == 1
    assert untouched != repaired


def test_an_unknown_problem_is_refused_in_words_and_the_session_goes_on(url: str) -> None:
    async def play() -> Any:
        async with openenv.GenericEnvClient(base_url=url) as client:
            with pytest.raises(Exception, match="no problem 'nothing'"):
                await client.reset(problem="nothing")
            await client.reset(problem=HEALTHY)
            return await client.step({"tool": "submit", "arguments": {"verdict": "no_fault"}})

    assert asyncio.run(play()).reward == 1.0


def test_a_seed_draws_a_problem(url: str) -> None:
    states = [asyncio.run(_play(url, None, 5, ("submit", {})))[-1] for _ in "ab"]
    assert states[0]["problem"] == states[1]["problem"] is not None


def test_clients_that_leave_are_no_errors_of_the_server(url: str, log: Path) -> None:
    asyncio.run(_play(url, HEALTHY, 0, ("submit", {"verdict": "no_fault"})))
    asyncio.run(_play(url, HEALTHY, 0))
    assert "Traceback" not in log.read_text()
