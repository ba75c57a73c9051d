"""When people's words ask for a retraining: enough of them, of models, since the last cycle, and not too soon."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aoi.database.answers import SURVEY, AnswerBook, GivenAnswer
from aoi.database.feedback import Feedback, FeedbackBook
from aoi.promotion.ledger import Ledger
from aoi.records.base import sha256_hex
from tasks.wanted import Wanted, retraining_wanted
from tasks.workspace import workspace
from tests.promotion.requests import facts

LATER = timedelta(hours=13)


@pytest.fixture(autouse=True)
def _a_cycle_that_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AOI_HOME", str(tmp_path))
    workspace.cache_clear()
    ledger = workspace().ledger
    ledger.install(facts(0), "ann")
    ledger.close_cycle(ledger.open_cycle("ann").number, "ann", "not proposed")
    yield
    workspace().database.close()
    workspace.cache_clear()


def rate(number: int, verdict: str = "wrong", *, by: str = "version v0", author: str = "ann") -> None:
    sha256 = sha256_hex(f"answer {number}".encode())
    given = GivenAnswer(
        answer=f"diagnosis:{sha256[:12]}",
        sha256=sha256,
        given_at=datetime.now(UTC),
        about="till",
        verdict="fault",
        component="till-db",
        cause="oomkilled",
        confidence=0.9,
        answered_by=by,
    )
    AnswerBook(workspace().database).keep(given)
    FeedbackBook(workspace().database).add(Feedback(answer=sha256, verdict=verdict, author=author, consent=False))


def wanted(after: timedelta = LATER) -> Wanted | None:
    return retraining_wanted(now=datetime.now(UTC) + after)


def test_three_wrong_answers_ask_for_a_retraining_and_two_do_not() -> None:
    rate(1)
    rate(2)
    assert wanted() is None
    rate(3)
    assert wanted() == Wanted(after_cycle=1, asked=1, wrong=3, rated=3)


def test_it_is_not_asked_for_before_the_last_cycle_has_cooled_down() -> None:
    for number in range(5):
        rate(number)
    assert wanted(timedelta(hours=11)) is None


def test_one_that_was_lost_is_asked_for_again_once_as_much_time_has_passed() -> None:
    for number in range(3):
        rate(number)
    assert [found.asked for hours in (13, 23, 25) if (found := wanted(timedelta(hours=hours)))] == [1, 1, 2]


@pytest.mark.parametrize("by", [SURVEY, "version v7"])
def test_answers_of_the_survey_and_of_former_versions_say_nothing_of_the_champion(by: str) -> None:
    for number in range(5):
        rate(number, by=by)
    assert wanted() is None


def test_wrong_answers_count_among_the_newest_alone() -> None:
    for number in range(3):
        rate(number)
    for number in range(3, 12):
        rate(number, "right")
    assert wanted() is None


def test_an_answer_that_somebody_else_calls_right_is_not_counted_as_wrong() -> None:
    for number in range(3):
        rate(number)
    rate(0, "right", author="bob")
    assert wanted() is None


def test_words_of_before_the_last_cycle_were_read_by_it() -> None:
    for number in range(5):
        rate(number)
    ledger: Ledger = workspace().ledger
    cycle = ledger.open_cycle("ann")
    assert wanted() is None, "a cycle is open"
    ledger.close_cycle(cycle.number, "ann", "not proposed")
    assert wanted() is None


def test_none_is_asked_for_where_it_is_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        rate(number)
    monkeypatch.setenv("AOI_RETRAINING__WRONG", "0")
    workspace().database.close()
    workspace.cache_clear()
    assert wanted() is None
