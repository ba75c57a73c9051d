"""A champion is proven where it will answer, before anything is entered."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from aoi.errors import IdentityMismatch, ServerUnavailable
from models.policies.server import adapter_name
from tasks.bundles import base_of, champion_ref
from tasks.promote import enter, roll_back, serve_champion
from tasks.workspace import workspace
from tests.models.protocol_server import ProtocolServer
from tests.tasks.requested import Home, present

pytestmark = pytest.mark.filterwarnings("default")  # MLflow warns about its own parts


def kinds() -> list[str]:
    return [entry.kind for entry in workspace().ledger.entries()]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Made once: MLflow's tables alone take seconds. Every test works on a copy."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AOI_HOME", str(folder / "home"))
        workspace.cache_clear()
        yield Home(folder)
        workspace.cache_clear()


@pytest.fixture
def home(made: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    shutil.copytree(made.folder / "home", tmp_path / "home")
    monkeypatch.setenv("AOI_HOME", str(tmp_path / "home"))
    workspace.cache_clear()
    yield made
    workspace().database.close()
    workspace.cache_clear()


def use(server: ProtocolServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on this installation serves from `server`."""
    workspace().database.close()
    monkeypatch.setenv("AOI_SERVER__URL", server.url)
    workspace.cache_clear()


def test_a_challenger_that_is_answered_by_another_adapter_changes_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ProtocolServer(base_of(champion_ref(home.first))) as server:
        use(server, monkeypatch)
        before = kinds()
        server.swapped = home.other
        with pytest.raises(IdentityMismatch) as error:
            enter(home.request, home.approval())
        assert home.first.bundle[:12] in str(error.value)
        assert "aoi review" in str(error.value)
        assert kinds() == before
        assert present() == home.first


def test_a_server_that_is_gone_changes_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with ProtocolServer(base_of(champion_ref(home.first))) as server:
        use(server, monkeypatch)
        before = kinds()
        with server.misbehaving(broken=True), pytest.raises(ServerUnavailable):
            enter(home.request, home.approval())
        assert kinds() == before


def test_a_promoted_champion_is_the_one_that_the_server_was_proven_to_answer_with(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ProtocolServer(base_of(champion_ref(home.first))) as server:
        use(server, monkeypatch)
        approval = home.approval()
        champion = enter(home.request, approval)
        assert champion is not None
        assert champion.bundle == home.manifest.digest()
        assert home.manifest.adapter is not None
        served = adapter_name(home.manifest.adapter)
        assert served in server.policies
        assert {body["model"] for body in server.bodies} == {served}
        # Killed after the swap and run again: proven anew, promoted once.
        server.bodies.clear()
        assert enter(home.request, approval) == champion
        assert {body["model"] for body in server.bodies} == {served}
        assert kinds().count("promoted") == 2
        # The former champion is a bare base: it is the base's name that answers now.
        server.bodies.clear()
        assert roll_back(None, "it was worse").bundle == home.first.bundle
        assert {body["model"] for body in server.bodies} == {"base"}


def test_a_rejection_needs_no_server(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with ProtocolServer(base_of(champion_ref(home.first))) as server:
        use(server, monkeypatch)
        with server.misbehaving(broken=True):
            assert enter(home.request, home.approval("reject")) is None
        assert not server.bodies
        assert kinds()[-1] == "rejected"


def test_a_champion_that_is_not_what_answers_is_told_with_what_to_do(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(home.request, home.approval())
    with ProtocolServer(base_of(champion_ref(home.first))) as server:
        use(server, monkeypatch)
        server.swapped = home.other
        with pytest.raises(IdentityMismatch, match=r"version 2 as champion all the same.*aoi rollback"):
            serve_champion()
        assert present().bundle == home.manifest.digest()
