"""Secrets of Kubernetes that stand in a text as objects: YAML, JSON, what programs print of them, behind log prefixes.

What an object is, its own `kind` says, beside `data` at the same depth. Where that was cut off, the nearest one counts.
"""

import re
from bisect import bisect
from collections.abc import Iterator

from aoi.access.redaction.blocks import Found, entries_below
from aoi.access.redaction.folding import Span
from aoi.access.redaction.keys import Tells
from aoi.access.redaction.pairs import closing, is_hidden

_LINES = 200
"""How far the end of a manifest is looked for."""
_IN_LINE = 8_192
_LEAD = r"(?P<lead>[ ]{0,400}(?:- {1,8}){0,8})"
_KIND = re.compile(rf"{_LEAD}[\"']?kind[\"']?[ ]{{0,4}}:[ ]{{0,4}}[\"']?(?P<kind>[A-Za-z]{{1,64}})")
_DATA = re.compile(rf"{_LEAD}[\"']?(?P<key>data|stringData|binaryData)[\"']?[ ]{{0,4}}:[ ]{{0,4}}(?P<rest>\{{?.*)")
_NOTHING = re.compile(r"\{?[\s\x7f]{0,8}(?:#.{0,200})?")
_TOLD = ("Secret", "SecretList")
_SAYS_SECRET = re.compile(r"[\"']?\bkind[\"']?[ ]{0,4}:[ ]{0,4}[\"']?Secret(?:List)?\b")
_SECRET_IN_LINE = re.compile(r"\bkind\\{0,31}[\"']?\s{0,4}[:=]\s{0,4}\\{0,31}[\"']?Secret(?:List)?\b|\bSecret\{")
_DATA_IN_LINE = re.compile(r"\bdata\\{0,31}[\"']?\s{0,4}[:=]\s{0,4}(?=\{)")
_ALWAYS_IN_LINE = re.compile(r"\b(?:binaryData|stringData)\\{0,31}[\"']?\s{0,4}[:=]\s{0,4}(?=\{)")
_GO_MAP = re.compile(r"\b(?:Data|StringData):\s?map\[(?:string\](?:\[\])?(?:byte|uint8|string)\{)?")
_KEY = re.compile(
    r"[\s,]{0,64}(?:\\{0,31}[\"'](?P<quoted>[^\"'\\]{1,253})\\{0,31}[\"']|[\w./-]{1,253})[ ]{0,4}[:=][ ]{0,4}"
)
_QUOTE = re.compile(r"\\{0,31}[\"']")
_PLAIN = re.compile(r"[^\s,{}]{1,4096}")
_DIGIT = re.compile(r"\d")


def spans_of_secrets(lines: list[str]) -> Iterator[Found]:
    """The values of `data` and `stringData` of Secrets, and of any `binaryData`, over lines and in one line."""
    yield from _over(lines)
    for number, line in enumerate(lines):
        if "ata" in line:
            for span in _in_line(line):
                yield number, span
    for first, cut, stripped in _behind_prefixes(lines):
        for number, (start, end) in _over(stripped):
            yield first + number, (start + cut, end + cut)


def _over(lines: list[str]) -> Iterator[Found]:
    secrets = [number for number, line in enumerate(lines) if "Secret" in line and _says_secret(line)]
    bounds = [number for number, line in enumerate(lines) if line.startswith("---")]
    for number, line in enumerate(lines):
        match = _DATA.match(line) if "ata" in line else None
        if match is None or not (match["key"] != "data" or _is_of_secret(lines, number, match, secrets, bounds)):
            continue
        if match["rest"].startswith("{"):
            for span in _entries(line, match.start("rest")):
                yield number, span
        if _NOTHING.fullmatch(match["rest"]):
            yield from entries_below(lines, number, len(match["lead"]), Tells.ALWAYS, "", is_any=True)


def _says_secret(line: str) -> bool:
    match = _KIND.match(line)
    return match is not None and match["kind"] in _TOLD


def _is_of_secret(lines: list[str], number: int, match: re.Match[str], secrets: list[int], bounds: list[int]) -> bool:
    kind = _kind_beside(lines, number, match)
    if kind:
        return kind in _TOLD
    at = bisect(secrets, number)
    near = [secrets[place] for place in (at - 1, at) if 0 <= place < len(secrets)]
    return any(
        abs(other - number) <= _LINES and bisect(bounds, max(number, other)) == bisect(bounds, min(number, other))
        for other in near
    )


def _kind_beside(lines: list[str], number: int, match: re.Match[str]) -> str:
    """The kind of the object that this `data` is of, if it says so at the same depth."""
    column = len(match["lead"])
    above = () if "-" in match["lead"] else range(number - 1, max(-1, number - 1 - _LINES), -1)
    below = range(number + 1, min(len(lines), number + 1 + _LINES))
    for look in (above, below):
        for at in look:
            line = lines[at]
            text = line.lstrip(" ")
            if not text.strip("\r\x7f"):
                continue
            starts_item = text.startswith("- ")
            depth = len(line) - len(text)
            if line.startswith("---") or (depth < column and not (starts_item and look is above)):
                break
            lead = depth + (len(text) - len(text.lstrip("- ")) if starts_item else 0)
            if lead == column:
                if found := _KIND.match(line):
                    return found["kind"]
                if (other := _DATA.match(line)) and other["key"] == match["key"]:
                    break
            if depth < column:
                break
    return ""


def _in_line(line: str) -> Iterator[Span]:
    if "yData" in line or "gData" in line:
        for data in _ALWAYS_IN_LINE.finditer(line):
            yield from _entries(line, data.end())
    if "Secret" not in line or not _SECRET_IN_LINE.search(line):
        return
    for data in _DATA_IN_LINE.finditer(line):
        yield from _entries(line, data.end())
    end = 0
    for data in _GO_MAP.finditer(line):
        if data.start() < end:
            continue
        end = _closed(line, data.end())
        if is_hidden(line[data.end() : end], Tells.ALWAYS):
            yield data.end(), end


def _entries(line: str, at: int) -> Iterator[Span]:
    """The values of a map that begins with this brace, whatever they hold."""
    at += 1
    end = min(len(line), at + _IN_LINE)
    while match := _KEY.match(line, at, end):
        at = match.end()
        if quote := _QUOTE.match(line, at):
            start, at = quote.end(), closing(line, quote[0], quote.end())
            if is_hidden(line[start:at], Tells.ALWAYS):
                yield start, at
            at = min(len(line), at + len(quote[0]))
        elif plain := _PLAIN.match(line, at):
            at = plain.end()
            if is_hidden(plain[0], Tells.ALWAYS):
                yield plain.span()
        else:
            return


def _closed(line: str, at: int) -> int:
    """Where the bracket that was open before `at` is closed, or the line ends."""
    depth = 1
    for place in range(at, min(len(line), at + _IN_LINE)):
        if line[place] in "[{":
            depth += 1
        elif line[place] in "]}":
            depth -= 1
            if not depth:
                return place
    return len(line)


def _behind_prefixes(lines: list[str]) -> Iterator[tuple[int, int, list[str]]]:
    """Runs of lines behind the same prefix, of a log or of a diff, in which a Secret is printed."""
    done = 0
    for number, line in enumerate(lines):
        if number < done or "Secret" not in line or _says_secret(line):
            continue
        match = _SAYS_SECRET.search(line[:1_000])
        if match is None:
            continue
        cut = _cut(lines, number, match.start())
        shape = _shape(line, cut)
        first = number
        while first > max(0, number - _LINES) and _shape(lines[first - 1], cut) == shape:
            first -= 1
        done = number + 1
        while done < min(len(lines), number + _LINES) and _shape(lines[done], cut) == shape:
            done += 1
        if done - first > 1:
            yield first, cut, [each[cut:] for each in lines[first:done]]


def _cut(lines: list[str], number: int, start: int) -> int:
    """How long the prefix is: without the dash of an item, unless the line beside it has it, too."""
    line = lines[number]
    beside = (lines[at] for at in (number - 1, number + 1) if 0 <= at < len(lines))
    shape = _shape(line, start)
    if any(_shape(other, start) == shape for other in beside):
        return start
    return len(line[:start].rstrip(" -"))


def _shape(line: str, cut: int) -> str:
    """A prefix with its digits alike: the next line of a log has another time."""
    return _DIGIT.sub("0", line[:cut].ljust(cut))
