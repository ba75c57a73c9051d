"""Causes in words are told by a word of the lexicon, or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi.language import lexicon
from aoi.language.causes import MAX_CHARS, SCORES, match
from aoi.language.meanings import SIGNAL_MEANINGS
from aoi.language.phrasings import PHRASES
from benchmarks.causes import HELD_OUT, counted, parts


def test_every_word_is_told_by_itself_and_by_its_meaning() -> None:
    for word, meaning in SIGNAL_MEANINGS.items():
        for text in (word, meaning, f" {meaning.upper()}. "):
            found = match(text)
            assert found is not None
            assert (found.word, found.grade, found.score) == (word, "exact", 1.0)


def test_every_word_but_the_one_for_none_has_phrases() -> None:
    assert set(PHRASES) == set(lexicon.SIGNALS) - {"unclassified"}


def test_every_phrase_is_told_by_its_own_word() -> None:
    others = {}
    for word, phrases in PHRASES.items():
        for phrase in phrases.split("|"):
            found = match(phrase)
            if found is not None and found.word != word:
                others[phrase.strip()] = (word, found.word)
    assert others == {}


def test_what_was_held_out_is_told_seldom_wrongly() -> None:
    plain, beside, nothing = (counted(causes) for causes in parts(HELD_OUT).values())
    assert sum(plain[came] for came in ("right", "wrong", "none")) == 385
    assert plain["right"] >= 0.82 * 385
    assert plain["wrong"] <= 0.02 * 385
    assert beside["wrong"] == 0
    assert nothing["wrong"] <= 2


def test_grades_are_trusted_in_order() -> None:
    assert list(SCORES.values()) == sorted(SCORES.values(), reverse=True)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("the quota is exceeded because the LimitRange forbids it", "limitrange"),
        ("not a quota, but the taint of the node", "tainted"),
        ("the pods are evicted or preempted", None),
        ("its selector is wrong and its disk is full", None),
        ("its selector is not to blame", None),
        ("DNS works, and the quota is fine, too", None),
        ("", None),
        ("panic " * MAX_CHARS, None),
    ],
)
def test_a_cause_is_what_is_meant_and_not_what_is_named(text: str, word: str | None) -> None:
    found = match(text)
    assert (found and found.word) == word


@given(st.text(max_size=500))
def test_whatever_is_written_is_told_by_a_word_of_the_lexicon_or_not_at_all(text: str) -> None:
    found = match(text)
    assert found is None or (found.word in lexicon.SIGNALS and found.grade in SCORES)


@given(st.sampled_from(sorted(PHRASES)), st.sampled_from(["it is not because of {}", "{} can be ruled out", "not {}"]))
def test_a_cause_that_is_denied_is_none(word: str, denial: str) -> None:
    phrase = PHRASES[word].split("|")[0].strip()
    if not any(part in phrase.split() for part in ("no", "not", "cannot")):
        assert match(denial.format(phrase)) is None
