"""A diagnosis as a page of Markdown. What came from a cluster stands in blocks of code, which interpret nothing."""

import re
from collections.abc import Iterable, Iterator

from aoi.language.coverage import looked, missing
from aoi.language.narration import accused, answered, told, why
from aoi.records.diagnosis import Diagnosis
from aoi.visible import visible


def page(diagnosis: Diagnosis) -> str:
    """Answer, why, next, evidence, what was and was not looked at, and the reference to find it again."""
    return "\n\n".join(part for title, lines in _sections(diagnosis) for part in (f"## {title}", fenced(lines))) + "\n"


def fenced(lines: Iterable[str]) -> str:
    """A block of code that no line in it can end, and in which nothing is hidden."""
    shown = [visible(line) for line in lines]
    longest = max((len(run) for line in shown for run in re.findall(r"`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join((f"{fence}text", *shown, fence))


def _sections(diagnosis: Diagnosis) -> Iterator[tuple[str, list[str]]]:
    answer = diagnosis.answer
    yield "Answer", [answered(answer) if answer else f"none (ended: {diagnosis.ended})", *_reasons(diagnosis)]
    if answer and answer.next:
        yield "Next", list(answer.next)
    if diagnosis.survey:
        yield "The survey's own answer", [answered(diagnosis.survey), why(diagnosis.survey)]
    if diagnosis.evidence:
        yield "Evidence", list(_evidence(diagnosis))
    told_by = answer or diagnosis.survey
    if told_by and told_by.coverage:
        yield "Looked at", [looked(told_by.coverage)]
        if gaps := list(missing(told_by.coverage)):
            yield "Not looked at", gaps
    kept = diagnosis.kept_as or "nothing: the store did not take it"
    shown = [f"aoi answers show {kept}"] if diagnosis.kept_as else []
    yield "Kept as", [f"{kept} ({diagnosis.seconds:.1f} s, ended: {diagnosis.ended})", *shown]


def _reasons(diagnosis: Diagnosis) -> Iterator[str]:
    answer = diagnosis.answer
    if answer is None:
        return
    yield from filter(None, (why(answer),))
    yield from (f"also: {accused(accusation)}" for accusation in answer.also)


def _evidence(diagnosis: Diagnosis) -> Iterator[str]:
    names = diagnosis.trajectory.content.handles if diagnosis.trajectory else {}
    for evidence in diagnosis.evidence:
        yield told(evidence.signal, names)
        yield f"  $ {evidence.command}"
        yield from (f"  > {line}" for line in evidence.seen)
        yield f"  aoi data show {evidence.observation}"
