"""Private keys over lines: whole, with a prefix on each line, escaped, and cut by the bounds of what was read."""

import re

from aoi.access.redaction.folding import MARK, hidden

_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_LONGEST = 16_384
"""Characters of one key, with what stands before each of its lines."""
_GAP = r"(?:[ \t\r\n\x7f]|\\{1,16}[nr])"
_REST = re.compile(rf"{_GAP}*(?:[A-Za-z0-9+/=]{{8,}}{_GAP}*)*")
_MATERIAL = re.compile(r"(?P<material>[A-Za-z0-9+/=]{16,})[\\\"',\s\x7f]{0,8}$")
_SHORT = re.compile(r"(?P<material>(?<![A-Za-z0-9+/])=?[A-Za-z0-9+/]{2,}={0,2})[\\\"',\s\x7f]{0,8}$")
_ATTRIBUTE = re.compile(r"(?:Proc-Type|DEK-Info|Comment|Version): .{1,80}$")
_LINES = 400
"""Lines of one key that are looked at."""
_TAIL = 48
"""Characters at the end of a line that must be base64 before it may be one of a key without beginning and end."""
MIN_RUN = 60
"""Characters of a line of a key whose beginning and end are not there."""
_RUN = re.compile(r"(?P<material>(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{60,80})[\\\"',\s\x7f]{0,8}$")
_PUTTY = re.compile(r"Private-Lines: (\d{1,3})")


def without_keys(text: str, low: str) -> str:
    """A text without private keys."""
    if "private key" in low:
        text = _without_marked(text)
    if "private-lines" in low:
        text = _without_putty(text)
    return text


def _without_marked(text: str) -> str:
    pieces: list[str] = []
    at = 0
    while begin := _BEGIN.search(text, at):
        end = _END.search(text, begin.end(), begin.end() + _LONGEST)
        # Without an end: what looks like key material, or else a stranger who writes only a beginning
        # could hide everything after it.
        stop = end.end() if end else _rest(text, begin.end())
        pieces += (_without_end(text[at : begin.start()]), MARK)
        at = stop
        if end is None:
            tail, at = _lines_after(text, at)
            pieces.append(tail)
    pieces.append(_without_end(text[at:]))
    return "".join(pieces)


def _rest(text: str, at: int) -> int:
    match = _REST.match(text, at)
    end = match.end() if match else at
    # The line end belongs to what follows.
    while end > at and text[end - 1] in " \t\r\n":
        end -= 1
    return end


def _lines_after(text: str, at: int) -> tuple[str, int]:
    """Lines of a key whose end is not there, hidden behind their prefixes, and where they end."""
    first = text.find("\n", at)
    if first < 0:
        return "", at
    lines = text[first + 1 : first + 1 + _LONGEST].split("\n", _LINES)[:_LINES]
    pieces = [text[at : first + 1]]
    for line in lines:
        match = _MATERIAL.search(line[-400:]) or _ATTRIBUTE.search(line[-400:])
        if match is None:
            break
        cut = max(0, len(line) - 400) + match.start()
        pieces += (line[:cut], MARK, "\n")
    kept = sum(len(line) + 1 for line in lines[: (len(pieces) - 1) // 3])
    return "".join(pieces), min(len(text), first + 1 + kept)


def _without_end(text: str) -> str:
    """Where a text holds the end of a key alone, hide the lines before it."""
    end = _END.search(text)
    if end is None:
        return text
    lines = text[: end.start()].split("\n")
    for number in range(len(lines) - 1, max(-1, len(lines) - _LINES), -1):
        line = lines[number]
        last = number == len(lines) - 1
        match = _MATERIAL.search(line[-400:]) or (_SHORT.search(line[-400:]) if number >= len(lines) - 2 else None)
        if match is None:
            if last:
                # What stands before the end in its own line is the prefix of that line.
                continue
            break
        cut = max(0, len(line) - 400) + match.start()
        lines[number] = line[:cut] + MARK
    return "\n".join(lines) + MARK + _without_end_once(text[end.end() :])


def _without_end_once(text: str) -> str:
    return _END.sub(MARK, text)


def _without_putty(text: str) -> str:
    lines = text.split("\n")
    left = 0
    for number, line in enumerate(lines):
        if left and len(line.split()) == 1:
            lines[number], left = MARK, left - 1
        elif match := _PUTTY.search(line):
            left = int(match[1])
        else:
            left = 0
    return "\n".join(lines)


def without_runs(lines: list[str]) -> bool:
    """Hide, in place, the middle of a key: lines of base64 one after the other that belong to no certificate."""
    is_certificate = False
    found: list[int] = []
    for number, line in enumerate(lines):
        if len(line) < MIN_RUN:
            if "-----" in line:
                is_certificate = "BEGIN" in line
            continue
        tail = line[-_TAIL - 8 : -8]
        if " " not in tail and "." not in tail and not is_certificate and _is_material(line):
            found.append(number)
    hides = [number for number in found if _has_neighbour(lines, number)]
    for number in hides:
        if match := _RUN.search(lines[number][-400:]):
            start = max(0, len(lines[number]) - 400) + match.start()
            lines[number] = hidden(lines[number], [(start, start + len(match["material"]))])
    return bool(hides)


def _is_material(line: str) -> bool:
    match = _RUN.search(line[-400:])
    if match is None:
        return False
    material = match["material"]
    return not material.isdigit() and material != material.lower() and material != material.upper()


def _has_neighbour(lines: list[str], number: int) -> bool:
    before = lines[number - 1] if number else ""
    after = lines[number + 1] if number + 1 < len(lines) else ""
    return before.endswith(MARK) or _is_material(before) or _is_material(after)
