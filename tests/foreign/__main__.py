"""`python -m tests.foreign`: diagnoses the cases without a model and prints right, wrong and inconclusive apart."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tests.foreign.case import own_cases, read_folder
from tests.foreign.corpus import run
from tests.foreign.judging import Judgement


def main() -> int:
    """0 if every case is right, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.foreign", description=__doc__)
    parser.add_argument("--case", action="append", default=[], metavar="NAME", help="only this one, or several")
    parser.add_argument("--kind", action="append", default=[], help="only cases of this kind")
    parser.add_argument("--folder", type=Path, help="other cases: manifests, behaviours.yaml and expected.yaml")
    parser.add_argument("--seconds", type=float, default=300, help="simulated time that those run (default 300)")
    options = parser.parse_args()
    cases = tuple(read_folder(options.folder, options.seconds)) if options.folder else own_cases()
    unknown = set(options.case) - {case.name for case in cases}
    if unknown:
        parser.error(f"no case is called {', '.join(sorted(unknown))}")
    chosen = [c for c in cases if not options.case or c.name in options.case]
    chosen = [c for c in chosen if not options.kind or c.kind in options.kind]
    began = time.monotonic()
    judgements = []
    for judgement in run(chosen):
        judgements.append(judgement)
        if judgement.grade != "right" or options.case:
            print(judgement, f"\n    said: {judgement.said}" if options.case and judgement.grade == "right" else "")
    print_table(judgements)
    print(f"{time.monotonic() - began:.1f} s")
    return 0 if all(judgement.grade == "right" for judgement in judgements) else 1


def print_table(judgements: Iterable[Judgement]) -> None:
    """Counts for each kind, healthy look-alikes apart."""
    counts = Counter((j.case.kind, j.case.expected.healthy, j.grade) for j in judgements)
    print(f"{'kind':24}{'':10}{'right':>7}{'wrong':>7}{'inconclusive':>14}")
    totals: Counter[tuple[bool, str]] = Counter()
    for kind, healthy in sorted({key[:2] for key in counts}):
        row = [counts[kind, healthy, grade] for grade in ("right", "wrong", "inconclusive")]
        print(f"{kind:24}{'healthy' if healthy else 'broken':10}{row[0]:7}{row[1]:7}{row[2]:14}")
        for grade, number in zip(("right", "wrong", "inconclusive"), row, strict=True):
            totals[healthy, grade] += number
    for healthy in (False, True):
        row = [totals[healthy, grade] for grade in ("right", "wrong", "inconclusive")]
        print(f"{'all':24}{'healthy' if healthy else 'broken':10}{row[0]:7}{row[1]:7}{row[2]:14}")


if __name__ == "__main__":
    sys.exit(main())
