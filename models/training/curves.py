"""What a training run reports: one typed point per logged step, the same for every trainer."""

from typing import Literal

from aoi.records.base import Record, Sha256


class CurvePoint(Record):
    """Figures of one optimiser step (or their mean since the point before). None where a trainer has no such figure."""

    step: int
    loss: float
    learning_rate: float
    gradient_norm: float | None = None
    reward: float | None = None
    """Mean reward of the step's completions, in the reward's own unit."""
    reward_deviation: float | None = None
    """Mean standard deviation within groups; 0 means that nothing can be learnt from them."""
    entropy: float | None = None
    """Of the sampling distribution, nats per token."""
    kl: float | None = None
    """From the reference policy, nats per token; None without a KL term."""
    completion_tokens: float | None = None
    clipped: float | None = None
    """Share of completions cut at the token limit."""
    exact_match: float | None = None
    """Share of held-out completions reproduced exactly, greedy."""


class TrainingRun(Record):
    """Curves and the digest of what came out. Holds no times: equal inputs give an equal record."""

    method: Literal["pretrain", "sft", "grpo"]
    points: tuple[CurvePoint, ...]
    steps: int
    examples: int
    """Completions learnt from over all steps, repeats included."""
    tokens: int
    """Read and predicted, over all steps."""
    result: Sha256
    """Digest of the weights that were written: a base for `pretrain`, else an adapter."""
