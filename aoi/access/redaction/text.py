"""Redaction of free text: logs, events, files, whatever a cluster prints."""

import re
from collections.abc import Iterator

from aoi.access.redaction.blocks import spans_of_blocks, spans_of_secrets
from aoi.access.redaction.commands import spans_of_commands
from aoi.access.redaction.folding import CONTROL, MARK, Folded, Span, fold, hidden
from aoi.access.redaction.keys import Tells, tells
from aoi.access.redaction.known import HINTS as KNOWN_HINTS
from aoi.access.redaction.known import spans_of_known
from aoi.access.redaction.network import spans_of_network
from aoi.access.redaction.pairs import TRIGGERS, spans_of_pairs
from aoi.access.redaction.pem import without_keys, without_runs

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]")
"""Terminal escapes, and characters that reorder or hide text. Tab and newline stay."""
_HINTS = (
    *TRIGGERS, *KNOWN_HINTS, "@", "bearer", "cookie", "hooks.slack", "/bot", "/hooks/", "/integration/", "identified",
    "user ", "alias set", "from-literal", "rabbitmqctl", "mysql ", "mysql\"", "mysqldump", "mysqladmin", "mysql'",
    "mariadb", "login", "mongo ", "mongosh", "mongodump", "mongorestore", "mongo\"", "redis-cli", "curl ", "curl\"",
    "ldap", "sqlcmd", "smbclient", "snmp", "bindpw", "vault login", "connect", "variable",
)  # fmt: skip
"""One of these must be in a line, in lower case, before it is looked at."""
_ENCODED = ("%", "&", "\\u00", "\\x", CONTROL, "\x1b")
_WINDOW = 16_384
"""Characters of a line that are looked at together. Longer lines are looked at in windows that overlap by half."""
_VALUE_END = re.compile(r"[\s\"']|$")
_PASSES = 4
_DEPTH = 2
"""How many layers of base64 are taken off."""
_CUT_KEY = re.compile(r"[\"']?(?P<key>[A-Za-z_]{2,20})\\{0,7}[\"']?\s?[=:]\s?\\{0,7}[\"']?(?P<secret>[^\s\"'\\,;&]{4,4096})")
_CUT_URL = re.compile(r"(?P<secret>[^\s@\"'/:]{4,256})@[A-Za-z0-9.-]{1,253}:\d{2,5}(?=[/\s?]|$)")
_KEYS = ("password", "passwd", "secret", "token", "apikey", "api_key", "accesskey", "access_key", "accountkey", "passphrase")
_WORDS = ("key", "word", "phrase")
"""Ends of names that are words themselves."""


def redact(data: bytes) -> bytes:
    """Hide credentials and control characters in text. Bytes that are not UTF-8 become U+FFFD. Idempotent."""
    text = _CONTROL.sub(CONTROL, data.decode("utf-8", "replace"))
    return redact_text(_without_cut(text)).replace(CONTROL, "?").encode()


def redact_text(text: str) -> str:
    """Hide credentials in text that is already free of control characters."""
    return _redacted(text, 0)


def _redacted(text: str, depth: int) -> str:
    for _ in range(_PASSES):
        before, text = text, _pass(text, depth)
        if before == text:
            break
    return text


def _pass(text: str, depth: int) -> str:
    low = text.lower()
    active = tuple(hint for hint in _HINTS if hint in low)
    is_encoded = not text.isascii() or any(code in low for code in _ENCODED)
    if not active and not is_encoded and len(text) < 60:
        return text
    text = without_keys(text, low)
    lines = text.split("\n")
    if len(text) >= 60:
        without_runs(lines)
    if not active and not is_encoded:
        return "\n".join(lines)
    near: list[int] = []
    for number, line in enumerate(lines):
        if _holds(line.lower(), active) or (is_encoded and _is_encoded(line)):
            new = _line(line, active, depth)
            if new is not None:
                lines[number] = new
                near.append(number)
    _hide_blocks(lines, near, low)
    return "\n".join(lines)


def _is_encoded(line: str) -> bool:
    return not line.isascii() or any(code in line for code in _ENCODED)


def _holds(low: str, hints: tuple[str, ...]) -> bool:
    # A loop takes half the time of `any` over a generator, and every line that an agent reads comes by here.
    for hint in hints:  # noqa: SIM110
        if hint in low:
            return True
    return False


def _line(line: str, active: tuple[str, ...], depth: int) -> str | None:
    """The line without secrets; None if nothing in it tells of any."""
    if len(line) > _WINDOW:
        return _long_line(line, depth)
    folded = fold(line)
    if not _holds(folded.low, active if folded.offsets is None and line.isascii() else _HINTS):
        return None
    spans = [folded.written(span) for span in _spans(folded, depth)]
    return hidden(line, spans) if spans else line


def _spans(line: Folded, depth: int) -> Iterator[Span]:
    yield from spans_of_pairs(line)
    yield from spans_of_commands(line)
    yield from spans_of_network(line)
    yield from spans_of_known(line, lambda decoded: depth < _DEPTH and _is_secret(decoded, depth + 1))


def _is_secret(text: str, depth: int) -> bool:
    return _redacted(text, depth) != text


def _long_line(line: str, depth: int) -> str:
    spans: list[Span] = []
    for start in range(0, len(line), _WINDOW // 2):
        window = line[start : start + _WINDOW]
        folded = fold(window)
        if not _holds(folded.low, _HINTS):
            continue
        for span in _spans(folded, depth):
            first, last = folded.written(span)
            if last == len(window) and (end := _VALUE_END.search(line, start + last)):
                last = end.start() - start
            spans.append((start + first, start + last))
    return hidden(line, spans)


def _hide_blocks(lines: list[str], near: list[int], low: str) -> None:
    found: dict[int, list[Span]] = {}
    for number, span in spans_of_blocks(lines, near):
        found.setdefault(number, []).append(span)
    if "stringdata:" in low or ("kind: secret" in low and "data:" in low):
        for number, span in spans_of_secrets(lines):
            found.setdefault(number, []).append(span)
    for number, spans in found.items():
        lines[number] = hidden(lines[number], [s for s in spans if lines[number][slice(*s)] != MARK])


def _without_cut(text: str) -> str:
    """Hide a value whose name, or a password whose address, the beginning of the text has cut off."""
    if (match := _CUT_KEY.match(text)) and len(match["key"]) > 2 and match["key"].lower() not in _WORDS:
        key = match["key"].lower()
        is_end = any(name.endswith(key) and name != key for name in _KEYS)
        if is_end and tells(key) is Tells.NOTHING and match["secret"] != MARK:
            return hidden(text, [match.span("secret")])
    if (match := _CUT_URL.match(text)) and match["secret"] != MARK and any(char.isdigit() for char in match["secret"]):
        return hidden(text, [match.span("secret")])
    return text
