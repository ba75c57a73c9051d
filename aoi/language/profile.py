"""What a bundle fixes about prompts and budgets: one profile for a million parameters, one for a large model."""

from typing import Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from aoi.records.base import Record


class PromptProfile(Record):
    """Budgets, layout and names. Its digest is on every trajectory and in every bundle manifest.

    Version 2 brought `components` and `thinks`, version 3 `tells_changed`. One of an earlier version is written as it
    was read, so that its digest stays.
    """

    schema_version: Literal[1, 2, 3] = 3
    name: str
    layout: Literal["words-1", "chat-1"]
    """`words-1`: closed vocabulary, one token a word. `chat-1`: messages for a chat model, which answers in words."""
    names: Literal["handles", "real"]
    """What stands for a component in a prompt."""
    prompt_tokens: int = Field(gt=0)
    """Hard limit of an Observer prompt, in tokens of the policy's codec."""
    completion_tokens: int = Field(gt=0)
    """Of a decision."""
    plan_tokens: int = Field(default=40, gt=0)
    """Of the Evolver's completion."""
    iterations: int = Field(gt=0)
    summaries: int = Field(ge=0)
    """Earlier summaries that stay in the prompt, newest kept."""
    signals: int = Field(gt=0)
    """Ranked signals of the previous iteration that the Observer sees."""
    alerts: int = Field(gt=0)
    components: int = Field(default=0, ge=0)
    """Names that a prompt lists as those that a decision may use."""
    plan_steps: int = Field(default=3, ge=0)
    """Steps of a guiding plan that are shown at once."""
    probe_rounds: int = Field(default=3, gt=0)
    """Calls of the Probe per iteration; each must try another command than the one that failed."""
    executor_rounds: int = Field(default=3, gt=0)
    observation_bytes: int = Field(default=65_536, gt=0)
    """Per command, after redaction; longer output is cut at a line end."""
    compressed_chars: int = Field(default=0, ge=0)
    """Budget of compressed text beside the signals; 0 shows signals alone."""
    names_callee_only: bool = False
    """Whether a finding about two components names only the one that it points at: `refused s4` for `refused s7 s4`.
    A million parameters copy the word after a word, not the second word after a pair (docs/learning.md)."""
    shows_last_command: bool = True
    """Whether `<last>` begins with the check or action that gave its signals."""
    thinks: bool = False
    """Whether a chat model thinks before it answers, where its template has a switch for that. Its thoughts are tokens
    of the completion, and nothing that it thinks is read."""
    tells_changed: bool = False
    """Whether what is remembered of a component stands apart once that component was changed. What is left to put
    right can then be read; else two names have to be compared, which a million parameters do not learn."""
    temperature: float = Field(default=1.0, ge=0)
    """Of the Observer, the policy that is trained."""
    worker_temperature: float = Field(default=0.0, ge=0)
    """Of the Probe and the Executor, which carry out what was decided."""
    episode_tokens: int = Field(default=4_096, gt=0)
    """Hard limit of one episode, prompts and completions of all roles together."""
    read_ms: int = Field(default=5_000, ge=0)
    """Simulated time that one read costs."""
    write_ms: int = Field(default=30_000, ge=0)
    """Simulated time that one write costs, so that its rollout is visible."""
    instructions: str = ""
    """What a chat model's system text begins with; empty where the layout itself is the instruction."""

    @model_validator(mode="after")
    def _has_what_its_version_knows(self) -> Self:
        for name in self._unknown():
            if getattr(self, name):
                raise ValueError(f"a profile of version {self.schema_version} knows no {name}")
        return self

    @model_serializer(mode="wrap")
    def _as_written(self, fields_of: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = fields_of(self)
        for name in self._unknown():
            fields.pop(name, None)
        return fields

    def _unknown(self) -> list[str]:
        """Fields that later versions brought."""
        return [name for name, version in _BROUGHT.items() if version > self.schema_version]


_BROUGHT = {"components": 2, "thinks": 2, "tells_changed": 3}

SEED_PROFILE = PromptProfile(
    name="seed",
    layout="words-1",
    names="handles",
    prompt_tokens=64,
    completion_tokens=32,
    iterations=6,
    summaries=5,
    signals=3,
    alerts=3,
    names_callee_only=True,
    tells_changed=True,
)

PRODUCTION_PROFILE = PromptProfile(
    name="production",
    layout="chat-1",
    names="real",
    prompt_tokens=4_096,
    completion_tokens=1_024,
    plan_tokens=1_024,
    iterations=15,
    summaries=10,
    signals=12,
    alerts=8,
    components=64,
    plan_steps=12,
    compressed_chars=8_000,
    temperature=0.7,
    episode_tokens=200_000,
    instructions=(
        "You are the on-call engineer of a Kubernetes application. You find out, step by step, what is at fault and "
        "why. You never touch the cluster yourself: each step, you name one look or change, a colleague carries it "
        "out, and what comes of it is condensed for you.\n"
        "Tell the cause from its symptoms: a component whose calls fail is a symptom. Follow the call to the component "
        "that it points at, and look there until a finding explains the failure. Weigh what speaks against your "
        "hypotheses, too. That all is well is an answer like another."
    ),
)
