"""JSON schemas of every completion of the `chat-1` layout, for engines that constrain their decoding.

They say what `chat.reading` accepts, so a constrained engine cannot produce a malformed decision; a test feeds both the
same values. Texts, names and values are bounded more tightly than by the reader: xgrammar, with which vLLM compiles
them, refuses repeats beyond 128, and without a bound a model that is lost never comes to an end. A key stands where a
chat model thinks of it: what was seen, what it may mean, what to do.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from aoi.language import decision, lexicon
from aoi.language.chat import reading
from aoi.records.episode import RoleName

Schema = dict[str, Any]
"""A JSON schema document."""


LONGEST = 126
"""Characters of one repeat: of a name or a value between its first and its last, of a piece of text."""
TEXT_PIECES, LINE_PIECES = 4, 2
SHARES = tuple(range(0, 101, 5))
"""Probabilities in percent that a constrained engine may choose from."""


def schemas() -> dict[RoleName, Schema]:
    """What each role may say."""
    either = [executor_schema(after_failure=after_failure) for after_failure in (False, True)]
    return {
        "observer": decision_schema(),
        "probe": probe_schema(),
        "executor": {"anyOf": either},
        "evolver": plan_schema(),
    }


def decision_schema() -> Schema:
    """Schema of the Observer's completion."""
    hypothesis = _object(
        {"component": _NAME, "cause": _CAUSE, "for": _TEXT, "against": _TEXT, "probability": {"enum": list(SHARES)}}
    )
    return _object(
        {
            "observation": _TEXT,
            "finding": _pattern(f"none|{_any(lexicon.SIGNALS)} {NAME}{_maybe(f' {NAME}')}"),
            "hypotheses": {"type": "array", "items": hypothesis, "maxItems": reading.MOST_HYPOTHESES},
            "next": {"anyOf": [_look(), _change(), *_answers()]},
        }
    )


def probe_schema() -> Schema:
    """Schema of the Probe's completion. The line itself goes through the deny-by-default parser."""
    return _object({"thought": _TEXT, "command": _pattern(_LINE)})


def executor_schema(*, after_failure: bool) -> Schema:
    """Schema of the Executor's completion; a retry classifies the failure first."""
    fields = {"failure": {"enum": list(lexicon.FAILURE_CLASSES)}} if after_failure else {}
    return _object({**fields, "reason": _TEXT, **_act()}, optional=("value",))


def plan_schema() -> Schema:
    """Schema of the Evolver's completion."""
    steps = {"type": "array", "items": {"anyOf": [_look(), _change()]}, "maxItems": decision.MOST_STEPS}
    return _object({"missed": _TEXT, "steps": steps})


def _look() -> Schema:
    targets = {"type": "array", "items": _NAME, "minItems": 1, "maxItems": reading.MOST_TARGETS}
    return _object(
        {"do": {"const": "probe"}, "check": {"enum": list(lexicon.CHECKS)}, "targets": targets, "purpose": _TEXT}
    )


def _act() -> Schema:
    return {"action": {"enum": list(lexicon.ACTIONS)}, "target": _NAME, "value": _pattern(VALUE)}


def _change() -> Schema:
    told = dict.fromkeys(("cause", "change", "verification", "fallback"), _TEXT)
    return _object({"do": {"const": "execute"}, **_act(), **told}, optional=("value",))


def _answers() -> list[Schema]:
    """An answer with a cause, with or without its labels, and one without."""
    labels = {"level": {"enum": list(reading.LEVELS)}, "type": {"enum": list(reading.TYPES)}}
    return [
        _answer(reading.VERDICTS, {}),
        *(_answer([each for each in reading.VERDICTS if each != "no_fault"], {**_CAUSED, **more}, optional=("also",))
          for more in ({"also": _object(_CAUSED)}, {**labels, "also": _object(_CAUSED)})),
    ]  # fmt: skip


def _answer(verdicts: Iterable[str], fields: Mapping[str, Schema], optional: tuple[str, ...] = ()) -> Schema:
    ends = {"probability": {"enum": list(SHARES)}, "reason": _TEXT}
    return _object({"do": {"const": "submit"}, "verdict": {"enum": list(verdicts)}, **fields, **ends}, optional)


def _object(properties: Mapping[str, Schema], optional: tuple[str, ...] = ()) -> Schema:
    """In this order, nothing else."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": [key for key in properties if key not in optional],
        "additionalProperties": False,
    }


def _pattern(pattern: str) -> Schema:
    return {"type": "string", "pattern": f"^(?:{pattern})$"}


def _any(words: Iterable[str]) -> str:
    return "(?:" + "|".join(words) + ")"


def _maybe(pattern: str) -> str:
    """The pattern or nothing. Not `(?:...)?`: of that xgrammar lets pass what lacks the pattern's beginning."""
    return f"(?:|{pattern})"


def _bounded(pattern: str) -> str:
    bounded = re.sub(r"\{0,\d+\}", f"{{0,{LONGEST}}}", pattern)
    return re.sub(r"\(\?:([^()]*)\)\?", lambda group: _maybe(group[1]), bounded)


_PRINTABLE = r"!#-\[\]-~"
"""Characters of a line but for the blank: printable ASCII without a quote and a backslash."""


def _text(pieces: int) -> str:
    """At most so many times `LONGEST` characters, each text in one way: of one that can be cut into pieces in many
    ways an engine follows all of them."""
    character = f"[ {_PRINTABLE}]"
    if pieces == 1:
        return f"{character}{{0,{LONGEST}}}"
    return f"(?:{character}{{0,{LONGEST - 1}}}|{character}{{{LONGEST}}}{_text(pieces - 1)})"


NAME, VALUE = _bounded(decision.NAME), _bounded(decision.VALUE)
_LINE = f"[{_PRINTABLE}]{_text(LINE_PIECES)}"
_NAME = _pattern(NAME)
_TEXT = _pattern(_text(TEXT_PIECES))
_CAUSE = _pattern(f"[{_PRINTABLE}][ {_PRINTABLE}]{{0,{LONGEST}}}")
_CAUSED = {"component": _NAME, "cause": _CAUSE}
