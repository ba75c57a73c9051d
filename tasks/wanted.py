"""Whether people's words say that the champion should be trained again, and before the night would do it."""

from datetime import UTC, datetime, timedelta

from aoi.database.answers import AnswerBook
from aoi.database.feedback import FeedbackBook
from aoi.records.base import Record
from aoi.settings import RetrainingSettings
from tasks.workspace import workspace


class Wanted(Record):
    """A retraining that is wanted, and why."""

    after_cycle: int
    """Newest cycle there was: one request follows each at most."""
    wrong: int
    rated: int
    """Answers of models that people rated since that cycle began; of these so many are wrong."""

    @property
    def reason(self) -> str:
        """For whoever reads the log."""
        return f"{self.wrong} of the last {self.rated} answers of a model that people rated were wrong"


def retraining_wanted(*, now: datetime | None = None) -> Wanted | None:
    """None if too few answers were wrong, or a cycle is open or began too short a time ago to begin another."""
    ws = workspace()
    rules = ws.settings.retraining
    cycles = ws.ledger.entries(kind="cycle_opened")
    if not cycles or not rules.wrong or ws.ledger.is_open(cycles[-1].cycle):
        return None
    began = datetime.fromisoformat(cycles[-1].at)
    if (now or datetime.now(UTC)) < began + timedelta(hours=rules.cool_down_hours):
        return None
    wrong, rated = _counted(began, rules)
    return Wanted(after_cycle=cycles[-1].cycle, wrong=wrong, rated=rated) if wrong >= rules.wrong else None


def _counted(since: datetime, rules: RetrainingSettings) -> tuple[int, int]:
    """Of the newest rated answers of models: how many somebody calls wrong and nobody right, and how many there are."""
    ws = workspace()
    verdicts: dict[str, set[str]] = {}
    for said in FeedbackBook(ws.database).since(since):
        verdicts.setdefault(said.answer, set()).add(said.verdict)
    by_model = AnswerBook(ws.database).of_models(verdicts)
    newest = [said for answer, said in verdicts.items() if answer in by_model][: rules.of]
    return sum(said == {"wrong"} for said in newest), len(newest)
