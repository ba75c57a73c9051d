"""What a cycle came to, for the person who started it."""

from typing import Literal

from pydantic import Field

from aoi.records.base import Record, Sha256
from aoi.records.evaluation import SliceResult
from aoi.records.learning import JudgeSpend, Proposer
from aoi.records.promotion import Verdict
from aoi.records.standings import Standings


class StageTime(Record):
    """How long a stage took when it really ran."""

    stage: str
    seconds: float = Field(ge=0)


class ProposerResult(Record):
    """What one proposer's tries at failed problems came to."""

    proposer: Proposer
    failures: int = Field(ge=0)
    """Failures that it can be asked about: remedies are for mitigations alone."""
    equal_tries: int = Field(ge=0)
    """Tries at each failure that every proposer had, before anybody was preferred."""
    repaired_equally: int = Field(ge=0)
    """Failures that those repaired: what proposers are compared by."""
    tries: int = Field(ge=0)
    """All its tries."""
    verified: int = Field(ge=0)
    repaired: int = Field(ge=0)
    """Failures with at least one verified try of its own."""


Untaught = Literal[
    "answered by no model",
    "the oracle knows",
    "answered under another profile",
    "says too little",
    "not in view",
    "measured on",
    "gone",
]
"""Why a person's word on an answer teaches nothing: it was the survey's; it is of an embedded problem; the model was
asked otherwise than the champion is; there is no component, or it would take a class or a repair; the last prompt did
not show what the word names; its cause is one that the gate measures as never met; the answer was purged."""


class LabelReport(Record):
    """What became of people's words on answers."""

    answers: int = Field(default=0, ge=0)
    """With words that may teach: consented, not expired, not contradicted, few of each person."""
    taught: int = Field(default=0, ge=0)
    """Of these, answers that can teach: a decision came of each."""
    untaught: dict[Untaught, int] = Field(default_factory=dict)
    """Of the others, how many for which reason."""


class LearningReport(Record):
    """What the cycle learned from."""

    episodes: int = Field(ge=0)
    solved: int = Field(ge=0)
    quarantined: int = Field(default=0, ge=0)
    failed_problems: int = Field(default=0, ge=0)
    """Problems that no rollout solved: what corrections are searched for."""
    plans: int = Field(default=0, ge=0)
    """Tries at them, by all proposers."""
    verified: int = Field(default=0, ge=0)
    """Tries that the oracle passed and whose answer was earned."""
    repaired_problems: int = Field(default=0, ge=0)
    """Failed problems with at least one verified try."""
    proposers: tuple[ProposerResult, ...] = ()
    ways: int = Field(default=0, ge=0)
    """Tries at solved problems, to solve them otherwise."""
    varied: int = Field(default=0, ge=0)
    """Of these, verified ones that do what no other did: varied workflows."""
    examples: int = Field(default=0, ge=0)
    """Decisions of corrections to imitate."""
    prompts: int = Field(default=0, ge=0)
    """Decision points for GRPO."""
    labelled: int = Field(default=0, ge=0)
    """Decisions that people labelled, among the examples: as many as those that the world passed leave room for."""
    labels: LabelReport = LabelReport()

    @property
    def coverage(self) -> float | None:
        """Share of failed problems that a verified correction was found for; None if nothing failed."""
        return self.repaired_problems / self.failed_problems if self.failed_problems else None


class CycleReport(Record):
    """The summary at the end of `aoi retrain`. Every figure is a field of the records that it names.

    Version 2 brought `standings`; a report of version 1 has none.
    """

    schema_version: Literal[1, 2] = 2
    cycle: int = Field(ge=1)
    champion: str
    """Bundle digest of the champion that was compared against."""
    challenger: str
    challenger_version: str
    evaluation: Sha256
    overall: SliceResult
    slices: tuple[SliceResult, ...]
    kinds: tuple[SliceResult, ...]
    controls: SliceResult
    standings: Standings | None = None
    """Champion and challenger beside survey, expert and seed model."""
    verdict: Verdict
    reasons: tuple[str, ...]
    """Checks of the gate that did not pass."""
    further_runs: int | None = None
    power: float
    detectable_gain: float
    decision: str
    """`promoted`, `waiting for review`, `refused by the reviewer`, or `not proposed`."""
    learning: LearningReport
    judge: JudgeSpend | None = None
    """What a judging model cost; None where rewards were measured, or judged by rules."""
    stages: tuple[StageTime, ...]
    review_page: str
    """Path of the page that a reviewer reads."""
