"""`aoi data purge --secret`: a secret that slipped through is found wherever it was kept, and taken out."""

import base64
import gzip
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aoi.database.answers import AnswerBook, GivenAnswer
from aoi.database.clusters import ClusterBook, RegisteredCluster
from aoi.database.feedback import Feedback, FeedbackBook
from aoi.database.submissions import SubmissionBook
from aoi.errors import PurgedObject
from aoi.records.request import DiagnosisRequest
from aoi.records.submission import Submission
from flows.cli import app
from tasks.purge import purge_secret
from tasks.status import check
from tasks.workspace import Workspace, workspace

pytestmark = pytest.mark.filterwarnings("default")  # MLflow warns about its own parts
SECRET = "hunter2-of-till-42"
DIGEST = "a" * 64


@pytest.fixture
def ws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    monkeypatch.setenv("AOI_HOME", str(tmp_path / "home"))
    workspace.cache_clear()
    yield workspace()
    workspace().database.close()
    workspace.cache_clear()


def everywhere(ws: Workspace) -> dict[str, int]:
    """A secret in each kind of place; what is expected of each."""
    ws.store.put("observation", f"DB_PASS={SECRET}\n".encode())
    ws.store.put("page", base64.b64encode(f"user:{SECRET}@db".encode()))
    ws.store.put("observation", b"nothing of the kind")
    book = FeedbackBook(ws.database)
    book.add(Feedback(answer=DIGEST, verdict="wrong", author="ann", comment=f"it is {SECRET}", consent=False))
    book.add(Feedback(answer=DIGEST, verdict="wrong", author="bob", comment="it is not", consent=False))
    listed = {
        "answer": "diagnosis:0",
        "given_at": datetime.now(UTC),
        "verdict": "fault",
        "cause": None,
        "confidence": 1,
    }
    for number, component in enumerate((SECRET, "till")):
        AnswerBook(ws.database).keep(
            GivenAnswer(**listed, sha256=f"{number:064x}", about="", component=component, answered_by="survey")
        )
    for name in (SECRET, "till"):
        place = {"kubeconfig": f"/{name}", "context": "", "server": "", "namespaces": ()}
        entered = {"registered_at": datetime.now(UTC), "registered_by": "ann"}
        ClusterBook(ws.database).enter(RegisteredCluster(name=name, **place, **entered), is_replaced=False)
    for number, said in enumerate((SECRET, "slow")):
        asked = DiagnosisRequest(cluster="till", symptoms=(said,))
        submission = Submission(id=f"{number:032x}", request=asked, by="ann", submitted_at=datetime.now(UTC))
        SubmissionBook(ws.database).enter(submission, "serve:1")
    home = ws.settings.home
    (home / "logs").mkdir()
    (home / "logs" / "server.log").write_text(f"connecting with {SECRET}\nconnected\n")
    (home / "logs" / "core").write_bytes(b"\0" + SECRET.encode())
    with closing(sqlite3.connect(home / "prefect.db")) as other, other:
        other.execute("CREATE TABLE run (id INTEGER PRIMARY KEY, parameters TEXT, state BLOB)")
        other.executemany("INSERT INTO run VALUES (?, ?, ?)", [(1, json.dumps({"s": SECRET}), b"x"), (2, "y", b"z")])
    return {
        "object": 2,
        "feedback": 1,
        "answer": 1,
        "cluster": 1,
        "submission": 1,
        "text file": 1,
        "other file": 1,
        "table": 1,
    }


def counted(purged) -> dict[str, int]:
    counts: dict[str, int] = {}
    for trace in purged.traces:
        counts[trace.what] = counts.get(trace.what, 0) + trace.count
    return counts


def holding_files(ws: Workspace) -> list[str]:
    return [
        path.name for path in ws.settings.home.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()
    ]


def test_a_search_finds_every_place_and_changes_nothing(ws: Workspace):
    expected = everywhere(ws)
    before = {
        path: path.read_bytes() for path in ws.settings.home.rglob("*") if path.is_file() and "aoi.db" not in path.name
    }
    found = purge_secret(SECRET, is_removed=False)
    assert counted(found) == expected
    assert not found.is_clean
    assert {path: path.read_bytes() for path in before} == before
    assert SECRET not in found.model_dump_json()


def test_what_was_purged_stands_nowhere_and_the_rest_stays(ws: Workspace):
    everywhere(ws)
    purged = purge_secret(SECRET, is_removed=True)
    assert {trace.what for trace in purged.traces if trace.outcome == "kept"} == {"other file"}
    ws.database.close()
    assert holding_files(ws) == ["core"]
    assert (ws.settings.home / "logs" / "server.log").read_text() == "connecting with [redacted]\nconnected\n"
    assert [ws.store.get(ref) for ref in ws.store if ref.kind == "observation"] == [b"nothing of the kind"]
    assert len(FeedbackBook(ws.database).usable()) <= 1
    with closing(sqlite3.connect(ws.settings.home / "prefect.db")) as other:
        assert other.execute("SELECT parameters FROM run").fetchall() == [('{"s": "[redacted]"}',), ("y",)]
    assert counted(purge_secret(SECRET, is_removed=True)) == {"other file": 1}


def test_a_store_that_was_purged_is_whole(ws: Workspace):
    everywhere(ws)
    purge_secret(SECRET, is_removed=True)
    assert [
        finding.what for finding in check() if not finding.ok and finding.what.startswith(("store", "lineage"))
    ] == []


@pytest.mark.usefixtures("ws")
def test_the_command_reads_the_secret_from_stdin_and_never_shows_it():
    workspace().store.put("observation", SECRET.encode())
    found = CliRunner().invoke(app, ["data", "purge", "--secret"], input=f"{SECRET}\n", prog_name="aoi")
    assert found.exit_code == 1
    assert "found    1 x object: observation:" in found.output
    gone = CliRunner().invoke(app, ["data", "purge", "--secret", "--remove"], input=f"{SECRET}\n", prog_name="aoi")
    assert gone.exit_code == 0
    again = CliRunner().invoke(app, ["data", "purge", "--secret", "--json"], input=f"{SECRET}\n", prog_name="aoi")
    assert json.loads(again.stdout)["traces"] == []
    assert SECRET not in found.output + gone.output + again.output


@pytest.mark.usefixtures("ws")
def test_whoever_reads_what_was_purged_is_told_so_by_the_digits_that_messages_print():
    ref = workspace().store.put("observation", SECRET.encode())
    purge_secret(SECRET, is_removed=True)
    with pytest.raises(PurgedObject, match="was purged at"):
        workspace().store.find(ref.short)


def test_a_name_that_holds_it_is_told_without_telling_it(ws: Workspace):
    (ws.settings.home / f"of-{SECRET}.txt").write_text(f"x {SECRET}")
    for is_removed in (False, True):
        purged = purge_secret(SECRET, is_removed=is_removed)
        assert counted(purged) == {"text file": 1, "other file": 1}
        assert not purged.is_clean
        assert SECRET not in purged.model_dump_json()


def test_what_is_compressed_is_told_as_not_searched(ws: Workspace):
    (ws.settings.home / "old.log.gz").write_bytes(gzip.compress(SECRET.encode()))
    assert [line for line in purge_secret(SECRET, is_removed=False).not_searched if "old.log.gz" in line]


def test_a_secret_is_no_argument():
    refused = CliRunner().invoke(app, ["data", "purge", SECRET], prog_name="aoi")
    assert refused.exit_code == 2


def test_what_is_kept_is_its_users_alone(ws: Workspace):
    everywhere(ws)
    made = [path for path in ws.settings.home.rglob("*") if path.is_file()]
    assert {path.name for path in made} >= {"aoi.db", "server.log"}
    assert [path.name for path in made if path.stat().st_mode & 0o077] == []
