"""Where the observations that evidence cites are kept."""

from tasks.workspace import workspace

OBSERVATION = "observation"
"""Kind of the stored objects that evidence cites: what commands printed, redacted."""


def stored(observation: bytes) -> str:
    """The whole observation is stored for whoever doubts the lines that are shown."""
    return workspace().store.put(OBSERVATION, observation).short
