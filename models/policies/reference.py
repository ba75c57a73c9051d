"""The same decode interface over transformers and PEFT: the reference that `models.network` is held against.

Also what runs architectures other than Qwen3 in process. Slower, and its rows may round differently with the
batch that they are in; large models belong on a server (`models.policies.server`).
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError, RepositoryNotFoundError
from peft import PeftModel
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from aoi.errors import UnknownBundle
from models import files
from models.loading import base_model
from models.network import width_of

_TOP_LEVEL = ("*.safetensors", "*.json", "*.jinja", "*.txt")
"""Files of a model that are wanted: weights, configuration, tokenizer. Nothing that executes."""


def fetch(model: str, into: Path) -> Path:
    """Write the files of a model to `into`, replacing what is there. Returns `into`.

    `model` is a folder, or an id of the Hugging Face hub. Those come through the hub's own cache, of which
    `HF_HUB_OFFLINE=1` makes the only source. Either may be made of links and hold other files (a licence, what git
    wants, weights in other formats), so what is wanted is copied out of it.
    Raises: UnknownBundle if there is no such model, it cannot be had, or it has no safetensors.
    """
    if Path(model).is_dir():
        return _taken(Path(model), model, into)
    try:
        snapshot = Path(snapshot_download(model, allow_patterns=list(_TOP_LEVEL), ignore_patterns=["*/*"]))
    except (HFValidationError, RepositoryNotFoundError, LocalEntryNotFoundError) as error:
        raise UnknownBundle(
            f"base model {model!r} is neither a local folder nor a Hugging Face model that can be had: "
            f"{str(error).splitlines()[0]}. Check its name and access, or fetch it where there is a network "
            f"(`hf download {model}`) and set AOI_MODEL__BASE to its folder"
        ) from error
    return _taken(snapshot, model, into)


def _taken(source: Path, model: str, into: Path) -> Path:
    wanted = [path for path in sorted(source.iterdir()) if any(path.match(pattern) for pattern in _TOP_LEVEL)]
    names = {path.name for path in wanted}
    if "config.json" not in names or not any(name.endswith(".safetensors") for name in names):
        raise UnknownBundle(
            f"base model {model!r} lacks config.json or *.safetensors, found {sorted(names)}. Set AOI_MODEL__BASE "
            "to a model with safetensors weights, or finish its download"
        )
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    for path in wanted:
        shutil.copyfile(path, into / path.name)
    return into


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


BARE = ""
"""Name of the base without an adapter."""


class Reference:
    """`engine.Decoder` over a transformers model, with or without an adapter."""

    def __init__(self, model: PreTrainedModel | PeftModel, adapter: str | None = None) -> None:
        """`adapter` is one of several on a shared model, or `BARE`; without it the model answers as it is."""
        self.model = model
        self._adapter = adapter

    @classmethod
    def load(cls, base: Path, adapter: Path | None) -> "Reference":
        """Read a base model, and an adapter on it, in 32-bit floats. Raises: CorruptObject."""
        first, *_ = cls.load_all(base, {"only": adapter} if adapter else {}).values()
        return first

    @classmethod
    def load_all(cls, base: Path, adapters: Mapping[str, Path]) -> "dict[str, Reference]":
        """Read a base model once, and each adapter on it: a decoder for each name, the one for the `BARE` base last.

        Names are keys of torch modules: without dots. All share weights, so one at a time may compute.
        Raises: CorruptObject.
        """
        model: PreTrainedModel | PeftModel = base_model(base)
        for name, folder in adapters.items():
            files.check_readable(folder)
            if isinstance(model, PeftModel):
                model.load_adapter(str(folder), adapter_name=name)
            else:
                model = PeftModel.from_pretrained(model, str(folder), adapter_name=name)
        model.eval()
        if not isinstance(model, PeftModel):
            return {BARE: cls(model)}
        return {name: cls(model, name) for name in (*adapters, BARE)}

    def prefill(self, prompts: list[tuple[int, ...]], room: int) -> tuple[Tensor, ReferenceCache]:
        """Read left-padded prompts; `room` is not needed, the cache grows."""
        width = width_of(max(map(len, prompts)))
        tokens = torch.zeros(len(prompts), width, dtype=torch.long, device=self.model.device)
        mask = torch.zeros_like(tokens)
        for row, prompt in enumerate(prompts):
            tokens[row, width - len(prompt) :] = torch.tensor(prompt, device=tokens.device)
            mask[row, width - len(prompt) :] = 1
        cache = ReferenceCache(DynamicCache(), mask)
        return self._forward(tokens, cache), cache

    def step(self, tokens: Tensor, cache: ReferenceCache) -> Tensor:
        """Append one token to every row; the next logits."""
        cache.mask = torch.cat([cache.mask, cache.mask.new_ones(len(tokens), 1)], dim=1)
        return self._forward(tokens.to(cache.mask.device).unsqueeze(1), cache)

    @torch.inference_mode()
    def logprobs(self, prompt: tuple[int, ...], completion: tuple[int, ...]) -> list[float]:
        """Log-probability of each completion token after the prompt, at temperature 1."""
        ids = torch.tensor([prompt + completion], device=self.model.device)
        with self._answering():
            logits = self.model(input_ids=ids, logits_to_keep=len(completion) + 1).logits[0, :-1]
        scores = logits.float().log_softmax(dim=-1)
        return scores.gather(1, ids[0, len(prompt) :].unsqueeze(1)).squeeze(1).tolist()

    def _forward(self, tokens: Tensor, cache: ReferenceCache) -> Tensor:
        positions = (cache.mask.cumsum(dim=1) - 1).clamp(min=0)[:, -tokens.shape[1] :]
        with self._answering():
            output = self.model(
                input_ids=tokens,
                attention_mask=cache.mask,
                position_ids=positions,
                past_key_values=cache.cache,
                use_cache=True,
                logits_to_keep=1,
            )
        return output.logits[:, -1].cpu()

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """The model as it is to answer: without dropout, with its own adapter or none. Afterwards as it was."""
        # Entered for every token: each of these walks through all modules, so nothing is set that is so already.
        if was_training := self.model.training:
            self.model.eval()
        try:
            if self._adapter is None or not isinstance(self.model, PeftModel):
                yield
            elif self._adapter == BARE:
                with self.model.disable_adapter():
                    yield
            else:
                if self.model.active_adapter != self._adapter:
                    self.model.set_adapter(self._adapter, inference_mode=True)
                yield
        finally:
            if was_training:
                self.model.train()
