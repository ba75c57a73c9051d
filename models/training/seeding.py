"""Seeded groups: a decision that was right, among those that a policy samples in the same state.

Nobody sampled it from the policy in training, so it is weighed by importance: how likely each of its tokens is now
against how likely it was for whoever said it. That weight alone teaches least where most is to be learnt: what the
policy would hardly say has almost none. It is shaped as in arXiv 2504.14945 (section 3.2), w -> w / (w + `SHAPE`).
"""

from collections.abc import Sequence

import torch

from aoi.records.learning import TrainingExample
from models.training.batches import Pair, token_losses
from models.training.forward import Forward

SHAPE = 0.1
"""The smaller, the more weight a token has that the policy hardly says."""


def reference_logprobs(forward: Forward, examples: Sequence[TrainingExample]) -> list[list[float]]:
    """Old log-probabilities of the targets of `examples`, by token, for which a policy gradient at the present weights
    is that of the shaped importance weight. What was decided in the policy's place had the probability 1."""
    pairs = [Pair(example.prompt_ids, example.target_ids or ()) for example in examples]
    with torch.no_grad():
        now = (-token_losses(forward, pairs)).double()
    said = [value for example in examples for value in _behaviour(example)]
    weight = (now - torch.tensor(said, dtype=now.dtype, device=now.device)).exp()
    # d/dw (w / (w + c)) * w: what multiplies the gradient of the log-probability.
    shaped = SHAPE * weight / (weight + SHAPE) ** 2
    flat = iter((now - shaped.clamp_min(1e-12).log()).tolist())
    return [[next(flat) for _ in pair.completion] for pair in pairs]


def _behaviour(example: TrainingExample) -> Sequence[float]:
    ids = example.target_ids or ()
    return example.behaviour if example.behaviour else (0.0,) * len(ids)
