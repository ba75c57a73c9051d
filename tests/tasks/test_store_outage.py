"""A store that does not answer: commands end as what may work later, and whoever asks for a diagnosis gets it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aoi.errors import StoreUnavailable
from aoi.records.base import Ref, sha256_hex
from aoi.records.diagnosis import Diagnosis
from flows.exit_status import EX_TEMPFAIL
from tasks.answers import kept, newest
from tasks.bundles import base_folder, keep_base, unpack
from tasks.observations import stored, stored_traceback
from tasks.workspace import workspace
from tests.command import Ended
from tests.flows.conftest import typed
from tests.store import buckets

__all__ = ["typed"]

AWAY = buckets.OUTAGES["nobody listens"]
WEIGHTS = "a" * 64
DIAGNOSIS = Diagnosis(
    answer=None,
    evidence=(),
    ended="survey",
    trajectory=None,
    trajectory_ref=None,
    bundle=None,
    version=None,
    seconds=1.0,
    tokens=0,
    changed=(),
)


@pytest.fixture(autouse=True)
def _bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    buckets.empty()
    monkeypatch.setenv("AOI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AOI_STORE_URL", "bucket://b/store")
    workspace.cache_clear()
    yield
    workspace().database.close()
    workspace.cache_clear()


@pytest.fixture
def base(tmp_path: Path) -> Ref:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "config.json").write_text("{}")
    return workspace().store.put_folder("base", tmp_path / "base")


def test_an_answer_is_given_though_it_cannot_be_kept_and_that_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with buckets.failing(AWAY):
        given = kept(DIAGNOSIS)
    assert given == DIAGNOSIS
    assert given.kept_as is None
    assert "this answer is not kept: the store at bucket://b/store does not answer" in capsys.readouterr().err
    assert newest(5) == [], "what cannot be shown is not listed"
    assert kept(DIAGNOSIS).kept_as is not None


def test_what_an_answer_rests_on_has_the_same_name_whether_or_not_it_could_be_stored() -> None:
    with buckets.failing(AWAY):
        unstored = stored(b"seen"), stored_traceback(b"broke")
    assert unstored == (stored(b"seen"), stored_traceback(b"broke"))
    assert unstored[1] == sha256_hex(b"broke")


def test_what_this_machine_has_unpacked_needs_no_store(base: Ref) -> None:
    folder = keep_base(WEIGHTS, base)
    with buckets.failing(AWAY):
        assert unpack(base) == folder
        assert base_folder(WEIGHTS) == folder
    assert (folder / "config.json").read_text() == "{}"


def test_what_is_not_unpacked_yet_needs_the_store(base: Ref) -> None:
    folder = keep_base(WEIGHTS, base)
    folder.rename(folder.with_name("elsewhere"))
    with buckets.failing(AWAY), pytest.raises(StoreUnavailable):
        base_folder(WEIGHTS)
    assert base_folder(WEIGHTS) == folder


def test_a_note_of_where_a_base_lies_is_made_again_if_it_is_damaged(base: Ref) -> None:
    folder = keep_base(WEIGHTS, base)
    (workspace().cache_folder / "bases" / f"{WEIGHTS}.json").write_bytes(b"{")
    assert base_folder(WEIGHTS) == folder
    with buckets.failing(AWAY):
        assert base_folder(WEIGHTS) == folder


def test_a_base_that_is_stored_anew_takes_the_place_of_the_former(base: Ref, tmp_path: Path) -> None:
    former = keep_base(WEIGHTS, base)
    (tmp_path / "base" / "config.json").write_text('{"new": 1}')
    assert keep_base(WEIGHTS, workspace().store.put_folder("base", tmp_path / "base")) != former


@pytest.mark.parametrize("command", ["data show settings:0000", "answers show diagnosis:0000"])
def test_a_command_that_needs_the_store_says_in_one_line_that_it_may_work_later(
    command: str, typed: Callable[..., Ended]
) -> None:
    with buckets.failing(AWAY):
        ended = typed(*command.split())
    assert ended.status == EX_TEMPFAIL
    assert ended.err.count("\n") == 1
    assert "error: the store at bucket://b/store does not answer: Could not connect" in ended.err
