"""The first screen of the review page as a few lines of Markdown: for Prefect's and MLflow's pages and the form.

Words of strangers stand in it as code, which nothing interprets. The page has all the rest.
"""

from collections.abc import Iterator, Sequence

from aoi.promotion.flips import Way, flips, grouped
from aoi.promotion.floors import disbelieved, floors, named, unmet
from aoi.promotion.review import Material
from aoi.records.evaluation import Interval, PairedResult
from aoi.records.promotion import PromotionRequest
from aoi.visible import visible

MOST_GROUPS = 4
_VERDICTS = {
    "promote": "The gate proposes version {}",
    "reject": "The gate rejects version {}",
    "inconclusive": "Inconclusive: version {} is not proposed",
}


def briefing(material: Material) -> str:
    """Verdict, how to decide, every part, what broke and what was won."""
    request = material.request
    lines = [asked(request), "", "| part | gain in points | |", "| --- | --- | --- |"]
    shown = floors(material.evaluation, request.decision, material.rules)
    lines += [f"| {one.title} | {_points(one.gain)} | {one.told} |" for one in shown]
    lines += [line for one in shown if one.why for line in ("", f"{one.title}, {one.told}: {code(one.why)}")]
    lost, won = flips(material.evaluation)
    lines += ["", *_ways("lost", "What broke", lost, material), "", *_ways("won", "What was won", won, material)]
    return "\n".join(lines) + "\n"


def asked(request: PromotionRequest) -> str:
    """The verdict with its reasons, and the commands that decide."""
    decision, digits = request.decision, request.digest()[:12]
    if why := disbelieved(decision):
        version = code(request.challenger_version)
        return f"**The gate does not believe the evidence for version {version}**, and judged nothing else: {code(why)}"
    lines = [
        f"**{_VERDICTS[decision.verdict].format(code(request.challenger_version))}**: gain {_points(decision.gain)} "
        f"points at {decision.gain.level:.0%}, {decision.gain.n} problems.",
    ]
    lines += [f"{title}: {', '.join(named(check) for check in checks)}." for title, checks in unmet(decision)]
    if decision.verdict == "promote":
        lines += [
            "",
            f'    aoi review {digits} --approve --comment "why"',
            f'    aoi review {digits} --reject --comment "why"',
        ]
    return "\n".join(lines)


def code(text: str) -> str:
    """Words as code in a line: neither markup nor a cell of a table begins or ends in them."""
    return f"`{visible(text).replace('`', chr(39)).replace('|', '/')}`"


def _ways(way: Way, title: str, pairs: Sequence[PairedResult], material: Material) -> Iterator[str]:
    problems = len({pair.problem_id for pair in pairs})
    yield f"**{title}**: {_count(len(pairs), 'run')} of {_count(problems, 'problem')}"
    yield ""
    groups = grouped(pairs, way, material.trajectories)
    passed = "the champion had" if way == "lost" else "the challenger has"
    for group in groups[:MOST_GROUPS]:
        size = f"{_count(group.problems, 'problem')}, {_count(len(group.pairs), 'run')}"
        answers = "; ".join(code(wrong.answer) for wrong in group.wrong[:2])
        luck = f"; in {group.lucky} of them {passed} passed with a wrong cause" if group.lucky else ""
        yield f"- {code(group.mechanism)}: {size}, answered {answers}{luck}"
    if len(groups) > MOST_GROUPS:
        yield f"- {_count(len(groups) - MOST_GROUPS, 'further mechanism')}"


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _points(gain: Interval) -> str:
    return f"{100 * gain.estimate:+.1f} [{100 * gain.low:+.1f}, {100 * gain.high:+.1f}]"
