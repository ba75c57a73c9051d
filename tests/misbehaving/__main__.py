"""Prints what comes of each kind of misbehaviour: `python -m tests.misbehaving [WORDS OF A NAME]`."""

import sys

from tests.misbehaving.corpus import CASES
from tests.misbehaving.judging import diagnosed, wrong
from tests.misbehaving.server import calm


def main() -> int:
    """Every case whose name holds the words, on the calm namespace. Returns how many went wrong."""
    words, failed = " ".join(sys.argv[1:]), 0
    print(f"{'kind':44} {'answer':20} {'s':>5} {'asked':>5} {'MB':>4}  not read, or wrong")
    for case in CASES:
        if words in case.name:
            told = diagnosed(case, calm())
            complaints = list(wrong(told))
            failed += bool(complaints)
            gaps = ", ".join(f"{what} {why}" for what, why in list(told.gaps.items())[:3])
            note = "WRONG: " + "; ".join(complaints) if complaints else gaps
            megabytes = f"{told.peak_bytes / 1e6:.0f}" if told.peak_bytes else ""
            print(f"{case.name:44} {told.verdict:20} {told.seconds:5.2f} {told.requests:5} {megabytes:>4}  {note:.150}")
    return failed


if __name__ == "__main__":
    sys.exit(min(main(), 1))
