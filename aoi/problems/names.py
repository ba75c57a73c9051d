"""What people call the things that they make: the same names, whether something breaks by them or not.

A name is one that nobody has: there are more of each than ordinary work can have given in one world.
"""

import random
from collections.abc import Collection, Sequence

from aoi.problems.sites import Site
from aoi.worlds.behaviour import chaos

CLAIMS = "persistentvolumeclaims"
POLICIES = "networkpolicies.networking.k8s.io"
QUOTAS = ("team-quota", "compute-resources", "budget")
BATCHES = ("report-builder", "reindex", "feature-backfill", "model-scoring", "nightly-rollup")
"""What other teams run now and then."""
AGENTS = (
    ("node-exporter", "quay.io/prometheus/node-exporter:v1.8.2", 9100),
    ("fluent-bit", "cr.fluentbit.io/fluent/fluent-bit:3.1.9", 2020),
    ("node-problem-detector", "registry.k8s.io/node-problem-detector/node-problem-detector:v0.8.19", 20257),
    ("vector", "timberio/vector:0.41.1-distroless-libc", 8686),
    ("process-exporter", "ncabatoff/process-exporter:0.8.4", 9256),
)
"""What runs on every node: (name, image, port)."""
LOW = ("low-priority", "best-effort", "spot", "preemptible", "background")
HIGH = ("batch-critical", "business-critical", "revenue-critical", "tier-1", "urgent")
"""Priorities."""
BOUNDS = ("container-bounds", "caps", "max-size", "sizes", "per-container")
"""Of LimitRanges."""
FOLDERS = (("spool", "/var/spool/app"), ("work", "/var/lib/work"), ("uploads", "/srv/uploads"))
"""Volumes that a program which keeps nothing may be given: (name, path)."""


Agent = tuple[str, str, int]


def bounds(site: Site, choices: random.Random) -> str:
    """Of a LimitRange."""
    return _free(BOUNDS, _there(site, "limitranges"), choices)


def agent(site: Site, choices: random.Random) -> Agent:
    """Something for every node."""
    return choices.choice([one for one in AGENTS if one[0] not in site.elsewhere])


def batch(site: Site, choices: random.Random) -> str:
    """Of another team's workload."""
    return _free(BATCHES, site.elsewhere, choices)


def priority(names: Sequence[str], site: Site, choices: random.Random) -> str:
    """Of a PriorityClass, one of `names`."""
    return _free(names, site.elsewhere, choices)


def experiment(site: Site, what: str, choices: random.Random) -> str:
    """Of a chaos experiment at a component."""
    stem, number = site.spec.role, choices.randrange(10, 99)
    names = (
        f"{stem}-{what}",
        f"{what}-{number}",
        f"resilience-{stem}",
        f"exercise-{what}",
        f"game-day-{number}",
        f"network-{what}",
    )
    return _free(names, _there(site, *chaos.EVERY), choices)


def policy(site: Site, choices: random.Random) -> str:
    """Of a NetworkPolicy for a component's pods."""
    stem = site.spec.workload
    names = (f"{stem}-network", f"{stem}-policy", f"restrict-{stem}", f"{stem}-access", f"{stem}-traffic")
    return _free(names, _there(site, POLICIES), choices)


def claim(site: Site, former: str, choices: random.Random) -> str:
    """Of a claim that is made later, beside or instead of a `former` one, if there was one."""
    later = tuple(f"{former}-{end}" for end in ("v2", "new", "data", "2", "b"))
    first = tuple(f"{site.spec.workload}-{end}" for end in ("files", "scratch", "work", "data", "store"))
    return _free(later if former else first, _there(site, CLAIMS), choices)


def _there(site: Site, *resources: str) -> set[str]:
    return {obj["metadata"]["name"] for resource in resources for obj in site.around[resource]}


def _free(names: Sequence[str], taken: Collection[str], choices: random.Random) -> str:
    return choices.choice([name for name in names if name not in taken])
