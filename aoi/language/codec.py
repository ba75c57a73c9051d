"""Text to token ids and back: what every tokenizer does for us, and the seed layout's own in pure Python.

The seed model's tokenizer (models/) is built from the tuple that `WordCodec` uses; a test there proves that both agree.
A word carries its leading space, so the name that is read and the name that is written are one token.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from aoi.language import lexicon

PAD, EOS, UNK = "<pad>", "<eos>", "<unk>"
SPECIALS = (PAD, EOS, UNK)

ROLE_MARKERS = ("<obs>", "<probe>", "<exec>", "<evo>")
"""First token of a prompt: which of the agents is asked."""
SECTION_MARKERS = (" <mem>", " <last>", " <plan>", " <did>", " <err>")
SCAFFOLD = (
    '{"sum":"',
    '","phase":"',
    '","cause":"',
    '","conf":"',
    '","do":"',
    '{"cmd":"',
    '{"act":"',
    '{"class":"',
    '","act":"',
    '{"plan":"',
    '"}',
)
"""JSON keys and quotes of every completion, whole, so that form costs a small model next to nothing."""
GRAMMAR_WORDS = ("none", "probe", "exec", "submit", "kubectl", "prom", "jaeger", "done", "also")


def handle_names() -> tuple[str, ...]:
    """Every handle: s1..s32 for components, n1..n8 for nodes."""
    components = tuple(f"s{number}" for number in range(1, lexicon.MAX_HANDLES + 1))
    return components + tuple(f"n{number}" for number in range(1, lexicon.MAX_NODES + 1))


@cache
def vocabulary() -> tuple[str, ...]:
    """All tokens in id order: specials, markers, scaffold, then words with their leading space."""
    words = dict.fromkeys(
        (
            ";",
            *GRAMMAR_WORDS,
            *(str(digit) for digit in range(10)),
            *lexicon.TASKS,
            *lexicon.ALERTS,
            *lexicon.SIGNALS,
            *lexicon.PHASES,
            *lexicon.CHECKS,
            *lexicon.ACTIONS,
            *lexicon.VERDICTS,
            *lexicon.LEVELS,
            *lexicon.TYPES,
            *lexicon.FAILURE_CLASSES,
            *handle_names(),
        )
    )
    return (*SPECIALS, *ROLE_MARKERS, *SECTION_MARKERS, *SCAFFOLD, *(f" {word}" for word in words))


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is asked: the text of a user, and for a chat model what the system says above it."""

    user: str
    system: str = ""


class Codec(Protocol):
    """Text to token ids and back, as a policy's tokenizer does it. The two ways in are the two sides of a turn."""

    eos_ids: frozenset[int]
    """Every id that ends a completion."""

    def encode_prompt(self, prompt: Prompt) -> tuple[int, ...]:
        """A whole prompt: its texts as the turns that they are, and the markers after which the model speaks."""
        ...

    def encode_completion(self, text: str) -> tuple[int, ...]:
        """What the model would have said: the text, and the id that ends its turn. No other marker."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Text up to, and without, the first id that ends a completion."""
        ...


_PIECES = re.compile(r' ?<[a-z]+>| [a-z0-9_]+| ;|(?:\{"|",")[a-z]+":"|"\}')
"""Cuts well-formed text where the vocabulary does; `WordCodec.encode` falls back on exact matching otherwise."""


class WordCodec:
    """Leftmost-longest matching over `vocabulary()`; a run of unmatched characters is one `<unk>`."""

    def __init__(self) -> None:
        self.tokens = vocabulary()
        self.ids = {token: index for index, token in enumerate(self.tokens)}
        self.pad_id, self.eos_id, self.unk_id = (self.ids[token] for token in SPECIALS)
        self.eos_ids = frozenset((self.eos_id,))
        longest_first = sorted(self.tokens, key=lambda token: (-len(token), token))
        self._exact = re.compile("|".join(re.escape(token) for token in longest_first))

    def encode_prompt(self, prompt: Prompt) -> tuple[int, ...]:
        """The user's text as it is: its role marker opens it, and after its last word the model speaks."""
        return self.encode(prompt.user)

    def encode_completion(self, text: str) -> tuple[int, ...]:
        """The text and the end of sequence."""
        return (*self.encode(text), self.eos_id)

    def encode(self, text: str) -> tuple[int, ...]:
        """Token ids without special tokens added. Special tokens that the text spells out are matched as such."""
        pieces = _PIECES.findall(text)
        if sum(map(len, pieces)) == len(text):
            try:
                return tuple([self.ids[piece] for piece in pieces])
            except KeyError:
                pass
        return self._encode_exactly(text)

    def decode(self, ids: Sequence[int]) -> str:
        """Text up to, and without, the end-of-sequence token; an id outside the vocabulary reads as `<unk>`."""
        words: list[str] = []
        for token_id in ids:
            if token_id == self.eos_id:
                break
            words.append(self.tokens[token_id] if 0 <= token_id < len(self.tokens) else UNK)
        return "".join(words)

    def _encode_exactly(self, text: str) -> tuple[int, ...]:
        ids: list[int] = []
        position = 0
        for match in self._exact.finditer(text):
            if match.start() > position:
                ids.append(self.unk_id)
            ids.append(self.ids[match.group()])
            position = match.end()
        if position < len(text):
            ids.append(self.unk_id)
        return tuple(ids)
