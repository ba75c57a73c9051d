"""Prompt and completion pairs as tensors, and the loss on completions: shared by all that is not GRPO."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

import torch
from peft import PeftModel
from torch import Tensor
from torch.nn import functional

from models.training.forward import Forward, forward_of


class Sample(Protocol):
    """What a step learns from: a value that JSON can hold, and how much of it there is to compute."""

    def __iter__(self) -> Iterator[Any]: ...

    @property
    def tokens(self) -> int:
        """Read and predicted."""
        ...


S = TypeVar("S", bound=Sample)


class Pair(NamedTuple):
    """What is read, and what is to be said."""

    prompt: tuple[int, ...]
    completion: tuple[int, ...]
    """Ends with the end of sequence."""
    weight: float = 1.0

    @property
    def tokens(self) -> int:
        """Length of the whole sequence."""
        return len(self.prompt) + len(self.completion)


def microbatches(batch: Sequence[S], size: int) -> Iterator[list[S]]:
    """The batch in parts of samples of like length: padding stays small, the gradient is the batch's."""
    ordered = sorted(batch, key=lambda pair: pair.tokens)
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]


def accumulate(forward: Forward, batch: Sequence[Pair], microbatch: int) -> float:
    """Back-propagate the weighted mean loss per completion token of `batch`. Returns that loss."""
    total = sum(len(pair.completion) * pair.weight for pair in batch)
    loss = 0.0
    for part in microbatches(batch, microbatch):
        share = completion_loss(forward, part) / total
        # The merged weights of an adapter are one graph that all parts share.
        share.backward(retain_graph=True)
        loss += share.item()
    return loss


def completion_loss(forward: Forward, batch: Sequence[Pair]) -> Tensor:
    """Weighted sum of cross-entropies over completion tokens; differentiable in what `forward` computes with."""
    losses = _token_losses(forward, batch)
    factors = [pair.weight for pair in batch for _ in pair.completion]
    return (losses * torch.tensor(factors, device=losses.device)).sum()


def log_likelihoods(forward: Forward, batch: Sequence[Pair]) -> Tensor:
    """Log-probability of each whole completion, (B,); differentiable."""
    losses = _token_losses(forward, batch)
    rows = torch.tensor([row for row, pair in enumerate(batch) for _ in pair.completion], device=losses.device)
    return -losses.new_zeros(len(batch)).index_add(0, rows, losses)


def token_log_likelihoods(forward: Forward, batch: Sequence[Pair]) -> Tensor:
    """Log-probability of every completion token, row by row; differentiable."""
    return -_token_losses(forward, batch)


def present_logprobs(model: PeftModel, pairs: Sequence[Pair], microbatch: int, temperature: float = 1.0) -> list[float]:
    """Log-probability of every completion token, row by row: of the model as it is now, without dropout."""
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            forward = _Tempered(forward_of(model), temperature)
            parts = [pairs[start : start + microbatch] for start in range(0, len(pairs), microbatch)]
            return [logprob for part in parts for logprob in token_log_likelihoods(forward, part).tolist()]
    finally:
        model.train(was_training)


@dataclass(frozen=True, slots=True)
class _Tempered:
    """The distribution that is sampled at a temperature."""

    forward: Forward
    temperature: float

    def logits(self, tokens: Tensor, keep: Tensor) -> Tensor:
        """See `Forward`."""
        return self.forward.logits(tokens, keep) / self.temperature


def _token_losses(forward: Forward, batch: Sequence[Pair]) -> Tensor:
    """Cross-entropy of every completion token, row by row."""
    width = max(pair.tokens for pair in batch) - 1
    inputs = torch.zeros(len(batch), width, dtype=torch.long)
    keep = torch.zeros(len(batch), width, dtype=torch.bool)
    targets: list[int] = []
    for row, (prompt, completion, _) in enumerate(batch):
        ids = prompt + completion[:-1]
        inputs[row, : len(ids)] = torch.tensor(ids)
        keep[row, len(prompt) - 1 : len(ids)] = True
        targets.extend(completion)
    logits = forward.logits(inputs, keep)
    return functional.cross_entropy(logits, torch.tensor(targets, device=logits.device), reduction="none")
