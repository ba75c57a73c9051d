"""What of people's words a cycle reads: with consent, uncontradicted, unexpired, of each person few, newest first."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aoi.database.feedback import Feedback, FeedbackBook
from aoi.records.base import Ref, sha256_hex
from aoi.records.diagnosis import Diagnosis
from aoi.records.learning import TrainingExample
from aoi.records.promotion import Cycle
from aoi.records.report import LabelReport
from aoi.store.objects import Purged
from aoi.store.shards import read_rows
from tasks.answers import DIAGNOSIS
from tasks.label import Labels, label
from tasks.workspace import workspace
from tests.learning.test_labelled import LOOK, WRONG, met
from tests.models.small import make_base
from tests.tasks.requested import present, store_base

pytestmark = pytest.mark.filterwarnings("default")  # MLflow warns about its own parts


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """With a champion that speaks the seed's layout."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AOI_HOME", str(folder))
        workspace.cache_clear()
        store_base(make_base(folder / "base", steps=2))
        yield folder
        workspace().database.close()
        workspace.cache_clear()


def answered(number: int) -> Ref[Diagnosis]:
    return workspace().store.put(DIAGNOSIS, met(LOOK, WRONG, rollout_seed=number))


def say(about: Ref[Diagnosis], author: str = "ann", *, book: FeedbackBook | None = None, **told) -> None:
    fields = {"verdict": "wrong", "component": "search", "consent": True} | told
    (book or FeedbackBook(workspace().database)).add(Feedback(answer=about.sha256, author=author, **fields))


def read(cycle: int) -> Labels:
    champion = present()
    return label.fn(
        Cycle(number=cycle, champion=champion.bundle, is_new=True), workspace().store.find(f"bundle:{champion.tree}")
    )


def sources(labels: Labels) -> list[str]:
    rows = read_rows(workspace().store, labels.examples, TrainingExample)
    return [row.instance.problem.id.removeprefix("labelled-") for row in rows]


@pytest.fixture
def book(home: Path) -> Iterator[FeedbackBook]:
    """Without words before and after."""
    kept = FeedbackBook(workspace().database)
    yield kept
    for author in ("ann", "bob"):
        kept.forget_author(author)


def test_what_was_said_with_consent_is_read_and_what_was_withdrawn_is_not(book: FeedbackBook) -> None:
    first, second, third = answered(1), answered(2), answered(3)
    say(first)
    say(second, consent=False)
    say(third, "bob")
    labels = read(1)
    assert labels.report == LabelReport(answers=2, taught=2)
    assert sources(labels) == [third.sha256, first.sha256]
    book.forget_author("ann")
    assert sources(read(2)) == [third.sha256]


def test_a_contradiction_keeps_an_answer_from_being_read_also_one_without_consent(book: FeedbackBook) -> None:
    disputed, doubted, agreed = answered(1), answered(2), answered(3)
    say(disputed)
    say(disputed, "bob", component="geo")
    say(doubted)
    say(doubted, "bob", component="geo", consent=False)
    say(agreed)
    say(agreed, "bob", consent=False)
    assert sources(read(1)) == [agreed.sha256]


def test_what_expired_is_not_read(book: FeedbackBook) -> None:
    long_ago = FeedbackBook(workspace().database, now=lambda: datetime.now(UTC) - timedelta(days=91))
    say(answered(1), book=long_ago)
    assert read(1).report == LabelReport()


def test_of_one_person_the_newest_twenty_words_are_read(book: FeedbackBook) -> None:
    about = [answered(number) for number in range(25)]
    for ref in about:
        say(ref)
    say(about[0], "bob")
    assert sources(read(1)) == [about[0].sha256, *(ref.sha256 for ref in reversed(about[5:]))]


def test_a_word_on_an_answer_that_is_gone_is_counted_and_stops_nothing(book: FeedbackBook) -> None:
    purged, kept = answered(101), answered(102)
    say(purged)
    say(kept)
    say(Ref(kind=DIAGNOSIS, sha256=sha256_hex(b"never stored"), size_bytes=1), component="geo")
    sign = Purged(object_kind=DIAGNOSIS, sha256=purged.sha256, size_bytes=purged.size_bytes, at="2026-01-01", by="ann")
    workspace().store.remove(purged, sign)
    labels = read(1)
    assert labels.report == LabelReport(answers=3, taught=1, untaught={"gone": 2})
    assert sources(labels) == [kept.sha256]


def test_nothing_said_is_no_example(book: FeedbackBook) -> None:
    labels = read(1)
    assert labels.report == LabelReport()
    assert labels.examples.size_bytes == 0
