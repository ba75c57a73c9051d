"""Values that stand in other lines than their keys: blocks and lists of YAML, variables, arguments, manifests.

Looked for only around lines that hold a telling word; every look is bounded, and a value is hidden where it stands, so
that the lines around it stay.
"""

import re
from collections.abc import Iterable, Iterator

from aoi.access.redaction.commands import spans_of_commands
from aoi.access.redaction.folding import MARK, Span, fold
from aoi.access.redaction.keys import Tells, tells
from aoi.access.redaction.pairs import STRUCTURE, is_hidden

Found = tuple[int, Span]
"""Number of a line, and a span in it as it is written."""

_LINES = 200
"""Lines of one block that are looked at."""
_OPENS = re.compile(
    r"(?P<lead>[ ]{0,400}(?:- {1,8}){0,8})(?:export )?\\{0,31}[\"']?(?P<key>[\w.-]{1,128}|[\w.-]{1,64}[/ ][\w.-]{1,64})\\{0,31}[\"']?[ \t]{0,16}[:=]"
    r"[ \t]{0,16}(?:[&!][^\s]{0,60}[ \t]{0,8}){0,4}(?P<kind>[|>][-+0-9]{0,3}|\"\"\"|'''|<<[-~]?[\"']?\w{1,40}[\"']?|\[|\{|\\|)"
    r"[ \t]{0,16}(?:#.{0,200})?[\s\x7f]{0,8}"
)
_OPENS_BLOCK = re.compile(
    r"(?P<lead>)[\"']?(?<![\w.-])(?P<key>[\w.-]{1,64})[\"']?: {1,8}(?P<kind>[|>][-+0-9]{0,3})[\s\x7f]{0,8}$"
)
_NAME = re.compile(
    r"\\{0,31}[\"']?\b(?:name|key|variable|path)\\{0,31}[\"']?[ ]{0,8}[:=]?[ ]{0,8}\\{0,31}[\"']?(?:/[\w/~-]{0,200}/)?(?P<key>[\w.-]{1,128})\\{0,31}[\"']?[ ]{0,4},?\{?[\s\x7f/>{]{0,8}$",
    re.IGNORECASE,
)
_VALUE = re.compile(
    r"\\{0,31}[\"']?\b(?:value|default)\\{0,31}[\"']?[ ]{0,8}[:=][ ]{0,8}\\{0,31}(?P<quote>[\"']?)(?P<value>[^\s\x7f].{0,4096})",
    re.IGNORECASE,
)
_PAIR = re.compile(
    r"(?:name|key|path)\\{0,31}[\"']?[ ]{0,4}[:=][ ]{0,4}\\{0,31}[\"']?(?:/[\w/~-]{0,200}/)?(?P<key>[\w.-]{1,128})\\{0,31}[\"']?[ ]{0,4}[, ][^{}\n]{0,120}?\\{0,31}[\"']?\bvalue\\{0,31}[\"']?[ ]{0,4}[:=][ ]{0,4}"
    r"(?P<value>\\{0,31}\"[^\"\\]{0,4096}|'[^']{0,4096}|[^\s,}\"'\\]{1,4096})",
    re.IGNORECASE,
)
_PAIR_REVERSED = re.compile(
    r"value\\{0,31}[\"']?[ ]{0,4}[:=][ ]{0,4}(?P<value>\\{0,31}\"[^\"\\]{0,1024}|'[^']{0,1024}|[^\s,}\"'\\]{1,1024})\\{0,31}[\"']?[ ]{0,4}[, ][ ]{0,4}"
    r"\\{0,31}[\"']?(?:name|key)\\{0,31}[\"']?[ ]{0,4}[:=][ ]{0,4}\\{0,31}[\"']?(?P<key>[\w.-]{1,128})",
    re.IGNORECASE,
)
_TUPLE = re.compile(
    r"[\[(]\\{0,31}[\"'](?P<key>[\w.-]{1,64})\\{0,31}[\"'], ?\\{0,31}[\"'](?P<value>[^\"'\\]{1,4096})\\{0,31}[\"'][\])]"
)
_ERLANG = re.compile(r"\{\s?(?P<key>[a-z]\w{1,63}),\s?(?:<<)?\"(?P<value>[^\"\\]{1,1024})\"(?:>>)?\s?\}")
_IN_LINE = ((_PAIR, ("value", "Value")), (_PAIR_REVERSED, ("value", "Value")), (_TUPLE, ("(", "[")), (_ERLANG, ("{",)))
"""What must stand in a line before each is tried."""
_OPTION = re.compile(
    r"\s{0,400}(?:- {1,8})?\\{0,31}[\"']?--?(?P<key>[A-Za-z][\w.-]{1,64})\\{0,31}[\"']?,?[\s\x7f]{0,4}"
)
_ITEM = re.compile(
    r"\s{0,400}(?:- {1,8})?\\{0,31}(?P<quote>[\"']?)(?P<value>[^\s\"'\\-].{0,4096}?)(?P<close>\\{0,31}[\"']?,?[\s\x7f]{0,8})"
)
_WORD_LINE = re.compile(
    r"\s{0,400}(?:- {1,8})?(?P<quote>[\"']?)(?P<value>[^\s\"'\[\]{}].{0,1024}?)(?P<close>[\"']?,?[\s\x7f]{0,4})"
)
_ELEMENT = re.compile(r"\s{0,400}[\"'](?P<key>[\w.-]{1,64})[\"'],[\s\x7f]{0,4}")
_ENTRY = re.compile(
    r"(?P<lead>[ ]{0,400}(?:- {1,8}){0,8})[\"']?(?P<key>[\w./-]{1,253})[\"']?[ ]{0,4}:(?:[ ]{1,8}|$)(?P<quote>[\"']?)(?P<value>.{0,8192})"
)
_ASKS = re.compile(
    r"(?:passw(?:or)?d|token|secret|passphrase|one.time code|api.?key)\b[^\"'=]{0,200}:[\s\x7f]{0,4}", re.IGNORECASE
)
_FORM = re.compile(r"form-data; name=\\{0,31}\"(?P<key>[\w.-]{1,64})\\{0,31}\"[\s\x7f]{0,4}", re.IGNORECASE)
_OPEN_TAG = re.compile(r"\s{0,400}<(?P<key>[\w.:-]{1,64})(?:\s[^<>]{0,200})?>[\s\x7f]{0,4}")
_PROGRAM = re.compile(
    r"\s{0,400}(?:- {1,8})?[\"']?(?:[\w./-]{0,80}/)?(?:mysql\w{0,10}|mariadb[\w-]{0,10}|mongo\w{0,10}|redis-cli|curl|ldap\w{3,8}|sshpass|sqlcmd|smbclient)[\"']?,?[\s\x7f]{0,4}"
)
_OPEN_QUOTE = re.compile(
    r"(?P<lead> {0,400}(?:- {1,8}){0,8})[\"']?(?P<key>[\w.-]{1,128})[\"']?: {1,8}(?P<quote>[\"'])(?P<value>[^\"']{0,4096})"
)


def spans_of_blocks(lines: list[str], near: Iterable[int]) -> Iterator[Found]:
    """Where values stand whose keys are in the lines `near`."""
    done: set[int] = set()
    for number in near:
        if number in done:
            # It is a value itself; to look below each line of one again would take quadratic time.
            continue
        for found in _around(lines, number):
            if found[0] > number:
                done.add(found[0])
            yield found


def _around(lines: list[str], number: int) -> Iterator[Found]:
    line = lines[number] if lines[number].isascii() else fold(lines[number]).text
    yield from _opened(lines, number, line)
    yield from _named(lines, number, line)
    yield from _of_a_line(number, line)
    yield from _behind(lines, number, line)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _stripped(number: int, line: str, start: int = 0) -> Found:
    end = len(line.rstrip(" \t\r\x7f"))
    while start < end and line[start] in " \t":
        start += 1
    return number, (start, end)


def _below(lines: list[str], number: int, indent: int) -> Iterator[int]:
    """Lines that are indented deeper, or empty."""
    for at in range(number + 1, min(len(lines), number + 1 + _LINES)):
        if lines[at].strip(" \t\r\x7f") and _indent(lines[at]) <= indent:
            return
        yield at


def _opened(lines: list[str], number: int, line: str) -> Iterator[Found]:
    """A key whose value stands below it."""
    match = _OPENS.fullmatch(line) or _OPENS_BLOCK.search(line[-200:])
    if match is None or number + 1 >= len(lines):
        return
    key, kind = match["key"], match["kind"]
    tell = tells(key.rpartition("/")[2].replace(" ", "_"))
    if tell is Tells.NOTHING or (tell is Tells.UNLESS_NAME and not kind):
        return
    if kind[:1] in ("|", ">"):
        # Deeper than the key; where something stands before that, than the line.
        indent = len(match["lead"]) if match.re is _OPENS else _indent(line)
        yield from _block(lines, _below(lines, number, indent), tell, key)
    elif kind in ('"""', "'''") or kind.startswith("<<"):
        closer = kind.strip("<-~\"'") or kind
        yield from _until(lines, number, closer)
    elif lines[number + 1].startswith("----") and not lines[number + 1].strip("- \r\x7f"):
        # As kubectl describes a ConfigMap.
        yield from _until(lines, number + 1, "")
    elif kind == "\\":
        yield from _first_below(lines, number, "\n")
    elif kind == "[":
        yield from _items(lines, number, tell, key)
    elif tell is Tells.ALWAYS:
        yield from entries_below(lines, number, len(match["lead"]), tell, key)


def _block(lines: list[str], below: Iterable[int], tell: Tells, key: str) -> Iterator[Found]:
    for at in below:
        found = _stripped(at, lines[at])
        if is_hidden(lines[at][slice(*found[1])], tell, key):
            yield found


def _until(lines: list[str], number: int, closer: str) -> Iterator[Found]:
    for at in range(number + 1, min(len(lines), number + 1 + _LINES)):
        text = lines[at].strip(" \t\r\x7f")
        if text == closer or (closer and text.startswith(closer)):
            return
        if text and text != MARK:
            yield _stripped(at, lines[at])


def _items(lines: list[str], number: int, tell: Tells, key: str) -> Iterator[Found]:
    """Items of a list that is printed over several lines."""
    for at in range(number + 1, min(len(lines), number + 1 + _LINES)):
        match = _ITEM.fullmatch(lines[at])
        if match is None or match["value"][:1] in "{[]}":
            return
        if is_hidden(match["value"], tell, key):
            yield at, match.span("value")


def entries_below(
    lines: list[str], number: int, indent: int, tell: Tells, key: str, *, is_any: bool = False
) -> Iterator[Found]:
    """A value, a list or a map below a key. With `is_any` all that a map holds."""
    level = None
    for at in range(number + 1, min(len(lines), number + 1 + _LINES)):
        text = lines[at].strip(" \t\r\x7f")
        depth = _indent(lines[at])
        if not text:
            continue
        is_item = text.startswith("- ")
        if depth < indent or (depth == indent and not is_item):
            return
        level = depth if level is None else level
        entry = _ENTRY.fullmatch(lines[at])
        if entry is None:
            start = depth + (2 if is_item else 0)
            value = lines[at][start:].strip(" \r\x7f\"',")
            if depth >= level and is_hidden(value, tell, key) and text[:1] not in "{}[]":
                begin = lines[at].index(value, start)
                yield at, (begin, begin + len(value))
        elif depth == level and (is_any or (entry["key"].lower() not in STRUCTURE and not is_item)):
            value = entry["value"].rstrip(" \r\x7f\"'")
            if value[:1] in ("|", ">"):
                yield from _block(lines, _below(lines, at, depth), Tells.ALWAYS, "")
            elif is_hidden(value, tell, key) and value[:1] not in "{[":
                yield at, (entry.start("value"), entry.start("value") + len(value))


def _named(lines: list[str], number: int, line: str) -> Iterator[Found]:
    """A variable: its name in one line, its value in a line beside it."""
    low = line.lower()
    if "name" not in low and "key" not in low and "variable" not in low and "path" not in low:
        return
    match = _NAME.search(line[-400:])
    tell = tells(match["key"]) if match else Tells.NOTHING
    if tell is Tells.NOTHING:
        return
    for at in _beside(lines, number, line):
        value = _VALUE.search(lines[at][:4600])
        if value is None:
            continue
        end = _end_of(value["value"], value["quote"])
        if is_hidden(value["value"][:end], tell, match["key"] if match else ""):
            yield at, (value.start("value"), value.start("value") + end)
        return


def _beside(lines: list[str], number: int, line: str) -> Iterator[int]:
    """Up to two lines behind and before a line that belong to the same item of a list."""
    for at in range(number + 1, min(len(lines), number + 3)):
        if lines[at].lstrip().startswith(("- ", "}", "{")):
            break
        yield at
    for at in range(number - 1, max(-1, number - 3), -1):
        if lines[at + 1].lstrip().startswith(("- ", "{")):
            break
        yield at


def _end_of(value: str, quote: str) -> int:
    if quote and (end := value.find(quote)) >= 0:
        return len(value[:end].rstrip("\\"))
    return len(value.rstrip(" ,\t\r\x7f/>"))


def _of_a_line(number: int, line: str) -> Iterator[Found]:
    """Name and value as two fields, or two words, of one line."""
    for pattern, signs in _IN_LINE:
        if not any(sign in line for sign in signs):
            continue
        for match in pattern.finditer(line):
            value = match["value"].lstrip("\\\"'")
            if is_hidden(value, tells(match["key"]), match["key"]) if tells(match["key"]) else False:
                if value.startswith(("Bearer ", "Basic ")):
                    value = value.partition(" ")[2]
                end = match.end("value")
                yield number, (end - len(value), end)


def _behind(lines: list[str], number: int, line: str) -> Iterator[Found]:
    """What stands in the next lines because this one asks for it."""
    if match := _OPTION.fullmatch(line):
        yield from _argument(lines, number, match["key"])
    elif _PROGRAM.fullmatch(line):
        yield from _command(lines, number)
    elif match := _ELEMENT.fullmatch(line):
        is_pair = lines[number - 1].rstrip().endswith(("[", "(")) and lines[number + 2 : number + 3]
        if is_pair and tells(match["key"]) is Tells.ALWAYS and is_pair[0].lstrip().startswith(("]", ")")):
            yield from _items(lines[: number + 2], number, Tells.ALWAYS, "")
    elif (match := _OPEN_TAG.fullmatch(line)) and tells(match["key"]) is Tells.ALWAYS:
        yield from _first_below(lines, number, "</")
    elif match := _OPEN_QUOTE.fullmatch(line):
        yield from _open_quote(lines, number, match)
    else:
        yield from _asked(lines, number, line)


def _argument(lines: list[str], number: int, key: str) -> Iterator[Found]:
    """The item of a list behind an option."""
    item = _ITEM.fullmatch(lines[number + 1]) if number + 1 < len(lines) else None
    is_list = "- " in lines[number] or '"' in lines[number] or "'" in lines[number]
    if item and is_list and is_hidden(item["value"], tells(key), key):
        yield number + 1, item.span("value")


def _asked(lines: list[str], number: int, line: str) -> Iterator[Found]:
    """What is given to a form or a sentence that asks for it."""
    if "form-data" in line and (match := _FORM.search(line)):
        if tells(match["key"]) or match["key"] == "pass":
            yield from _first_below(lines, number, "--")
    elif line.rstrip(" \r\x7f").endswith(":") and _ASKS.search(line[-256:]):
        for at, (start, end) in _first_below(lines, number, "-"):
            word = lines[at][start:end]
            if " " not in word and len(word) >= 8 and any(char.isdigit() for char in word):
                yield at, (start, end)


def _command(lines: list[str], number: int) -> Iterator[Found]:
    """A command whose words stand in a line each."""
    words: list[tuple[int, int, int]] = []
    line = ""
    for at in range(number, min(len(lines), number + 32)):
        match = _WORD_LINE.fullmatch(lines[at])
        if match is None or (at > number and _PROGRAM.fullmatch(lines[at])):
            break
        words.append((at, len(line), match.start("value")))
        line += match["value"] + " "
    for start, end in spans_of_commands(fold(line)):
        for at, first, column in reversed(words):
            if first <= start:
                yield at, (start - first + column, end - first + column)
                break


def _first_below(lines: list[str], number: int, closer: str) -> Iterator[Found]:
    for at in range(number + 1, min(len(lines), number + 4)):
        text = lines[at].strip(" \t\r\x7f")
        if text.startswith(closer):
            return
        if text and not text.lower().startswith("content-"):
            if text != MARK:
                yield _stripped(at, lines[at])
            return


def _open_quote(lines: list[str], number: int, match: re.Match[str]) -> Iterator[Found]:
    """A quoted YAML value that goes on in deeper lines."""
    if tells(match["key"]) is not Tells.ALWAYS:
        return
    below = list(_below(lines, number, len(match["lead"])))[:8]
    closes = [at for at in below if match["quote"] in lines[at]]
    for at in below if closes else ():
        end = lines[at].find(match["quote"])
        number, (start, last) = _stripped(at, lines[at])
        yield number, (start, end if end >= 0 else last)
        if end >= 0:
            return
