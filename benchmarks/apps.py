"""How fast applications are: building worlds, following traffic, reading logs, metrics and traces.

Run: python -m benchmarks.apps [KEY ...]. CPU time, best of several repetitions, so that a busy machine disturbs little.
"""

import sys
import time
from collections.abc import Callable

from aoi.worlds.applications.lookup import application
from aoi.worlds.behaviour.conditions import _observe
from aoi.worlds.behaviour.traffic import _Evaluation
from aoi.worlds.endpoints import jaeger, prometheus
from aoi.worlds.environment import new_world

KEYS = ("hotel_reservation", "gen000", "gen006", "gen100")


def best_ms(act: Callable[[], object], repeat: int) -> float:
    """Shortest of `repeat` runs."""
    times = []
    for _ in range(repeat):
        started = time.process_time()
        act()
        times.append(time.process_time() - started)
    return 1000 * min(times)


def measure(key: str) -> dict[str, float]:
    """Milliseconds of each thing that an episode does."""
    spec = application(key, 1)
    world = new_world(spec, 1)
    conditions = _observe(world, spec)
    snapshot = world.snapshot()
    entry = spec.by_name[spec.workload.entry]
    pod = next(p for p in world.store.objects("pods", spec.namespace) if spec.component_of(p) is entry)
    rate = (("query", f'sum(rate(http_requests_total{{service="{entry.name}"}}[1m]))'),)
    return {
        "components": float(len(spec.components)),
        "new_world": best_ms(lambda: new_world(spec, 1), 5),
        "restore": best_ms(lambda: world.restore(snapshot), 50),
        "observe": best_ms(lambda: _observe(world, spec), 30),
        "evaluate": best_ms(_Evaluation(spec, conditions).run, 30),
        "log": best_ms(lambda: world.runtime.log(world, pod, entry.container, previous=False), 30),
        "query": best_ms(lambda: prometheus(world, "/api/v1/query", rate), 30),
        "alerts": best_ms(lambda: prometheus(world, "/api/v1/alerts", ()), 30),
        "traces": best_ms(lambda: jaeger(world, "/api/traces", (("service", entry.name), ("limit", "20"))), 30),
        "quiet_hour": best_ms(lambda: world.advance(3_600_000), 5),
    }


def main() -> None:
    """Print one row per application."""
    for index, key in enumerate(sys.argv[1:] or KEYS):
        found = measure(key)
        if index == 0:
            print(f"{'':20}" + "".join(f"{name:>12}" for name in found))
        print(f"{key:20}" + "".join(f"{value:12.3f}" for value in found.values()))


if __name__ == "__main__":
    main()
