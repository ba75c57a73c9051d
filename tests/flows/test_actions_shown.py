"""What people are shown of a change, and what is kept of it: every character that is none of a credential's."""

import os
import pty
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aoi.records.action import ProposedAction
from tasks.workspace import workspace
from tests.command import Ended
from tests.flows.acting import DEPLOYMENTS, Shop, shop

Run = Callable[..., Ended]

pytestmark = pytest.mark.usefixtures("own_home")
WAS, NOW = "Tr0ub4dor-was", "Tr0ub4dor-now"
HOSTILE = "\x1b[2J\x1b]0;owned\x07\u202egnp\r\n\x9b31mForged: yes"


@pytest.fixture
def prod(tmp_path: Path, typed: Run) -> Iterator[Shop]:
    """A component whose last revision changed a password, and a value that would clear a terminal."""
    with shop(tmp_path / "shop") as served:
        container = {"name": "main", "image": "registry.example/till:1"}
        for password, banner in ((WAS, HOSTILE), (NOW, "plain")):
            env = [{"name": "DB_PASSWORD", "value": password}, {"name": "BANNER", "value": banner}]
            spec = {"template": {"spec": {"containers": [{**container, "env": env}]}}}
            served.send("PATCH", f"{DEPLOYMENTS}/till", {"spec": spec})
            served.pass_time(120_000)
        assert typed(*served.registering).status == 0
        yield served


def rollback(typed: Run) -> ProposedAction:
    ended = typed("actions", "propose", "--cluster", "prod", "rollback", "till", "--json")
    assert ended.status == 0, ended.err
    return ProposedAction.model_validate_json(ended.out)


def kept(home: Path) -> bytes:
    """All files of a home but the journal, which holds objects as they were, to undo with."""
    return b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file() and path.suffix != ".jsonl")


def test_a_credential_stands_in_no_kept_record_and_in_no_output(prod: Shop, typed: Run, own_home: Path) -> None:
    action = rollback(typed)
    digest = ("--digest", action.request_digest)
    said = [action.model_dump_json()]
    for words in (("show", action.id), ("list",), ("approve", action.id, *digest), ("undo", action.id), ("list",)):
        for form in ((), ("--json",)):
            ended = typed("actions", *words, *form)
            said += [ended.out, ended.err]
    assert prod.get("deployments.apps", "till")["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] == WAS
    everything = "".join(said)
    assert "/env/0/value: (hidden: 13 characters, digest " in everything
    assert [secret for secret in (WAS, NOW) if secret in everything] == []
    assert [secret for secret in (WAS, NOW) if secret.encode() in kept(own_home)] == []
    for path in (own_home / "executor").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_digests_of_one_home_say_nothing_in_another(
    prod: Shop, typed: Run, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = rollback(typed)
    marks = {line for line in here.text.splitlines() if "(hidden:" in line}
    assert marks
    assert rollback(typed).request_digest == here.request_digest
    monkeypatch.setenv("AOI_HOME", str(own_home.with_name("elsewhere")))
    workspace.cache_clear()
    assert typed(*prod.registering).status == 0
    there = rollback(typed)
    assert marks.isdisjoint(there.text.splitlines())
    assert there.request_digest != here.request_digest
    assert set(there.parts).isdisjoint(here.parts)


def test_what_is_shown_again_reads_as_it_was_proposed(prod: Shop, typed: Run) -> None:
    action = rollback(typed)
    shown = typed("actions", "show", action.id).out
    assert all(line in shown for line in action.text.splitlines())
    assert action.request_digest in shown


def test_a_value_that_looks_like_a_credential_is_not_proposed(prod: Shop, typed: Run, own_home: Path) -> None:
    words = ("actions", "propose", "--cluster", "prod", "set_config", "till", f"DB_PASSWORD={NOW}")
    refused = typed(*words)
    assert refused.status == 1
    assert "looks like a credential" in refused.err
    assert NOW not in refused.err + refused.out
    assert NOW.encode() not in kept(own_home)


def test_what_strangers_wrote_moves_no_cursor_and_forges_no_line(prod: Shop, typed: Run) -> None:
    action = rollback(typed)
    for words in (("show", action.id), ("list",), ("approve", action.id, "--digest", action.request_digest)):
        ended = typed("actions", *words)
        for line in (ended.out + ended.err).splitlines():
            assert line.isprintable(), repr(line)
            assert not line.startswith("Forged")
    assert r"\u202egnp" in typed("actions", "show", action.id).out
    refused = typed("actions", "propose", "--cluster", "prod", "restart", "till\x1b[2J")
    assert refused.status == 1
    assert "\x1b" not in refused.err


@pytest.mark.parametrize(("answer", "replicas"), [("yes", 2), ("y", 1), ("", 1), ("YES", 1), ("yes yes", 1)])
def test_at_a_terminal_only_the_word_yes_after_all_that_changes_carries_it_out(
    answer: str, replicas: int, prod: Shop, typed: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = typed("actions", "propose", "--cluster", "prod", "scale", "door", "2", "--json")
    action = ProposedAction.model_validate_json(ended.out)
    ours, theirs = pty.openpty()
    os.write(ours, f"{answer}\n".encode())
    with os.fdopen(theirs) as terminal, os.fdopen(ours, "wb"):
        monkeypatch.setattr(sys, "stdin", terminal)
        ended = typed("actions", "approve", action.id)
    assert ended.status == (0 if replicas == 2 else 1), ended.err
    assert ended.out.index("/spec/replicas: 1 -> 2") < ended.out.index("Type yes to let this through: ")
    assert prod.replicas("door") == replicas
