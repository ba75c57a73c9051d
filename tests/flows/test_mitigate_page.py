"""docs/howto/mitigate-a-live-cluster.md as its reader follows it: each command, at a terminal where somebody agrees."""

import json
import os
import pty
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from aoi.worlds.identities import EXECUTOR
from tests.command import Ended
from tests.docs import pages
from tests.flows.acting import NAMESPACE, Shop, shop

Run = Callable[..., Ended]
PAGE = "docs/howto/mitigate-a-live-cluster.md"


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_home: Path) -> Iterator[Shop]:
    """A component at zero, and a folder with both kubeconfigs."""
    with shop(tmp_path / "shop") as served:
        served.scale(0)
        served.pass_time(120_000)
        document = yaml.safe_load(served.kubeconfig.read_text())
        for name, context in (("probe", document["current-context"]), ("executor", EXECUTOR.name)):
            file = tmp_path / f"{name}.kubeconfig"
            file.touch(mode=0o600)
            file.write_text(yaml.safe_dump({**document, "current-context": context}))
        monkeypatch.chdir(tmp_path)
        yield served


@contextmanager
def somebody_who_says_yes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    ours, theirs = pty.openpty()
    os.write(ours, b"yes\n")
    with os.fdopen(theirs) as terminal, os.fdopen(ours, "wb"), monkeypatch.context() as patched:
        patched.setattr(sys, "stdin", terminal)
        yield


def test_every_command_of_the_page_from_a_fault_to_a_repair_and_back(
    broken: Shop, typed: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {"YOURS": NAMESPACE}
    replicas = {"approve": 1, "undo": 0}
    ran: list[str] = []
    for said in pages.shell_lines():
        line, *piped = said.text.split(" | ")
        if said.page != PAGE:
            continue
        for name, value in names.items():
            line = line.replace(name, value)
        program, *words = shlex.split(line)
        assert program == "aoi"
        with somebody_who_says_yes(monkeypatch):
            ended = typed(*words)
        assert ended.status == 0, (line, ended.err)
        assert not piped or "ValidatingAdmissionPolicy" in ended.out
        if words[0] == "diagnose":
            names.setdefault("ANSWER", json.loads(typed("answers", "list", "--json").out)[0]["answer"])
        if words[:2] == ["actions", "propose"]:
            names["ACTION"] = json.loads(typed("actions", "list", "--json").out)[0]["id"]
        if words[1] in replicas:
            assert broken.replicas() == replicas[words[1]]
        ran.append(" ".join(words[:2]))
    assert ran[-1] == "actions undo"
    assert "undone" in typed("actions", "show", names["ACTION"]).out
    assert names["ACTION"] in typed("answers", "show", names["ANSWER"]).out
