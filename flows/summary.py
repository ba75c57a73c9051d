"""Records as a person at a terminal reads them."""

from pathlib import Path

from rich.markup import escape

from aoi.promotion.history import rates
from aoi.promotion.injected import flipped
from aoi.records.evaluation import EvaluationResult
from aoi.records.learning import JudgeSpend
from aoi.records.promotion import Champion
from aoi.records.report import CycleReport, LearningReport
from aoi.records.standings import Standings
from aoi.visible import visible
from flows.console import out, table
from flows.standings import interval, print_standings
from tasks.purge import Purge
from tasks.retention import Retention
from tasks.status import OpenRequest, Status

BARS = "▁▂▃▄▅▆▇█"
SHOWN = 5
"""Champions whose rates stand in figures."""


def labels_told(learning: LearningReport) -> str:
    """What became of people's words on answers."""
    labels = learning.labels
    why = ", ".join(f"{count} {reason}" for reason, count in labels.untaught.items())
    told = f"{labels.taught} of {labels.answers} answers that people rated can teach, {learning.labelled} are examples"
    return told + (f"; the others: {why}" if why else "")


def print_report(report: CycleReport) -> None:
    """The end of `aoi retrain`: what was learned, what it is worth, where to look."""
    learning = report.learning
    out.print(f"\n[bold]Cycle {report.cycle}[/bold]: version {report.challenger_version} against the champion\n")
    out.print(
        f"collected {learning.episodes} episodes, {learning.solved} solved; of {learning.failed_problems} problems "
        f"that no rollout solved {learning.repaired_problems} repaired in the world, by {learning.plans} tries; "
        f"{learning.examples} decisions to imitate, {learning.prompts} decision points to reinforce\n"
    )
    if learning.ways:
        out.print(f"{learning.varied} of {learning.ways} tries solved a solved problem in another way\n")
    if learning.labels.answers:
        out.print(labels_told(learning) + "\n")
    if report.judge:
        print_spend(report.judge)
    if report.standings:
        print_standings(report.standings)
    colour = {"promote": "green", "reject": "red", "inconclusive": "yellow"}[report.verdict]
    out.print(f"\nverdict  [bold {colour}]{report.verdict}[/bold {colour}]: {report.decision}")
    for reason in report.reasons:
        out.print(f"         {escape(reason)}", soft_wrap=True)
    if report.further_runs:
        out.print(f"         about {report.further_runs} further paired runs would decide it")
    out.print(
        f"gate     power {report.power:.0%} for a gain of 10 points; detects {report.detectable_gain:.0%} with "
        "probability 80 %"
    )
    out.print(
        "stages   " + ", ".join(f"{timed.stage} {timed.seconds:.0f} s" for timed in report.stages), soft_wrap=True
    )
    out.print(f"review   {report.review_page}", soft_wrap=True)
    out.print("look     aoi status | aoi review | aoi ui | aoi diagnose --problem ID (aoi problems list)")


def print_spend(judge: JudgeSpend) -> None:
    """What a judging model cost."""
    out.print(
        f"judged by {escape(judge.model)}: {judge.decisions} decisions, {judge.by_rules} of them by rules alone; "
        f"{judge.judgements} questions, {judge.cached} answered before, {judge.unreadable} replies unreadable; "
        f"{judge.requests} requests, {judge.prompt_tokens} tokens read and {judge.completion_tokens} written\n",
        soft_wrap=True,
    )


def print_evaluation(result: EvaluationResult, standings: Standings) -> None:
    """A comparison that decides nothing."""
    out.print(f"{result.split} split, {len(result.pairs)} paired runs, {len(result.missing)} missing")
    for one in flipped(result.injected)[:1]:
        out.print(
            f"{one.runs} runs again with an injection: {one.champion} right answers of the champion flipped, "
            f"{one.challenger} of the challenger"
        )
    print_standings(standings)


def print_status(status: Status, planned: str) -> None:
    """What stands, on one screen; `planned` tells what runs next."""
    if status.champion is None:
        out.print("no champion yet. Make one and run a cycle: aoi retrain --auto-approve")
    else:
        _print_loop(status, status.champion)
    out.print(f"next       {planned}", markup=False, highlight=False, soft_wrap=True)


def _print_loop(status: Status, champion: Champion) -> None:
    out.print(
        f"champion   version {champion.version}, bundle {champion.bundle[:12]}, of cycle {champion.cycle}, "
        f"since {champion.since}"
    )
    if line := _champions(status):
        out.print(line, markup=False, highlight=False)
    state = f"cycle {status.open_cycle} is open: aoi retrain continues it" if status.open_cycle else "none is open"
    out.print(f"cycles     {status.cycles} so far, {state}")
    for request in status.open_requests:
        out.print(f"request    {request.sha256[:12]} waits for a review: aoi review {request.sha256[:12]}")
    for lost in status.unreadable:
        out.print(f"lost       {lost}", markup=False, highlight=False)
    if status.last:
        gain = status.last.overall.gain
        out.print(
            f"last       cycle {status.last.cycle}: {status.last.verdict}, gain {interval(gain) if gain.n else '-'} "
            f"over {gain.n} problems; {status.last.decision}"
        )
        out.print(f"page       {status.last.review_page}", markup=False, highlight=False, soft_wrap=True)


def _champions(status: Status) -> str:
    """A sparkline of what champions solved when they were first measured, then the last of them in figures."""
    measured = rates(status.champions)
    if not measured:
        return ""
    low, high = min(measured), max(measured)
    spread = (high - low) or 1.0
    bars = "".join(BARS[round((len(BARS) - 1) * (rate - low) / spread)] for rate in measured)
    figures = ", ".join(f"v{one.version} {one.rate:.1%}" for one in status.champions[-SHOWN:] if one.rate is not None)
    picture = f"{bars}  " if out.encoding.startswith("utf") else ""
    return f"champions  {picture}{visible(figures)} of each night's problems"


def print_request(opened: OpenRequest, page: Path) -> None:
    """What a reviewer decides about, and the page that shows it, if it was made here."""
    decision = opened.request.decision
    out.print(
        f"request   {opened.sha256[:12]}: version {opened.request.challenger_version} "
        f"(bundle {opened.request.challenger[:12]}) instead of {opened.request.champion[:12]}"
    )
    gain = decision.gain
    out.print(f"gain      {interval(gain)} over {gain.n} problems")
    rows = [("pass" if c.passed else "FAIL", c.name, c.detail) for c in decision.checks]
    table(f"Gate: {decision.verdict}", ("", "check", "expected and found"), rows)
    if page.exists():
        out.print(f"page      {page}", markup=False, highlight=False, soft_wrap=True)
    out.print(f"decide    aoi review {opened.sha256[:12]} --approve   or   --reject --comment WHY")


def print_purge(purged: Purge, *, is_removed: bool) -> None:
    """Where a secret stands or stood; never the secret."""
    for trace in purged.traces:
        note = f" ({trace.note})" if trace.note else ""
        out.print(f"{trace.outcome:<8} {trace.count} x {trace.what}: {trace.place}{note}", markup=False)
    for place in purged.not_searched:
        out.print(f"not searched: {place}", markup=False)
    if not purged.traces:
        out.print("it stands nowhere here")
    elif not is_removed:
        out.print("take it out: aoi data purge --secret --remove   and change it wherever it is used")


def print_retention(found: Retention) -> None:
    """What nobody needs, by kind, and what to do about it."""
    for each in found.left:
        out.print(f"{each.kind:<14} {each.objects:>7} objects  {_megabytes(each.size_bytes):>9}", markup=False)
    if found.answers:
        out.print(f"{'answers':<14} {found.answers:>7} entries of the list", markup=False)
    if not found.left and not found.answers:
        out.print(f"nothing that is older than {found.keep_days} days may go; {found.kept} objects are kept")
        return
    did = "deleted" if found.is_removed else "may go"
    then = "" if found.is_removed else ". Delete them: aoi gc --remove"
    out.print(f"{_megabytes(found.size_bytes)} {did}, {found.kept} objects are kept{then}", markup=False)


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB"
