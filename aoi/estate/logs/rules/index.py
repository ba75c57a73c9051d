"""The rules that can match a line, found by the words that it has: most lines have none of them."""

import re
from collections.abc import Sequence

from aoi.estate.logs.rules.form import Rule

_WORD = re.compile(r"[a-z0-9]+")


class RuleIndex:
    """Rules by a word that their templates cannot do without."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._by_word: dict[str, set[int]] = {}
        for place, rule in enumerate(rules):
            for template in rule.templates:
                self._by_word.setdefault(template.token, set()).add(place)

    def candidates(self, lowered: str) -> list[Rule]:
        """In the order of the rules; `lowered` is the line in lower case."""
        places = set(self._by_word.get("", ()))
        for word in self._by_word.keys() & set(_WORD.findall(lowered)):
            places |= self._by_word[word]
        return [self._rules[place] for place in sorted(places)]
