"""A home copied into a folder while others use it, and put back into an empty home, wherever that lies.

What belongs together is copied in this order: the ledger's anchor, which may lag behind the ledger; the database; the
objects, each of which was stored before an entry named it. Both ways a draft gets its name last of all: there is no
half of a backup, and no half of a restored home.
"""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from aoi import progress
from aoi.database.answers import AnswerBook
from aoi.errors import CorruptObject, Permanent
from aoi.promotion.ledger import ANCHOR
from aoi.records.base import Record, Ref, Sha256
from aoi.settings import Settings
from aoi.store.copying import copy_sqlite, file_digest
from aoi.store.files import PART_BYTES, not_writable, replace_file, writing_to
from aoi.store.objects import ObjectStore
from aoi.store.retention import unreachable
from aoi.store.trees import draft_of
from tasks.retention import roots
from tasks.workspace import keep_private, workspace

MANIFEST = "backup.json"
FILES, STORE = "home", "store"
MADE_AGAIN = frozenset({"cache", "prefect"})
"""Folders of a home that are not copied: whatever lies there is made again."""
SQLITE = "sqlite:///"


class Backup(Record):
    """What a folder of a backup holds; written last of all."""

    at: str
    """RFC 3339."""
    home: str
    """Where it was."""
    databases: dict[str, Sha256]
    """Files that SQLite copied, and their digests; a database on a server is not among them."""
    objects: int
    elsewhere: tuple[str, ...]
    """What is kept on other servers, and has to be backed up there."""
    damaged: tuple[str, ...]
    """Objects that could not be copied, and why: the home that was copied is not whole."""
    variables: tuple[str, ...]
    """Names of the settings that were given by the environment. Their values are not copied: some are secrets."""


def back_up(folder: Path) -> Backup:
    """Copy this home. Raises: Permanent if something lies there; StoreNotReadable, StoreNotWritable."""
    ws = workspace()
    target, home = folder.resolve(), ws.settings.home.resolve()
    _refuse_unless_empty(target, "A backup is made in a folder of its own")
    if target.is_relative_to(home):
        raise Permanent(f"{target} lies inside the home {home}, and would be lost with it. Name a folder elsewhere")
    with draft_of(target) as draft, writing_to(draft):
        store = ObjectStore(str(draft / STORE))
        for mark in ws.store.marks():
            if (mark.group, mark.name) == ANCHOR:
                store.take_over(mark)
        databases = {path.name: copy_sqlite(path, draft / path.name) for path in _databases(ws.settings)}
        for mark in ws.store.marks():
            if (mark.group, mark.name) != ANCHOR:
                store.take_over(mark)
        objects, damaged = _copy_objects(ws.store, store, list(_needed()))
        for path in _files(home, ws.settings):
            _copy_file(path, draft / FILES / path.relative_to(home))
        made = Backup(
            at=datetime.now(UTC).isoformat(),
            home=str(home),
            databases=databases,
            objects=objects,
            elsewhere=_elsewhere(ws.settings),
            damaged=damaged,
            variables=tuple(sorted(name for name in os.environ if name.startswith("AOI_"))),
        )
        replace_file(draft / MANIFEST, made.to_bytes())
        os.replace(draft, target)
    return made


def restore(folder: Path) -> Backup:
    """Put a backup back into the home of the settings, which has to be empty.

    Raises: Permanent if it is not, or for what is no whole backup; CorruptObject for one that was altered.
    """
    keep_private()
    settings, source = Settings.load(), folder.resolve()
    home = settings.home.resolve()
    kept = _manifest(source)
    _refuse_unless_empty(home, "A backup is restored into an empty home: set AOI_HOME")
    if missing := set(kept.databases) - {path.name for path in _places(settings)}:
        raise Permanent(
            f"the backup holds {', '.join(sorted(missing))}, and the settings name another place. Unset "
            "AOI_DATABASE_URL and AOI_MLFLOW_URI, or name files of those names in the home"
        )
    is_inside = settings.store_url == f"file://{home / STORE}"
    with draft_of(home) as draft, writing_to(draft):
        store = ObjectStore(str(draft / STORE) if is_inside else settings.store_url)
        if next(iter(store), None) is not None:
            raise Permanent(f"{settings.store_url} holds objects already. Set AOI_STORE_URL to an empty place")
        for path in sorted(path for path in (source / FILES).rglob("*") if path.is_file()):
            _copy_file(path, draft / path.relative_to(source / FILES))
        for name, digest in kept.databases.items():
            _copy_file(source / name, draft / name)
            if file_digest(draft / name) != digest:
                raise CorruptObject(f"{source / name} is not the file that {MANIFEST} names. Take another backup")
        copied = ObjectStore(str(source / STORE))
        objects, damaged = _copy_objects(copied, store, list(copied))
        if damaged or objects != kept.objects:
            raise CorruptObject(
                f"{source} holds {objects} whole objects, expected {kept.objects}. Take another backup"
                + (f"; the first that is damaged: {damaged[0]}" if damaged else "")
            )
        for mark in copied.marks():
            store.take_over(mark)
        os.replace(draft, home)
    return kept


def _manifest(source: Path) -> Backup:
    try:
        return Backup.from_bytes((source / MANIFEST).read_bytes())
    except FileNotFoundError:
        raise Permanent(f"{source} is no whole backup: it has no {MANIFEST}. Make one: aoi backup DIR") from None
    except (OSError, ValidationError) as error:
        raise Permanent(f"{source / MANIFEST} cannot be read: {type(error).__name__}. Take another backup") from None


def _refuse_unless_empty(folder: Path, then: str) -> None:
    try:
        is_empty = not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
    except OSError as error:
        raise not_writable(folder, error) from error
    if not is_empty:
        raise Permanent(f"{folder} is not empty, and nothing of it is overwritten. {then}")


def _needed() -> Iterator[Ref]:
    """Objects that the ledger, a kept answer or a mark leads to; all of them while a cycle is open."""
    ws = workspace()
    opened = ws.ledger.entries(kind="cycle_opened")
    is_open = bool(opened) and ws.ledger.is_open(opened[-1].cycle)
    before = datetime.min.replace(tzinfo=UTC) if is_open else datetime.now(UTC)
    left = set(unreachable(ws.store, roots(ws, AnswerBook(ws.database), set()), before))
    return (ref for ref in ws.store if ref not in left)


def _copy_objects(source: ObjectStore, target: ObjectStore, refs: list[Ref]) -> tuple[int, tuple[str, ...]]:
    """How many were copied, each compared with its digest, and which could not be read."""
    progress.stage("objects")
    damaged = []
    for place, ref in enumerate(refs):
        progress.advance(place, len(refs))
        try:
            with source.opened(ref) as file:
                target.put_stream(ref.kind, iter(lambda: file.read(PART_BYTES), b""))
        except CorruptObject as error:
            damaged.append(str(error))
    return len(refs) - len(damaged), tuple(damaged)


def _places(settings: Settings) -> Iterator[Path]:
    """Files of SQLite, whether they are there or not."""
    for url in (settings.database_url, settings.mlflow_uri):
        if url.startswith(SQLITE):
            yield Path(url.removeprefix(SQLITE)).resolve()


def _databases(settings: Settings) -> list[Path]:
    return [path for path in _places(settings) if path.exists()]


def _elsewhere(settings: Settings) -> tuple[str, ...]:
    told = []
    if not settings.database_url.startswith(SQLITE):
        told.append("the database, before anything else: pg_dump of AOI_DATABASE_URL")
    if not settings.mlflow_uri.startswith(SQLITE):
        told.append("the registry: the backup of the MLflow server at AOI_MLFLOW_URI")
    return tuple(told)


def _files(home: Path, settings: Settings) -> Iterator[Path]:
    """Plain files of a home that are neither copied otherwise nor made again."""
    own = {f"{path}{end}" for path in _places(settings) for end in ("", "-wal", "-shm", ".lock")}
    skipped = [home / name for name in (*MADE_AGAIN, STORE)]
    if settings.store_url.startswith("file://"):
        skipped.append(Path(settings.store_url.removeprefix("file://")).resolve())
    for path in sorted(home.rglob("*")):
        is_own = str(path) in own or any(path.is_relative_to(folder) for folder in skipped)
        if path.is_file() and not path.is_symlink() and not is_own:
            yield path


def _copy_file(source: Path, target: Path) -> None:
    """With its mode: what was for its owner alone stays so."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)
