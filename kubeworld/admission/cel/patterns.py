"""Regular expressions that clients write: RE2's, in time linear to the text, however they nest.

Kubernetes and Prometheus are written in Go, whose expressions are RE2's: no lookaround, no back references, and no
pattern that takes exponential time. A server with one thread needs that more than they do. The CEL runtime carries RE2;
patterns that are plain enough for Python's own engine to be as quick, and to mean the same, do not wake it.
"""

import re
from functools import lru_cache

from kubeworld.admission.cel.cel import CompileError, EvaluationError, Program, activate, compile_program
from kubeworld.admission.cel.cost import Size

PLAIN_TEXT_CHARACTERS = 300
"""Of a text that Python's engine may look at: two repetitions in a row try at most so many squared positions."""
_REPETITION = re.compile(r"[*+?{]")
_UNLIKE = re.compile(r"\(\?(?!:)|\\[A-Za-z0-9](?<!\\[dws])|\)[*+?{]|[*+?}][*+?{]|\[\[|&&|--|~~")
"""Where the engines differ (groups with flags, letters that are escaped), or where a repetition is repeated."""
_DECLARED = (("text", "string"), ("pattern", "string"))
MATCHES_KEPT = 4096


class PatternError(ValueError):
    """RE2 does not take the expression; `str()` says why."""


def check(pattern: str) -> None:
    """Raises: PatternError if it is no regular expression."""
    is_match(pattern, "")


def is_match(pattern: str, text: str) -> bool:
    """Whether all of the text fits, its line ends included. Raises: PatternError."""
    return _asked(pattern, text, f"^(?s:{pattern})$")


def is_found(pattern: str, text: str) -> bool:
    """Whether a part of the text fits. Raises: PatternError."""
    return _asked(pattern, text, pattern)


def _asked(pattern: str, text: str, whole: str) -> bool:
    """`whole` is the pattern as RE2 is to see it: itself, or anchored at both ends."""
    try:
        if not _is_plain(pattern, text):
            return _found(whole, text)
        if whole is pattern:
            return _plain(pattern).search(text) is not None
        return _plain(pattern, re.DOTALL).fullmatch(text) is not None
    except (re.error, RecursionError, OverflowError, CompileError, EvaluationError) as error:
        raise PatternError(f"bad regular expression {pattern!r}: {error}") from error


@lru_cache(maxsize=MATCHES_KEPT)
def _found(pattern: str, text: str) -> bool:
    """Whether the text has such a part, by RE2."""
    size = Size(len(pattern) + len(text), 1)
    return bool(_program().evaluate(activate({"text": text, "pattern": pattern}, size, lambda _: False)))


@lru_cache(maxsize=MATCHES_KEPT)
def _plain(pattern: str, flags: int = 0) -> re.Pattern[str]:
    # Go's `$` is the end of the text, Python's also the place before its last line end.
    return re.compile(re.sub(r"(?<!\\)\$$", r"\\Z", pattern), flags | re.ASCII)


@lru_cache(maxsize=MATCHES_KEPT)
def _is_plain_pattern(pattern: str) -> bool:
    if _UNLIKE.search(pattern):
        return False
    # Without groups, alternatives are tried one after another: the repetitions of one do not multiply another's.
    pieces = pattern.split("|") if "(" not in pattern else [pattern.replace("(?:", "(")]
    return all(len(_REPETITION.findall(piece)) <= 2 for piece in pieces)


def _is_plain(pattern: str, text: str) -> bool:
    return len(text) <= PLAIN_TEXT_CHARACTERS and _is_plain_pattern(pattern)


def _program() -> Program:
    return compile_program("text.matches(pattern)", _DECLARED)
