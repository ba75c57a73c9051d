"""What an answer rests on, as a person is shown it: the cited lines, and the commands that changed something."""

from collections.abc import Callable, Mapping

from aoi.agents.compressor import Observation
from aoi.records.base import Record
from aoi.records.episode import Answer, Citation, Signal, Trajectory

SEEN_LINES = 3
SEEN_CHARS = 200


class Evidence(Record):
    """A claim of the answer with the lines that back it."""

    signal: Signal
    command: str
    """What was run, as typed."""
    seen: tuple[str, ...]
    """The cited lines, at most three, cut to 200 characters."""
    observation: str
    """Stored object with all that the command printed."""


class Seen:
    """Keeps every observation of an episode, so that people can be shown what the evidence cites."""

    def __init__(self) -> None:
        self.by_digest: dict[str, Observation] = {}

    def keep(self, observation: Observation) -> None:
        """Remember an observation by its digest."""
        self.by_digest[observation.digest] = observation


def evidence_of(
    answer: Answer | None, observations: Mapping[str, Observation], put: Callable[[bytes], str]
) -> tuple[Evidence, ...]:
    """Each claim whose citation resolves, with what was seen. `put` stores the whole observation and names it."""
    claims = []
    for signal in answer.evidence if answer else ():
        if signal.citation is None or signal.citation.observation not in observations:
            continue
        observation = observations[signal.citation.observation]
        lines = seen_lines(observation, signal.citation)
        claims.append(Evidence(signal=signal, command=observation.line, seen=lines, observation=put(observation.data)))
    return tuple(claims)


def seen_lines(observation: Observation, citation: Citation) -> tuple[str, ...]:
    """The cited lines, whole. Observations hold no control characters: redaction took them out."""
    start = observation.data.rfind(b"\n", 0, citation.start_byte) + 1
    text = observation.data[start : citation.end_byte].decode("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return tuple(line[:SEEN_CHARS] for line in lines[:SEEN_LINES])


def changes_of(trajectory: Trajectory) -> tuple[str, ...]:
    """Commands of an episode that changed the cluster."""
    return tuple(
        interaction.command
        for step in trajectory.content.steps
        for interaction in step.interactions
        if interaction.command.startswith("exec ") and interaction.status == "ok"
    )
