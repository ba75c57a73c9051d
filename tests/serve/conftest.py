"""vLLM's CPU build, serving a base of ours: started once for all tests that ask it."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from aoi.language.profile import SEED_PROFILE
from models import bundle
from models.bundle import Bundle, Lineage, Parts
from models.policies.server import ADAPTERS, ModelServer, ServerSettings
from scripts.serve_cpu import command, environment
from tests.models.small import make_adapter, make_base, make_examples, make_lines

VLLM = os.environ.get("TEST_VLLM_PYTHON", "")
START_S = 400
LINEAGE = Lineage(name="test", code_revision="r1", code_sha256="1" * 64, settings="2" * 64)


@pytest.fixture(scope="session")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle with an adapter for each of two roles."""
    root = tmp_path_factory.mktemp("vllm")
    base = make_base(root / "base")
    examples = make_examples(base, make_lines())
    one = make_adapter(base, examples, root / "one", seed=1)
    other = make_adapter(base, examples[:48], root / "other", seed=2)
    bundle.write(root / "bundle", Parts(base, SEED_PROFILE, one, other), LINEAGE)
    return bundle.load(root / "bundle", base)


@pytest.fixture(scope="session")
def url(opened: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(opened.base, tmp_path_factory.mktemp("log") / "vllm.log") as url:
        yield url


@contextmanager
def serving(base: Path, log: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with log.open("wb") as out:
        started = command(Path(VLLM), base, port, rank=16)
        process = subprocess.Popen(started, env=environment(), stdout=out, stderr=out)
    try:
        _wait_until_healthy(process, f"http://127.0.0.1:{port}", log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def _wait_until_healthy(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    for _ in range(START_S):
        assert process.poll() is None, log.read_text()[-3000:]
        try:
            if httpx.get(f"{url}/health", trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(1)
    raise AssertionError(log.read_text()[-3000:])


@pytest.fixture
def client(url: str) -> Iterator[ModelServer]:
    """Of a server that has no adapter loaded yet."""
    with ModelServer(ServerSettings(url, timeout_s=60, budget_s=240, concurrency=8)) as client:
        for name in client.names():
            if name.startswith(ADAPTERS):
                client.unload(name)
        yield client
