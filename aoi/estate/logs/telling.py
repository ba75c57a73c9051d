"""The telling lines of a log, most telling first. The estate's survey calls this with the bytes of one container.

Present before past: a dependency that was reached again after it failed is history, and a line that the program
outlived for long weighs less than what stands at the end. Time is linear in the log, and no bytes raise.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from aoi.estate.logs.blocks import Block, blocks_of
from aoi.estate.logs.classify import EXCERPT, LOOKS_BAD, SYMPTOM, UNCLASSIFIED, Classifier, Finding
from aoi.estate.logs.hosts import MOST
from aoi.estate.logs.levels import read
from aoi.estate.logs.lines import Line, excerpt, lines_of, readable
from aoi.estate.logs.recovery import Recovery, is_recovered, recoveries

__all__ = ["UNCLASSIFIED", "Telling", "last_lines", "tell"]

FINAL_LINES = 5
"""Telling blocks at the end of a log that may be what the process died of ..."""
FINAL_REACH = 40
"""... if not more blocks than this follow them; a line that is outlived by more is stale."""
STRAY_IN, STRAY_AFTER = 20, 5
"""One failed call among this many blocks, with so many after it, is a stray and not a state."""
_VARYING = re.compile(r"0x[0-9a-fA-F]+|\b[0-9a-f]{8,}(?:-[0-9a-f]{4,})*\b|\d+")
_FORM = 300
"""Characters of a line that make its template."""


@dataclass(frozen=True, slots=True)
class Telling:
    """One thing that a log says, with the line to cite."""

    word: str
    """Of `aoi.language.lexicon.SIGNALS`, or `unclassified`."""
    kind: str
    """Of the rule, such as `address.in_use`; `exception` for one that no rule knows; empty if unclassified."""
    text: str
    """The excerpt to show: the line around what was matched, at most 400 characters."""
    start: int
    """Byte range of the line in the log."""
    end: int
    hosts: tuple[str, ...]
    """`host:port` or `host` that could not be reached or did not let in, as the line writes them."""
    subject: str | None
    """What the line names besides a host: a file, module, relation, user, topic, variable."""
    weight: int
    """0 a root cause by itself, 1 a dependency not reached, 2 a symptom, 3 looks like an error or is history."""
    count: int
    """Lines of the same template."""
    is_final: bool
    """Among the last telling lines before the log ends."""


@dataclass(slots=True)
class _Group:
    """Findings of the same template; the last one is shown."""

    finding: Finding
    first: int
    last: int
    """Ordinals of the first and of the last block that said it."""
    count: int = 0
    hosts: list[str] = field(default_factory=list)
    is_history: bool = False
    weight: int = 0


def tell(log: bytes, *, limit: int = 8) -> tuple[Telling, ...]:
    """The telling lines, most telling first, at most `limit`."""
    lines = list(lines_of(log))
    blocks = blocks_of([read(line.text) for line in lines])
    groups = _grouped(blocks)
    ordered = sorted({group.last for group in groups}, reverse=True)[:FINAL_LINES]
    final = {last for last in ordered if len(blocks) - 1 - last <= FINAL_REACH}
    failed = min((group.first for group in groups if group.finding.is_call), default=len(blocks))
    _weigh(groups, len(blocks), recoveries(blocks, failed))
    has_final = any(group.last in final and group.weight <= SYMPTOM and not group.is_history for group in groups)

    def rank(group: _Group) -> tuple[float, ...]:
        is_stale = has_final and len(blocks) - 1 - group.last > FINAL_REACH
        return (group.is_history, group.weight + 1.5 * is_stale, group.last not in final, -group.last)

    return tuple(_telling(group, lines, group.last in final) for group in sorted(groups, key=rank)[: max(0, limit)])


def last_lines(log: bytes, n: int) -> tuple[Telling, ...]:
    """The last `n` lines that are not empty, oldest first, for a process that died without a telling one."""
    lines = [line for line in lines_of(log) if line.text.strip()]
    return tuple(
        Telling(UNCLASSIFIED, "", _shown(line), line.start, line.end, (), None, LOOKS_BAD, 1, is_final=True)
        for line in lines[max(0, len(lines) - max(0, n)) :]
    )


def _shown(line: Line) -> str:
    return excerpt(readable(line.text), 0, 0, EXCERPT)


def _grouped(blocks: Sequence[Block]) -> list[_Group]:
    """Findings by template, in the order of their first line."""
    classifier = Classifier()
    groups: dict[tuple[str, ...], _Group] = {}
    for ordinal, block in enumerate(blocks):
        finding = classifier.find(block)
        if finding is None:
            continue
        key = (finding.kind, finding.word, _VARYING.sub("#", finding.text[:_FORM]))
        group = groups.setdefault(key, _Group(finding, ordinal, ordinal))
        group.finding, group.last, group.count = finding, ordinal, group.count + 1
        # The newest first: what a name resolves to now stands before what it was.
        group.hosts = [*finding.hosts, *(host for host in group.hosts if host not in finding.hosts)][:MOST]
    return list(groups.values())


def _weigh(groups: list[_Group], size: int, good: list[Recovery]) -> None:
    calls = [(group.last, tuple(group.hosts)) for group in groups if group.finding.is_call]
    for group in groups:
        finding, after = group.finding, size - 1 - group.last
        group.weight = finding.weight
        if not finding.is_call:
            continue
        if is_recovered(group.last, group.hosts, calls, good):
            group.is_history, group.weight = True, LOOKS_BAD
        elif group.count == 1 and size >= STRAY_IN and after >= STRAY_AFTER and finding.weight == 1:
            group.weight = SYMPTOM


def _telling(group: _Group, lines: Sequence[Line], is_final: bool) -> Telling:
    finding, line = group.finding, lines[group.finding.index]
    return Telling(
        finding.word,
        finding.kind,
        finding.text,
        line.start,
        line.end,
        tuple(group.hosts),
        finding.subject,
        group.weight,
        group.count,
        is_final and not group.is_history,
    )
