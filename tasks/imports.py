"""Import sessions that AIOpsLab recorded: one set of trajectories for each, named by its digest."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from aoi import progress
from aoi.interop.aiopslab.sessions import ARM, Imported, read_sessions
from aoi.records.base import Ref, sha256_hex
from aoi.records.imported import ImportReport, Unmapped
from aoi.store.objects import ObjectStore
from aoi.store.shards import SHARD_KIND, put_rows, put_trajectories
from tasks.observations import OBSERVATION
from tasks.workspace import workspace

QUARANTINE = "quarantine"
SUFFIXES = (".json", ".jsonl")


def import_aiopslab(paths: Sequence[Path]) -> ImportReport:
    """Import every session of the files, and of the files in the folders. Again, it changes nothing.

    Raises: StoreNotWritable.
    """
    store = workspace().store
    files = list(dict.fromkeys(_files(paths)))
    sets: list[str] = []
    unmapped: list[Unmapped] = []
    known = 0
    progress.stage("import")
    for done, file in enumerate(files):
        progress.advance(done, len(files), file.name)
        for found in read_sessions(file):
            if isinstance(found, Unmapped):
                unmapped.append(found)
                continue
            known += _is_known(store, found)
            sets.append(_put(store, found))
    progress.advance(len(files), len(files))
    return ImportReport(
        files=len(files),
        sessions=len(sets) + len(unmapped),
        imported=len(sets),
        known=known,
        quarantined=len(unmapped),
        sets=tuple(sets),
        unmapped=tuple(unmapped),
        quarantine=put_rows(store, QUARANTINE, unmapped).sha256 if unmapped else None,
    )


def _files(paths: Iterable[Path]) -> Iterable[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES and file.is_file())
        else:
            yield path


def _is_known(store: ObjectStore, found: Imported) -> bool:
    line = found.trajectory.to_bytes() + b"\n"
    return store.has(Ref(kind=SHARD_KIND, sha256=sha256_hex(line), size_bytes=len(line)))


def _put(store: ObjectStore, found: Imported) -> str:
    """Observations first: a trajectory that is found is whole."""
    for data in found.observations.values():
        store.put(OBSERVATION, data)
    return put_trajectories(store, ARM, [found.trajectory]).short
