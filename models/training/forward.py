"""The forward pass of a model in training: logits where a completion is said, differentiable in what is trained.

A small Qwen3 on the CPU runs in `models.network`, with its adapter merged into the weights once a step; every other
model runs as transformers and PEFT have it. `benchmarks/forward.py` measures what the first buys.
"""

from typing import Protocol

import torch
from peft import PeftModel
from torch import Tensor
from transformers import PreTrainedModel

from models import adapters
from models.network import Network, is_runnable
from models.policies.reference import Reference


class Forward(Protocol):
    """What the loss is made from."""

    def logits(self, tokens: Tensor, keep: Tensor) -> Tensor:
        """Logits of a right-padded batch at the positions that `keep` marks.

        Shapes: tokens (B, T), keep (B, T) boolean -> (keep.sum(), vocabulary). Padding on the right needs no
        mask: under causal attention nothing that is kept can see it.
        """
        ...


def forward_of(model: PeftModel) -> Forward:
    """The forward pass of `model` with the weights that it has now: made anew after each optimiser step."""
    return _merged(model) or Whole(model)


def decoder_of(model: PeftModel) -> Network | Reference:
    """What samples with the weights that `model` has now. Its weights are not copied, but merged for our own pass."""
    with torch.no_grad():
        return _merged(model) or Reference(model)


def _merged(model: PeftModel) -> Network | None:
    """Our own pass, where it computes the same: a Qwen3 on the CPU in 32-bit floats, neither rounded nor dropped."""
    base = adapters.base_of(model)
    if (
        adapters.drops(model)
        or adapters.is_quantized(model)
        or base.device.type != "cpu"
        or base.dtype != torch.float32
        or not is_runnable(base.config)
    ):
        return None
    return Network(base.config, adapters.merged_from_model(model))


class Whole:
    """transformers' own pass of the whole model, adapter included."""

    def __init__(self, model: PeftModel | PreTrainedModel) -> None:
        self._model = model

    def logits(self, tokens: Tensor, keep: Tensor) -> Tensor:
        """See `Forward`."""
        # Heads of large vocabularies are most of the memory: none is computed before the first completion begins.
        begin = int(keep.any(dim=0).nonzero()[0])
        output = self._model(
            input_ids=tokens.to(self._model.device),
            use_cache=False,
            logits_to_keep=tokens.shape[1] - begin,
        )
        return output.logits[keep[:, begin:].to(output.logits.device)].float()
