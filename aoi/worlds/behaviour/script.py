"""The commands of a small shell script, with its variables filled in. Loops and conditions are not run.

Enough for what operators keep in ConfigMaps: assignments, `echo`, one command a line, lines that go on after a
backslash. A loop that waits (`until ...; do ...; done`) is passed over: what it waits for is there.
"""

import re
import shlex
from collections.abc import Iterator

_ASSIGNMENT = re.compile(r"(?:export\s+)?([A-Za-z_]\w*)=(.*)")
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")
_LOOP = re.compile(r"(?:until|while)\b")


def commands(text: str) -> Iterator[list[str]]:
    """Words of each command, in order."""
    variables: dict[str, str] = {}
    is_looping = False
    for line in text.replace("\\\n", " ").splitlines():
        plain = line.strip()
        if not plain or plain.startswith("#"):
            continue
        if is_looping or _LOOP.match(plain):
            is_looping = not re.search(r"\bdone\b", plain)
            continue
        assigned = _ASSIGNMENT.fullmatch(plain)
        words = _words(assigned[2] if assigned else plain, variables)
        if assigned:
            variables[assigned[1]] = words[0] if words else ""
        elif words:
            yield words


def _words(line: str, variables: dict[str, str]) -> list[str]:
    """As a shell splits them. Single quotes inside double ones do not keep a variable from being filled in."""
    parts = re.split(r"(\"(?:[^\"\\]|\\.)*\"|'[^']*')", line)
    filled = [part if part.startswith("'") else _filled(part, variables) for part in parts]
    try:
        return shlex.split("".join(filled), comments=True)
    except ValueError:
        return [line]


def _filled(text: str, variables: dict[str, str]) -> str:
    return _VARIABLE.sub(lambda found: variables.get(found[1] or found[2], ""), text)
