"""The journal is on disk before anything changes, survives a crash, and keeps what earlier versions wrote."""

import os
import resource
from pathlib import Path
from typing import Any

import orjson
import pytest

from aoi.agents.approval import HumanApprover
from aoi.agents.executor import Executor
from aoi.agents.journal import Journal, JournalEntry
from aoi.errors import CorruptObject, StoreNotWritable
from aoi.problems.sandbox import sandbox_executor
from tests.agents.actions.misbehaving import Misbehaving


def entry(index: int, **fields: Any) -> JournalEntry:
    values = {"action": "scale user 4", "summary": "scale", "state": "intended", "at": "2026-01-05T12:00:00+00:00"}
    known = {"approver": "ana", "proposal": "0" * 64, "path": "/p"}
    return JournalEntry.model_validate({"index": index, **values, **known, **fields})


def test_a_half_written_line_is_set_aside_and_told(cluster: Any, tmp_path: Path) -> None:
    path = tmp_path / "actions.jsonl"
    Journal(path).append(entry(0, state="failed"))
    whole = path.read_bytes()
    for tail in (entry(1).to_bytes()[:40], b'{"index":', b"\x00" * 512, entry(1).to_bytes()):
        path.write_bytes(whole + tail)
        journal = Journal(path)
        assert [kept.index for kept in journal.entries] == [0]
        assert path.read_bytes() == whole
        assert tail in (tmp_path / "actions.jsonl.broken").read_bytes()
        run = sandbox_executor(cluster.world, cluster.transport, cluster.namespace, journal=journal)
        assert "half written" in run.undo().text
        assert "half written" not in run.undo().text
    assert (tmp_path / "actions.jsonl.broken").stat().st_mode & 0o077 == 0


def test_a_broken_line_in_the_middle_stops_everything(tmp_path: Path) -> None:
    path = tmp_path / "actions.jsonl"
    path.write_bytes(entry(0).to_bytes() + b"\n{}\n" + entry(1).to_bytes() + b"\n")
    with pytest.raises(CorruptObject, match="line 2 of 3"):
        Journal(path)


def test_lines_of_the_first_version_are_read(tmp_path: Path) -> None:
    path = tmp_path / "actions.jsonl"
    old = {
        "schema_version": 1, "index": 0, "action": "scale user 4", "summary": "scale", "state": "done", "at": "x",
        "approver": "ana", "proposal": "0" * 64, "path": "/p", "before": {"spec": {"replicas": 1}},
        "after": {"spec": {"replicas": 4}}, "allowed": ["/spec/replicas"], "undoable": True, "detail": "",
    }  # fmt: skip
    path.write_bytes(orjson.dumps(old) + b"\n")
    journal = Journal(path)
    kept = journal.newest_done()
    assert kept is not None
    assert (kept.kind, kept.status, kept.approved) == ("patch", None, None)
    journal.append(kept.model_copy(update={"state": "undone"}))
    assert Journal(path).entries[0].state == "undone"


def test_an_intent_of_the_first_version_is_resolved_by_reading(cluster: Any) -> None:
    before = cluster.get("deployments.apps", "user")
    path = f"/apis/apps/v1/namespaces/{cluster.namespace}/deployments/user"
    cluster.journal.append(entry(0, schema_version=1, path=path, before=before, allowed=("/spec/replicas",)))
    assert [found.write for found in cluster.executor.resolve()] == ["not-written"]
    assert cluster.executor.resolve() == ()


def test_a_full_disk_lets_nothing_through(cluster: Any, tmp_path: Path) -> None:
    path = tmp_path / "actions.jsonl"
    journal = Journal(path)
    run = sandbox_executor(cluster.world, cluster.transport, cluster.namespace, journal=journal)
    assert run.perform("scale", "user", "4").status == "ok"
    digest, kept = cluster.world.digest(), path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(kept) + 100, limits[1]))  # room for a part of a line
    try:
        results = [run.perform("scale", "user", "5"), run.perform("delete_pod", "user"), run.undo(),
                   run.perform("repair_database", "mongodb-geo")]  # fmt: skip
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [result.write for result in results] == ["not-written"] * 4
    assert all("journal" in result.text for result in results), results
    assert (cluster.world.digest(), path.read_bytes()) == (digest, kept)
    assert run.perform("scale", "user", "5").status == "ok"


def test_no_proof_of_dry_runs_leaves_without_its_entry(cluster: Any, tmp_path: Path) -> None:
    path = tmp_path / "file" / "actions.jsonl"
    path.parent.write_bytes(b"not a folder")
    journal = Journal(path)
    wire = Misbehaving(cluster.transport)
    human = HumanApprover(lambda text: "yes", name="ana", clock=cluster.now)
    run = Executor(wire, human, journal, cluster.namespace, clock=cluster.now, wait=wire.wait, verify_ms=0)
    result = run.perform("scale", "user", "4")
    assert (result.status, result.write, wire.sent) == ("failed", "not-written", [])


def test_a_journal_that_somebody_else_writes_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "actions.jsonl"
    mine, other = Journal(path), Journal(path)
    mine.append(entry(0))
    with pytest.raises(StoreNotWritable, match="somebody else"):
        other.append(entry(0))


def test_a_journal_is_never_a_link_and_never_readable_for_others(tmp_path: Path) -> None:
    path = tmp_path / "actions.jsonl"
    path.write_bytes(b"")
    path.chmod(0o644)
    Journal(path).append(entry(0))
    assert path.stat().st_mode & 0o777 == 0o600
    link = tmp_path / "link.jsonl"
    os.symlink(tmp_path / "elsewhere", link)
    with pytest.raises(StoreNotWritable):
        Journal(link).append(entry(0))
    assert not (tmp_path / "elsewhere").exists()
