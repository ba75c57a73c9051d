"""JSON schemas of every completion, for constrained decoding in a model server (vLLM structured outputs).

The patterns say what `decision.parse*` accepts, so a constrained server cannot produce a malformed decision; a test
feeds both the same strings. Names and values are bounded more tightly than by the parser: xgrammar, with which vLLM
compiles them, refuses repeats beyond 128, and without a bound a model that is lost never comes to an end.
"""

import re
from collections.abc import Iterable
from typing import Any

from aoi.language import decision, lexicon

Schema = dict[str, Any]
"""A JSON schema document."""


LONGEST = 126
"""Characters of a name or a value between its first and its last."""


def _maybe(pattern: str) -> str:
    """The pattern or nothing. Not `(?:...)?`: of that xgrammar lets pass what lacks the pattern's beginning."""
    return f"(?:|{pattern})"


def _bounded(pattern: str) -> str:
    bounded = re.sub(r"\{0,\d+\}", f"{{0,{LONGEST}}}", pattern)
    return re.sub(r"\(\?:([^()]*)\)\?", lambda group: _maybe(group[1]), bounded)


NAME, VALUE = _bounded(decision.NAME), _bounded(decision.VALUE)
_PRINTABLE = r"!#-\[\]-~"
"""Characters of a line but for the blank: printable ASCII without a quote and a backslash."""
_LINE = f"[{_PRINTABLE}]" + 2 * f"[ {_PRINTABLE}]{{0,{LONGEST}}}"


def decision_schema() -> Schema:
    """Schema of the Observer's completion."""
    finding = f"{_any(lexicon.SIGNALS)} {NAME}"
    submit = (
        f"submit (?:no|{_any(lexicon.VERDICTS)}|{_any(verdict for verdict in lexicon.VERDICTS if verdict != 'no')} "
        f"{NAME} {_any(lexicon.SIGNALS)}{_maybe(f' {_any(lexicon.LEVELS)} {_any(lexicon.TYPES)}')}"
        f"{_maybe(f' also {NAME} {_any(lexicon.SIGNALS)}')})"
    )
    return _object(
        {
            "sum": f"none|{finding}{_maybe(f' {NAME}')}",
            "phase": _any(lexicon.PHASES),
            "cause": f"none|{finding}",
            "conf": "[0-9]",
            "do": f"{_PROBE}|exec {_ACT}|{submit}",
        }
    )


def probe_schema() -> Schema:
    """Schema of the Probe's completion. The line itself goes through the deny-by-default parser."""
    return _object({"cmd": _LINE})


def executor_schema(*, after_failure: bool) -> Schema:
    """Schema of the Executor's completion; a retry classifies the failure first."""
    fields = {"class": _any(lexicon.FAILURE_CLASSES)} if after_failure else {}
    return _object({**fields, "act": _ACT})


def plan_schema(max_steps: int = decision.MOST_STEPS) -> Schema:
    """Schema of the Evolver's completion."""
    step = f"(?:{_PROBE}|exec {_ACT})"
    more = ""
    for _ in range(max_steps - 1):
        more = _maybe(f" ; {step}{more}")
    return _object({"plan": f"none|{step}{more}"})


def _any(words: Iterable[str]) -> str:
    return "(?:" + "|".join(words) + ")"


_PROBE = f"probe {_any(lexicon.CHECKS)} {NAME}"
_ACT = f"{_any(lexicon.ACTIONS)} {NAME}{_maybe(f' {VALUE}')}"


def _object(patterns: dict[str, str]) -> Schema:
    """All keys required, in order, each a string of its pattern (a leading space as in `words-1` is allowed)."""
    return {
        "type": "object",
        "properties": {
            key: {"type": "string", "pattern": f"^{_maybe(' ')}(?:{pattern})$"} for key, pattern in patterns.items()
        },
        "required": list(patterns),
        "additionalProperties": False,
    }
