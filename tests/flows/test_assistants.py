"""`aoi mcp`: an assistant finds the cause through the official client, on stdio and over HTTP, and changes nothing."""

import json
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGTERM
from typing import Any

import anyio
import httpx2
import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from aoi.settings import ServeSettings
from flows.assistants import MAX_LOOKS, assistant_server
from tasks.desk import Desk
from tests.command import AOI, aoi, environment
from tests.flows.live_cluster import BROKEN, LiveCluster
from tests.flows.serving import token
from tests.flows.test_serve import SECRET, stalling

TOOLS = {"list_clusters", "list_answers", "show_answer", "show_status", "look", "diagnose", "rate_answer"}
Use = Callable[[Client], Coroutine[Any, Any, None]]


@pytest.fixture(scope="module")
def home(cluster: LiveCluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("assistants") / "home"
    added = aoi(folder, "clusters", "add", "prod", "--kubeconfig", str(cluster.kubeconfig))
    assert added.returncode == 0, added.stderr
    return folder


def on_stdio(home: Path, use: Use) -> None:
    """As an assistant starts it."""
    where = StdioServerParameters(command=sys.executable, args=[*AOI[1:], "mcp"], env=environment(home))

    async def run() -> None:
        async with Client(stdio_client(where)) as client:
            await use(client)

    anyio.run(run)


def over_http(url: str, plain: str, use: Use) -> None:
    async def run() -> None:
        headers = {"Authorization": f"Bearer {plain}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=120.0, trust_env=False) as http,
            Client(streamable_http_client(url, http_client=http)) as client,
        ):
            await use(client)

    anyio.run(run)


@contextmanager
def served(home: Path) -> Iterator[str]:
    """Its URL, for the block."""
    command = [*AOI, "mcp", "--http", "--port", "0"]
    process = subprocess.Popen(command, env=environment(home), stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[2].rstrip(".")
    finally:
        process.send_signal(SIGTERM)
        try:
            assert process.wait(60) == 0
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


async def called(client: Client, tool: str, **arguments: Any) -> Any:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    assert result.structured_content is not None
    return result.structured_content


async def refused(client: Client, tool: str, **arguments: Any) -> str:
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    return " ".join(part.text for part in result.content if part.type == "text")


async def _finds_the_cause(client: Client) -> None:
    listed = (await client.list_tools()).tools
    assert {tool.name for tool in listed} == TOOLS
    assert {tool.name for tool in listed if not (tool.annotations and tool.annotations.read_only_hint)} == {
        "rate_answer"
    }
    assert (await called(client, "list_clusters"))["result"][0]["name"] == "prod"
    progress: list[str] = []

    async def hear(done: float, total: float | None, message: str | None) -> None:
        progress.append(message or "")

    asked = {"cluster": "prod", "symptoms": ["till is slow"]}
    found = await client.call_tool("diagnose", asked, progress_callback=hear)
    assert found.structured_content is not None
    told = found.structured_content
    assert (told["state"], told["answer"]["component"]) == ("done", "till-worker")
    assert told["evidence"]
    assert any(line.startswith("survey    fault: till-worker") for line in progress)
    again = await called(client, "show_answer", answer=told["kept_as"])
    assert again["answer"] == told["answer"]
    assert told["kept_as"] in [one["answer"] for one in (await called(client, "list_answers"))["result"]]
    given = await called(client, "rate_answer", answer=told["kept_as"], is_right=True)
    assert (given["verdict"], given["consent"]) == ("right", False)
    assert given["author"].startswith("mcp:")


async def _reads_and_cannot_do_more(client: Client) -> None:
    pods = await called(client, "look", cluster="prod", line="kubectl get pods")
    assert (pods["status"], "till-worker" in pods["text"]) == ("ok", True)
    for line in (
        "get secrets",
        "delete pod x",
        "exec x -- sh",
        "get pods; rm -rf /",
        "get pods -n default",
        "logs -f x",
    ):
        assert (await called(client, "look", cluster="prod", line=f"kubectl {line}"))["status"] in (
            "refused",
            "failed",
        ), line
    assert "unknown-cluster" in await refused(client, "diagnose", cluster="nosuch")
    assert "unknown-object" in await refused(client, "show_answer", answer="0123456789ab")
    for wrong in (
        {"cluster": "../prod"},
        {"cluster": "prod", "namespaces": ["--all"]},
        {"cluster": "prod", "kind": "mitigation"},
        {"cluster": f"PROD-{SECRET}"},
        {"cluster": "prod", "symptoms": [SECRET] * 101},
        {"cluster": "prod", "budget_s": SECRET},
    ):
        told = await refused(client, "diagnose", **wrong)
        assert told.startswith("urn:aoi:error:request-invalid: ")
        assert SECRET not in told
    assert SECRET not in await refused(client, "diagnose", cluster=SECRET.lower())
    assert "no-such-tool" in await refused(client, f"look-{SECRET}")


def test_an_assistant_on_stdio_finds_the_cause_hears_progress_and_rates(home: Path) -> None:
    on_stdio(home, _finds_the_cause)


def test_an_assistant_reads_through_the_probe_and_can_do_no_more(home: Path) -> None:
    on_stdio(home, _reads_and_cannot_do_more)


def test_over_http_the_role_of_the_token_says_what_an_assistant_may(home: Path) -> None:
    async def only_looks(client: Client) -> None:
        assert (await called(client, "list_clusters"))["result"][0]["namespaces"] == [BROKEN]
        await called(client, "show_status")
        for tool, arguments in (
            ("diagnose", {"cluster": "prod"}),
            ("look", {"cluster": "prod", "line": "kubectl get pods"}),
            ("rate_answer", {"answer": "abcd", "is_right": True}),
        ):
            assert "role-refused" in await refused(client, tool, **arguments)

    with served(home) as url:
        over_http(url, token(home, "bot", "operator"), _finds_the_cause)
        over_http(url, token(home, "eye", "viewer"), only_looks)
        with httpx2.Client(trust_env=False) as nobody:
            for headers in ({}, {"Authorization": "Bearer nonsense"}):
                answer = nobody.post(url, json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, headers=headers)
                assert answer.status_code == 401
            elsewhere = {"Authorization": f"Bearer {token(home, 'dns', 'viewer')}", "Host": "evil.example"}
            assert nobody.post(url, json={}, headers=elsewhere).status_code in (403, 421)


def test_a_call_that_is_left_ends_its_look_and_keeps_what_it_saw(home: Path, tmp_path: Path) -> None:
    with stalling(tmp_path) as (kubeconfig, stalled, _):
        assert aoi(home, "clusters", "add", "stalled", "--replace", "--kubeconfig", str(kubeconfig)).returncode == 0

        async def leave(client: Client) -> None:
            with anyio.move_on_after(60) as scope:
                async with anyio.create_task_group() as group:

                    async def ask() -> None:
                        await client.call_tool("diagnose", {"cluster": "stalled"})

                    group.start_soon(ask)
                    assert await anyio.to_thread.run_sync(stalled.wait, 50)
                    group.cancel_scope.cancel()
            assert not scope.cancelled_caught
            for _ in range(200):
                listed = (await called(client, "list_answers"))["result"]
                if any(one["component"] == "web" for one in listed):
                    return
                await anyio.sleep(0.2)
            pytest.fail(json.dumps(listed)[:2000])

        on_stdio(home, leave)


def test_slow_looks_leave_the_other_tools_alone_and_end_with_the_call(home: Path, tmp_path: Path) -> None:
    with stalling(tmp_path) as (kubeconfig, _, _):
        assert aoi(home, "clusters", "add", "stalled", "--replace", "--kubeconfig", str(kubeconfig)).returncode == 0

        async def look(client: Client) -> None:
            told: list[str] = []

            async def ask() -> None:
                told.append(await refused(client, "look", cluster="stalled", line="kubectl get services"))

            with anyio.fail_after(60):
                async with anyio.create_task_group() as group:
                    for _ in range(MAX_LOOKS + 1):
                        group.start_soon(ask)
                    while not told:
                        await anyio.sleep(0.05)
                    with anyio.fail_after(5):
                        await called(client, "list_clusters")
                    group.cancel_scope.cancel()
            assert told[0].startswith("urn:aoi:error:queue-full: ")
            # A request takes 8 s at most here, and is sent three times unless whoever asked has left.
            with anyio.fail_after(15):
                while (await client.call_tool("look", {"cluster": "prod", "line": "kubectl get pods"})).is_error:
                    await anyio.sleep(0.2)

        on_stdio(home, look)


def test_a_defect_is_told_as_one_and_logged_without_secrets(own_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server = assistant_server(Desk(ServeSettings()))

    @server.tool()
    async def breaks() -> None:
        raise ValueError(f"password={SECRET}")

    async def use() -> str:
        async with Client(server) as client:
            return await refused(client, "breaks")

    assert anyio.run(use).startswith("urn:aoi:error:internal: ")
    logged = capsys.readouterr().err
    assert "ValueError" in logged
    assert SECRET not in logged


def test_ports_are_of_http_alone(tmp_path: Path) -> None:
    assert aoi(tmp_path, "mcp", "--port", "1").returncode == 2
