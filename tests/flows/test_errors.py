"""Bad input at the command line: one line that says what to do, never a traceback, nothing lost."""

import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from aoi.records.event import Stopped
from flows.events import EventLines
from tests.command import AOI, aoi


@pytest.mark.parametrize(
    ("arguments", "variables", "says"),
    [
        (["problems", "run", "misconfig_app_hotel_res-localisation-1"], {}, "misconfig_app_hotel_res-localization-1"),
        (["diagnose", "--problem", "misconfig_app_hotel_res-localization-1"], {}, "aoi retrain"),
        (["status"], {"AOI_TRAINING__GRPO_STEP": "3"}, "AOI_TRAINING__GRPO_STEPS"),
        (["status"], {"AOI_COLLECT__PROBLEMS": "none"}, "AOI_COLLECT__PROBLEMS"),
        (["retrain"], {"AOI_STORE_URL": "file:///proc/aoi"}, "/proc/aoi"),
        (["status"], {"AOI_STORE_URL": "foo://bucket/prefix"}, "AOI_STORE_URL"),
        (["problems", "list", "--fault", "nope"], {}, "no_fault"),
        (["data", "show", "evaluation:0000"], {}, "names 0 objects"),
        (["problems", "run", "--set", "controls", "--kind", "mitigation"], {}, "no problem is of --set controls"),
        (["problems", "export", "noop_detection_hotel_reservation-1", "--split", "test"], {}, "give one of both"),
        (["review"], {}, "aoi retrain"),
        (["rollback"], {}, "aoi retrain"),
    ],
    ids=[
        "unknown problem",
        "no champion",
        "misspelt",
        "wrong value",
        "store",
        "no driver",
        "unknown fault",
        "object",
        "nothing chosen",
        "named and chosen",
        "no request",
        "no rollback",
    ],
)
def test_an_expected_error_says_what_to_do(
    tmp_path: Path, arguments: list[str], variables: dict[str, str], says: str
) -> None:
    ended = aoi(tmp_path, *arguments, **variables)
    assert ended.returncode in (1, 69, 75)
    assert ended.stderr.splitlines()[-1].startswith("error: ")
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_database_that_is_away_ends_a_command_with_the_status_of_what_may_pass(tmp_path: Path) -> None:
    away = f"postgresql+psycopg://aoi@/aoi?host={tmp_path}"
    ended = aoi(tmp_path, "status", AOI_DATABASE_URL=away)
    assert ended.returncode == 75
    assert ended.stderr.startswith("error: the database postgresql+psycopg://aoi@/aoi")
    assert len(ended.stderr.splitlines()) == 1


def test_help_names_every_command(tmp_path: Path) -> None:
    said = aoi(tmp_path, "--help")
    assert said.returncode == 0
    for command in ("retrain", "collect", "evaluate", "review", "diagnose", "status", "problems", "ui"):
        assert f"  {command} " in said.stdout


def test_a_usage_error_is_told_without_a_traceback(tmp_path: Path) -> None:
    said = aoi(tmp_path, "diagnose")
    assert said.returncode == 2
    assert "--problem" in said.stderr
    assert "Traceback" not in said.stderr


@pytest.mark.parametrize("command", [["run"], ["run", "--seeds", "2"], ["export"], ["show"]])
def test_a_seed_that_no_record_can_hold_is_a_usage_error(tmp_path: Path, command: list[str]) -> None:
    said = aoi(tmp_path, "problems", *command, "misconfig_app_hotel_res-localization-1", "--seed", str(2**63))
    assert said.returncode == 2
    assert f"less than or equal to {2**63 - 1}" in said.stderr
    assert "Traceback" not in said.stderr


@pytest.mark.parametrize("command", ["run", "export"])
def test_seeds_that_run_past_the_greatest_one_are_refused_in_words(tmp_path: Path, command: str) -> None:
    named = ("misconfig_app_hotel_res-localization-1", "--seed", str(2**63 - 1), "--seeds", "2")
    said = aoi(tmp_path, "problems", command, *named)
    assert said.returncode == 1
    assert said.stderr.startswith(f"error: --seed {2**63 - 1} --seeds 2: no seed is greater than {2**63 - 1}")
    assert len(said.stderr.splitlines()) == 1


def test_the_greatest_seed_is_a_seed(tmp_path: Path) -> None:
    said = aoi(tmp_path, "problems", "export", "misconfig_app_hotel_res-localization-1", "--seed", str(2**63 - 1))
    assert json.loads(said.stdout)["seed"] == 2**63 - 1


def test_a_page_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    said = aoi(tmp_path, "problems", "run", "--set", "catalogue", "--page", str(tmp_path / "none" / "page.html"))
    assert said.returncode == 2
    assert "mkdir -p" in said.stderr
    assert "Traceback" not in said.stderr


def test_one_problem_gets_its_page_too(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    problem = "misconfig_app_hotel_res-detection-1"
    said = aoi(tmp_path, "problems", "run", problem, "--operator", "null", "--workers", "1", "--page", str(page))
    assert said.returncode == 0, said.stderr
    assert "avg@1" in page.read_text()


def test_ctrl_c_before_the_command_is_even_imported_is_no_traceback() -> None:
    program = (
        "import os, signal, sys\n"
        "class Interrupts:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'flows.cli':\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupts())\n"
        "from flows.entry import main\n"
        "main()\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr.strip()) == (130, "", "interrupted")


STAND_IN = (
    "import sys\n"
    "class Weights:\n"
    "    def __del__(self, write=sys.stderr.write):\n"
    "        write('taken apart')\n"
    "sys.modules['torch'] = Weights()\n"
    "import atexit\n"
    "class Registers:\n"
    "    def find_spec(self, name, path=None, target=None):\n"
    "        if name == 'flows.cli':\n"
    "            atexit.register(print, 'cleaned up', file=sys.stderr)\n"
    "sys.meta_path.insert(0, Registers())\n"
    "from flows.entry import main\n"
    "sys.argv = ['aoi', 'settings', '--json']\n"
    "main()\n"
)
"""A command in whose process a model was loaded: to take its modules apart costs seconds."""


def test_a_command_that_loaded_a_model_cleans_up_and_ends_without_taking_it_apart() -> None:
    ended = subprocess.run([sys.executable, "-c", STAND_IN], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr.strip()) == (0, "cleaned up")
    assert json.loads(ended.stdout)


@pytest.mark.parametrize("as_json", [False, True])
def test_output_that_could_not_be_written_is_one_line_and_no_success(as_json: bool) -> None:
    command = [*AOI, "settings", *(["--json"] if as_json else [])]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode != 0
    assert "Traceback" not in ended.stderr


def test_output_of_a_command_that_loaded_a_model_that_could_not_be_written_is_no_success() -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-c", STAND_IN], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert ended.returncode != 0


def test_events_that_cannot_be_written_cost_no_answer(capsys: pytest.CaptureFixture[str]) -> None:
    with suppress(OSError), Path("/dev/full").open("w") as full:
        lines = EventLines(full)
        lines.tell(Stopped(ended="cancelled"))
        lines.tell(Stopped(ended="cancelled"))
    assert capsys.readouterr().err == "note: no further event is written: No space left on device\n"
