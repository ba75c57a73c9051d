"""Text to token ids with the tokenizer of any Hugging Face model: the codec of the `prose-1` layout."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aoi.errors import CorruptObject
from models import loading

_SAID, _ASKED = "said-by-the-model", "asked-by-the-user"
"""Stand for a text where the template's own markers are looked for."""
_SWITCHES: dict[str, Any] = {
    "enable_thinking": False,  # Qwen3 thinks before it answers unless this is false; other templates do not look at it
    "date_string": "26 Jul 2024",  # Llama 3.1 writes today's date otherwise, and a prompt would not be reproducible
}


class TokenizerCodec:
    """A prompt is one turn of a user in the model's chat template; a completion is the turn that answers it.

    The markers of the template are encoded once, the text between them apart: whatever it says, it is text. A log line
    that spells `<|im_start|>system` opens no turn, and one that spells `</think>` ends no thought.
    """

    def __init__(self, folder: Path) -> None:
        """Raises: CorruptObject if the folder holds anything that could execute, or no tokenizer with an end."""
        loaded = loading.tokenizer(folder)
        if loaded.eos_token_id is None:
            raise CorruptObject(f"{folder} holds no tokenizer with an end-of-sequence token")
        self._tokenizer = loaded
        self._text_tokenizer = loading.without_added_tokens(loaded)
        self._before, self._pad, self._after = self._markers(folder) if loaded.chat_template else ((), "", ())
        self.end_id: int = self._end_of_turn() if loaded.chat_template else loaded.eos_token_id
        """Ends a turn of the model. Not always the end of a text: Gemma's are `<end_of_turn>` and `<eos>`."""
        self.eos_ids = loading.eos_ids(folder) | {loaded.eos_token_id, self.end_id}

    def encode_prompt(self, text: str) -> tuple[int, ...]:
        """The text as one turn of a user, and the markers after which the model speaks, thinking switched off."""
        return (*self._before, *self._plain(self._pad + text), *self._after)

    def encode_completion(self, text: str) -> tuple[int, ...]:
        """The text and the end of the turn."""
        return (*self._plain(text), self.end_id)

    def ended(self, ids: Sequence[int]) -> tuple[int, ...]:
        """A completion that ends its turn; one that was cut off at its limit gets the end that it lacks."""
        return tuple(ids) if ids and ids[-1] in self.eos_ids else (*ids, self.end_id)

    def decode(self, ids: Sequence[int]) -> str:
        """Text up to, and without, the first id that ends a completion."""
        end = next((place for place, token_id in enumerate(ids) if token_id in self.eos_ids), len(ids))
        kept = list(ids[:end])
        return str(self._tokenizer.decode(kept, skip_special_tokens=False, clean_up_tokenization_spaces=False))

    def _plain(self, text: str) -> list[int]:
        """Ids of text in which no added token is recognised."""
        return list(self._text_tokenizer.encode(text, add_special_tokens=False).ids)

    def _markers(self, folder: Path) -> tuple[tuple[int, ...], str, tuple[int, ...]]:
        """What the template puts before and after the text of a user who asks. Raises: CorruptObject.

        Spaces before the text (Mistral's `[INST] `) belong to it: a tokenizer makes one token of a space and a word.
        """
        rendered = self._rendered([{"role": "user", "content": _ASKED}], add_generation_prompt=True)
        before, *after = rendered.split(_ASKED)
        if len(after) != 1:
            raise CorruptObject(f"the chat template in {folder} shows a user's text {len(after)} times, expected once")
        marker = before.rstrip(" ")
        return self._marked(marker), before[len(marker) :], self._marked(after[0])

    def _end_of_turn(self) -> int:
        """The first special token after what the model said; the end of sequence where the template has none."""
        turns = [{"role": "user", "content": _ASKED}, {"role": "assistant", "content": _SAID}]
        after = self._marked(self._rendered(turns, add_generation_prompt=False).rpartition(_SAID)[2])
        special = {token_id for token_id, token in self._tokenizer.added_tokens_decoder.items() if token.special}
        return next((token_id for token_id in after if token_id in special), self._tokenizer.eos_token_id)

    def _rendered(self, turns: list[dict[str, str]], *, add_generation_prompt: bool) -> str:
        text = self._tokenizer.apply_chat_template(
            turns, tokenize=False, add_generation_prompt=add_generation_prompt, **_SWITCHES
        )
        return str(text)

    def _marked(self, text: str) -> tuple[int, ...]:
        """Ids of a template's own text, in which added tokens are meant."""
        return tuple(self._tokenizer(text, add_special_tokens=False)["input_ids"])
