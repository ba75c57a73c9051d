"""Seeded groups: a decision that was right, among those that a policy samples in the same state.

Nobody sampled it from the policy in training, so it is weighed by importance: how likely each of its tokens is now
against how likely it was for whoever said it. That weight alone teaches least where most is to be learnt: what the
policy would hardly say has almost none. It is shaped as in arXiv 2504.14945 (section 3.2), w -> w / (w + `SHAPE`). A
seed that earns less than its group's mean is clipped to nothing: nobody has to learn not to say what nobody said.
"""

from collections.abc import Sequence

import numpy as np
from peft import PeftModel

from aoi.records.learning import TrainingExample
from models.training.batches import Pair, present_logprobs

SHAPE = 0.1
"""The smaller, the more weight a token has that the policy hardly says."""


def reference_logprobs(
    model: PeftModel, examples: Sequence[TrainingExample], microbatch: int
) -> list[tuple[list[int], list[float]]]:
    """Target of each of `examples`, and for its tokens the old log-probabilities for which a policy gradient at the
    present weights is that of the shaped importance weight.

    What has no `behaviour` had the probability 1: the search decided it in the policy's place.
    """
    pairs = [Pair(example.prompt_ids, example.target_ids or ()) for example in examples]
    now = np.array(present_logprobs(model, pairs, microbatch))
    weight = np.exp(now - np.array([value for example in examples for value in _behaviour(example)]))
    # d/dw (w / (w + c)) * w: what multiplies the gradient of the log-probability.
    shaped = SHAPE * weight / (weight + SHAPE) ** 2
    flat = iter((now - np.log(shaped.clip(min=1e-12))).tolist())
    return [(list(pair.completion), [next(flat) for _ in pair.completion]) for pair in pairs]


def _behaviour(example: TrainingExample) -> Sequence[float]:
    ids = example.target_ids or ()
    return example.behaviour if example.behaviour else (0.0,) * len(ids)
