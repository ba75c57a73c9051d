"""What a stage does when its work fails, its database goes away or another run is at it: with a real Prefect server."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aoi.database.engine import open_url
from aoi.errors import DatabaseUnavailable, RegistryUnavailable
from aoi.promotion.ledger import Ledger
from tasks.retrying import CAP_S, SPREAD, UNCLASSIFIED_S, pause_before_retry_s
from tests import prefect_server
from tests.database import postgres
from tests.docs.pages import ROOT
from tests.promotion.requests import facts

LIMIT_S = 240


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prefect_server.running(tmp_path_factory.mktemp("prefect")) as url:
        yield url


class Program:
    """A run of `tests.tasks.stage_program`."""

    def __init__(self, what: str, folder: Path, api: str, **variables: str) -> None:
        self.folder = folder
        env = prefect_server.environment(folder, api, AOI_HOME=str(folder / "home"), **variables)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.tasks.stage_program", what, str(folder)],
            env=env,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def wait_until_working(self) -> None:
        for line in self.process.stdout or ():
            if line.strip() == "working":
                return
        raise AssertionError(self.process.communicate()[1][-3000:])

    def end(self, said: str = "") -> tuple[int, str, str]:
        """Exit status, what it printed, what it logged."""
        printed, logged = self.process.communicate(said, timeout=LIMIT_S)
        return self.process.returncode, printed, logged

    def attempts(self) -> list[str]:
        return (self.folder / "attempts").read_text().splitlines()


def test_a_pause_is_what_the_error_asks_for_and_up_to_a_quarter_more() -> None:
    pauses = [pause_before_retry_s(RegistryUnavailable("down", retry_in_s=40.0), seed) for seed in range(200)]
    assert min(pauses) >= 40.0
    assert max(pauses) <= 40.0 * (1 + SPREAD)
    assert len(set(pauses)) > 100, "runs that failed together come back apart"
    assert pauses[7] == pause_before_retry_s(RegistryUnavailable("down", retry_in_s=40.0), 7)


def test_a_pause_has_an_end_and_an_unclassified_error_its_own() -> None:
    assert pause_before_retry_s(RegistryUnavailable("down", retry_in_s=1e9), 0) == CAP_S
    assert UNCLASSIFIED_S <= pause_before_retry_s(ZeroDivisionError(), 0) <= UNCLASSIFIED_S * (1 + SPREAD)
    assert pause_before_retry_s(DatabaseUnavailable("away"), 0) > pause_before_retry_s(ZeroDivisionError(), 0)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.xdist_group("prefect")
class TestStages:
    def test_what_is_transient_is_tried_again_when_the_error_says(self, api: str, tmp_path: Path) -> None:
        with Program("transient", tmp_path, api) as program:
            status, printed, logged = program.end()
        assert status == 0, logged[-3000:]
        pauses = [float(line.split()[1]) for line in printed.splitlines() if line.startswith("pause")]
        assert len(pauses) == 2
        assert 40.0 <= pauses[0] <= 40.0 * (1 + SPREAD)
        assert 80.0 <= pauses[1] <= 80.0 * (1 + SPREAD)
        assert printed.splitlines()[-1] == "transient done"
        assert program.attempts() == ["transient"] * 3

    def test_what_is_permanent_is_tried_once(self, api: str, tmp_path: Path) -> None:
        with Program("permanent", tmp_path, api) as program:
            status, _, logged = program.end()
        assert status == 1
        assert "trying again cannot help" in logged
        assert program.attempts() == ["permanent"]

    def test_two_identical_runs_at_once_work_once(self, api: str, tmp_path: Path) -> None:
        with Program("slow", tmp_path, api) as first:
            first.wait_until_working()
            with Program("slow", tmp_path, api) as second:
                assert first.end("go on\n")[1].splitlines()[-1] == "slow done"
                status, printed, logged = second.end("go on\n")
        assert status == 0, logged[-3000:]
        assert printed.splitlines() == ["slow done"]
        assert first.attempts() == ["slow"]

    def test_a_killed_run_leaves_its_stage_to_the_next_one_at_once(self, api: str, tmp_path: Path) -> None:
        with Program("slow", tmp_path, api) as first:
            first.wait_until_working()
            first.process.kill()
        with Program("slow", tmp_path, api) as second:
            status, printed, logged = second.end("go on\n")
        assert status == 0, logged[-3000:]
        assert printed.splitlines()[-1] == "slow done"
        assert second.attempts() == ["slow"] * 2

    def test_a_stage_goes_on_after_its_database_was_killed_and_restarted(self, api: str, tmp_path: Path) -> None:
        if postgres.binaries() is None:
            pytest.skip("no PostgreSQL binaries here")
        with postgres.running() as server:
            database = open_url(server.url)
            Ledger(database).install(facts(0), "ann")
            database.close()
            with Program("restart", tmp_path, api, AOI_DATABASE_URL=server.url) as program:
                program.wait_until_working()
                server.stop(signal.SIGQUIT)
                assert program.process.stdin is not None
                program.process.stdin.write("go on\n")
                program.process.stdin.flush()
                for line in program.process.stderr or ():
                    if "trying again in" in line:
                        break
                server.start()
                status, printed, logged = program.end()
            assert status == 0, logged[-3000:]
            assert printed.splitlines()[-1] == "1"
            assert program.attempts() == ["restart"] * 2
            database = open_url(server.url)
            assert [entry.kind for entry in Ledger(database).entries()] == ["registered", "promoted", "cycle_opened"]
            database.close()
