"""The seed model's tokenizer: one token a word, as transformers, TRL and vLLM load it.

It is built from the vocabulary that `aoi.language.codec.WordCodec` uses and gives the same ids; a test compares them.
A vocabulary entry that starts with a space is a word: the name read in a prompt and the name written in a
decision are then the same token. Every other entry (role markers, JSON keys with their quotes) is an added token.
"""

from collections.abc import Sequence
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

PAD, EOS, UNK = "<pad>", "<eos>", "<unk>"

CHAT_TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
"""A prompt of the seed model is its own template: the role marker (`<obs>`, `<probe>`...) opens it."""

SPACE = "▁"
"""How tokenizers writes the space in front of a word."""


def build(vocabulary: Sequence[str], *, pad: str = PAD, eos: str = EOS, unk: str = UNK) -> PreTrainedTokenizerFast:
    """Make the tokenizer whose id of `vocabulary[i]` is i.

    Raises: ValueError if an entry occurs twice or a special token is missing.
    """
    if len(set(vocabulary)) != len(vocabulary):
        raise ValueError(f"the vocabulary has {len(vocabulary) - len(set(vocabulary))} duplicate entries")
    if missing := [token for token in (pad, eos, unk) if token not in vocabulary]:
        raise ValueError(f"the vocabulary lacks {missing}")
    ids = {_surface(entry): index for index, entry in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token=unk))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme="never", split=True)
    # What `decoders.Metaspace` does, in a form from which servers' structured outputs know what SPACE means.
    tokenizer.decoder = decoders.Sequence([decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()])
    special = {pad, eos, unk}
    for entry in vocabulary:
        if not entry.startswith(" "):
            tokenizer.add_tokens([AddedToken(entry, normalized=False, special=entry in special)])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=pad,
        eos_token=eos,
        unk_token=unk,
        padding_side="left",
        clean_up_tokenization_spaces=False,
        model_input_names=["input_ids", "attention_mask"],
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast


def save(tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write `tokenizer.json`, its configuration and the chat template."""
    tokenizer.save_pretrained(str(folder))


def _surface(entry: str) -> str:
    return SPACE + entry[1:] if entry.startswith(" ") else entry
