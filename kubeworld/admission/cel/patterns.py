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
    try:
        return _fits(pattern, text) if _is_plain(pattern, text) else _found(f"^(?s:{pattern})$", text)
    except (re.error, RecursionError, OverflowError, CompileError, EvaluationError) as error:
        raise PatternError(f"bad regular expression {pattern!r}: {error}") from error


@lru_cache(maxsize=MATCHES_KEPT)
def _found(pattern: str, text: str) -> bool:
    """Whether the text has such a part, by RE2."""
    size = Size(len(pattern) + len(text), 1)
    return bool(_program().evaluate(activate({"text": text, "pattern": pattern}, size, lambda _: False)))


def _fits(pattern: str, text: str) -> bool:
    return re.fullmatch(pattern, text, re.DOTALL | re.ASCII) is not None


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
