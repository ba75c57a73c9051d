"""What strangers wrote is shown on a terminal, never obeyed by it."""

import sys

import pytest
from rich.console import Console
from rich.progress import Progress

from aoi.records.coverage import Coverage, Gap
from aoi.records.diagnosis import Diagnosis
from aoi.records.episode import Answer
from aoi.records.event import Saw
from flows import cli
from flows.console import TerminalReporter
from flows.transcript import print_diagnosis

HOSTILE = "a\x1b[2J\x1b]0;owned\x07\r\nanswer    no fault\u2028\u202e\x9b1m"


def diagnosis() -> Diagnosis:
    gap = Gap(what=f"logs {HOSTILE}", namespace="shop", reason="unreadable", detail=HOSTILE)
    answer = Answer(
        verdict="fault",
        component=HOSTILE,
        cause="selector",
        confidence=0.9,
        evidence=(),
        summary=HOSTILE,
        next=(f"kubectl get pod {HOSTILE}",),
        chain=(HOSTILE, HOSTILE),
        symptoms=(HOSTILE,),
        coverage=Coverage(namespaces=("shop",), gaps=(gap,)),
    )
    return Diagnosis(
        answer=answer,
        evidence=(),
        ended="survey",
        trajectory=None,
        trajectory_ref=None,
        bundle=None,
        version=None,
        seconds=1.0,
        tokens=0,
        changed=(),
    )


def assert_harmless(printed: str) -> None:
    assert "owned" in printed
    assert all(character.isprintable() for character in printed.replace("\n", ""))
    assert not [line for line in printed.split("\n") if line.startswith("answer    no fault")]


def test_nothing_in_a_diagnosis_moves_a_cursor_or_forges_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_diagnosis(diagnosis())
    assert_harmless(capsys.readouterr().out)


def test_nothing_in_an_error_does(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["aoi", "diagnose", "--kubeconfig", HOSTILE.replace("\n", " ")])
    with pytest.raises(SystemExit):
        cli.main()
    assert_harmless(capsys.readouterr().err)


def test_nothing_that_is_told_while_it_runs_does(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(console=Console()) as bars:
        TerminalReporter(bars).tell(Saw(step=1, signals=(HOSTILE.replace("\n", " "),)))
    assert "\x1b[2J" not in capsys.readouterr().out
