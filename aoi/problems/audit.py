"""Where words of held-out mechanisms are known before anybody meets one: what a claim of `unseen` has to live with.

A model that answers in words has to have the word; rules and tables may know more of it than that. This reads the code
itself, so that nothing has to be remembered when a rule is added.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import aoi
from aoi.problems.faults import FAULTS, MECHANISMS
from aoi.records.base import Record

_HOME = Path(aoi.__file__).parent
PLACES: Mapping[str, tuple[Path, ...]] = {
    "signal rules": (_HOME / "agents" / "compressor",),
    "survey rules": (_HOME / "estate",),
    "operators' tables": (_HOME / "agents" / "operators" / "knowledge.py",),
    "prompts": (_HOME / "language" / "lexicon.py",),
    "meanings": (_HOME / "language" / "meanings.py",),
    "invented episodes": (_HOME.parent / "models" / "seed",),
}
"""What a word may be known to: folder or file. Invented episodes withhold the remedies of such words (`withheld`)."""


class Mention(Record):
    """One word of the causes of held-out mechanisms."""

    word: str
    mechanisms: tuple[str, ...]
    """That have it as a cause, all of development or test."""
    places: tuple[str, ...]
    """Which of `PLACES` know it."""


def held_out_words() -> Mapping[str, tuple[str, ...]]:
    """Word -> held-out mechanisms that are named by it, for words that name no training mechanism."""
    taught = {word for fault in MECHANISMS["train"] for word in fault.causes}
    found: dict[str, list[str]] = {}
    for fault in FAULTS.values():
        for word in fault.causes:
            if word not in taught:
                found.setdefault(word, []).append(fault.key)
    return {word: tuple(keys) for word, keys in sorted(found.items())}


def mentions() -> tuple[Mention, ...]:
    """Every such word with where it is known."""
    return tuple(
        Mention(
            word=word,
            mechanisms=mechanisms,
            places=tuple(place for place, roots in PLACES.items() if any(f'"{word}"' in _text(root) for root in roots)),
        )
        for word, mechanisms in held_out_words().items()
    )


@cache
def _text(root: Path) -> str:
    files = sorted(root.rglob("*.py")) if root.is_dir() else [root]
    return "\n".join(file.read_text(encoding="utf-8") for file in files if file.exists())
