"""What people call the things that they make: the same names, whether something breaks by them or not.

There are more names of each than ordinary work can have given in one world.
"""

import random
from collections.abc import Sequence

from aoi.problems.sites import AROUND, Site

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
    """Of a LimitRange that is not there yet."""
    taken = {obj["metadata"]["name"] for obj in site.around["limitranges"]}
    return choices.choice([name for name in BOUNDS if name not in taken])


def agent(site: Site, choices: random.Random) -> Agent:
    """Something for every node that is not there yet."""
    return choices.choice([one for one in AGENTS if one[0] not in site.elsewhere])


def batch(site: Site, choices: random.Random) -> str:
    """Of another team's workload."""
    return choices.choice([name for name in BATCHES if name not in site.elsewhere])


def priority(names: Sequence[str], site: Site, choices: random.Random) -> str:
    """Of a PriorityClass, one of `names`."""
    return choices.choice([name for name in names if name not in site.elsewhere])


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
    taken = {obj["metadata"]["name"] for kind in AROUND if kind.endswith("chaos-mesh.org") for obj in site.around[kind]}
    return choices.choice([name for name in names if name not in taken])


def policy(site: Site, choices: random.Random) -> str:
    """Of a NetworkPolicy for a component's pods."""
    stem = site.spec.workload
    names = (f"{stem}-network", f"{stem}-policy", f"restrict-{stem}", f"{stem}-access", f"{stem}-traffic")
    taken = {obj["metadata"]["name"] for obj in site.around[POLICIES]}
    return choices.choice([name for name in names if name not in taken])


def claim(site: Site, former: str, choices: random.Random) -> str:
    """Of a claim that is made later, beside or instead of a `former` one, if there was one."""
    stems = (f"{former}-v2", f"{former}-new", f"{former}-data", f"{former}-2", f"{former}-b") if former else ()
    workload = site.spec.workload
    stems = stems or tuple(f"{workload}-{end}" for end in ("files", "scratch", "work", "data", "store"))
    taken = {obj["metadata"]["name"] for obj in site.around[CLAIMS]}
    return choices.choice([stem for stem in stems if stem not in taken])
