"""What an agent of AIOpsLab said, as the call that its orchestrator would have made of it."""

import ast
import re
from dataclasses import dataclass
from typing import Any

from aoi.access.redaction import redact
from aoi.records.episode import Answer
from aoi.records.problem import TaskKind

_BLOCK = re.compile(r"```[a-z]*\s*\n(.*?)\n?\s*```", re.DOTALL)
"""Also with the name of a language, which its own parser takes for none: what it said to that stands beside it."""
_NAME = re.compile(r"\s*([A-Za-z_]\w*)\s*\(")
MAX_CALL = 20_000
"""Characters of a call that are parsed."""


@dataclass(frozen=True)
class Reply:
    """A turn of an agent."""

    call: str
    """The one call in it, as written; the whole turn where there is none."""
    name: str | None
    """What is called; None for a turn that holds no single call."""
    arguments: tuple[Any, ...]
    """Of a submission, where they can be read."""

    def answer(self, kind: TaskKind) -> Answer | None:
        """What was submitted, as far as it says anything. How sure the agent was nobody knows."""
        said = self.arguments[0] if len(self.arguments) == 1 else None
        if kind is TaskKind.DETECTION and isinstance(said, str):
            word = said.strip().lower()
            return _answer(is_fault=word == "yes") if word in ("yes", "no") else None
        if kind is TaskKind.LOCALIZATION and isinstance(said, list):
            named = [name for name in said if isinstance(name, str)]
            return _answer(is_fault=bool(named), component=plain(named[0], 253) if named else None)
        if kind is TaskKind.ANALYSIS and isinstance(said, dict):
            labels = {key: plain(str(said[key]), 60) for key in ("system_level", "fault_type") if said.get(key)}
            return _answer(is_fault=bool(labels), **labels)
        return None


def plain(text: str, most: int) -> str:
    """The beginning of a stranger's text, without credentials, control characters and halves of characters."""
    return redact(text[:most].encode("utf-8", "replace")).decode()


def reply_of(text: str) -> Reply:
    """The call in a turn."""
    blocks = _BLOCK.findall(text) or [text]  # some of its forks take a bare call
    match = _NAME.match(blocks[0]) if len(blocks) == 1 else None
    if match is None or ")" not in blocks[0]:
        return Reply(text, None, ())
    call = blocks[0].strip()
    arguments = _arguments(call) if match[1] == "submit" else ()
    return Reply(call, match[1], arguments)


def _arguments(call: str) -> tuple[Any, ...]:
    """Literals of the call; none where they are anything else."""
    try:
        node = ast.parse(call[:MAX_CALL].strip(), mode="eval").body
        if not isinstance(node, ast.Call):
            return ()
        values = [*node.args, *(keyword.value for keyword in node.keywords)]
        return tuple(ast.literal_eval(value) for value in values)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return ()


def _answer(*, is_fault: bool, **fields: Any) -> Answer:
    return Answer(verdict="fault" if is_fault else "no_fault", confidence=0.0, **fields)
