"""What the learning benchmark came to, as one HTML file that loads nothing: written after each of its measurements.

    python -m benchmarks.learning_report --out learning

writes `report.html` there again from what is kept. What was planned and is missing is named; what so few seeds cannot
show is said not to be shown.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from jinja2 import FileSystemLoader

from aoi.promotion.pages import environment
from aoi.promotion.review import MOST_BYTES
from benchmarks.experiment import Kept, WorldsName, others, read
from benchmarks.learning_costs import CostRow, budgets, costs, unequal
from benchmarks.learning_pictures import ForestRow, curves, forest, reliability
from benchmarks.learning_tables import (
    CountRow,
    PartRow,
    PowerRow,
    RateRow,
    Trust,
    Verdict,
    by_arm,
    failures,
    parts,
    powers,
    rates,
    trust,
    verdicts,
)
from benchmarks.seeds import LEVEL, POWER_AT, WANTED_SEEDS

FILE = "report.html"
WORLDS: dict[WorldsName, str] = {
    "development": "development worlds, drawn as the gate draws them",
    "test": "test worlds",
    "hard": "development worlds with several faults or an unseen mechanism, to be located, told or put right",
    "styles": "test worlds whose objects are named and labelled as in no training application",
    "aiopslab": "AIOpsLab's 86 problems; the verdict is about faults of the paper's test split",
}
WANTED_K = 5
NEVER_RUN = (
    "Namespaces as other people write them (the corpus of `python -m tests.foreign`): nobody's oracle grades an "
    "episode there, and no answer can be paired.",
    "Injections: no arm trains on them; `aoi evaluate` and the gate measure them.",
    "Another seed model: all seeds begin at one base, and what another would gain is in no interval.",
    "Real clusters, and models of billions of parameters.",
)
"""What this benchmark never runs."""


class Section(NamedTuple):
    """One set of worlds."""

    kept: Kept
    worlds: str
    arms: tuple[str, ...]
    """That were measured."""
    verdicts: Sequence[Verdict]
    forest: Sequence[ForestRow]
    parts: Sequence[PartRow]
    rates: Sequence[RateRow]
    failures: tuple[list[CountRow], list[CountRow]]
    trust: Sequence[Trust]
    costs: Sequence[CostRow]
    powers: Sequence[PowerRow]
    says: str
    """The verdict in one sentence."""


def section(kept: Kept) -> Section:
    """Everything that is shown of one set of worlds."""
    judged = verdicts(kept)
    return Section(
        kept=kept,
        worlds=WORLDS[kept.plan.worlds],
        arms=tuple(by_arm(kept)),
        verdicts=judged,
        forest=forest(kept),
        parts=parts(kept),
        rates=rates(kept),
        failures=failures(kept),
        trust=trust(kept),
        costs=costs(kept),
        powers=powers(kept),
        says=in_words(judged),
    )


def in_words(judged: Sequence[Verdict]) -> str:
    """Which arms gained or lost, and which gained more than GRPO alone; what is not shown is said to be so."""
    told = []
    for what, found in (
        ("over the seed model", [(one.arm, one.gain) for one in judged if one.gain]),
        ("over GRPO alone", [(one.arm, one.over) for one in judged if one.over]),
    ):
        for verdict in ("gain", "loss"):
            arms = [arm for arm, one in found if one.verdict == verdict]
            told += [f"A {verdict} {what} is shown for {', '.join(arms)}."] if arms else []
        rest = [arm for arm, one in found if one.verdict == "not shown"]
        told += [f"No difference {what} is shown for {', '.join(rest)}."] if rest else []
    return " ".join(told) or "Nothing was measured yet."


def not_run(found: Sequence[Kept], left_out: int) -> list[str]:
    """What is not there, so that nobody takes its absence for a result."""
    told = []
    for kept in found:
        name, plan = kept.plan.worlds, kept.plan
        for arm, seeds in kept.lacking().items():
            told.append(f"{name}: {arm} is missing for seed {', '.join(map(str, seeds))}")
        unplanned = [arm for arm in plan.known if arm not in plan.arms]
        told += [f"{name}: not planned were the arms {', '.join(unplanned)}"] if unplanned else []
        if len(plan.seeds) < WANTED_SEEDS:
            told.append(f"{name}: {len(plan.seeds)} seeds were planned; fewer than {WANTED_SEEDS} show nothing")
        if plan.k != WANTED_K:
            told.append(f"{name}: avg@{WANTED_K} and best@{WANTED_K} (k is {plan.k}; AOI_EVALUATION__SEEDS={WANTED_K})")
        lacking = sum(bool(one.missing) for one in kept.measured.values())
        if lacking:
            runs = sum(len(one.missing) for one in kept.measured.values())
            told.append(f"{name}: {runs} runs of {lacking} measurements broke off and are in no figure")
    absent = [told for name, told in WORLDS.items() if name not in {kept.plan.worlds for kept in found}]
    told += [f"Not measured at all: {one}" for one in absent]
    if left_out:
        told.append(f"{left_out} measurements in this folder stand on other code or settings and are in no figure")
    return [*told, *NEVER_RUN]


def render(found: Sequence[Kept], left_out: int = 0) -> str:
    """The page. Curves are drawn with fewer points where it would be too large otherwise."""
    pages = environment()
    pages.loader = FileSystemLoader(Path(__file__).parent / "templates")
    pages.filters["reliability"] = lambda one: reliability(one.arm, one.champion, one.challenger)
    template = pages.get_template("learning.html.j2")
    sections = [section(kept) for kept in found]
    page = ""
    for most_points in (60, 30, 15, 8):
        page = template.render(
            sections=sections,
            curves=curves(found, most_points),
            budgets=budgets(found),
            unequal=unequal(found),
            not_run=not_run(found, left_out),
            level=LEVEL,
            wanted=WANTED_SEEDS,
            power_at=POWER_AT,
        )
        if len(page.encode()) < MOST_BYTES:
            break
    return page


def write(out: Path) -> Path:
    """Write the page from what is kept in `out`. Returns its path."""
    found = read(out)
    path = out / FILE
    path.write_text(render(found, others(out, found)))
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("learning"), help="where the benchmark keeps what it did")
    print(write(parser.parse_args().out))


if __name__ == "__main__":
    main()
