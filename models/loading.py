"""One way to read a base model with transformers: safetensors alone, 32-bit floats, no code from the folder."""

from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.utils import logging

from models import files

logging.disable_progress_bar()  # bars of a few milliseconds would fill every log


def base_model(folder: Path) -> PreTrainedModel:
    """The model in `folder`. Raises: CorruptObject if the folder holds anything that could execute."""
    files.check_readable(folder)
    return AutoModelForCausalLM.from_pretrained(
        str(folder), dtype=torch.float32, use_safetensors=True, trust_remote_code=False
    )
