"""What the pages on recordings and on AIOpsLab tell people to do, done."""

import json
import re
import shlex
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from aoi.problems import catalogue
from tests.command import aoi
from tests.docs.pages import ROOT
from tests.flows.live_cluster import BROKEN, live_cluster
from tests.interop.orchestrator import DESCRIPTIONS, SUBMITS, Shell, play, served

REPORT = (ROOT / "docs" / "howto" / "report-a-wrong-diagnosis.md").read_text()
PLAY = (ROOT / "docs" / "howto" / "play-in-aiopslab.md").read_text()


def commands(page: str, first: str) -> list[list[str]]:
    """Words of the page's commands that begin with `first`, without the name of the program."""
    lines = re.findall(r"^\s*(aoi .*)$", page, re.MULTILINE)
    found = [words[1:] for words in map(shlex.split, lines) if words[1] == first]
    assert found
    return found


def test_a_case_is_recorded_and_looked_at_again_as_the_page_says(tmp_path: Path) -> None:
    case = str(tmp_path / "case.aoi")
    home = tmp_path / "home"
    with live_cluster(tmp_path) as cluster:
        names = {"probe.kubeconfig": str(cluster.kubeconfig), "YOURS": BROKEN, "case.aoi": case}
        [told] = commands(REPORT, "record")
        recorded = aoi(home, *(names.get(word, word) for word in told), "--json")
        assert recorded.returncode == 0, recorded.stderr
        assert cluster.url.encode() not in Path(case).read_bytes()
    before = json.loads(recorded.stdout)
    plain, as_json = (aoi(tmp_path / "other", *(names.get(w, w) for w in told)) for told in commands(REPORT, "replay"))
    assert "till-worker" in plain.stdout
    assert "answered differently" not in plain.stderr
    assert json.loads(as_json.stdout)["answer"] == before["answer"]


def test_an_answer_is_found_again_and_rated_as_the_page_says(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with live_cluster(tmp_path) as cluster:
        asked = aoi(home, "diagnose", "--kubeconfig", str(cluster.kubeconfig), "-n", BROKEN, "--json")
    name = json.loads(asked.stdout)["kept_as"]
    listed, shown, *words = [
        aoi(home, *(name if word.startswith("diagnosis:") else word for word in told))
        for told in (*commands(REPORT, "answers"), *commands(REPORT, "feedback"))
    ]
    assert name in listed.stdout
    assert "till-worker" in shown.stdout
    assert [ended.returncode for ended in words] == [0, 0]
    assert "says it was wrong: till-db (oomkilled)" in words[1].stdout
    again = aoi(home, "answers", "show", name)
    assert again.stdout.count(" says it was ") == 1
    assert json.loads(aoi(home, "feedback", "--withdraw", "--json").stdout) == {"forgotten": 1}


class Orchestrator:
    """Stands where AIOpsLab's would: it has the methods that the page calls."""

    shell: Shell
    played: Any = None

    def register_agent(self, agent: Any, name: str = "agent") -> None:
        self._agent, self.name = agent, name

    def init_problem(self, problem_id: str) -> tuple[str, str, dict[str, str]]:
        self._kind = catalogue.get(problem_id).kind
        description = f"{DESCRIPTIONS[self._kind]}\nNamespace: test-hotel-reservation\n"
        return description, "Respond with one API call.", {"submit": SUBMITS[self._kind]}

    async def start_problem(self, max_steps: int) -> None:
        type(self).played = await play(self._agent, self._kind, "test-hotel-reservation", self.shell, max_steps)


def test_the_agent_plays_as_the_page_registers_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    [code] = re.findall(r"```python\n(.*?)```", PLAY, re.DOTALL)
    [problem] = re.findall(r'init_problem\("(.*?)"\)', code)
    theirs = ModuleType("aiopslab.orchestrator")
    theirs.Orchestrator = Orchestrator  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "aiopslab", ModuleType("aiopslab"))
    monkeypatch.setitem(sys.modules, "aiopslab.orchestrator", theirs)
    with served(tmp_path / "shell", problem) as (_, shell):
        monkeypatch.setattr(Orchestrator, "shell", shell, raising=False)
        exec(compile(code, "play-in-aiopslab.md", "exec"), {})
    assert Orchestrator.played.submitted == ["geo"]
    assert capsys.readouterr().out.startswith("fault geo ")


def test_sessions_are_imported_as_the_page_says(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    turn = {"role": "assistant", "content": '```\nsubmit("Yes")\n```'}
    (folder / "a.json").write_text(json.dumps({"problem_id": "a-detection-1", "trace": [turn]}))
    (folder / "b.json").write_text("no session")
    plain, as_json = (
        aoi(tmp_path / "home", *(str(folder) if w == "data/results" else w for w in told))
        for told in commands(PLAY, "data")
    )
    assert "2 sessions of 2 files: 1 imported, of which 0 were known, 1 quarantined" in plain.stdout
    assert json.loads(as_json.stdout)["known"] == 1
