"""What happened in one episode: steps, answer, outcome, and where it came from."""

from typing import Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from aoi.records.base import Record, Sha256
from aoi.records.coverage import Coverage, Evidence
from aoi.records.decision import NOTHING_SAID, Decision, ObserverState, SubmitDo
from aoi.records.findings import Accusation
from aoi.records.problem import ProblemInstance, Slice, Split, TaskKind

RoleName = Literal["observer", "probe", "executor", "compressor", "evolver"]

SpenderName = Literal["survey", "observer", "probe", "executor", "compressor", "evolver"]
"""Who can cost something: the agents, and the look at everything before the first of them speaks."""

StepStatus = Literal["ok", "malformed", "refused", "failed", "budget"]
"""`malformed`: the decision did not parse. `refused`: parser, transport or approver said no.
`failed`: the cluster answered with an error. `budget`: a hard limit ended the step."""


Ended = Literal["submitted", "steps", "tokens", "malformed", "error", "deadline", "cancelled"]
"""How an episode ended. `submitted`: its Observer answered. `steps`, `tokens`: a budget was spent. `malformed`: it said
nothing that means something, twice in a row. `error`: it broke. `deadline`: its wall-clock time was over. `cancelled`:
whoever asked wanted no more of it. Without an answer of the Observer's, code says what it came to."""

BROKEN_OFF: frozenset[Ended] = frozenset({"error", "deadline", "cancelled"})
"""Endings that say nothing of who acted: such an episode is no failure of theirs, and nothing is learnt from it."""

WRITES = "exec "
"""How the command of an interaction begins that changes something: it prints nothing, the look after it does."""


class Citation(Record):
    """Where a claim was seen: a byte range of one observation."""

    observation: Sha256
    start_byte: int = Field(ge=0)
    end_byte: int = Field(ge=0)


class Signal(Record):
    """One compressed line: a word of the lexicon about one handle, sometimes about two."""

    word: str
    subject: str
    """Handle of the component the line is about."""
    other: str | None = None
    """Handle of the second component, e.g. the one that refused the subject's call."""
    citation: Citation | None = None
    """Where it was seen. None only in a signal that the model invented (it then resolves to nothing)."""


class Utterance(Record):
    """One call of a policy: exactly what went in and what came out, token for token."""

    role: RoleName
    prompt_ids: tuple[int, ...]
    completion_ids: tuple[int, ...]
    logprobs: tuple[float, ...] | None = None
    """Of the completion tokens under the sampling policy, where the engine gives them."""
    adapter: str
    """Digest of the adapter that spoke for this role, or `base:<digest>`, or `scripted:<name>`."""
    temperature: float
    seed: int


class Interaction(Record):
    """One command of the Probe or the Executor, and what came back (digest only).

    Version 2 brought `evidence`. One of version 1 is written as it was read, so that the digest of its episode stays.
    """

    schema_version: Literal[1, 2] = 2
    command: str
    """As typed by the agent, handles resolved, before parsing."""
    status: StepStatus
    observation: Sha256 | None = None
    """Digest of the redacted raw bytes, kept in the episode's raw store."""
    observation_bytes: int = Field(default=0, ge=0)
    error: str | None = None
    evidence: Evidence | None = None
    """Of a command that was sent to the cluster: what may be concluded from what came back."""

    @model_validator(mode="after")
    def _has_what_its_version_knows(self) -> Self:
        if self.schema_version == 1 and self.evidence is not None:
            raise ValueError("an interaction of version 1 has no evidence")
        return self

    @model_serializer(mode="wrap")
    def _as_written(self, fields_of: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = fields_of(self)
        if self.schema_version == 1:
            fields.pop("evidence", None)
        return fields


class Step(Record):
    """One iteration: decide, interact, compress, cache.

    Version 2 brought `state` and `decided`, version 3 the state's `notice`, version 4 a submission's `also`, version 5
    what is said in words: of the state its `components`, `notes`, `believed` and `handover`, of the decision its
    `words`, version 6 the state's `changed`. A step of a former version is written as it was read, so that the digest
    of its episode stays; what one of version 1 decided has to be parsed from its text.
    """

    schema_version: Literal[1, 2, 3, 4, 5, 6] = 6
    index: int = Field(ge=0)
    status: StepStatus
    decision: str
    """The Observer's completion as text; empty if it did not decode."""
    state: ObserverState | None = None
    """What the prompt was rendered from, guidance included; without its plan it renders the unguided prompt."""
    decided: Decision | None = None
    """What the text says, parsed once; None if it is malformed."""
    utterances: tuple[Utterance, ...]
    """Observer first, then each call of the Probe or the Executor, in order."""
    interactions: tuple[Interaction, ...] = ()
    signals: tuple[Signal, ...] = ()
    """What the Compressor passed on: all that the next decision can see of this step."""
    sim_ms: int = Field(ge=0)
    """Simulated clock at the end of the step."""

    @model_validator(mode="after")
    def _has_what_its_version_knows(self) -> Self:
        if self.schema_version == 1 and not (self.state is None and self.decided is None):
            raise ValueError("a step of version 1 has neither state nor decided")
        if self.schema_version < 3 and self.state is not None and self.state.notice:
            raise ValueError("the state of a step of version 2 has no notice")
        submitted = self.decided.do if self.decided else None
        if self.schema_version < 4 and isinstance(submitted, SubmitDo) and submitted.also:
            raise ValueError("a submission in a step before version 4 names no second cause")
        if self.schema_version < 5 and self._has_words():
            raise ValueError("a step before version 5 says nothing in words")
        if self.schema_version < 6 and self.state is not None and self.state.changed:
            raise ValueError("the state of a step before version 6 tells nothing of what was changed apart")
        return self

    def _has_words(self) -> bool:
        state = self.state
        told = state and (state.components or state.notes or state.believed or state.handover != NOTHING_SAID)
        return bool(told) or bool(self.decided and self.decided.words)

    @model_serializer(mode="wrap")
    def _as_written(self, fields_of: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = fields_of(self)
        if self.schema_version == 1:
            fields.pop("state", None)
            fields.pop("decided", None)
        if self.schema_version == 2 and fields.get("state"):
            fields["state"].pop("notice", None)
        if self.schema_version < 4 and fields.get("decided"):
            fields["decided"]["do"].pop("also", None)
        if self.schema_version < 5:
            for name in ("components", "notes", "believed", "handover"):
                (fields.get("state") or {}).pop(name, None)
            (fields.get("decided") or {}).pop("words", None)
        if self.schema_version < 6:
            (fields.get("state") or {}).pop("changed", None)
        return fields


class Answer(Record):
    """What the Observer or the survey concludes, with evidence that code could resolve.

    Version 2 brought what people read: `summary`, `next`, `chain`, `symptoms`, `also`, `coverage`. An answer of version
    1 is written as it was read, so that the digest of its episode stays.
    """

    schema_version: Literal[1, 2] = 2
    verdict: Literal["fault", "no_fault", "inconclusive"]
    component: str | None = None
    """Real name of what is at fault: what owns the pods, or the object itself."""
    cause: str | None = None
    """Word of the lexicon; `unclassified` where none fits."""
    system_level: str | None = None
    fault_type: str | None = None
    confidence: float = Field(ge=0, le=1)
    evidence: tuple[Signal, ...] = ()
    """Only claims whose citation resolves in this episode's raw store."""
    dropped_claims: int = Field(default=0, ge=0)
    summary: str = ""
    """One sentence with object, field and value."""
    next: tuple[str, ...] = ()
    """What to check or do, as commands."""
    chain: tuple[str, ...] = ()
    """Names from the symptom that shows down to the cause, where one was followed."""
    symptoms: tuple[str, ...] = ()
    """Components that merely suffer from the cause."""
    also: tuple[Accusation, ...] = ()
    """Causes that stand beside this one."""
    coverage: Coverage | None = None
    """What was looked at. None where a model submitted its answer in an embedded world, all of which can be read."""

    @model_validator(mode="after")
    def _has_what_its_version_knows(self) -> Self:
        if self.schema_version == 1 and any(getattr(self, name) for name in _ANSWER_2):
            raise ValueError(f"an answer of version 1 has none of {', '.join(_ANSWER_2)}")
        return self

    @model_serializer(mode="wrap")
    def _as_written(self, fields_of: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = fields_of(self)
        if self.schema_version == 1:
            for name in _ANSWER_2:
                fields.pop(name, None)
        return fields


_ANSWER_2 = ("summary", "next", "chain", "symptoms", "also", "coverage")


class Outcome(Record):
    """How the oracle graded an episode."""

    success: bool
    """The strict grade: what the gate, the rewards and every headline figure use."""
    aiopslab_success: bool
    """As AIOpsLab would have graded the same answer and end state."""
    false_alarm: bool = False
    """A fault was claimed in a no-fault control."""
    detail: dict[str, str | float | bool] = Field(default_factory=dict)
    """What the oracle looked at: expected against found, one entry a check."""


class Cost(Record):
    """What one agent used of an episode. Its time is in the provenance: the seed does not determine it."""

    role: SpenderName
    calls: int = Field(default=0, ge=0)
    """Of a policy."""
    prompt_tokens: int = Field(default=0, ge=0)
    completion_tokens: int = Field(default=0, ge=0)
    requests: int = Field(default=0, ge=0)
    """Reads of the cluster, each counted once however often it was tried."""
    bytes: int = Field(default=0, ge=0)
    """Of what the cluster answered."""


class TrajectoryContent(Record):
    """The hashed part: everything that the seed determines.

    Version 2 brought `costs` and `injection`. What was read as version 1 is written as it was, without them.
    """

    schema_version: Literal[1, 2] = 2
    instance: ProblemInstance
    kind: TaskKind
    split: Split
    slice: Slice
    arm: str
    """Who acted: `champion`, `challenger`, `guided`, `scripted`, `golden`, ..."""
    bundle: str
    """Digest of the policy bundle, or `scripted:<name>`."""
    profile: Sha256
    """Digest of the PromptProfile (budgets, layout, names)."""
    rollout_seed: int
    """Seed of the sampling noise. The world's seed is in `instance`."""
    guidance: Sha256 | None = None
    """Digest of the corrective plan given as guidance, if any."""
    injection: str | None = None
    """Id of the injection that was planted into all that was read; None in every episode that is learned from."""
    world: Sha256
    """Digest of the world at the first step."""
    alerts: tuple[Signal, ...] = ()
    """What paged the operator, worst first, as handles."""
    handles: dict[str, str]
    """Handle -> real name, as used in this episode."""
    steps: tuple[Step, ...]
    answer: Answer | None
    outcome: Outcome
    ended: Ended
    error: str | None = None
    """Why a rollout broke. A failed rollout is data, not a crash."""
    tokens: int = Field(ge=0)
    costs: tuple[Cost, ...] = ()
    """By agent, each that used anything once."""

    @model_validator(mode="after")
    def _has_what_its_version_knows(self) -> Self:
        if self.schema_version == 1 and (self.costs or self.injection is not None):
            raise ValueError("an episode of version 1 has neither costs nor an injection")
        return self

    @model_serializer(mode="wrap")
    def _as_written(self, fields_of: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = fields_of(self)
        if self.schema_version == 1:
            for name in ("costs", "injection"):
                fields.pop(name, None)
        return fields


class Provenance(Record):
    """The part that no identity depends on: when, where, by which code.

    Version 2 brought `traceback`, version 3 `spent_ms`. What was read as a former version is written as it was.
    """

    schema_version: Literal[1, 2, 3] = 3
    started_at: str
    """RFC 3339, UTC."""
    wall_ms: int = Field(ge=0)
    host: str
    code_revision: str
    traceback: Sha256 | None = None
    """Digest of the stored object with the whole traceback of an episode that broke, redacted. Not hashed: paths and
    line numbers differ between machines and versions."""
    spent_ms: dict[SpenderName, int] = Field(default_factory=dict)
    """Wall-clock time by agent, waiting for a policy and for the cluster included."""

    @model_validator(mode="after")
    def _has_what_its_version_knows(self) -> Self:
        if self.schema_version == 1 and self.traceback is not None:
            raise ValueError("a provenance of version 1 has no traceback")
        if self.schema_version < 3 and self.spent_ms:
            raise ValueError("a provenance of version 1 or 2 has no spent_ms")
        return self

    @model_serializer(mode="wrap")
    def _as_written(self, fields_of: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = fields_of(self)
        if self.schema_version == 1:
            fields.pop("traceback", None)
        if self.schema_version < 3:
            fields.pop("spent_ms", None)
        return fields


class Trajectory(Record):
    """One episode, self-explaining without its run. It is known by the digest of its `content` alone."""

    content: TrajectoryContent
    provenance: Provenance

    @property
    def id(self) -> str:
        """First 16 digits of the content digest."""
        return self.content.digest()[:16]


class ShardManifest(Record):
    """Written last: a shard without its manifest is a shard to be redone."""

    index: int = Field(ge=0)
    sha256: Sha256
    """Of the shard file's bytes."""
    content_sha256: Sha256
    """Over the content digests in order: equal for the same seed, whatever the provenance."""
    rows: int = Field(ge=0)
    size_bytes: int = Field(ge=0)


class TrajectorySet(Record):
    """A collected set: its shards in order."""

    stage: str
    shards: tuple[ShardManifest, ...]
    content_sha256: Sha256
    """Over the shards' content digests."""
    rows: int = Field(ge=0)
    quarantined: Sha256 | None = None
    """Digest of the quarantine object holding rejected rows with reasons, if any were rejected."""
