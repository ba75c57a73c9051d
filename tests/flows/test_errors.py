"""Bad input at the command line: one line that says what to do, never a traceback, nothing lost."""

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
