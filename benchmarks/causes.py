"""How well causes in words are understood: `python -m benchmarks.causes [FILE]`, one line a cause, `word<TAB>text`.

Written before the matcher: 385 ways to say the words of the lexicon, 25 in which another cause is denied or is what
shows, and 40 of which nothing may be chosen. `wrong` is what the matcher said and should not have.
"""

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from aoi.language.causes import SCORES, match

HELD_OUT = Path(__file__).parent / "causes" / "held_out.tsv"
NONE = "-"
Cause = tuple[str, str]
"""The word that is meant, and the text."""


def parts(path: Path) -> dict[str, list[Cause]]:
    """Causes by the comment above them."""
    found: dict[str, list[Cause]] = {}
    title = "plain"
    for line in path.read_text().splitlines():
        if line.startswith("# Hard"):
            title = "nothing to choose" if "nothing" in line else "denied or a symptom beside it"
        elif line and not line.startswith("#"):
            word, _, text = line.partition("\t")
            found.setdefault(title, []).append((word, text))
    return found


def counted(causes: Sequence[Cause]) -> Counter[str]:
    """How many came to what: `right`, `wrong` or `none`, and these with their grade."""
    count: Counter[str] = Counter()
    for word, text in causes:
        found = match(text)
        came = "none" if found is None else "right" if found.word == word else "wrong"
        count[came] += 1
        if found is not None:
            count[f"{came} {found.grade}"] += 1
    return count


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else HELD_OUT
    print(f"{'':<32}{'all':>6}{'right':>7}{'wrong':>7}{'none':>7}   right of what was chosen")
    for title, causes in parts(path).items():
        count = counted(causes)
        chosen = count["right"] + count["wrong"]
        share = f"{count['right'] / chosen:.1%}" if chosen else "-"
        print(f"{title:<32}{len(causes):>6}{count['right']:>7}{count['wrong']:>7}{count['none']:>7}   {share}")
    everything = counted([cause for causes in parts(path).values() for cause in causes])
    for grade in SCORES:
        right, wrong = everything[f"right {grade}"], everything[f"wrong {grade}"]
        print(f"{grade:<32}{right + wrong:>6}{right:>7}{wrong:>7}")


if __name__ == "__main__":
    main()
