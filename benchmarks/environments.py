"""Episodes a minute of problems for other people's agents: in the process, through OpenEnv's client, in verifiers.

    python -m benchmarks.environments --episodes 1000

An episode is a reset, three looks and a submission, over AIOpsLab's problems, each in the worlds of many seeds. OpenEnv
and verifiers are measured where they are installed (.venv-openenv/bin/python, .venv-verifiers/bin/python); the model is
a script, so what is measured is the environment. Every way must bring the same rewards. CPU and memory are those of
this process and of the servers that it starts; memory is read from /proc and told on Linux alone.
"""

import argparse
import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from aoi.interop.environments import Environment
from aoi.interop.environments.sets import problem_ids

Episode = tuple[str, int]
LOOKS: Sequence[tuple[str, dict[str, Any]]] = (
    ("kubectl", {"command": "kubectl get pods"}),
    ("metrics", {"query": "sum(rate(http_requests_total[1m])) by (service)"}),
    ("traces", {}),
)
ANSWER = ("submit", {"verdict": "fault"})
SESSIONS = 16
"""At once, of a client."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=1000)
    count = parser.parse_args().episodes
    ids = problem_ids("aiopslab")
    episodes = [(ids[number % len(ids)], number // len(ids)) for number in range(count)]
    expected = _measured("in the process", episodes, _in_process)
    if find_spec("openenv"):
        for workers in (1, 2):
            got = _measured(f"OpenEnv, {workers} process(es)", episodes, lambda e, w=workers: _openenv(e, w))
            assert got == expected, "rewards differ from those in the process"
    if find_spec("verifiers"):
        assert _measured("verifiers", episodes, _verifiers) == expected, "rewards differ from those in the process"


def _measured(name: str, episodes: Sequence[Episode], play: Any) -> list[float]:
    began, cpu = time.perf_counter(), _cpu_s()
    memory = Memory()
    memory.start()
    rewards = play(episodes)
    memory.end()
    wall_s, cpu_s = time.perf_counter() - began, _cpu_s() - cpu
    print(
        f"{name}: {len(episodes)} episodes in {wall_s:.0f} s, {60 * len(episodes) / wall_s:.0f} a minute, "
        f"{cpu_s:.0f} s CPU, {len(episodes) / cpu_s:.1f} a CPU second, {sum(rewards):.0f} rewarded; {memory}; "
        f"load {os.getloadavg()[1]:.1f}",
        flush=True,
    )
    return rewards


def _cpu_s() -> float:
    """Of this process and of the children that it has waited for, with theirs."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


class Memory(threading.Thread):
    """Resident memory of this process and of all below it, looked at every second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._mib: list[float] = []
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(1.0):
            self._mib.append(sum(_resident_mib(pid) for pid in _family(os.getpid())))

    def end(self) -> None:
        self._ended.set()
        self.join()

    def __str__(self) -> str:
        if not any(self._mib):
            return "memory not read"
        quarter, half = self._mib[len(self._mib) // 4], self._mib[len(self._mib) // 2]
        return f"memory {quarter:.0f} MiB after a quarter, {half:.0f} after half, at most {max(self._mib):.0f}"


def _family(pid: int) -> Iterator[int]:
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            below = children.read_text().split()
        except OSError:  # it has just ended
            continue
        for child in below:
            yield from _family(int(child))


def _resident_mib(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * resource.getpagesize() / 2**20


def _in_process(episodes: Sequence[Episode]) -> list[float]:
    environment, rewards = Environment(), []
    for problem, seed in episodes:
        environment.reset(problem, seed)
        for tool, arguments in LOOKS:
            environment.call(tool, arguments)
        rewards.append(float(environment.call(*ANSWER).reward or 0.0))
    return rewards


def _openenv(episodes: Sequence[Episode], workers: int) -> list[float]:
    serve = "from flows.cli import main; main()"
    options = ["env", "serve", "--port", "0", "--workers", str(workers), "--json"]
    with subprocess.Popen([sys.executable, "-c", serve, *options], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        lines = [""]
        while lines[-1] != "}\n":
            lines.append(server.stdout.readline())
        try:
            return asyncio.run(_clients(json.loads("".join(lines))["url"], episodes))
        finally:
            server.send_signal(signal.SIGINT)
            server.wait()


async def _clients(url: str, episodes: Sequence[Episode]) -> list[float]:
    from openenv import GenericEnvClient

    rewards = [0.0] * len(episodes)
    waiting = list(enumerate(episodes))[::-1]

    async def play() -> None:
        async with GenericEnvClient(base_url=url, message_timeout_s=600) as client:
            while waiting:
                place, (problem, seed) = waiting.pop()
                await client.reset(problem=problem, seed=seed)
                for tool, arguments in LOOKS:
                    await client.step({"tool": tool, "arguments": arguments})
                result = await client.step({"tool": ANSWER[0], "arguments": ANSWER[1]})
                rewards[place] = float(result.reward or 0.0)

    await asyncio.gather(*(play() for _ in range(SESSIONS)))
    return rewards


def _verifiers(episodes: Sequence[Episode]) -> list[float]:
    import verifiers as vf

    from tests.environments.chat import serving

    def script(messages: Sequence[dict[str, Any]]) -> tuple[str, dict[str, Any]]:
        said = sum(message["role"] == "tool" for message in messages)
        return LOOKS[said] if said < len(LOOKS) else ANSWER

    os.environ["AOI_SCRIPTED_KEY"] = "none"
    seeds = 1 + max(seed for _, seed in episodes)
    environment = vf.load_environment("aoi.interop.environments.verifiers", set="aiopslab", seeds=seeds)
    with serving(script) as url:
        client = vf.ClientConfig(api_base_url=url, api_key_var="AOI_SCRIPTED_KEY")
        outputs = environment.evaluate_sync(
            client=client, model="scripted", num_examples=len(episodes), max_concurrent=SESSIONS
        )["outputs"]
    found = {(output["info"]["problem"], output["info"]["seed"]): output["reward"] for output in outputs}
    return [float(found[episode]) for episode in episodes]


if __name__ == "__main__":
    main()
