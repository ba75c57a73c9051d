"""The form of a rule: templates of a kind of error line, a line that it knows and a near miss that it leaves alone.

A template is literal text with placeholders. Its ends stand on word boundaries, `^` at its start is the start of the
message (after time, level and logger), and `~` before it ignores case. Every placeholder is bounded in length, so that
matching takes time linear in the line.
"""

import re
from dataclasses import dataclass

PLACEHOLDERS = {
    "*": r".{0,160}?",
    "n": r"-?\d{1,20}",
    "w": r"[^\s\"'`,;()<>\[\]]{1,120}",
    "subject": r"(?P<subject>[^\s\"'`,;()<>\[\]{}]{1,200})",
    "text": r"(?P<subject>[^\"'`\n]{1,160}?)",
    "path": r"(?P<subject>[^\s\"'`,;()<>\[\]]{0,250}[/.][^\s\"'`,;()<>\[\]]{0,250}[^\s\"'`,;:.()<>\[\]])",
    "host": r"(?P<host>\[?[A-Za-z0-9][\w.:-]{0,250}|\[?::[\w:]{0,40}\]?(?::\d{1,5})?)",
    "address": r"(?P<host>[a-z0-9][a-z0-9.]{0,100}(?:-[a-z0-9.-]{1,120}[a-z0-9](?::\d{1,5})?|:\d{2,5}))",
    "q": r"[\"'`“”‘’«»\\]{0,2}",
}
"""`{*}` a gap, `{n}` a number, `{w}` a word, `{subject}`, `{text}` and `{path}` what the line is about, `{host}` whom
it did not reach, `{address}` the same where any word may stand (with a port or a hyphen), `{q}` a quotation mark or
none."""
_LAZY = {"*": ".{0,160}", "text": r"(?P<subject>[^\"'`\n]{1,160})"}
_TOKEN = re.compile(r"\{(\*|n|w|subject|text|path|host|address|q)\}")
_WORD = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled template, and the letters without which it cannot match."""

    expression: re.Pattern[str]
    cue: str
    """Lower case; looked for first, since finding a string is much faster than matching."""
    token: str
    """A whole word of every line that it matches, by which `RuleIndex` finds it; empty if there is none."""
    is_anchored: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of error line. `knows` and `leaves` are run as tests of the rule."""

    kind: str
    word: str
    weight: int
    templates: tuple[Template, ...]
    knows: str
    """A line of this kind, as a program prints it."""
    leaves: str
    """A near miss: not of this kind."""
    is_call: bool
    """About another component, whose host is then looked for in the whole line."""
    is_terminal: bool
    """Said at any level, since a program says it only when it ends."""

    def match(self, text: str, lowered: str, message_start: int) -> re.Match[str] | None:
        """The first template that fits; anchored ones at the start of the line or of its message."""
        for template in self.templates:
            if template.cue not in lowered:
                continue
            if template.is_anchored:
                found = template.expression.match(text, message_start) or template.expression.match(text)
            else:
                found = template.expression.search(text)
            if found:
                return found
        return None


def rule(
    kind: str,
    word: str,
    weight: int,
    *templates: str,
    knows: str,
    leaves: str,
    is_call: bool = False,
    is_terminal: bool = False,
) -> Rule:
    """A rule from templates as they are written; `Rule` says what the parts mean."""
    return Rule(kind, word, weight, tuple(map(_compiled, templates)), knows, leaves, is_call, is_terminal)


def _compiled(written: str) -> Template:
    flags = re.IGNORECASE if written.startswith("~") else re.NOFLAG
    body = written.removeprefix("~")
    is_anchored = body.startswith("^")
    body = body.removeprefix("^")
    pieces = _TOKEN.split(body)  # literal, placeholder, literal, ...
    expression = "".join(
        PLACEHOLDERS[piece] if index % 2 else re.escape(piece).replace(r"\ ", r"[ ]{1,8}")
        for index, piece in enumerate(pieces)
    )
    if not pieces[-1] and pieces[-2] in _LAZY:  # at the end it would take as little as it can
        expression = expression.removesuffix(PLACEHOLDERS[pieces[-2]]) + _LAZY[pieces[-2]]
    # A word that merely contains the template is another word: `nonfatal` is not `fatal`.
    before = r"(?<!\w)" if _WORD.match(pieces[0][:1]) else ""
    after = r"(?!\w)" if _WORD.match(pieces[-1][-1:]) else ""
    cue = max((part for piece in pieces[::2] for part in piece.split(" ")), key=len).lower()
    return Template(re.compile(before + expression + after, flags), cue, _token(body), is_anchored)


def _token(body: str) -> str:
    """The longest word that no placeholder can lengthen."""
    text = _TOKEN.sub("\0", body.lower())
    words = re.finditer(r"[a-z0-9]+", text)
    whole = [word[0] for word in words if "\0" not in text[max(0, word.start() - 1) : word.end() + 1]]
    return max(whole, key=len, default="")
