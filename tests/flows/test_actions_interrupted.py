"""Approved changes in processes of their own: two at once, and ones that are killed in the middle of a write."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aoi.records.action import ProposedAction
from tests.command import AOI, Ended, environment
from tests.flows.acting import Shop, shop

Run = Callable[..., Ended]
Said = Callable[..., ProposedAction]
PROPOSE = ("propose", "--cluster", "prod", "scale", "till", "2")


@pytest.fixture
def prod(own_home: Path, tmp_path: Path, typed: Run) -> Iterator[Shop]:
    with shop(tmp_path / "shop") as served:
        assert typed(*served.registering).status == 0
        yield served


@pytest.fixture
def said(typed: Run) -> Said:
    """Words behind `aoi actions` -> what they come to."""

    def run(*words: str) -> ProposedAction:
        ended = typed("actions", *words, "--json")
        assert ended.status == 0, ended.err
        return ProposedAction.model_validate_json(ended.out)

    return run


def killed(home: Path, moment: str, action: ProposedAction) -> None:
    """Approve it in a process that does not live to tell."""
    words = ("actions", "approve", action.id, "--digest", action.request_digest)
    command = [sys.executable, "-m", "tests.flows.dying", moment, *words]
    done = subprocess.run(command, env=environment(home), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == -9, done.stderr


def test_of_two_processes_that_approve_at_once_one_alone_writes(prod: Shop, said: Said, own_home: Path) -> None:
    action = said(*PROPOSE)
    command = [*AOI, "actions", "approve", action.id, "--digest", action.request_digest, "--json"]
    both = [
        subprocess.Popen(command, env=environment(own_home), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    ended = [(one.communicate(timeout=120), one.returncode) for one in both]
    assert sorted(status == 0 for _, status in ended) == [False, True], ended
    assert {status for _, status in ended} <= {0, 1, 75}
    assert [record.verb for record in prod.writes()] == ["patch"]
    assert prod.replicas() == 2
    assert said("show", action.id).state == "applied"


def test_a_process_that_is_killed_before_its_write_is_known_by_reading_to_have_written_nothing(
    prod: Shop, said: Said, typed: Run, own_home: Path
) -> None:
    action = said(*PROPOSE)
    killed(own_home, "before", action)
    assert (said("show", action.id).state, prod.writes()) == ("approved", [])
    assert f"aoi actions resolve {action.id}" in typed("actions", "show", action.id).out
    found = said("resolve", action.id)
    assert (found.state, found.write) == ("failed", "not-written"), found.result
    assert prod.writes() == [], "who reads back writes nothing"
    refused = typed("actions", "approve", action.id, "--digest", action.request_digest)
    assert refused.status == 1, "the yes is used, though nothing came of it"
    assert prod.replicas() == 1


def test_a_process_that_is_killed_after_its_write_is_known_by_reading_to_have_written_and_is_undone(
    prod: Shop, said: Said, own_home: Path
) -> None:
    action = said(*PROPOSE)
    killed(own_home, "after", action)
    assert prod.replicas() == 2
    said("propose", "--cluster", "prod", "scale", "door", "2")  # whoever works there next finds out first
    found = said("show", action.id)
    assert (found.state, found.write) == ("applied", "written"), found.result
    assert "read back" in found.result
    back = said("undo", action.id)
    killed(own_home, "after", back)
    assert prod.replicas() == 1
    assert said("resolve", back.id).state == "applied"
    assert said("show", action.id).state == "undone"
    assert len(prod.writes()) == 2
