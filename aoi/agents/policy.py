"""What a policy is to the agents: a batch of prompts in, a batch of completions out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from aoi.agents.deadline import Deadline
from aoi.records.episode import RoleName


@dataclass(frozen=True, slots=True)
class Turn:
    """One prompt that an episode waits on."""

    role: RoleName
    prompt_ids: tuple[int, ...]
    max_tokens: int
    temperature: float
    """0 is greedy."""
    seed: int
    """Fixes the sampling noise of this turn, whatever else is in the batch."""


@dataclass(frozen=True, slots=True)
class Generation:
    """One completion, without the end-of-sequence token's text but with its id, if it was sampled."""

    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...] | None
    """Of `token_ids` under the sampling distribution; None where the engine gives none."""
    adapter: str
    """Digest of the adapter that answered for this role."""


class Policy(Protocol):
    """Anything that decides: the in-process engine, a model server, a scripted or a golden operator."""

    def generate(self, turns: Sequence[Turn]) -> list[Generation]:
        """Answer every turn, in order. Raises: ServerUnavailable."""
        ...


@runtime_checkable
class TimedPolicy(Policy, Protocol):
    """Can be told until when an answer is of use, and leaves off then."""

    def generate_within(self, turns: Sequence[Turn], deadline: Deadline) -> list[Generation]:
        """Answer every turn, in order. Raises: TimeIsUp within a moment of it; ServerUnavailable."""
        ...
