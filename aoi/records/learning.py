"""What is learned from: corrective plans, training examples, bundles."""

from typing import Any, Literal

from pydantic import Field, model_validator

from aoi.records.base import Record, Sha256
from aoi.records.decision import Decision
from aoi.records.problem import ProblemInstance, Slice, Split, TaskKind


class PlanStep(Record):
    """One suggestion of a corrective plan, in the words of the decision layout."""

    do: str
    """`probe CHECK H` or `exec ACTION H [VALUE]`, with the handles of the episode it repairs."""


Proposer = Literal["evolver", "retry", "suspects", "answers", "remedies", "oracle"]
"""Who thought of a plan. `oracle` plans are privileged: they are reported apart and never counted as anybody's."""
SEARCH = "search"
"""Author of a plan that no model wrote."""


class CorrectivePlan(Record):
    """One try at a failed problem: where it leaves the failed course, and what is suggested from there.

    Version 2 brought `prefix`, `branch`, `attempt` and the proposers of the search; version 1 knew the Evolver and the
    oracle, whose plans begin with the episode.
    """

    schema_version: Literal[2] = 2
    instance: ProblemInstance
    source_trajectory: Sha256
    """Content digest of the failed trajectory that all tries at this problem go back to."""
    prefix: tuple[Decision | str, ...] = ()
    """Decisions that are carried out before the policy is asked: of the failed trajectory, or of a try that grew out of
    it, and then what is tried: an answer, or changes. A malformed one is its text."""
    branch: int = Field(default=0, ge=0)
    """How many of these were made before: the step at which the try leaves the failed course."""
    attempt: int = Field(default=0, ge=0)
    """Number of the try: a retry has no steps, and differs by its sampling noise alone."""
    mode: Literal["repair", "augment"]
    proposer: Proposer
    evolver: str
    """Digest of the adapter that wrote the plan; `oracle`; `search` where no model did."""
    steps: tuple[PlanStep, ...]
    """Empty for a retry, and for what is malformed."""
    failure: Literal["no_fix", "incomplete_diagnosis", "wrong_path", "no_verification", "stopped_early", "wrong_fix"]
    prompt_ids: tuple[int, ...]
    completion_ids: tuple[int, ...]
    status: Literal["verified", "hint", "malformed"]
    """`verified`: re-executed as guidance in the problem that failed, and the oracle passed the answer."""
    verified_by: Sha256 | None = None
    """Content digest of the guided trajectory that passed."""

    @model_validator(mode="before")
    @classmethod
    def _from_version_1(cls, fields: Any) -> Any:
        is_old = isinstance(fields, dict) and fields.get("schema_version") == 1
        return fields | {"schema_version": 2} if is_old else fields


class CorrectionOutcome(Record):
    """What became of one failed problem: whether it is solved in the same world after training, and by which
    correction it was taught."""

    instance: ProblemInstance
    source_trajectory: Sha256
    """Content digest of the failure."""
    correction: Sha256 | None
    """Digest of the try that was learnt from; None where none was verified."""
    champion_solves: bool
    """Greedily: that it failed was perhaps the noise of sampling."""
    challenger_solves: bool


Source = Literal["verified_correction", "success", "decision_point", "operator_labelled"]


class TrainingExample(Record):
    """One Observer decision to learn from: a prompt, a way to replay it, sometimes a target.

    Version 3 brought `rejected_ids` and `behaviour`. Version 2 tells decision points from successes, brought `target`
    and holds `commands` as they were parsed. Version 1 called both `success`; whether there was something to imitate
    told them apart.
    """

    schema_version: Literal[3] = 3
    instance: ProblemInstance
    kind: TaskKind
    split: Split
    slice: Slice
    prompt_ids: tuple[int, ...]
    """Without the guidance, also when the decision was made under guidance."""
    target_ids: tuple[int, ...] | None
    """What to imitate; None for an example that only GRPO may use."""
    target: Decision | None = None
    """What `target_ids` say: the gold decision that a judge compares with. None in examples of version 1."""
    rejected_ids: tuple[int, ...] | None = None
    """What was decided instead in the same state, on the way to a failure: the other half of a preference pair."""
    behaviour: tuple[float, ...] | None = None
    """Log-probability of each of `target_ids` for whoever said it, with the plan in view where there was one: what an
    importance weight is measured against. None if it was not sampled."""
    step: int = Field(ge=0)
    commands: tuple[Decision | str, ...]
    """Decisions that lead from the first step to this one: with the world digest they replay it. A malformed one is its
    text, as is every one of version 1."""
    world: Sha256
    source: Source
    """`verified_correction`: decided under a plan that the world verified. `success`: decided by itself on the way to a
    right answer, or with `plan` on another way to it that the world verified. `decision_point`: met in any episode,
    with nothing to imitate. `operator_labelled`: by a person."""
    source_trajectory: Sha256
    plan: Sha256 | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_former_versions(cls, fields: Any) -> Any:
        if not isinstance(fields, dict) or fields.get("schema_version") not in (1, 2):
            return fields
        is_point = fields.get("source") == "success" and fields.get("target_ids") is None
        return fields | {"schema_version": 3} | ({"source": "decision_point"} if is_point else {})


class Grades(Record):
    """What a judging model gives a decision, in whole numbers. The other dimensions are measured by code."""

    summary: int = Field(ge=0, le=10)
    action: int = Field(ge=0, le=10)
    context_instruction: int = Field(ge=0, le=10)
    context_namespace: int = Field(ge=0, le=10)


class Judgement(Record):
    """One reply of a judging model, kept under the digest of its question: nobody pays for it twice."""

    grades: Grades | None
    """None if the reply could not be read."""
    prompt_tokens: int = Field(ge=0)
    """As the endpoint counted; 0 if it does not."""
    completion_tokens: int = Field(ge=0)


class JudgeSpend(Record):
    """What a judging model cost a training, since it was last started."""

    model: str
    decisions: int = Field(default=0, ge=0)
    """Sampled decisions that were worth something by judgement, repeats included."""
    by_rules: int = Field(default=0, ge=0)
    """Of them, those that no model judges: answers, and what stands in the place of one."""
    judgements: int = Field(default=0, ge=0)
    """Different questions that the others came to."""
    cached: int = Field(default=0, ge=0)
    """Of these, how many had been answered before."""
    unreadable: int = Field(default=0, ge=0)
    """Of these, how many replies could not be read: those decisions were judged by rules."""
    requests: int = Field(default=0, ge=0)
    """Sent, each try counted."""
    prompt_tokens: int = Field(default=0, ge=0)
    """Of these requests, as the endpoint counted."""
    completion_tokens: int = Field(default=0, ge=0)


class BundleManifest(Record):
    """All digests that make an answer reproducible. A bundle is refused unless every one matches."""

    name: str
    base: Sha256
    tokenizer: Sha256
    adapter: Sha256 | None
    """None for the bare base model (champion version 1 on the embedded default)."""
    evolver_adapter: Sha256 | None = None
    profile: Sha256
    parent: str | None
    """Digest of the bundle this one was warm-started from."""
    cycle: int = Field(ge=0)
    data: tuple[Sha256, ...]
    """Digests of the sets it was trained on."""
    code_revision: str
    code_sha256: Sha256
    settings: Sha256
    files: dict[str, Sha256]
    """Relative path -> digest of every file in the bundle."""


BASES = "bases"
"""Group of marks that lead from the digest of base weights to their stored folder."""


class StoredBase(Record):
    """Where a base model lies: kept once, beside all bundles that share it."""

    weights: Sha256
    tree: Sha256
