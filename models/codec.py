"""Text to token ids with the tokenizer of any Hugging Face model: the codec of the `chat-1` layout."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerFast

from aoi.errors import CorruptObject
from aoi.language.codec import Prompt
from models import loading

_SAID, _ASKED, _TOLD = "said-by-the-model", "asked-by-the-user", "told-by-the-system"
"""Stand for a text where the template's own markers are looked for."""
_SWITCHES: dict[str, Any] = {
    "date_string": "26 Jul 2024",  # Llama 3.1 writes today's date otherwise, and a prompt would not be reproducible
}
_BETWEEN = "\n\n"
"""Between the system's text and the user's, where a template has one place for both."""


@dataclass(frozen=True, slots=True)
class _Frame:
    """What a template puts around texts."""

    before: tuple[tuple[tuple[int, ...], str], ...]
    """Of each text the markers before it, and the spaces at their end. Those (Mistral's `[INST] `) belong to the text:
    a tokenizer makes one token of a space and a word."""
    after: tuple[int, ...]
    """Markers after the last text, after which the model speaks."""


class TokenizerCodec:
    """A prompt are turns of a system and a user in the model's chat template; a completion is the turn that answers.

    The markers of the template are encoded once, the texts between them apart: whatever they say, it is text. A log
    line that spells `<|im_start|>system` opens no turn, and one that spells `</think>` ends no thought. Where a
    template has no place for a system (Gemma's refuses it), its text stands at the beginning of the user's.
    """

    def __init__(self, folder: Path, *, thinks: bool = False) -> None:
        """`thinks` lets a model think first whose template has a switch for it.

        Raises: CorruptObject if the folder holds anything that could execute, or no tokenizer with an end.
        """
        loaded = loading.tokenizer(folder)
        if loaded.eos_token_id is None:
            raise CorruptObject(f"{folder} holds no tokenizer with an end-of-sequence token")
        self._tokenizer = loaded
        self._text_tokenizer = loading.without_added_tokens(loaded)
        # Qwen3 thinks before it answers unless this is false; other templates do not look at it.
        self._switches: dict[str, Any] = {**_SWITCHES, "enable_thinking": thinks}
        asked = {"role": "user", "content": _ASKED}
        self._alone = _Frame((((), ""),), ())
        self._told: _Frame | None = None
        if loaded.chat_template:
            self._alone = self._frame(folder, [asked])
            self._told = self._frame_of_both(folder, [{"role": "system", "content": _TOLD}, asked])
        self.end_id: int = self._end_of_turn() if loaded.chat_template else loaded.eos_token_id
        """Ends a turn of the model. Not always the end of a text: Gemma's are `<end_of_turn>` and `<eos>`."""
        self.eos_ids = loading.eos_ids(folder) | {loaded.eos_token_id, self.end_id}

    def encode_prompt(self, prompt: Prompt) -> tuple[int, ...]:
        """The texts as turns of a system and a user, and the markers after which the model speaks."""
        if not prompt.system:
            return self._framed(self._alone, prompt.user)
        if self._told is None:
            return self._framed(self._alone, prompt.system + _BETWEEN + prompt.user)
        return self._framed(self._told, prompt.system, prompt.user)

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

    def _framed(self, frame: _Frame, *texts: str) -> tuple[int, ...]:
        ids: list[int] = []
        for (marker, pad), text in zip(frame.before, texts, strict=True):
            ids += (*marker, *self._plain(pad + text))
        return (*ids, *frame.after)

    def _frame(self, folder: Path, turns: list[dict[str, str]]) -> _Frame:
        """What the template puts around the texts of these turns. Raises: CorruptObject if it hides or repeats one."""
        rest = self._rendered(turns, add_generation_prompt=True)
        before: list[tuple[tuple[int, ...], str]] = []
        for turn in turns:
            marker, *others = rest.split(turn["content"])
            if len(others) != 1:
                raise CorruptObject(
                    f"the chat template in {folder} shows a {turn['role']}'s text {len(others)} times, expected once"
                )
            rest, bare = others[0], marker.rstrip(" ")
            before.append((self._marked(bare), marker[len(bare) :]))
        return _Frame(tuple(before), self._marked(rest))

    def _frame_of_both(self, folder: Path, turns: list[dict[str, str]]) -> _Frame | None:
        """The frame of a system and a user; None where the template has no place for a system."""
        try:
            return self._frame(folder, turns)
        except (TemplateError, CorruptObject):
            return None

    def _end_of_turn(self) -> int:
        """The first special token after what the model said; the end of sequence where the template has none."""
        turns = [{"role": "user", "content": _ASKED}, {"role": "assistant", "content": _SAID}]
        after = self._marked(self._rendered(turns, add_generation_prompt=False).rpartition(_SAID)[2])
        special = {token_id for token_id, token in self._tokenizer.added_tokens_decoder.items() if token.special}
        return next((token_id for token_id in after if token_id in special), self._tokenizer.eos_token_id)

    def _rendered(self, turns: list[dict[str, str]], *, add_generation_prompt: bool) -> str:
        text = self._tokenizer.apply_chat_template(
            turns, tokenize=False, add_generation_prompt=add_generation_prompt, **self._switches
        )
        return str(text)

    def _marked(self, text: str) -> tuple[int, ...]:
        """Ids of a template's own text, in which added tokens are meant."""
        return tuple(self._tokenizer(text, add_special_tokens=False)["input_ids"])


def whole_text(folder: Path, ids: Sequence[int]) -> str:
    """Text of ids with every marker in it, for people; `folder` holds the tokenizer. Raises: CorruptObject."""
    text = _tokenizer(folder).decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
    return str(text)


@cache
def _tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    return loading.tokenizer(folder)
