"""A champion is proven where it will answer, before anything is entered."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from aoi.errors import ApprovalRefused, GateRefused, IdentityMismatch, ServerUnavailable
from flows.approval import PromotionForm, read_form
from models.policies.server import adapter_name
from tasks.bundles import base_of, champion_ref
from tasks.promote import enter, roll_back, serve_champion
from tasks.status import open_requests
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


def test_nobody_approves_what_is_frozen_and_the_request_stays_open(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace().database.close()
    monkeypatch.setenv("AOI_GATE__FREEZE", "true")
    workspace.cache_clear()
    before = kinds()
    with pytest.raises(GateRefused, match="AOI_GATE__FREEZE"):
        enter(home.request, home.approval())
    assert kinds() == before
    assert [each.request for each in open_requests()] == [home.request]


def test_an_approval_whose_run_was_killed_before_the_champion_moved_is_given_again(home: Home) -> None:
    workspace().ledger.decide(home.request, home.approval())
    (opened,) = open_requests()
    assert enter(opened.request, home.approval()).bundle == home.request.challenger
    assert open_requests() == ()


def test_what_was_promoted_is_rejected_by_nobody(home: Home) -> None:
    enter(home.request, home.approval())
    with pytest.raises(ApprovalRefused, match="aoi rollback"):
        enter(home.request, home.approval("reject"))


@pytest.mark.parametrize(
    "fields",
    [
        {"decision": "keep open"},
        {"approver": " \t"},
        {"approver": "\u200b"},
        {"approver": "bob\nApproved by: ada"},
        {"approver": "a" * 200},
        {"request": "f" * 64},
        {"request": ""},
    ],
)
def test_a_form_that_does_not_say_who_decides_what_decides_nothing(home: Home, fields: dict[str, str]) -> None:
    whole = {"decision": "approve", "approver": "ada", "request": home.request.digest()}
    assert read_form(PromotionForm(**whole), home.request).approver == "ada (by form)"
    assert read_form(PromotionForm(**whole | fields), home.request) is None
    assert read_form(None, home.request) is None


def test_a_form_does_not_overrule_what_was_decided_meanwhile(home: Home) -> None:
    filled = PromotionForm(decision="approve", approver="ada", request=home.request.digest())
    enter(home.request, home.approval("reject"))
    assert read_form(filled, home.request) is None
