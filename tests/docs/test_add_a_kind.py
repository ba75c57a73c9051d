"""docs/howto/add-a-kind.md, followed to the letter in a copy of the package."""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "howto" / "add-a-kind.md"
_BLOCK = re.compile(r"^( *)```(python|diff|text)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)


def blocks(language: str) -> list[str]:
    return [textwrap.dedent(text) for _, spoken, text in _BLOCK.findall(PAGE.read_text()) if spoken == language]


def enter(path: Path, changes: list[str]) -> None:
    """Make the changes of a diff: imports after the docstring, items at the end of the tuple that a line begins."""
    place = ""
    for change in changes:
        text = path.read_text()
        if change.startswith("+from "):
            docstring, end, code = text.partition('"""\n\n')
            path.write_text(f"{docstring}{end}{change[1:]}\n{code}")
        elif change.startswith("+"):
            head, said, rest = text.partition(place)
            assert said, f"{path} has no {place}"
            end_of_tuple = re.search(r"^ *\)$", rest, re.MULTILINE)
            assert end_of_tuple, f"no tuple ends after {place} of {path}"
            at = end_of_tuple.start()
            path.write_text(f"{head}{said}{rest[:at]}{change[1:]}\n{rest[at:]}")
        else:
            place = change[1:]


def follow(copy: Path) -> None:
    """What the page says to do: new files, and lines in files that are there."""
    for language in ("python", "diff"):
        for block in blocks(language):
            first, _, text = block.partition("\n")
            path = copy / first.removeprefix("# ")
            assert path.exists() is (language == "diff"), path
            if language == "diff":
                enter(path, text.splitlines())
            else:
                path.write_text(text)


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("followed")
    shutil.copytree(ROOT / "kubeworld", copy / "kubeworld", ignore=shutil.ignore_patterns("__pycache__"))
    follow(copy)
    return copy


def run(followed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(followed)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=followed, env=environment, capture_output=True, text=True, check=False
    )


def test_whoever_follows_the_page_sees_what_it_prints(followed: Path) -> None:
    said = run(followed, "try_backup.py")
    assert said.stderr == ""
    assert [said.stdout] == blocks("text")


SERVED = """
import orjson
from kubeworld.api.server import api_of
from kubeworld.bootstrap import empty_world
from kubeworld.machine.identity import ADMIN
assert __import__("kubeworld").__path__[0].startswith({where!r}), "this is another kubeworld"
world = empty_world(nodes=1, seed=1)
path = "/apis/ops.example.org/v1/namespaces/default/backups"
def ask(method, path, body=None, **headers):
    sent = b"" if body is None else orjson.dumps(body)
    answer = api_of(world).handle(method, path, headers=headers, body=sent, identity=ADMIN)
    world.settle()
    return answer.status, orjson.loads(answer.body)
listed = ask("GET", "/apis/ops.example.org/v1")[1]["resources"]
assert [(item["name"], item["kind"]) for item in listed] == [("backups", "Backup"), ("backups/status", "Backup")]
assert listed[0]["shortNames"] == ["bk"]
made = ask("POST", path, {{"metadata": {{"name": "b"}}, "spec": {{"claim": "c", "colour": "red"}}}})[1]
assert made["spec"] == {{"claim": "c", "keep": 7}} and made["metadata"]["generation"] == 1
merge = {{"content-type": "application/merge-patch+json"}}
assert ask("PATCH", path + "/b", {{"spec": {{"claim": "d"}}}}, **merge)[0] == 422
code, changed = ask("PATCH", path + "/b", {{"spec": {{"keep": 9}}, "status": {{"phase": "Odd"}}}}, **merge)
assert (code, changed["spec"]["keep"], changed["status"]["phase"]) == (200, 9, "Waiting")
assert changed["metadata"]["generation"] == 2
assert "ops.example.org" in str(ask("GET", "/openapi/v3")[1]["paths"])
assert ask("DELETE", path + "/b")[0] == 200
"""


def test_the_added_kind_is_discovered_pruned_patched_and_deleted_like_any_other(followed: Path) -> None:
    said = run(followed, "-c", SERVED.format(where=str(followed)))
    assert said.returncode == 0, said.stderr


def test_the_page_shows_no_kind_that_the_repository_has() -> None:
    assert not (ROOT / "kubeworld/kinds/backup.py").exists()
