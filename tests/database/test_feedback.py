from datetime import UTC, datetime, timedelta

import pytest

from aoi.database.engine import open_url
from aoi.database.feedback import Feedback, FeedbackBook

START = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def book(tmp_path, clock):
    return FeedbackBook(open_url(f"sqlite:///{tmp_path / 'aoi.db'}"), now=clock)


def word(number=0, **changes) -> Feedback:
    fields = {"answer": f"{number:064x}", "verdict": "wrong", "component": "geo", "author": "ann", "consent": True}
    return Feedback(**fields | changes)


def test_the_same_word_twice_counts_once(book):
    assert book.add(word()) == book.add(word())
    assert book.usable() == [word()]


def test_without_consent_nothing_is_usable(book):
    book.add(word(consent=False))
    assert book.usable() == []


def test_expired_feedback_is_unusable_and_then_forgotten(book, clock):
    book.add(word(), keep_days=1)
    clock.now += timedelta(days=2)
    assert book.usable() == []
    assert book.forget_expired() == 1
    assert book.forget_expired() == 0


def test_one_author_cannot_flood_the_training_set(book):
    for number in range(30):
        book.add(word(number))
    book.add(word(99, author="bob"))
    assert len(book.usable(per_author=5)) == 6


def test_contradicted_feedback_teaches_nothing(book):
    book.add(word(1))
    book.add(word(1, author="bob", component="search"))
    book.add(word(2))
    assert book.usable() == [word(2)]


def test_a_person_can_be_forgotten(book):
    book.add(word(1))
    book.add(word(2, author="bob"))
    assert book.forget_author("ann") == 1
    assert book.usable() == [word(2, author="bob")]


def test_a_word_of_version_1_is_read_as_it_was_meant():
    """It called the diagnosis a trajectory."""
    fields = word().model_dump(mode="json", exclude={"answer"})
    former = {**fields, "schema_version": 1, "trajectory": f"{0:064x}"}
    assert Feedback.model_validate(former).answer == word().answer


def test_what_was_said_of_an_answer_is_told_until_it_expires(book, clock):
    book.add(word(1), keep_days=1)
    book.add(word(2))
    assert book.about(word(1).answer) == [word(1)]
    clock.now += timedelta(days=2)
    assert book.about(word(1).answer) == []


def test_what_is_said_again_takes_the_place_of_what_was_said(book):
    book.add(word(1))
    book.add(word(1, verdict="right", component=None))
    assert book.usable() == [word(1, verdict="right", component=None)]
    book.add(word(1, consent=False))
    assert book.usable() == []
    assert book.about(word(1).answer) == [word(1, consent=False)]


def test_a_word_without_consent_still_contradicts(book):
    book.add(word(1))
    book.add(word(1, author="bob", component="rate", consent=False))
    assert book.usable() == []
