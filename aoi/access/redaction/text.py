"""Redaction of free text: logs, events, files, whatever a cluster prints."""

import json
import re
from collections.abc import Iterator

from aoi.access.redaction.blocks import spans_of_blocks
from aoi.access.redaction.commands import spans_of_commands
from aoi.access.redaction.folding import CONTROL, MARK, Folded, Span, fold, hidden, is_encoded
from aoi.access.redaction.hints import Look, looks
from aoi.access.redaction.keys import Tells, tells
from aoi.access.redaction.known import spans_of_known
from aoi.access.redaction.manifests import spans_of_secrets
from aoi.access.redaction.network import spans_of_network
from aoi.access.redaction.pairs import spans_of_pairs
from aoi.access.redaction.pem import MIN_RUN, without_keys, without_runs

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]")
"""Terminal escapes, and characters that reorder or hide text. Tab and newline stay."""
_COLOURS = re.compile(rb"\x1b\[[0-9;?]{0,16}[A-Za-z]")
_WINDOW = 8_192
"""Characters of a line that are looked at together. Longer lines are looked at in windows that overlap by half."""
_VALUE_END = re.compile(r"[\s\"']|$")
_PASSES = 4
_DEPTH = 4
"""How many layers of base64 and of JSON in strings are taken off."""
_STRING = re.compile(r"\"(?:[^\"\\]|\\.)*+(?:\"|\\?\Z)")
"""One that is not closed goes on to the end, or else each quote in it would be tried as a beginning."""
_CUT_KEY = re.compile(
    r"[\"']?(?P<key>[A-Za-z_]{2,20})\\{0,7}[\"']?\s?[=:]\s?\\{0,7}[\"']?(?P<secret>[^\s\"'\\,;&]{4,4096})"
)
_CUT_URL = re.compile(r"(?P<secret>[^\s@\"'/:]{4,256})@[A-Za-z0-9.-]{1,253}:\d{2,5}(?=[/\s?]|$)")
_KEYS = (
    "password",
    "passwd",
    "secret",
    "token",
    "apikey",
    "api_key",
    "accesskey",
    "access_key",
    "accountkey",
    "passphrase",
)
_WORDS = ("key", "word", "phrase")
"""Ends of names that are words themselves."""


def redact(data: bytes) -> bytes:
    """Hide credentials and control characters in text. Bytes that are not UTF-8 become U+FFFD. Idempotent."""
    text = _CONTROL.sub(CONTROL, data.decode("utf-8", "replace"))
    return redact_text(_without_cut(text)).replace(CONTROL, "?").encode()


def without_colours(data: bytes) -> bytes:
    """A log without the codes of terminals, which the redaction would turn into question marks."""
    return _COLOURS.sub(b"", data)


_harmless: set[str] = set()
"""Short texts in which there was nothing to hide: values of objects, most of which are read again and again."""
_SHORT, _MOST_HARMLESS = 240, 20_000
"""Characters of such a text, and how many of them are kept: strangers write them."""


def redact_text(text: str) -> str:
    """Hide credentials in text that is already free of control characters."""
    if text in _harmless:
        return text
    redacted = _redacted(text, 0)
    if redacted == text and len(text) <= _SHORT:
        if len(_harmless) >= _MOST_HARMLESS:
            _harmless.clear()
        _harmless.add(text)
    return redacted


def _redacted(text: str, depth: int) -> str:
    for _ in range(_PASSES):
        text, is_final = _pass(text, depth)
        if is_final:
            break
    return text


def _pass(text: str, depth: int) -> tuple[str, bool]:
    """The text after one look at all of it, and whether another would find no more."""
    before = text
    text = without_keys(text, text.lower())
    low = text.lower()
    encoded = is_encoded(text)
    lines = text.split("\n")
    is_final = text == before and not (len(text) >= MIN_RUN and without_runs(lines))
    near: list[int] = []
    for number, line in enumerate(lines):
        look = looks(line.lower())
        if look or (encoded and is_encoded(line)):
            lines[number], look = _line(line, look, depth)
            if look & (Look.PAIRS | Look.COMMANDS):
                near.append(number)
    if near:
        is_final = not _hide_blocks(lines, near, low) and is_final
    return "\n".join(lines), is_final


def _line(line: str, look: int, depth: int) -> tuple[str, int]:
    """The line without secrets, and what it was looked at by."""
    if '"' in line and depth < _DEPTH:
        line = _strings(line, depth)
    if len(line) > _WINDOW:
        return _long_line(line, depth), Look.ALL
    for _ in range(_PASSES):
        folded = fold(line)
        if folded.offsets is not None or not line.isascii():
            look = looks(folded.low)
        spans = [folded.written(span) for span in _spans(folded, look, depth)]
        if not spans:
            break
        line = hidden(line, spans)
    return line, look


def _strings(line: str, depth: int) -> str:
    """The line with every JSON string in it read as a text of its own: it may be a file, a log, or JSON again."""

    def inside(match: re.Match[str]) -> str:
        string = match[0]
        if " " not in string and "\\" not in string:
            return string
        try:
            text = json.loads(string, strict=False)
        except ValueError:
            return string
        if not (looks(text.lower()) or is_encoded(text)):
            return string
        new = _redacted(text, depth + 1)
        return string if new == text else json.dumps(new, ensure_ascii=string.isascii())

    return _STRING.sub(inside, line)


def _spans(line: Folded, look: int, depth: int) -> Iterator[Span]:
    if look & Look.PAIRS:
        yield from spans_of_pairs(line)
    if look & (Look.PAIRS | Look.COMMANDS):
        yield from spans_of_commands(line)
    if look & Look.NETWORK:
        yield from spans_of_network(line)
    if look & Look.KNOWN:
        yield from spans_of_known(line, lambda decoded: depth < _DEPTH and _is_secret(decoded, depth + 1))


def _is_secret(text: str, depth: int) -> bool:
    return _redacted(text, depth) != text


def _long_line(line: str, depth: int) -> str:
    spans: list[Span] = []
    for start in range(0, len(line), _WINDOW // 2):
        window = line[start : start + _WINDOW]
        folded = fold(window)
        for span in _spans(folded, looks(folded.low), depth):
            first, last = folded.written(span)
            if last == len(window) and (end := _VALUE_END.search(line, start + last)):
                last = end.start() - start
            spans.append((start + first, start + last))
    return hidden(line, spans)


def _hide_blocks(lines: list[str], near: list[int], low: str) -> bool:
    found: dict[int, list[Span]] = {}
    for number, span in spans_of_blocks(lines, near):
        found.setdefault(number, []).append(span)
    if "data" in low and ("secret" in low or "binarydata" in low or "stringdata" in low):
        for number, span in spans_of_secrets(lines):
            found.setdefault(number, []).append(span)
    for number, spans in found.items():
        lines[number] = hidden(lines[number], [s for s in spans if lines[number][slice(*s)] != MARK])
    return bool(found)


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
