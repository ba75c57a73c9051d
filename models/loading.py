"""One way to read a base model and its tokenizer with transformers: safetensors, 32-bit floats, no code."""

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers.utils import is_bitsandbytes_available, logging

from aoi.errors import CorruptObject, SettingsError
from aoi.model_settings import Dtype, Quantization
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


def base_model(folder: Path, dtype: Dtype = "float32", quantization: Quantization = "none") -> PreTrainedModel:
    """The model in `folder`; with rounded weights, where it is trained.

    Raises: CorruptObject if the folder holds anything that could execute; SettingsError if nothing here rounds so.
    """
    files.check_readable(folder)
    bits = _bits(quantization, dtype)
    return AutoModelForCausalLM.from_pretrained(
        str(folder),
        dtype=_DTYPES[dtype],
        use_safetensors=True,
        trust_remote_code=False,
        quantization_config=bits,
        device_map={"": device()} if bits else None,
    )


def _bits(quantization: Quantization, dtype: Dtype) -> BitsAndBytesConfig | None:
    """As QLoRA has it: 4 bits with the constants rounded too. Source: https://arxiv.org/abs/2305.14314"""
    if quantization == "none":
        return None
    if not is_bitsandbytes_available():
        raise SettingsError(
            f"AOI_TRAINING__QUANTIZATION is {quantization}, and bitsandbytes is not installed here, or too old: "
            'pip install -e ".[qlora]". Unset it to hold the base in AOI_TRAINING__DTYPE'
        )
    if quantization == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=_DTYPES[dtype],
    )


def device() -> torch.device:
    """Where this process trains: the accelerator that is its own, if there is one."""
    return torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")


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
