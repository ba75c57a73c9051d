"""How fast problems are: the catalogue, worlds, checks, and episodes over a set.

`python -m benchmarks.problems [--set aiopslab] [--episodes 32] [--checks 4]` prints a table. Measure on a quiet
machine: figures of a busy one say little.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence

from aoi.learning.operators import run_operator, run_set
from aoi.problems import catalogue
from aoi.problems.checking import check_all
from aoi.problems.preparing import base, prepare
from aoi.problems.sampling import sample
from aoi.problems.scenario import build
from aoi.problems.sets import members
from aoi.records.problem import ProblemInstance
from aoi.store.objects import ObjectStore

AGES_S = (600, 3600, 6 * 3600)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", dest="members", choices=("aiopslab", "catalogue", "controls"), default="aiopslab")
    parser.add_argument("--episodes", type=int, default=32)
    parser.add_argument("--checks", type=int, default=4)
    asked = parser.parse_args()
    problems = members(asked.members)[: asked.episodes]
    find, draw = f"catalogue.get({problems[-1].id!r})", "sample('train', 90, 1)"
    rows = [
        ("a new process finds one problem by its id", f"{_fresh(find):.2f} s"),
        ("a new process draws a cycle's sample of 90", f"{_fresh(draw):.2f} s"),
        (f"all {catalogue.count():,} problems as records", f"{_seconds(catalogue.problems):.2f} s"),
        *_worlds(),
        *_checks([problem.id for problem in members("catalogue")[: asked.checks]]),
        *_episodes([ProblemInstance(problem=problem, seed=3) for problem in problems]),
        ("memory of this process at most", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB"),
    ]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value}")


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _fresh(call: str) -> float:
    """Seconds in a new process, imports aside."""
    code = (
        "import time; from aoi.problems import catalogue; from aoi.problems.sampling import sample;"
        f"began = time.perf_counter(); {call}; print(time.perf_counter() - began)"
    )
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def _worlds() -> list[tuple[str, str]]:
    instances = [one for one in sample("train", 24, 9) if one.problem.fault][:12]
    bases = [_seconds(lambda one=one: base(one.problem.application, one.seed)) for one in instances]
    faulty = [_seconds(lambda one=one: build(one)) for one in instances]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    kept = [build(one) for one in instances for _ in range(8)]
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / max(1, len(kept))
    rows = [
        ("a healthy application is built (median)", f"{1000 * sorted(bases)[len(bases) // 2]:.0f} ms"),
        ("a fault is injected and aged (median)", f"{1000 * sorted(faulty)[len(faulty) // 2]:.0f} ms"),
        ("another world of a prepared problem", f"{grown:.0f} KiB"),
    ]
    for age_s in AGES_S:
        took = _seconds(lambda age_s=age_s: kept[0].fork().world.advance(age_s * 1000))
        rows.append((f"a faulty world grows {age_s // 60} min older", f"{1000 * took:.0f} ms"))
    return rows


def _checks(problem_ids: Sequence[str]) -> list[tuple[str, str]]:
    one = _seconds(lambda: list(check_all(problem_ids, 1)))
    two = _seconds(lambda: list(check_all(problem_ids, 2, workers=2))) / 2
    return [
        (f"{len(problem_ids)} problems are checked in one world, 1 process", f"{one:.1f} s"),
        ("the same for each of two worlds, 2 processes", f"{two:.1f} s"),
    ]


def _episodes(instances: Sequence[ProblemInstance]) -> list[tuple[str, str]]:
    rows = []
    took: dict[int, float] = {}
    for workers in (1, 2):
        prepare.cache_clear()
        with tempfile.TemporaryDirectory() as folder:
            store = ObjectStore(folder)
            took[workers] = _seconds(lambda store=store, w=workers: run_set(instances, "expert", store, workers=w))
        rate = 60 * len(instances) / took[workers]
        rows.append((f"expert, {len(instances)} episodes, {workers} processes", f"{rate:.0f} episodes a minute"))
    rows.append(("2 processes against 1", f"{took[1] / took[2]:.2f} x"))
    run_operator(instances[0].problem.id, "expert", 3)  # the world and its survey are kept from here on
    cpu = time.process_time()
    for _ in range(20):
        run_operator(instances[0].problem.id, "expert", 3)
    rows.append(
        ("an episode without a model, its world prepared", f"{1000 * (time.process_time() - cpu) / 20:.1f} ms CPU")
    )
    return rows


if __name__ == "__main__":
    main()
