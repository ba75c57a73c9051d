"""Text to token ids with the tokenizer of any Hugging Face model: the codec of the `prose-1` layout."""

from collections.abc import Sequence
from pathlib import Path

from transformers import AutoTokenizer

from models import files


class TokenizerCodec:
    """Prompts go through the model's chat template as one user message; completions are plain text."""

    def __init__(self, folder: Path) -> None:
        """Raises: CorruptObject if the folder holds anything that could execute."""
        files.check_readable(folder)
        self._tokenizer = AutoTokenizer.from_pretrained(str(folder))
        self.eos_id: int = self._tokenizer.eos_token_id

    def encode(self, text: str) -> tuple[int, ...]:
        """Token ids of a prompt, turn markers and generation prompt included where the model has a template."""
        if self._tokenizer.chat_template is None:
            return tuple(self._tokenizer(text, add_special_tokens=False)["input_ids"])
        message = [{"role": "user", "content": text}]
        ids = self._tokenizer.apply_chat_template(message, add_generation_prompt=True, return_dict=False)
        return tuple(ids)

    def decode(self, ids: Sequence[int]) -> str:
        """Text up to, and without, the end-of-sequence token."""
        kept = list(ids)
        if self.eos_id in kept:
            kept = kept[: kept.index(self.eos_id)]
        return str(self._tokenizer.decode(kept, skip_special_tokens=False))
