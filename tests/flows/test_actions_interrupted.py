"""Approved changes in processes of their own: two at once, and ones that are killed in the middle of a write."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.command import AOI, Ended, aoi, environment
from tests.flows.acting import Shop, shop

Run = Callable[..., Ended]


@pytest.fixture
def prod(tmp_path: Path) -> Any:
    with shop(tmp_path / "shop") as served:
        assert aoi(tmp_path / "home", *served.registering).returncode == 0
        yield served


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def said(home: Path, *words: str) -> Any:
    ended = aoi(home, "actions", *words, "--json")
    assert ended.stdout, ended.stderr
    return json.loads(ended.stdout)


def proposed(home: Path) -> Any:
    return said(home, "propose", "--cluster", "prod", "scale", "till", "2")


def killed(home: Path, moment: str, action: Any) -> None:
    """Approve it in a process that does not live to tell."""
    words = ("actions", "approve", action["id"], "--digest", action["request_digest"])
    command = [sys.executable, "-m", "tests.flows.dying", moment, *words]
    done = subprocess.run(command, env=environment(home), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == -9, done.stderr


def test_of_two_processes_that_approve_at_once_one_alone_writes(prod: Shop, home: Path) -> None:
    action = proposed(home)
    command = [*AOI, "actions", "approve", action["id"], "--digest", action["request_digest"], "--json"]
    both = [
        subprocess.Popen(command, env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    ended = [(one.communicate(timeout=120), one.returncode) for one in both]
    assert sorted(status == 0 for _, status in ended) == [False, True], ended
    assert {status for _, status in ended} <= {0, 1, 75}
    assert [record.verb for record in prod.writes()] == ["patch"]
    assert prod.replicas() == 2
    assert said(home, "show", action["id"])["state"] == "applied"


def test_a_process_that_is_killed_before_its_write_is_known_by_reading_to_have_written_nothing(
    prod: Shop, home: Path
) -> None:
    action = proposed(home)
    killed(home, "before", action)
    assert (said(home, "show", action["id"])["state"], prod.writes()) == ("approved", [])
    assert f"aoi actions resolve {action['id']}" in aoi(home, "actions", "show", action["id"]).stdout
    found = said(home, "resolve", action["id"])
    assert (found["state"], found["write"]) == ("failed", "not-written"), found["result"]
    assert prod.writes() == [], "who reads back writes nothing"
    refused = aoi(home, "actions", "approve", action["id"], "--digest", action["request_digest"])
    assert refused.returncode == 1, "the yes is used, though nothing came of it"
    assert prod.replicas() == 1


def test_a_process_that_is_killed_after_its_write_is_known_by_reading_to_have_written_and_is_undone(
    prod: Shop, home: Path
) -> None:
    action = proposed(home)
    killed(home, "after", action)
    assert prod.replicas() == 2
    said(home, "propose", "--cluster", "prod", "scale", "door", "2")  # whoever works there next finds out first
    found = said(home, "show", action["id"])
    assert (found["state"], found["write"]) == ("applied", "written"), found["result"]
    assert "read back" in found["result"]
    back = said(home, "undo", action["id"])
    killed(home, "after", back)
    assert prod.replicas() == 1
    assert said(home, "resolve", back["id"])["state"] == "applied"
    assert said(home, "show", action["id"])["state"] == "undone"
    assert len(prod.writes()) == 2
