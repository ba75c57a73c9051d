"""Find a secret in everything that AOI keeps, and take it out: store, database, and the other files of its home."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from aoi import progress
from aoi.access.redaction import MARK
from aoi.database import purging as databases
from aoi.errors import AoiError
from aoi.needle import Needle
from aoi.records.base import Record
from aoi.store.files import replace_file
from aoi.store.purging import holding, purge
from tasks.workspace import Workspace, actor, workspace

_MARK = MARK.encode()
_COMPRESSED = (b"\x1f\x8b", b"PK\x03\x04", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ")
"""How files of gzip, zip, zstandard, bzip2 and xz begin."""
_TEXT_BYTES = 64 * 1024 * 1024
"""Longest file that is read, and rewritten if it is text."""


class Trace(Record):
    """One place where the secret stands, or stood."""

    place: str
    what: Literal[
        "object",
        "citing object",
        "feedback",
        "answer",
        "cluster",
        "submission",
        "action",
        "ledger",
        "table",
        "text file",
        "other file",
    ]
    count: int
    outcome: Literal["found", "removed", "kept"]
    """`kept`: it stands there still; `note` says why."""
    note: str = ""


class Purge(Record):
    """What a search came to. It never holds the secret."""

    traces: tuple[Trace, ...]
    not_searched: tuple[str, ...]
    """What lies elsewhere, or could not be read."""

    @property
    def is_clean(self) -> bool:
        """Whether nothing is left where anybody looked."""
        return all(trace.outcome == "removed" for trace in self.traces)


def purge_secret(secret: str, *, is_removed: bool) -> Purge:
    """Search for a secret of one line; with `is_removed` also take it out. Raises: Permanent, StoreNotWritable."""
    needle = Needle(secret)
    ws = workspace()
    unread: list[str] = []
    traces = [
        *_in_store(ws, needle, is_removed),
        *_in_database(ws, needle, is_removed),
        *_in_files(ws, needle, is_removed, unread),
    ]
    return Purge(traces=tuple(traces), not_searched=(*unread, *_elsewhere(ws)))


def _in_store(ws: Workspace, needle: Needle, is_removed: bool) -> Iterator[Trace]:
    progress.stage("store")
    at = datetime.now(UTC).isoformat(timespec="seconds")
    for held in reversed(list(holding(ws.store, needle))):
        if is_removed:
            purge(ws.store, held, at=at, by=actor())
        yield Trace(
            place=held.ref.short,
            what="citing object" if held.is_citing else "object",
            count=1,
            outcome="removed" if is_removed else "found",
            note="it cites what holds it" if held.is_citing else "",
        )


def _in_database(ws: Workspace, needle: Needle, is_removed: bool) -> Iterator[Trace]:
    progress.stage("database")
    if words := databases.feedback(ws.database, needle, is_removed=is_removed):
        yield Trace(place="feedback", what="feedback", count=words, outcome="removed" if is_removed else "found")
    if listed := databases.answers(ws.database, needle, is_removed=is_removed):
        yield Trace(place="answers", what="answer", count=listed, outcome="removed" if is_removed else "found")
    if places := databases.clusters(ws.database, needle, is_removed=is_removed):
        yield Trace(place="clusters", what="cluster", count=places, outcome="removed" if is_removed else "found")
    if asked := databases.submissions(ws.database, needle, is_removed=is_removed):
        yield Trace(place="submissions", what="submission", count=asked, outcome="removed" if is_removed else "found")
    if proposed := databases.actions(ws.database, needle, is_removed=is_removed):
        yield Trace(place="actions", what="action", count=proposed, outcome="removed" if is_removed else "found")
    if entries := databases.ledger_entries(ws.database, needle):
        note = f"entries {', '.join(map(str, entries[:5]))}: the ledger is chained and keeps them. Change the secret"
        yield Trace(place="ledger", what="ledger", count=len(entries), outcome="kept", note=note)


def _in_files(ws: Workspace, needle: Needle, is_removed: bool, unread: list[str]) -> Iterator[Trace]:
    """Logs, databases of other programs, artifacts, caches; the store's own objects were searched before."""
    progress.stage("files")
    home = ws.settings.home.resolve()
    skipped = tuple(place / "objects" for place in _store_folder(ws))
    own = Path(urlsplit(ws.settings.database_url).path).name if ws.settings.database_url.startswith("sqlite") else ""
    files = [path for path in sorted(home.rglob("*")) if path.is_file() and not path.is_symlink()]
    for place, path in enumerate(files):
        progress.advance(place, len(files))
        if any(path.is_relative_to(folder) for folder in skipped) or path.name in (own, f"{own}-wal", f"{own}-shm"):
            continue
        shown = needle.without(str(path).encode("utf-8", "surrogateescape"), _MARK).decode("utf-8", "replace")
        if needle.is_in(path.name.encode("utf-8", "surrogateescape")):
            yield Trace(place=shown, what="other file", count=1, outcome="kept", note="its name holds it: rename it")
        try:
            trace = _in_file(path, needle, is_removed)
        except (OSError, AoiError) as error:
            unread.append(f"{shown}: {error}".replace(str(path), shown))
            continue
        if trace is not None:
            yield trace.model_copy(update={"place": shown})


def _in_file(path: Path, needle: Needle, is_removed: bool) -> Trace | None:
    if path.stat().st_size > _TEXT_BYTES:
        raise AoiError(f"more than {_TEXT_BYTES} bytes, not read")
    data = path.read_bytes()
    if data.startswith(databases.SQLITE):
        count = databases.in_file(path, needle, _MARK, is_removed=is_removed)
        outcome: Literal["removed", "found"] = "removed" if is_removed else "found"
        return Trace(place=str(path), what="table", count=count, outcome=outcome) if count else None
    if data.startswith(_COMPRESSED):
        raise AoiError("it is compressed, not read")
    if not needle.is_in(data):
        return None
    if b"\0" in data:
        note = "it is no text: delete it, or what made it"
        return Trace(place=str(path), what="other file", count=1, outcome="kept", note=note)
    if is_removed:
        replace_file(path, needle.without(data, _MARK))
    return Trace(place=str(path), what="text file", count=1, outcome="removed" if is_removed else "found")


def _store_folder(ws: Workspace) -> list[Path]:
    url = urlsplit(ws.settings.store_url)
    return [Path(url.path)] if url.scheme in ("", "file") else []


def _elsewhere(ws: Workspace) -> Iterator[str]:
    """What this machine's files do not hold."""
    if not _store_folder(ws):
        yield f"earlier versions of objects in {ws.settings.store_url}, if the bucket keeps them"
    if not ws.settings.mlflow_uri.startswith("sqlite"):
        yield f"the MLflow server at {ws.settings.mlflow_uri}"
    if ws.settings.server.url:
        yield f"logs of the model server at {ws.settings.server.url}"
    yield "backups, terminals' histories and recordings outside of this home"
