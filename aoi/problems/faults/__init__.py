"""Every fault mechanism of the problem set, by key, and which split may meet it."""

from collections.abc import Mapping

from aoi.problems.faults.base import Fault
from aoi.problems.faults.config import CONFIG_DRIFT, MISSING_CONFIGMAP
from aoi.problems.faults.database import DB_AUTH_REVOKED, DB_USER_DROPPED
from aoi.problems.faults.images import BAD_IMAGE_TAG, BUGGY_IMAGE, WRONG_BINARY
from aoi.problems.faults.network import NETWORK_DELAY, NETWORK_LOSS, POD_FAILURE
from aoi.problems.faults.services import WRONG_SELECTOR, WRONG_TARGET_PORT
from aoi.problems.faults.workloads import (
    BAD_LIVENESS_PROBE,
    BAD_READINESS_PROBE,
    CPU_REQUEST_TOO_LARGE,
    MEMORY_LIMIT,
    NODE_SELECTOR,
    SCALE_TO_ZERO,
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
