"""Where what a diagnosis rests on is kept: the observations that its evidence cites, its episode, how it broke.

Whoever asked waits for an answer, and gets it whatever becomes of the store: `tasks.answers.kept` says once that it is
not kept, so that nothing here has to.
"""

from aoi.errors import StoreNotWritable, StoreUnavailable
from aoi.records.base import Ref, Sha256, sha256_hex
from aoi.records.episode import Trajectory
from aoi.store.shards import put_traceback, put_trajectories
from tasks.workspace import workspace

OBSERVATION = "observation"
"""Kind of the stored objects that evidence cites: what commands printed, redacted."""


def stored(observation: bytes) -> str:
    """The whole observation is stored for whoever doubts the lines that are shown. Returns what it is named by."""
    try:
        return workspace().store.put(OBSERVATION, observation).short
    except (StoreUnavailable, StoreNotWritable):
        return Ref(kind=OBSERVATION, sha256=sha256_hex(observation), size_bytes=len(observation)).short


def stored_traceback(traceback: bytes) -> Sha256:
    """Why an episode broke. Returns what its provenance names it by."""
    try:
        return put_traceback(workspace().store, traceback)
    except (StoreUnavailable, StoreNotWritable):
        return sha256_hex(traceback)


def stored_episode(trajectory: Trajectory) -> str | None:
    """What an episode is shown by; None if it could not be stored."""
    try:
        return put_trajectories(workspace().store, "diagnose", [trajectory]).short
    except (StoreUnavailable, StoreNotWritable):
        return None
