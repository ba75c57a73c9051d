"""Text to token ids with the tokenizer of any Hugging Face model: the codec of the `prose-1` layout."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from aoi.errors import CorruptObject
from models import files


class TokenizerCodec:
    """Prompts go through the model's chat template as one user message; completions are plain text."""

    def __init__(self, folder: Path) -> None:
        """Raises: CorruptObject if the folder holds anything that could execute, or no tokenizer with an end."""
        files.check_readable(folder)
        found = AutoTokenizer.from_pretrained(str(folder))
        if not isinstance(found, PreTrainedTokenizerBase) or found.eos_token_id is None:
            raise CorruptObject(f"{folder} holds no tokenizer with an end-of-sequence token")
        self._tokenizer = found
        self.eos_id: int = found.eos_token_id

    def encode(self, text: str) -> tuple[int, ...]:
        """Token ids of a prompt, turn markers and generation prompt included where the model has a template."""
        if self._tokenizer.chat_template is None:
            return tuple(self._tokenizer(text, add_special_tokens=False)["input_ids"])
        message = [{"role": "user", "content": text}]
        ids = self._tokenizer.apply_chat_template(message, add_generation_prompt=True, return_dict=False)
        # Its stub names every result that some arguments give; with these it is a list of ids.
        return tuple(cast("list[int]", ids))

    def decode(self, ids: Sequence[int]) -> str:
        """Text up to, and without, the end-of-sequence token."""
        kept = list(ids)
        if self.eos_id in kept:
            kept = kept[: kept.index(self.eos_id)]
        return str(self._tokenizer.decode(kept, skip_special_tokens=False))
