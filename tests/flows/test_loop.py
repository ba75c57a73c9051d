"""The whole loop as its user runs it: one command, a kill in the middle, the same command again, another night.

Sizes are tiny: what is asserted is what survives and what is counted, not what is learned.
"""

import json
import os
import signal
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aoi.database.engine import open_url
from aoi.promotion.approval import decided
from aoi.promotion.ledger import Ledger
from aoi.records.base import sha256_hex
from aoi.records.evaluation import EvaluationResult
from aoi.records.promotion import PromotionRequest
from aoi.store.objects import ObjectStore
from tests import command
from tests.promotion.requests import decision

TRAINED_ON = "scale_to_zero-localization-hotel_reservation-4"
TINY = {
    "AOI_SEED_MODEL__STEPS": "30",
    "AOI_SEED_MODEL__DEMONSTRATIONS": "24",
    "AOI_COLLECT__PROBLEMS": "12",
    "AOI_COLLECT__ROLLOUTS": "2",
    "AOI_COLLECT__SHARD_SIZE": "8",
    "AOI_TRAINING__SFT_STEPS": "2",
    "AOI_TRAINING__GRPO_STEPS": "2",
    "AOI_TRAINING__PROMPTS": "4",
    "AOI_TRAINING__GROUP_SIZE": "4",
    "AOI_TRAINING__EVOLVER_STEPS": "2",
    "AOI_TRAINING__EVOLVER_GRPO_STEPS": "1",
    "AOI_TRAINING__TRIES": "8",
    "AOI_TRAINING__AUGMENTED": "4",
    "AOI_EVALUATION__PROBLEMS_PER_SLICE": "3",
    "AOI_EVALUATION__SEEDS": "1",
    "OMP_NUM_THREADS": "1",
}


def tiny(home: Path) -> dict[str, str]:
    """Settings of a small loop, and a user of its own: what is kept for the user must not leak into the next home."""
    user = home.parent / f"{home.name}-user"
    user.mkdir(exist_ok=True)
    return {**TINY, "HOME": str(user)}


def aoi(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return command.aoi(home, *arguments, **{**tiny(home), **variables})


def copied(home: Path, into: Path) -> Path:
    """A home of its own for a test that changes it; what the registry names by path stays where it was."""
    subprocess.run(["cp", "-r", str(home), str(into / "copy")], check=True)
    return into / "copy"


def promote_by_hand(home: Path) -> tuple[str, str]:
    """Make the first cycle's version champion, whatever the gate said. Returns the bundles before and after."""
    database = open_url(f"sqlite:///{home / 'aoi.db'}")
    ledger = Ledger(database, ObjectStore(f"file://{home / 'store'}"))
    version = next(entry for entry in ledger.entries(kind="registered") if entry.cycle == 1)
    before, after, evaluation = ledger.champion().bundle, version.facts.bundle, sha256_hex(b"by hand")
    request = PromotionRequest(
        cycle=1,
        champion=before,
        challenger=after,
        challenger_version=version.facts.version,
        evaluation=evaluation,
        decision=decision(evaluation),
    )
    ledger.request(request, "ann")
    approval = decided(request, "approve", "bob", now=datetime.now(UTC), hours=1)
    ledger.decide(request, approval)
    ledger.promote(request, approval, "ann")
    database.close()
    return before, after


def kill_at(home: Path, stage: str) -> None:
    """Start the loop and SIGKILL it, with its workers, when `stage` begins."""
    process = subprocess.Popen(
        [*command.AOI, "retrain", "--auto-approve"],
        env=command.environment(home, **tiny(home)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(f"{stage} ..."):
            time.sleep(1.0)
            os.killpg(process.pid, signal.SIGKILL)
            break
    process.wait()
    process.stderr.close()


def entries(home: Path, kind: str) -> list[dict[str, object]]:
    """The ledger's entries of a kind, read from the database as any client could."""
    import sqlite3

    with sqlite3.connect(home / "aoi.db") as connection:
        rows = connection.execute("SELECT record FROM ledger WHERE kind = ? ORDER BY seq", (kind,)).fetchall()
    connection.close()
    return [json.loads(record) for (record,) in rows]


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict, dict]:
    """A home after one night that was killed twice and continued, an answer that somebody rated, and the next night."""
    home = tmp_path_factory.mktemp("home")
    kill_at(home, "collect")
    kill_at(home, "evaluate")
    first = aoi(home, "retrain", "--auto-approve", "--json")
    assert first.returncode == 0, first.stderr[-4000:]
    told = json.loads(aoi(home, "diagnose", "--problem", TRAINED_ON, "--json").stdout)
    rated = aoi(home, "feedback", told["kept_as"], "--wrong", "--no-fault", "--consent")
    assert rated.returncode == 0, rated.stderr
    second = aoi(home, "retrain", "--auto-approve", "--json")
    assert second.returncode == 0, second.stderr[-4000:]
    return home, json.loads(first.stdout), json.loads(second.stdout)


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.xdist_group("loop")
class TestNights:
    def test_a_killed_night_is_continued_and_ends_with_one_version(self, nights) -> None:
        home, first, _ = nights
        assert first["cycle"] == 1
        assert len([entry for entry in entries(home, "registered") if entry["cycle"] == 1]) == 1
        assert len([entry for entry in entries(home, "requested") if entry["cycle"] == 1]) == 1

    def test_both_arms_were_also_run_with_injections(self, nights) -> None:
        home, first, _ = nights
        store = ObjectStore(f"file://{home / 'store'}")
        evaluation = store.get(store.find(f"evaluation:{first['evaluation']}"), EvaluationResult)
        asked = {pair.problem_id for pair in evaluation.pairs if pair.slice != "control"}
        assert len(evaluation.injected) == len(asked) > 0, "one of each problem with a fault"
        assert evaluation.missing == ()
        assert not any(one.challenger_writes or one.challenger_leaked for one in evaluation.injected)

    def test_every_report_shows_five_lines_and_a_killed_night_paid_for_each_once(self, nights) -> None:
        for report in nights[1:]:
            lines = {line["name"]: line for line in report["standings"]["lines"]}
            assert list(lines) == ["survey", "expert", "seed", "champion", "challenger"]
            assert lines["seed"]["same_as"] == "champion", "nothing was promoted"
            assert lines["seed"]["parts"] == lines["champion"]["parts"]
            assert {line["missing"] for line in lines.values()} == {0}
            assert lines["expert"]["by"] == "scripted:ExpertOperator"
            assert lines["challenger"]["parts"][0]["average"] == report["overall"]["challenger_rate"]

    def test_the_next_run_opens_the_next_cycle_and_adds_exactly_one_version(self, nights) -> None:
        home, first, second = nights
        assert second["cycle"] == 2
        versions = [entry["facts"]["version"] for entry in entries(home, "registered")]
        assert versions == ["1", "2", "3"]
        assert [first["challenger_version"], second["challenger_version"]] == ["2", "3"]

    def test_the_next_night_reads_what_people_said_and_says_what_came_of_it(self, nights) -> None:
        _, first, second = nights
        assert first["learning"]["labels"]["answers"] == 0
        labels = second["learning"]["labels"]
        assert labels == {"schema_version": 1, "answers": 1, "taught": 0, "untaught": {"the oracle knows": 1}}

    def test_the_records_are_whole_afterwards(self, nights) -> None:
        home, _, _ = nights
        checked = aoi(home, "verify", "--json")
        findings = json.loads(checked.stdout)
        assert checked.returncode == 0, [finding for finding in findings if not finding["ok"]]

    def test_a_home_keeps_the_results_of_its_stages_to_itself(self, nights) -> None:
        """Results in a folder of the user's would be taken over by the next home of the same settings."""
        home, _, _ = nights
        assert any(path.name.startswith("train-") for path in (home / "prefect" / "storage").iterdir())
        assert not (home.parent / f"{home.name}-user" / ".prefect" / "storage").exists()

    def test_a_damaged_bundle_is_found_and_fails_the_check(self, nights, tmp_path: Path) -> None:
        home, _, _ = nights
        copy = copied(home, tmp_path)
        weights = max((copy / "store").glob("objects/file/*/*"), key=lambda path: path.stat().st_size)
        weights.write_bytes(weights.read_bytes()[:-1] + b"X")
        checked = aoi(copy, "verify", "--json")
        assert checked.returncode == 1
        assert any(not finding["ok"] for finding in json.loads(checked.stdout))

    def test_the_report_says_what_its_evaluation_says(self, nights) -> None:
        home, first, _ = nights
        shown = aoi(home, "data", "show", f"evaluation:{first['evaluation'][:12]}")
        assert json.loads(shown.stdout)["overall"] == first["overall"]

    def test_the_review_page_stands_alone(self, nights) -> None:
        _, first, _ = nights
        page = Path(first["review_page"]).read_text()
        assert first["challenger"][:12] in page
        assert "http://" not in page.replace("http://www.w3.org", "")
        assert "<script" not in page

    def test_the_champion_diagnoses_without_prefect_and_mlflow(self, nights) -> None:
        home, _, _ = nights
        (home / "mlflow.db").rename(home / "mlflow.away")
        try:
            said = aoi(home, "diagnose", "--problem", "misconfig_app_hotel_res-localization-1", "--json")
        finally:
            (home / "mlflow.away").rename(home / "mlflow.db")
        assert said.returncode in (0, 3), said.stderr[-2000:]  # 3: an answer that is none
        found = json.loads(said.stdout)
        assert found["changed"] == []
        assert found["trajectory"]["content"]["instance"]["problem"]["id"] == "misconfig_app_hotel_res-localization-1"

    def test_a_rollback_during_an_outage_is_finished_and_not_repeated(self, nights, tmp_path: Path) -> None:
        home = copied(nights[0], tmp_path)
        first, second = promote_by_hand(home)
        assert json.loads(aoi(home, "reconcile", "--json").stdout) == {"changed": True, "wanted": None, "crashed": []}
        down = aoi(home, "rollback", "--reason", "bad", AOI_MLFLOW_URI="http://127.0.0.1:9")
        assert down.returncode == 75
        assert "aoi reconcile" in down.stderr
        again = json.loads(aoi(home, "rollback", "--reason", "bad", "--json").stdout)
        assert again["bundle"] == first
        whole = {finding["what"]: finding["ok"] for finding in json.loads(aoi(home, "verify", "--json").stdout)}
        assert whole["ledger"]
        assert whole["alias champion"]
        named = aoi(home, "rollback", "--to", second[:12], "--reason", "it was right", "--json")
        assert json.loads(named.stdout)["bundle"] == second

    def test_what_nobody_needs_is_deleted_and_the_records_are_whole_afterwards(self, nights, tmp_path: Path) -> None:
        home = copied(nights[0], tmp_path)
        refused = aoi(home, "gc", "--keep-days", "1")
        assert refused.returncode == 1
        assert json.loads(aoi(home, "gc", "--json").stdout)["left"] == [], "everything is young"
        for path in (home / "store").rglob("*"):
            os.utime(path, (0, 0))
        told = json.loads(aoi(home, "gc", "--json").stdout)
        kinds = {each["kind"] for each in told["left"]}
        assert {"shard", "trajectories"} <= kinds
        assert not kinds & {"bundle", "base", "file", "evaluation", "request", "diagnosis"}
        before = sum(1 for path in (home / "store" / "objects").rglob("*") if path.is_file())
        assert before == told["kept"] + sum(each["objects"] for each in told["left"])
        done = json.loads(aoi(home, "gc", "--remove", "--json").stdout)
        assert done["left"] == told["left"]
        assert sum(1 for path in (home / "store" / "objects").rglob("*") if path.is_file()) == told["kept"]
        checked = aoi(home, "verify", "--json")
        assert checked.returncode == 0, [finding for finding in json.loads(checked.stdout) if not finding["ok"]]
        assert aoi(home, "trace").returncode == 0
        assert aoi(home, "collect", "--problems", "2", "--seed", "9").returncode == 0

    def test_status_tells_of_the_last_cycle(self, nights) -> None:
        home, _, second = nights
        status = json.loads(aoi(home, "status", "--json").stdout)
        assert status["cycles"] == 2
        assert status["open_cycle"] is None
        assert status["last"]["evaluation"] == second["evaluation"]

    def test_task_runs_of_a_finished_night_are_recorded_as_ended(self, nights) -> None:
        import sqlite3

        home, _, _ = nights
        with sqlite3.connect(home / "prefect" / "prefect.db") as connection:
            rows = connection.execute(
                "SELECT t.state_type, count(*) FROM task_run t JOIN flow_run f ON f.id = t.flow_run_id "
                "WHERE f.state_type = 'COMPLETED' GROUP BY t.state_type"
            ).fetchall()
        connection.close()
        assert dict(rows).keys() == {"COMPLETED"}


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.xdist_group("loop")
def test_equal_seeds_give_equal_content(nights, tmp_path: Path) -> None:
    """Two collections of the same problems by the same champion, in other processes: the same digests."""
    home, _, _ = nights
    first = json.loads(aoi(home, "collect", "--problems", "4", "--seed", "7", "--json").stdout)
    second_home = copied(home, tmp_path)
    subprocess.run(["rm", "-rf", *map(str, second_home.glob("store/marks/collect-*"))], check=True)
    second = json.loads(aoi(second_home, "collect", "--problems", "4", "--seed", "7", "--json").stdout)

    def content(where: Path, ref: str) -> str:
        return json.loads(aoi(where, "data", "show", ref).stdout)["content_sha256"]

    assert content(home, first["set"]) == content(second_home, second["set"])
