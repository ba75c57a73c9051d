"""The same decode interface over transformers and PEFT: the reference that `models.network` is held against.

Also what runs architectures other than Qwen3 in process. Slower, and its rows may round differently with the
batch that they are in; large models belong on a server (`models.serving`).
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from peft import PeftModel
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from models import files
from models.loading import base_model
from models.network import width_of


@dataclass(slots=True)
class ReferenceCache:
    """transformers' cache with the mask that hides left padding."""

    cache: DynamicCache
    mask: Tensor
    """(B, positions so far) 1 where there is a token."""

    def select(self, rows: Tensor) -> "ReferenceCache":
        """A cache of these rows, in this order; the old one is used up."""
        self.cache.batch_select_indices(rows)
        return ReferenceCache(self.cache, self.mask[rows])


class Reference:
    """`engine.Decoder` over a transformers model, with or without an adapter."""

    def __init__(self, model: PreTrainedModel | PeftModel) -> None:
        self.model = model.eval()

    @classmethod
    def load(cls, base: Path, adapter: Path | None) -> "Reference":
        """Read a base model, and an adapter on it, in 32-bit floats. Raises: CorruptObject."""
        model: PreTrainedModel | PeftModel = base_model(base)
        if adapter is not None:
            files.check_readable(adapter)
            model = PeftModel.from_pretrained(model, str(adapter))
        return cls(model)

    def prefill(self, prompts: list[tuple[int, ...]], room: int) -> tuple[Tensor, ReferenceCache]:
        """Read left-padded prompts; `room` is not needed, the cache grows."""
        width = width_of(max(map(len, prompts)))
        tokens = torch.zeros(len(prompts), width, dtype=torch.long)
        mask = torch.zeros_like(tokens)
        for row, prompt in enumerate(prompts):
            tokens[row, width - len(prompt) :] = torch.tensor(prompt)
            mask[row, width - len(prompt) :] = 1
        cache = ReferenceCache(DynamicCache(), mask)
        return self._forward(tokens, cache), cache

    def step(self, tokens: Tensor, cache: ReferenceCache) -> Tensor:
        """Append one token to every row; the next logits."""
        cache.mask = torch.cat([cache.mask, torch.ones(len(tokens), 1, dtype=torch.long)], dim=1)
        return self._forward(tokens.unsqueeze(1), cache)

    @torch.inference_mode()
    def logprobs(self, prompt: tuple[int, ...], completion: tuple[int, ...]) -> list[float]:
        """Log-probability of each completion token after the prompt, at temperature 1."""
        ids = torch.tensor([prompt + completion])
        scores = self.model(input_ids=ids).logits[0, len(prompt) - 1 : -1].float().log_softmax(dim=-1)
        return scores.gather(1, torch.tensor(completion).unsqueeze(1)).squeeze(1).tolist()

    def _forward(self, tokens: Tensor, cache: ReferenceCache) -> Tensor:
        positions = (cache.mask.cumsum(dim=1) - 1).clamp(min=0)[:, -tokens.shape[1] :]
        output = self.model(
            input_ids=tokens,
            attention_mask=cache.mask,
            position_ids=positions,
            past_key_values=cache.cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return output.logits[:, -1]
