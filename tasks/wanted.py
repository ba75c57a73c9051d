"""Whether people's words say that the champion should be trained again, and before the night would do it."""

from datetime import UTC, datetime, timedelta

from aoi.database.answers import AnswerBook, by_version
from aoi.database.feedback import FeedbackBook
from aoi.records.base import Record, Sha256
from aoi.records.promotion import Champion
from aoi.settings import RetrainingSettings
from tasks.workspace import workspace


class Wanted(Record):
    """A retraining that is wanted, and why."""

    after_cycle: int
    """Newest cycle there was."""
    asked: int
    """How often its time to cool down has passed by now: one request for each, so that a lost one is made again."""
    wrong: int
    rated: int
    """Answers of the champion that people rated since that cycle ended; of these so many are wrong."""

    @property
    def reason(self) -> str:
        """For whoever reads the log."""
        return f"{self.wrong} of the last {self.rated} answers of the champion that people rated were wrong"


def retraining_wanted(*, now: datetime | None = None) -> Wanted | None:
    """None if too few answers were wrong, or a cycle is open or began too short a time ago to begin another."""
    ws = workspace()
    rules, champion = ws.settings.retraining, ws.ledger.champion()
    cycles, ended = (ws.ledger.entries(kind=kind) for kind in ("cycle_opened", "cycle_closed"))
    if champion is None or not ended or not rules.wrong or ws.ledger.is_open(cycles[-1].cycle):
        return None
    passed = (now or datetime.now(UTC)) - datetime.fromisoformat(cycles[-1].at)
    cool_down = timedelta(hours=rules.cool_down_hours)
    if passed < cool_down:
        return None
    wrong, rated = _counted(champion, datetime.fromisoformat(ended[-1].at), rules)
    if wrong < rules.wrong:
        return None
    return Wanted(after_cycle=cycles[-1].cycle, asked=passed // cool_down, wrong=wrong, rated=rated)


def _counted(champion: Champion, since: datetime, rules: RetrainingSettings) -> tuple[int, int]:
    """Of the champion's newest rated answers, how many somebody calls wrong and nobody right; and how many they are."""
    ws = workspace()
    book, verdicts = AnswerBook(ws.database), dict[Sha256, set[str]]()
    for said in FeedbackBook(ws.database).since(since):
        verdicts.setdefault(said.answer, set()).add(said.verdict)
    newest: list[set[str]] = []
    for answer, said in verdicts.items():
        given = book.about(answer)
        if given is not None and given.answered_by == by_version(champion.version):
            newest.append(said)
        if len(newest) == rules.of:
            break
    return sum(said == {"wrong"} for said in newest), len(newest)
