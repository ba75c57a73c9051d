"""One way to read a base model and its tokenizer with transformers: safetensors, 32-bit floats, no code."""

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast
from transformers.utils import logging

from aoi.errors import CorruptObject
from aoi.model_settings import Dtype
from models import files

logging.disable_progress_bar()  # bars of a few milliseconds would fill every log


def eos_ids(folder: Path) -> frozenset[int]:
    """Every id that ends a completion, as a model's folder says: chat models have several (end of turn, end of text).

    They stand in `generation_config.json`; `config.json` often names one of them alone. Raises: CorruptObject if
    neither names any.
    """
    ids: set[int] = set()
    for name in ("config.json", "generation_config.json"):
        path = folder / name
        named = json.loads(path.read_bytes()).get("eos_token_id") if path.is_file() else None
        ids.update(named if isinstance(named, list) else () if named is None else (named,))
    if not ids:
        raise CorruptObject(f"{folder.name}: neither config.json nor generation_config.json names an eos_token_id")
    return frozenset(ids)


def base_model(folder: Path, dtype: Dtype = "float32") -> PreTrainedModel:
    """The model in `folder`. Raises: CorruptObject if the folder holds anything that could execute."""
    files.check_readable(folder)
    return AutoModelForCausalLM.from_pretrained(
        str(folder), dtype=_DTYPES[dtype], use_safetensors=True, trust_remote_code=False
    )


def device() -> torch.device:
    """Where a model is trained: the accelerator, if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


_DTYPES: dict[Dtype, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """The tokenizer in a model's folder. Raises: CorruptObject if there is none, or anything that could execute."""
    files.check_readable(folder)
    loaded = AutoTokenizer.from_pretrained(str(folder))
    if not isinstance(loaded, PreTrainedTokenizerFast):
        raise CorruptObject(f"{folder} holds no tokenizer.json, found a {type(loaded).__name__}")
    return loaded


def without_added_tokens(whole: PreTrainedTokenizerFast) -> Tokenizer:
    """A copy that finds no added token in a text, nor puts one around it.

    `split_special_tokens` of transformers is not enough: it splits special tokens alone, and Qwen3's `<think>` and
    `<tool_call>` are added tokens that are not special.
    """
    fields: dict[str, Any] = json.loads(whole.backend_tokenizer.to_str())
    fields |= {"added_tokens": [], "post_processor": None, "truncation": None, "padding": None}
    return Tokenizer.from_str(json.dumps(fields))
