"""Bad input at the command line: one line that says what to do, never a traceback, nothing lost."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import aoi


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


def test_output_that_could_not_be_written_is_no_success_however_a_command_ends() -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-c", STAND_IN], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert ended.returncode != 0
