"""Regular expressions of clients: what fits, whichever engine looks."""

import pytest

from kubeworld.admission.cel import patterns
from kubeworld.admission.cel.patterns import PatternError, check, is_found, is_match


@pytest.mark.parametrize(
    ("pattern", "text", "whole", "part"),
    [
        ("geo.*|rate.*", "geo-1", True, True),
        ("geo", "geo-1", False, True),
        ("a.c", "a\nc", True, False),
        ("geo$", "geo\n", False, False),
        (r"\d+", "\u0663", False, False),
        ("a(b|c)?", "ac", True, True),
        ("[a-z]+-[0-9]+", "web-12", True, True),
        (r"a\.b", "axb", False, False),
        ("", "x", False, True),
        ("(?:a|b)c", "bc", True, True),
    ],
)
def test_both_engines_say_the_same(monkeypatch, pattern, text, whole, part):
    assert (is_match(pattern, text), is_found(pattern, text)) == (whole, part)
    monkeypatch.setattr(patterns, "PLAIN_TEXT_CHARACTERS", -1)  # every text is too long for Python's own engine
    assert (is_match(pattern, text), is_found(pattern, text)) == (whole, part)


@pytest.mark.parametrize("pattern", ["(a+)+", "(a|a)*", "(.*)*", "a?" * 40 + "a" * 40, ".*.*.*.*.*.*b"])
def test_no_pattern_takes_more_than_linear_time(pattern):
    # Python's own engine would not be back for years from some of these: that the test ends is what it states.
    assert is_match(pattern, "a" * 5000 + "!") is (pattern == "(.*)*")


@pytest.mark.parametrize("pattern", ["(", "*", "a(?=b)", r"(a)\1", "a**", "(((a{100}){100}){100})"])
def test_what_re2_does_not_take_is_refused(pattern):
    with pytest.raises(PatternError, match="bad regular expression"):
        check(pattern)
