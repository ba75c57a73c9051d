"""The page of a diagnosis: what strangers wrote is shown and never interpreted."""

import pytest

from aoi.records.diagnosis import Diagnosis
from aoi.records.episode import Answer
from flows.markdown import fenced, page

HOSTILE = "```\n# forged\n<script>alert(1)</script> ![x](http://evil.example/p.png) `````\x1b[31m\u202e"


def diagnosis(**changes: object) -> Diagnosis:
    answer = Answer(verdict="inconclusive", confidence=0.0, summary=HOSTILE, next=(HOSTILE,))
    fields = {"answer": answer, "evidence": (), "ended": "survey", "trajectory": None, "trajectory_ref": None}
    rest = {"bundle": None, "version": None, "seconds": 1.0, "tokens": 0, "changed": ()}
    return Diagnosis.model_validate({**fields, **rest, **changes})


def outside(text: str) -> str:
    """What stands in no block of code, as CommonMark reads fences."""
    kept, fence = [], ""
    for line in text.splitlines():
        marks = len(line) - len(line.lstrip("`"))
        if not fence and marks >= 3:
            fence = "`" * marks
        elif fence and line.strip("` ") == "" and marks >= len(fence):
            fence = ""
        elif not fence:
            kept.append(line)
    assert not fence
    return "\n".join(kept)


def test_nothing_that_a_stranger_wrote_stands_outside_of_a_block_of_code() -> None:
    said = page(diagnosis())
    assert [line for line in outside(said).splitlines() if line] == ["## Answer", "## Next", "## Kept as"]
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert "alert(1)" in said


@pytest.mark.parametrize("line", ["```", "````", "a ``````` b", "~~~", "    ```"])
def test_no_line_ends_its_block(line: str) -> None:
    assert outside(fenced([line, "after"])) == ""


def test_an_answer_that_there_is_none_of_says_how_it_ended() -> None:
    assert "none (ended: malformed)" in page(diagnosis(answer=None, ended="malformed"))
