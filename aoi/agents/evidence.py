"""What an answer rests on, as a person is shown it: the cited lines, and the commands that changed something."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

import orjson

from aoi.agents.compressor import Observation
from aoi.records.diagnosis import Evidence
from aoi.records.episode import Answer, Citation, Trajectory

SEEN_LINES = 3
SEEN_CHARS = 200
BEFORE = 60
"""Characters before the telling part of a line that is cut."""
_TELLING = re.compile(
    r"\b(?:[A-Za-z.]*(?:Exception|Error)\b|panic|fatal|emerg|critical|error|fail(?:ed|ure)|refused|denied|forbidden"
    r"|unauthorized|timed? ?out|not found|no such|cannot|can't|unable|exceeded|killed|invalid|missing)",
    re.IGNORECASE,
)
"""Where to look first in a line that is too long to be shown."""
_FIELD = re.compile(r'(?P<indent> *)"(?P<key>(?:[^"\\]|\\.)*)": (?P<value>.*?),?')
_TELLING_FIELDS = frozenset({"message", "reason", "phase", "exitCode"})
"""Of an object that is cited as a whole."""
_STATES = (".waiting.", ".terminated.")
_INDENT = 2
"""Columns of a level of JSON, as observations are printed."""


class Seen:
    """Keeps every observation of an episode, so that people can be shown what the evidence cites."""

    def __init__(self, observations: Iterable[Observation] = ()) -> None:
        self.by_digest: dict[str, Observation] = {}
        for observation in observations:
            self.keep(observation)

    def keep(self, observation: Observation) -> None:
        """Remember an observation by its digest."""
        self.by_digest[observation.digest] = observation


def evidence_of(
    answer: Answer | None, observations: Mapping[str, Observation], put: Callable[[bytes], str]
) -> tuple[Evidence, ...]:
    """Each claim whose citation resolves, with what was seen. `put` stores the whole observation and names it."""
    claims = []
    for signal in answer.evidence if answer else ():
        if signal.citation is None or signal.citation.observation not in observations:
            continue
        observation = observations[signal.citation.observation]
        lines = seen_lines(observation, signal.citation)
        claims.append(Evidence(signal=signal, command=observation.line, seen=lines, observation=put(observation.data)))
    return tuple(claims)


def seen_lines(observation: Observation, citation: Citation) -> tuple[str, ...]:
    """The cited lines, each around what it tells; fields of JSON with the way to them.

    Observations hold no control characters: redaction took them out.
    """
    start = observation.data.rfind(b"\n", 0, citation.start_byte) + 1
    last = observation.data.find(b"\n", max(start, citation.end_byte - 1))
    end = len(observation.data) if last < 0 else last
    if observation.data.startswith(b"{\n"):
        lines = list(dict.fromkeys(_fields(observation.data, start, end)))
        if start == 0:  # the whole object: what became of its containers before its conditions
            lines.sort(key=lambda line: not any(state in line for state in _STATES))
        if lines:
            return tuple(cut(line) for line in lines[:SEEN_LINES])
    before = len(observation.data[start : citation.start_byte].decode("utf-8", "replace"))
    text = observation.data[start:end].decode("utf-8", "replace")
    first, *others = text.split("\n")
    shown = [cut(first, before), *(cut(line) for line in others[: 4 * SEEN_LINES])]
    return tuple(line for line in shown if line)[:SEEN_LINES]


def cut(line: str, at: int = 0) -> str:
    """A line of at most `SEEN_CHARS`: around character `at`, or around what it tells if that is its beginning."""
    margin = len(line) - len(line.lstrip())
    line, at = line.strip(), max(0, at - margin)
    if len(line) <= SEEN_CHARS:
        return line
    if at == 0 and (telling := _TELLING.search(line)):
        at = telling.start()
    start = max(0, min(at - BEFORE, len(line) - SEEN_CHARS))
    end = start + SEEN_CHARS
    head, tail = "…" if start else "", "…" if end < len(line) else ""
    return f"{head}{line[start + len(head) : end - len(tail)]}{tail}"


def _fields(data: bytes, start: int, end: int) -> Iterator[str]:
    """`path: value` of the fields in a part of a JSON text; of all of it, only of those that tell."""
    is_whole = start == 0 and end >= len(data.rstrip())
    way: list[str] = []
    place = 0
    for raw in data[:end].split(b"\n"):
        line = raw.decode("utf-8", "replace")
        match = _FIELD.fullmatch(line)
        if match:
            level = len(match["indent"]) // _INDENT
            way[level - 1 :] = [*[""] * (level - 1 - len(way)), match["key"]]
            is_leaf = match["value"] not in ("{", "[")
            if place >= start and is_leaf and (not is_whole or match["key"] in _TELLING_FIELDS):
                yield f"{'.'.join(part for part in way if part)}: {_plain(match['value'])}"
        elif place >= start and not is_whole and (value := line.strip().rstrip(",")) and value not in "{}[]":
            yield f"{'.'.join(part for part in way if part)}: {_plain(value)}"
        place += len(raw) + 1


def _plain(value: str) -> str:
    """A JSON value as people write it, on one line."""
    try:
        said = orjson.loads(value)
    except orjson.JSONDecodeError:
        return value
    return " ".join(said.split()) if isinstance(said, str) else value


def changes_of(trajectory: Trajectory) -> tuple[str, ...]:
    """Commands of an episode that changed the cluster."""
    return tuple(
        interaction.command
        for step in trajectory.content.steps
        for interaction in step.interactions
        if interaction.command.startswith("exec ") and interaction.status == "ok"
    )
