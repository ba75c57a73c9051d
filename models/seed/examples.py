"""Text examples that the seed model is pre-trained on, and the renaming that makes handles mean nothing."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from aoi.language.lexicon import MAX_HANDLES, MAX_NODES


@dataclass(frozen=True, slots=True)
class DecisionExample:
    """One prompt and the completion to imitate, in the decision layout."""

    prompt: str
    completion: str
    weight: float = 1.0
    """Multiplies the loss of its completion."""


Augment = Callable[[DecisionExample, random.Random], DecisionExample]

_HANDLE = re.compile(r"(?<= )([sn])(\d+)\b")


def permute_handles(example: DecisionExample, rng: random.Random) -> DecisionExample:
    """Rename every handle, the same way in prompt and completion: no number may come to mean anything."""
    names = {
        "s": rng.sample(range(1, MAX_HANDLES + 1), MAX_HANDLES),
        "n": rng.sample(range(1, MAX_NODES + 1), MAX_NODES),
    }

    def rename(match: re.Match[str]) -> str:
        letter, number = match.group(1), int(match.group(2))
        return f"{letter}{names[letter][number - 1]}" if number <= len(names[letter]) else match.group()

    return replace(
        example,
        prompt=_HANDLE.sub(rename, example.prompt),
        completion=_HANDLE.sub(rename, example.completion),
    )
