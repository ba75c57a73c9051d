"""The page in a real browser: what stands on its first screen, and that nothing has to be scrolled sideways."""

from pathlib import Path

import pytest

from aoi.promotion.review import render
from tests.promotion.browser import CHROMIUM, measured
from tests.promotion.test_first_screen import proposed, rejected

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium, chromium-browser or google-chrome is installed")
DECISION = ("h1", ".verdict", ".decide pre")
SCREEN = ("h1", ".decide", ".floors", ".look", ".three")


@pytest.mark.parametrize(("width", "height"), [(1200, 900), (400, 800)])
def test_the_first_screen_holds_the_verdict_and_the_commands(width: int, height: int, tmp_path: Path) -> None:
    found = measured(render(proposed()), width, height, DECISION, tmp_path)
    assert len(found["boxes"][".decide pre"]) == 2
    for selector in DECISION:
        for box in found["boxes"][selector]:
            assert 0 <= box["left"] < box["right"] <= width, box
            assert 0 <= box["top"] < box["bottom"] <= height, box
    assert found["spill"] == []
    assert (found["folded"], found["opened"]) == (width, width), "nothing is wider than the page"


def test_a_large_screen_holds_all_that_a_decision_needs(tmp_path: Path) -> None:
    for number, made in enumerate((proposed, rejected)):
        folder = tmp_path / str(number)
        folder.mkdir()
        found = measured(render(made()), 1200, 900, SCREEN, folder)
        assert {name: len(boxes) for name, boxes in found["boxes"].items()} == dict.fromkeys(SCREEN, 1)
        assert max(box["bottom"] for boxes in found["boxes"].values() for box in boxes) <= 900
