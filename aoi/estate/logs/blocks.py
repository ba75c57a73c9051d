"""Lines that belong together: an exception with its frames and causes, a panic with its goroutines.

A block is one thing said. Its `statements` are in the order in which they tell: the deepest cause first.
"""
# ruff: noqa: E501 - a pattern is one line for each of its groups

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from aoi.estate.logs.levels import Level, Said

MOST_LINES = 20_000
"""Lines of one block: a dump of all goroutines is long."""
_FRAME = re.compile(
    r"\s+at \S|\s*\.\.\. \d+ (?:more|common)|\s*--- End of |#\d+ |goroutine \d+ \[|\s+from \S|\s+\d+: from |\s+\S+:\d+ \+0x|"
    r"\s+File \"|\s*\[?[Ss]tack ?trace:?\]?\s*$|note: run with|note: Some details|Node\.js v\d|exit status \d|\s*[~^]+\s*$|stack backtrace:|"
    r"created by |\[signal |\s+thrown in |[\]})]+[,;]?$|\s+- \S+:\d+|\s+\d+: 0x|The above exception was|During handling of|"
    r"\s*Suppressed: |\(Background on this error|rax |r\w{1,2}\s+0x|\s+Location: |\s+Require stack:|- /|Aborted\b|-{1,2}\+?-{3,}|\s*$|Emitted '\w+' event"
)
_CAUSE = re.compile(r"\s*Caused by:|\s*---> |\s*\[cause\]: |\s*Wrapped by: |\s*Cause: |\s*what\(\):")
_THROWN = re.compile(
    r"\s*(?:[\w$.:]{1,200}[.:])?[A-Z][\w$]{0,100}(?:Exception|Error|Failure|Interrupt|Timeout|Exit)(?::|$| \(|\s-)"
)
_TRACEBACK = "Traceback (most recent call last)"
_GO = re.compile(r"(?:panic|fatal error): |goroutine \d+ \[|runtime: ")
_GO_CALL = re.compile(r"[\w./*()\[\]{}<>·-]{1,300}\(.{0,500}\)$|\S{1,300}\(\.\.\.\)")
_PREAMBLE = re.compile(r"(?:file://)?/\S{1,300}:\d+$|node:\S{1,200}:\d+$")
_RUST = re.compile(r"panicked at \S+:\d+:\d+:$|panicked at \S+:\d+:$")
_BANNER = "APPLICATION FAILED TO START"
_VALIDATION = re.compile(r"\d+ validation errors? for ")
_FIELD = re.compile(r"[\w.-]{1,120}$")
_MARGIN = re.compile(r"\s*[|+] ?")
"""Of an exception group: each of its exceptions is set in."""
_RULER = re.compile(r"[\s*=-]{3,}$|\s*Description:\s*$|\s*Reason:\s*$")


@dataclass(slots=True)
class Statement:
    """A line that says something: its place among the lines and its words."""

    index: int
    said: Said


@dataclass(slots=True)
class Block:
    """One thing said, over one line or many."""

    head: Statement
    statements: list[Statement] = field(default_factory=list)
    """Most telling first."""
    details: list[Statement] = field(default_factory=list)
    """Indented lines that are neither frames nor causes."""
    last_index: int = 0
    frames: int = 0
    is_chain: bool = False
    is_preamble: bool = False
    """The place in the source that Node prints before an error."""
    frame_text: str = ""
    """Calls of a Go dump, which name hosts now and then, and the last frame of a traceback that was cut."""

    @property
    def is_crash(self) -> bool:
        """Whether it has the form of an exception or a panic."""
        return self.frames > 0 or self.is_chain


def blocks_of(lines: Sequence[Said]) -> list[Block]:
    """All blocks, oldest first; every line that is not empty is in one of them."""
    blocks: list[Block] = []
    index = 0
    while index < len(lines):
        if not lines[index].text:
            index += 1
            continue
        block = _Reader(lines, index).block()
        blocks.append(block)
        index = block.last_index + 1
    return blocks


class _Reader:
    """Reads one block from its head on."""

    def __init__(self, lines: Sequence[Said], index: int) -> None:
        self.lines = lines
        self.index = index
        head = Statement(index, lines[index])
        text = head.said.text[head.said.message_start :]
        self.result = Block(head, [head], last_index=index, is_preamble=bool(_PREAMBLE.match(head.said.text)))
        self.in_traceback = _TRACEBACK in text
        self.is_go = bool(_GO.match(text) or _GO.match(head.said.text))
        self.is_banner = text.strip() == _BANNER
        self.awaits_message = bool(_RUST.search(text))
        self.has_advice = False
        self.is_group = "Exception Group Traceback" in text
        self.field = ""
        """Of a settings class: its error is on the next line."""
        if self.in_traceback:
            self.result.is_chain = True
            self.result.statements = []

    def block(self) -> Block:
        for line in self.result.head.said.stack:
            self._take(Said(Level.NONE, line, 0), self.index)
        index = self.index + 1
        while index < min(len(self.lines), self.index + MOST_LINES):
            line = self.lines[index]
            if not line.text:
                index += 1
                continue
            if not self._take(line, index):
                break
            self.result.last_index = index
            index += 1
        if self.is_banner:
            self.result.statements = [*self.result.statements[1:], self.result.head]
        else:
            self.result.statements.reverse()
        if not self.result.statements:
            self.result.statements = [Statement(self.result.last_index, self.lines[self.result.last_index])]
        return self.result

    def _take(self, line: Said, index: int) -> bool:
        """Whether the line belongs to the block; it is put where it belongs."""
        is_gap = index > self.result.last_index + 1
        if self.is_group:
            line = replace(line, text=_MARGIN.sub("", line.text, count=1) or " ")
        statement = Statement(index, line)
        if self._opens_traceback(line, is_gap):
            self.in_traceback = self.result.is_chain = True
        elif _CAUSE.match(line.text):
            self.result.is_chain = True
            if line.text.strip() != "Caused by:":
                self.result.statements.append(statement)
        elif self.in_traceback:
            self._traceback(statement)
        elif _FRAME.match(line.text) or (self.is_go and (_GO_CALL.match(line.text) or line.text[0] == "\t")):
            self._frame(line.text)
        elif self.awaits_message:
            self.awaits_message = False
            self.result.statements.append(statement)
        else:
            return line.level is Level.NONE and self._take_words(statement, is_gap)
        return True

    def _take_words(self, statement: Statement, is_gap: bool) -> bool:
        """The same of a line that has neither a level nor the form of a part of a stack."""
        text = statement.said.text
        is_indented = text[0] in " \t"
        if self.is_banner:
            self._banner(statement)
        elif _THROWN.match(text) and self._may_throw(text, is_gap):
            self.result.statements.append(statement)
        elif _FIELD.match(text) and any(_VALIDATION.search(said.said.text) for said in self.result.statements):
            self.field = text
        elif is_indented and (not is_gap or self.result.is_chain):
            self._detail(statement)
        else:
            return False
        return True

    def _opens_traceback(self, line: Said, is_gap: bool) -> bool:
        if _TRACEBACK not in line.text or line.level is not Level.NONE:
            return False
        is_chained = self.result.is_chain and (is_gap or line.text[0] in " |")
        return is_chained or self.is_group or (self.result.head.said.level >= Level.WARN and not is_gap)

    def _may_throw(self, text: str, is_gap: bool) -> bool:
        """Whether an exception's line is about what the head says, and not the head of a block of its own."""
        if self.result.is_preamble:
            return True
        is_loud = self.result.head.said.level >= Level.WARN or self.result.is_chain
        return is_loud and (not is_gap or text[0] == " ")

    def _traceback(self, statement: Statement) -> None:
        text = statement.said.text
        if text[0] in " \t":
            self._frame(text)
            return
        self.in_traceback = False
        self.result.statements.append(statement)

    def _frame(self, text: str) -> None:
        self.result.frames += 1
        if len(self.result.frame_text) < 2000:
            self.result.frame_text += text + "\n"

    def _detail(self, statement: Statement) -> None:
        if self.field:
            named = replace(statement.said, text=f"{self.field}: {statement.said.text.strip()}")
            statement, self.field = Statement(statement.index, named), ""
        # `Caused by:` alone on its line is followed by the causes, one to a line.
        holder = self.result.statements if self.result.is_chain and not self.result.frames else self.result.details
        holder.append(statement)

    def _banner(self, statement: Statement) -> None:
        text = statement.said.text
        if text.strip() == "Action:":
            self.has_advice = True
        if not self.has_advice and not _RULER.match(text):
            self.result.statements.append(statement)
