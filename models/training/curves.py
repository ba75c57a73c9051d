"""What a training run reports: one typed point per logged step, the same for every trainer."""

from collections.abc import Callable, Sequence
from typing import Literal

from aoi import progress
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
    sampling_difference: float | None = None
    """Mean distance between the log-probabilities of the server that sampled and of the model in training, nats per
    token; None where it was handed no weights in these steps, and in process."""
    exact_match: float | None = None
    """Share of held-out completions reproduced exactly, greedy."""


Progress = Callable[[CurvePoint], None]
"""Told of every point while training goes on."""


class Curve:
    """The points of a run while it goes on: each has the mean loss of the steps since the point before."""

    def __init__(self, progress: Progress | None = None, before: Sequence[CurvePoint] = ()) -> None:
        """`before` are the points of the part that a resumed run has behind it."""
        self.points = list(before)
        self._losses: list[float] = []
        self._progress = progress

    def add(self, loss: float) -> None:
        """Remember the loss of one step."""
        self._losses.append(loss)

    def log(self, step: int, learning_rate: float, gradient_norm: float, *, exact_match: float | None = None) -> None:
        """Make a point of the steps since the one before."""
        point = CurvePoint(
            step=step,
            loss=sum(self._losses) / len(self._losses),
            learning_rate=learning_rate,
            gradient_norm=gradient_norm,
            exact_match=exact_match,
        )
        self.points.append(point)
        self._losses.clear()
        if self._progress:
            self._progress(point)


class TrainingRun(Record):
    """Curves and the digest of what came out. Holds no times: equal inputs give an equal record."""

    method: Literal["pretrain", "sft", "dpo", "grpo"]
    points: tuple[CurvePoint, ...]
    steps: int
    examples: int
    """Completions learnt from over all steps, repeats included."""
    tokens: int
    """Read and predicted, over all steps."""
    result: Sha256
    """Digest of the weights that were written: a base for `pretrain`, else an adapter."""


def shown(steps: int) -> Progress:
    """Tells the person who waits of every point of a run of `steps`."""

    def show(point: CurvePoint) -> None:
        note = f"loss {point.loss:.3f}" if point.reward is None else f"reward {point.reward:.2f}"
        progress.advance(point.step, steps, note)

    return show
