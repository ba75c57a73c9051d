"""A served cluster, and commands as their user types them, in this process."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flows import cli
from tasks.workspace import workspace
from tests.command import Ended
from tests.flows.live_cluster import LiveCluster, live_cluster


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCluster]:
    with live_cluster(tmp_path_factory.mktemp("cluster")) as served:
        yield served


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home for this test alone, on a machine that points at no cluster."""
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AOI_HOME", str(tmp_path / "home"))
    workspace.cache_clear()
    yield tmp_path / "home"
    workspace().database.close()
    workspace.cache_clear()


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Words behind `aoi` -> status, stdout and stderr."""

    def run(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["aoi", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        shown = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Ended(ended.value.code, shown.out, shown.err)

    return run
