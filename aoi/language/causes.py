"""From a cause in words to the word of the lexicon that it means, graded; where it is unsure there is none.

A chat model says what is wrong in its own words; answers are graded, and rewards paid, by the lexicon's. Text is cut
into clauses. One that says what is *not* the matter counts for nothing; of "this, because of that" the reason counts.
The phrases of each word (`phrasings`) are looked for in what is left. What names two causes names none. How often that
errs is measured: `python -m benchmarks.causes`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from aoi.language import lexicon
from aoi.language.meanings import SIGNAL_MEANINGS
from aoi.language.phrasings import FOLDS, PHRASES

Grade = Literal["exact", "synonym", "paraphrase", "weak"]
"""`exact`: the word itself, or its meaning as we write it. `synonym`: a term that stands for it alone. `paraphrase`:
several words of one clause that do together. `weak`: what is left of a cause whose own clause says nothing we know."""
SCORES: Mapping[Grade, float] = {"exact": 1.0, "synonym": 0.9, "paraphrase": 0.8, "weak": 0.5}
MAX_CHARS = 400
"""Of a cause that is looked at: a longer one is an essay, and names more than one thing."""

SYMPTOMS = lexicon.POINTERS | frozenset(
    {"crashloop", "notready", "pending", "restarted", "noendpoints", "stalled", "exception", "healthy"}
)
"""What shows rather than causes: beside a cause in the same words it is what that cause leads to."""
_BECAUSE = re.compile(
    r"\b(?:because(?: of)?|due to|caused by|owing to|as a result of|thanks to|since|triggered by|resulting from"
    r"|as (?=its |the |there |no |an? |one |that ))\b"
)
_THEREFORE = re.compile(
    r"\b(?:so that|so|therefore|hence|thus|which (?:leads to|causes|makes|means)|leads? to|leading to|results? in"
    r"|causes?|causing|makes?|making)\b"
)
_CLAUSES = re.compile(r"[,;:.!?()]\s|[;!?()]|\bbut\b|(?=\brather than\b)|(?=\binstead of\b)|(?=\band not\b)|\n")
_DENIED = re.compile(
    r"^\s*(?:(?:this|it|that|there) (?:is|was) )?(?:not?|neither|nor|rather than|instead of|and not)\b"
    r"|\b(?:is|was|are|were)(?: not|n.t) (?:an? |the |to |due |caused )"
    r"|\bnot (?:the cause|to blame|involved|the problem|a problem)|\b(?:ruled? out|excluded|unrelated)\b"
)
_ALRIGHT = re.compile(r"\b(?:fine|ok|okay|correct|intact|alright|healthy|works|working|in order)\b")
_UNSURE = re.compile(r"\b(?:either|maybe|perhaps|possibly|might|could be|or)\b")
_BREAKS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[-_/]")
_TOKEN = re.compile(r"[a-z0-9%]+")


@dataclass(frozen=True, slots=True)
class Match:
    """What a cause in words means."""

    word: str
    """Of `lexicon.SIGNALS`."""
    grade: Grade

    @property
    def score(self) -> float:
        """How much it is to be trusted, in [0, 1]: an order of the grades, no probability."""
        return SCORES[self.grade]


@dataclass(frozen=True, slots=True)
class _Seen:
    """A phrase that stands in a clause."""

    word: str
    phrase: frozenset[str]


def match(text: str) -> Match | None:
    """The word that `text` means; None if it names none that we know, more than one, or only what is not the matter."""
    written = " ".join(text.split()).rstrip(".").lower()
    if (word := _exact().get(written)) is not None:
        return Match(word, "exact")
    if len(text) > MAX_CHARS:
        return None
    clauses = [_fold(clause) for clause in _CLAUSES.split(_spaced(text)) if clause.strip()]
    left = [clause for clause in clauses if not _is_denied(clause)]
    causes = [_cause_of(clause) for clause in left]
    found = _settled([seen for clause in causes for seen in _seen(clause)], is_unsure=any(map(_is_unsure, left)))
    if found is not None:
        return Match(found.word, "synonym" if len(found.phrase) == 1 else "paraphrase")
    if any(_seen(clause) for clause in causes) or causes == left:
        return None
    rest = _settled([seen for clause in left for seen in _seen(clause)], is_unsure=False)
    return Match(rest.word, "weak") if rest else None


@cache
def _exact() -> dict[str, str]:
    meanings = {meaning.lower(): word for word, meaning in SIGNAL_MEANINGS.items()}
    return meanings | {word: word for word in lexicon.SIGNALS}


@cache
def _phrases() -> tuple[_Seen, ...]:
    """Every phrase in folded words."""
    return tuple(
        _Seen(word, frozenset(_tokens(_fold(_spaced(phrase)))))
        for word, phrases in PHRASES.items()
        for phrase in phrases.split("|")
    )


@cache
def _folds() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(rf"\b(?:{pattern})\b"), f" {word} ") for pattern, word in FOLDS)


def _spaced(text: str) -> str:
    """In lower case, words apart that are written as one: `CreateContainerConfigError`, `read-only`."""
    return _BREAKS.sub(" ", text).lower()


def _fold(text: str) -> str:
    """With one word for what is said in many."""
    for pattern, word in _folds():
        text = pattern.sub(word, text)
    return text


def _tokens(text: str) -> Iterator[str]:
    return map(_stem, _TOKEN.findall(text))


def _stem(word: str) -> str:
    """Without what a plural or a tense adds; a dictionary would know better, this is the same for both sides."""
    if word in ("this", "is", "was", "has", "dns", "tls", "fds", "args", "gone"):
        return word
    for ending in ("ing", "ed", "es", "s"):
        if len(word) - len(ending) >= 3 and word.endswith(ending) and not word.endswith("ss"):
            word = word.removesuffix(ending)
            break
    word = word.removesuffix("e") if len(word) > 3 else word
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


def _is_denied(clause: str) -> bool:
    """Whether a clause says what is not the matter: in so many words, or by saying that it is in order."""
    if _DENIED.search(clause) and not clause.strip().startswith("no endpoint"):
        return not any(len(seen.phrase & {"no", "not"}) for seen in _seen(clause))
    return _ALRIGHT.search(clause) is not None and any(seen.word != "healthy" for seen in _seen(clause))


def _is_unsure(clause: str) -> bool:
    return _UNSURE.search(clause) is not None


def _cause_of(clause: str) -> str:
    """What a clause gives as the cause, of several in a row the last; all of it where it gives none."""
    because = list(_BECAUSE.finditer(clause))
    if because:
        return clause[because[-1].end() :]
    therefore = _THEREFORE.search(clause)
    return clause[: therefore.start()] if therefore and clause[: therefore.start()].strip() else clause


def _seen(clause: str) -> list[_Seen]:
    """The phrases of a clause, without those that are part of a longer one."""
    tokens = frozenset(_tokens(clause))
    found = [seen for seen in _phrases() if seen.phrase <= tokens]
    return [seen for seen in found if not any(seen.phrase < other.phrase for other in found)]


def _settled(found: list[_Seen], *, is_unsure: bool) -> _Seen | None:
    """The one word that they come to: a symptom yields to a cause, unless it is not said which it is."""
    causes = [seen for seen in found if seen.word not in SYMPTOMS]
    kept = found if is_unsure or not causes else causes
    if len({seen.word for seen in kept}) != 1:
        return None
    return max(kept, key=lambda seen: len(seen.phrase))
