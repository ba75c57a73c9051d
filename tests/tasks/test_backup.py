"""A backup restored into an empty home at another place is whole, and nothing of it writes into the former one."""

import shlex
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from aoi.database.answers import AnswerBook
from aoi.errors import CorruptObject, Permanent
from aoi.promotion.ledger import Ledger
from aoi.promotion.verify import verify
from aoi.settings import Settings
from models.registry import Registry
from tasks.answers import kept
from tasks.backup import MANIFEST, back_up, restore
from tasks.workspace import workspace
from tests.command import Ended
from tests.docs import pages
from tests.flows.conftest import typed
from tests.promotion.test_verify import Loop
from tests.tasks.test_store_outage import DIAGNOSIS

__all__ = ["typed"]
pytestmark = pytest.mark.filterwarnings("default")  # MLflow warns about its own parts

LOG = """
import sys
from pathlib import Path
from aoi.settings import Settings
from models.registry import Registry
registry = Registry.of(Settings.load())
registry.log_file(1, Path(sys.argv[1]), "review")
print(registry.run(1))
"""


@pytest.fixture
def loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loop]:
    """A home with a small history, an answer, a page and a key."""
    home = tmp_path / "home"
    home.mkdir()
    made = Loop(home)
    use(home, monkeypatch)
    (home / "executor").mkdir()
    (home / "executor" / "key").write_text("secret")
    (home / "executor" / "key").chmod(0o600)
    (home / "cache").mkdir()
    (home / "cache" / "large").write_text("made again")
    kept(DIAGNOSIS)
    yield made
    workspace().database.close()
    workspace.cache_clear()


def use(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AOI_HOME", str(home))
    workspace.cache_clear()


def content(folder: Path) -> dict[str, bytes]:
    """Every file, but for the logs that SQLite makes beside a database to read it."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(("-wal", "-shm"))
    }


def test_a_restored_home_at_another_place_verifies_and_has_its_answers(
    loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = back_up(tmp_path / "backup")
    assert (made.damaged, made.elsewhere) == ((), ())
    use(tmp_path / "other" / "home", monkeypatch)
    assert restore(tmp_path / "backup") == made
    ws = workspace()
    assert [found for found in verify(ws.ledger, ws.store, loop.projection, everything=True) if not found.ok] == []
    assert [entry.digest() for entry in ws.ledger.entries()] == [entry.digest() for entry in loop.ledger.entries()]
    assert len(AnswerBook(ws.database).newest(5)) == 1
    other = tmp_path / "other" / "home"
    assert (other / "executor" / "key").read_text() == "secret"
    assert stat.S_IMODE((other / "executor" / "key").stat().st_mode) == 0o600
    assert stat.S_IMODE(other.stat().st_mode) == 0o700
    assert not (other / "cache" / "large").exists()


def test_a_backup_is_for_its_owner_alone_and_changes_nothing_of_the_home(loop: Loop, tmp_path: Path) -> None:
    before = content(loop.folder)
    back_up(tmp_path / "backup")
    assert content(loop.folder) == before
    assert stat.S_IMODE((tmp_path / "backup").stat().st_mode) == 0o700


def test_a_backup_while_somebody_writes_is_of_one_moment(loop: Loop, tmp_path: Path) -> None:
    with closing(sqlite3.connect(loop.folder / "aoi.db")) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM ledger")
        back_up(tmp_path / "backup")
        writer.rollback()
    with closing(sqlite3.connect(tmp_path / "backup" / "aoi.db")) as copy:
        assert copy.execute("SELECT count(*) FROM ledger").fetchone()[0] == len(loop.ledger.entries())


def test_an_object_that_is_damaged_already_is_named_and_the_rest_is_copied(loop: Loop, tmp_path: Path) -> None:
    loop.object("settings", loop.settings.sha256).write_bytes(b"?")
    (told,) = back_up(tmp_path / "backup").damaged
    assert told.startswith(f"{loop.settings.short}: expected digest")


@pytest.mark.parametrize("place", ["backup", "home/backup"])
def test_nothing_is_overwritten_and_no_backup_lies_in_its_home(loop: Loop, tmp_path: Path, place: str) -> None:
    (tmp_path / "backup").mkdir()
    (tmp_path / "backup" / "mine").write_text("x")
    with pytest.raises(Permanent, match=r"is not empty|lies inside the home"):
        back_up(tmp_path / place)
    assert [path.name for path in (tmp_path / "backup").iterdir()] == ["mine"]
    assert loop.folder.is_dir()


def test_no_home_that_holds_anything_is_restored_into(loop: Loop, tmp_path: Path) -> None:
    back_up(tmp_path / "backup")
    before = content(loop.folder)
    with pytest.raises(Permanent, match="is not empty, and nothing of it is overwritten"):
        restore(tmp_path / "backup")
    assert content(loop.folder) == before


@pytest.mark.parametrize("damage", ["no manifest", "database", "object", "lost object"])
def test_what_is_no_whole_backup_is_refused_and_leaves_no_home(
    loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    backup = tmp_path / "backup"
    back_up(backup)
    data = backup / "store" / "objects" / "examples" / loop.data.sha256[:2] / loop.data.sha256
    if damage == "no manifest":
        (backup / MANIFEST).unlink()
    elif damage == "lost object":
        data.unlink()
    else:
        with (backup / "aoi.db" if damage == "database" else data).open("r+b") as file:
            file.write(b"?")
    use(tmp_path / "other", monkeypatch)
    with pytest.raises((Permanent, CorruptObject), match=r"Make one|Take another backup"):
        restore(backup)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup", "home"]
    use(loop.folder, monkeypatch)


def test_the_lines_of_the_page_back_up_and_restore(
    loop: Loop, tmp_path: Path, typed: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = [line.text for line in pages.shell_lines() if line.page == "docs/operations.md"]
    first = next(number for number, line in enumerate(said) if line.startswith("aoi backup"))
    lines = said[first : first + 4]
    assert [line.split()[:2] for line in lines] == [
        ["aoi", "backup"],
        ["export", "AOI_HOME=/somewhere/else/.aoi"],
        ["aoi", "restore"],
        ["aoi", "verify"],
    ]
    for line in lines[:3]:  # MLflow was never used here, so that `aoi verify` would miss its versions
        words = shlex.split(line.replace("/backup/", f"{tmp_path}/").replace("/somewhere/", f"{tmp_path}/"))
        if words[0] == "export":
            use(Path(words[1].partition("=")[2]), monkeypatch)
        else:
            assert typed(*words[1:]).status == 0
    ws = workspace()
    assert ws.settings.home == tmp_path / "else" / ".aoi"
    assert isinstance(ws.ledger, Ledger)
    assert all(found.ok for found in verify(ws.ledger, ws.store, loop.projection, everything=True))


def test_a_home_that_was_copied_writes_nothing_into_the_former_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    former, copied, page = tmp_path / "former", tmp_path / "copied", tmp_path / "page.html"
    page.write_text("a page")
    former.mkdir()
    use(former, monkeypatch)
    # In a process of its own, as commands are: MLflow remembers where a run's artifacts lie for as long as one lasts.
    made = subprocess.run([sys.executable, "-c", LOG, str(page)], capture_output=True, text=True, check=True)
    run = made.stdout.split()[-1]
    back_up(tmp_path / "backup")
    workspace().database.close()
    use(copied, monkeypatch)
    restore(tmp_path / "backup")
    before = content(former)
    registry = Registry.of(Settings.load())
    assert registry.run(1) == run
    page.write_text("another page")
    registry.log_file(1, page, "review")
    registry.log_file(2, page, "review")
    assert content(former) == before
    assert len(list((copied / "mlartifacts").rglob("page.html"))) == 2
    with closing(sqlite3.connect(copied / "mlflow.db")) as database:
        assert str(former) not in "".join(database.iterdump()).replace(str(copied), "")
    workspace.cache_clear()
