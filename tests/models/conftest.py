"""A small seed model and adapters on it: shared by all tests of models/."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from aoi.records.learning import TrainingExample
from models.seed.examples import DecisionExample
from tests.models.protocol_server import ProtocolServer
from tests.models.small import make_adapter, make_base, make_examples, make_lines


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def lines() -> list[DecisionExample]:
    return make_lines()


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("seed") / "base")


@pytest.fixture(scope="session")
def examples(base: Path, lines: list[DecisionExample]) -> list[TrainingExample]:
    return make_examples(base, lines)


@pytest.fixture(scope="session")
def adapter(base: Path, examples: list[TrainingExample], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_adapter(base, examples, tmp_path_factory.mktemp("adapter") / "observer", seed=1)


@pytest.fixture(scope="session")
def other_adapter(base: Path, examples: list[TrainingExample], tmp_path_factory: pytest.TempPathFactory) -> Path:
    # As far from the base as 16-bit floats can tell, of few examples too.
    return make_adapter(base, examples[:48], tmp_path_factory.mktemp("adapter") / "other", seed=2, epochs=9)


@pytest.fixture
def server(base: Path) -> Iterator[ProtocolServer]:
    with ProtocolServer(base) as running:
        yield running
