"""Every fault mechanism of the problem set, by key, and which split may meet it.

One file for each area that an engineer would look at: workload, network, node, data, configuration. `base` says what a
fault is; `templates` and `chaos` are the ways of breaking things that several areas share.
"""

from collections.abc import Mapping

from aoi.problems.faults.base import Fault
from aoi.problems.faults.configuration import CONFIG_DRIFT, MISSING_CONFIGMAP
from aoi.problems.faults.data import DB_AUTH_REVOKED, DB_USER_DROPPED
from aoi.problems.faults.network import NETWORK_DELAY, NETWORK_LOSS, WRONG_SELECTOR, WRONG_TARGET_PORT
from aoi.problems.faults.node import CPU_REQUEST_TOO_LARGE, NODE_SELECTOR
from aoi.problems.faults.workload import (
    BAD_IMAGE_TAG,
    BAD_LIVENESS_PROBE,
    BAD_READINESS_PROBE,
    BUGGY_IMAGE,
    MEMORY_LIMIT,
    POD_FAILURE,
    SCALE_TO_ZERO,
    WRONG_BINARY,
)
from aoi.records.problem import Split

MECHANISMS: Mapping[Split, tuple[Fault, ...]] = {
    "train": (
        WRONG_TARGET_PORT,
        WRONG_SELECTOR,
        SCALE_TO_ZERO,
        BAD_IMAGE_TAG,
        BUGGY_IMAGE,
        MISSING_CONFIGMAP,
        MEMORY_LIMIT,
        BAD_READINESS_PROBE,
        NETWORK_LOSS,
    ),
    "development": (NODE_SELECTOR, BAD_LIVENESS_PROBE, CONFIG_DRIFT),
    "test": (
        DB_AUTH_REVOKED,
        DB_USER_DROPPED,
        WRONG_BINARY,
        CPU_REQUEST_TOO_LARGE,
        NETWORK_DELAY,
        POD_FAILURE,
    ),
}
"""Mechanisms by the split that meets them first: those of development and test are never trained on."""

FAULTS: Mapping[str, Fault] = {fault.key: fault for faults in MECHANISMS.values() for fault in faults}
