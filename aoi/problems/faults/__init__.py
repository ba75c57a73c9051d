"""Every fault mechanism of the problem set, by key, and which split may meet it.

One file for each area that an engineer would look at (`_AREAS`). `base` says what a fault is; `templates`, `chaos` and
`places` are what several areas share.
"""

from collections.abc import Mapping

from aoi.problems import aiopslab
from aoi.problems.faults import (
    admission,
    configuration,
    data,
    engines,
    experiments,
    flags,
    identity,
    images,
    load,
    network,
    node,
    policies,
    probes,
    quota,
    redeploy,
    references,
    resolution,
    rollouts,
    runtimes,
    scheduling,
    services,
    sidecars,
    starts,
    storage,
    workload,
)
from aoi.problems.faults.base import Fault
from aoi.records.problem import Split

FAMILIES: Mapping[str, Split] = {
    # What runs and how it starts.
    "image": "train",
    "reference": "train",
    "probe": "train",
    "scale": "train",
    "resources": "train",
    "program": "test",
    "value": "development",
    "init": "development",
    "rollout": "train",
    "jobs": "test",
    # How it is reached.
    "service": "train",
    "policy": "test",
    "dns": "development",
    "route": "development",
    "chaos": "test",
    # Where it may run, and what the cluster allows.
    "scheduling": "development",
    "node": "test",
    "quota": "train",
    "storage": "train",
    "admission": "test",
    "identity": "development",
    # What it does.
    "database": "test",
    "credentials": "development",
    "flag": "train",
    "cache": "development",
    "queue": "test",
    "traffic": "test",
    "clock": "test",
}
"""Families of mechanisms by the split that meets them first: those of development and test are never trained on."""

_AREAS = (
    workload,
    network,
    data,
    configuration,
    flags,
    images,
    starts,
    references,
    probes,
    rollouts,
    scheduling,
    node,
    quota,
    storage,
    redeploy,
    admission,
    identity,
    engines,
    experiments,
    load,
    policies,
    resolution,
    runtimes,
    services,
    sidecars,
)

FAULTS: Mapping[str, Fault] = {fault.key: fault for area in _AREAS for fault in area.MECHANISMS}


def _held_out_by_the_paper() -> frozenset[str]:
    """Mechanisms that AIOpsLab's problems have and AOI's paper never trains on."""
    splits: dict[str, set[Split]] = {}
    for (_, fault, _), theirs in aiopslab.PROBLEMS.items():
        splits.setdefault(fault, set()).add(theirs.split)
    return frozenset(fault for fault, met in splits.items() if "train" not in met)


def _split_of(fault: Fault) -> Split:
    """What neither our families nor the paper's split holds out is trained on."""
    family = FAMILIES[fault.family]
    return "test" if family == "train" and fault.key in _held_out_by_the_paper() else family


MECHANISM_SPLITS: Mapping[str, Split] = {fault.key: _split_of(fault) for fault in FAULTS.values()}
"""The split that meets a mechanism first, by its key."""

MECHANISMS: Mapping[Split, tuple[Fault, ...]] = {
    split: tuple(fault for fault in FAULTS.values() if MECHANISM_SPLITS[fault.key] == split)
    for split in ("train", "development", "test")
}
"""Mechanisms by that split."""
