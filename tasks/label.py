"""Label: what people said of answers becomes replay cases, once a cycle."""

from collections import Counter

from aoi.database.feedback import Feedback, FeedbackBook
from aoi.errors import CorruptObject
from aoi.language.prompting import Prompter
from aoi.learning.labelled import Lesson, lesson
from aoi.problems.audit import held_out_words
from aoi.records.base import Record, Ref
from aoi.records.diagnosis import Diagnosis
from aoi.records.learning import TrainingExample
from aoi.records.promotion import Cycle
from aoi.records.report import LabelReport, Untaught
from aoi.store.shards import put_rows
from models.policies.of_bundle import prompter_of
from tasks.answers import DIAGNOSIS
from tasks.bundles import open_bundle
from tasks.caching import stage
from tasks.workspace import workspace


class Labels(Record):
    """Decisions that people labelled, by reference, and what became of their words."""

    examples: Ref
    """Training examples, `operator_labelled`."""
    report: LabelReport


@stage(timeout_s=1800)
def label(cycle: Cycle, champion: Ref) -> Labels:
    """Read the words that may teach, and make examples of those that rest on what was seen.

    A rerun of the cycle finds what was read first: what is said or withdrawn later is for the next one.
    """
    ws = workspace()
    prompter, held_out = prompter_of(open_bundle(champion)), frozenset(held_out_words())
    rows: list[TrainingExample] = []
    untaught: Counter[Untaught] = Counter()
    words = {said.answer: said for said in FeedbackBook(ws.database).usable()}  # all that is said of one is the same
    for said in words.values():
        learnt = _lesson(said, prompter, held_out)
        if learnt.example is not None:
            rows.append(learnt.example)
        if learnt.why is not None:
            untaught[learnt.why] += 1
    report = LabelReport(answers=len(words), taught=len(rows), untaught=dict(untaught))
    return Labels(examples=put_rows(ws.store, "labels", rows), report=report)


def _lesson(said: Feedback, prompter: Prompter, held_out: frozenset[str]) -> Lesson:
    store = workspace().store
    try:
        diagnosis = store.get(store.find(f"{DIAGNOSIS}:{said.answer}"), Diagnosis)
    except CorruptObject:  # purged ones are that too
        return Lesson(None, "gone")
    return lesson(diagnosis, said, prompter, held_out)
