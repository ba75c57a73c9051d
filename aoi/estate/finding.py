"""What a rule says of an estate: about whom, in which words, how sure, and where it was seen."""

import shlex
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum
from typing import Any, Literal, NamedTuple, Self

import orjson

from aoi.access.redaction import redact_object, redact_text
from aoi.estate.components import Identity
from aoi.estate.hosts import Host
from aoi.estate.objects import Obj, name, namespace
from aoi.estate.observation import Observation, span
from aoi.records.episode import Citation
from aoi.visible import visible

MAX_SUMMARY = 600
"""Characters."""

Standing = Literal["failing", "suspect"]
"""`failing`: a state that pages by itself. `suspect`: it may be on purpose or without effect; only a symptom that
points there makes it a fault."""


class Tier(IntEnum):
    """How far a finding is from the cause; the lower, the nearer."""

    STATED = 0
    """The API server, the kubelet or an object says what is wrong and with what."""
    TOLD = 1
    """The program says what is wrong with itself."""
    CALLEE = 2
    """The program says that somebody else does not answer."""
    ENDED = 3
    """It died or does not start, and nobody says why."""
    SYMPTOM = 4
    """A probe fails, a pod is not ready: what many causes look like."""


class Source(StrEnum):
    """Who says so. A cause needs a fact of an API object, or two who say it independently."""

    OBJECT = "object"
    """Spec or status of an API object, with events of the cluster's own components about it."""
    EVENT = "event"
    """Only an event, of whoever provides objects of its kind."""
    LOG = "log"
    """The log of the one whom it is about."""
    OTHER = "other"
    """Logs of others, who complain about it."""


class Sighting(NamedTuple):
    """Where something was seen."""

    observation: Observation
    start: int
    end: int

    @property
    def citation(self) -> Citation:
        """As answers carry it."""
        return Citation(observation=self.observation.digest, start_byte=self.start, end_byte=self.end)


class LogKey(NamedTuple):
    """One container's log."""

    namespace: str
    pod: str
    container: str
    is_previous: bool = False
    """Of the attempt before the present one."""

    @property
    def command(self) -> str:
        """As kubectl gives it."""
        tail = " --previous" if self.is_previous else ""
        return f"kubectl logs {self.pod} -c {self.container} -n {self.namespace}{tail}"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or may be."""

    word: str
    """Of `lexicon.SIGNALS`; `unclassified` where none fits."""
    owner: Identity
    """The component that it is wrong with, or the object itself."""
    summary: str
    """One sentence with object, field and value, redacted."""
    tier: Tier
    standing: Standing = "failing"
    next: tuple[str, ...] = ()
    """What to check or do, as commands."""
    sightings: tuple[Sighting, ...] = ()
    host: Host | None = None
    """The callee that it is about, if it is about one."""
    hosts: tuple[Host, ...] = ()
    """Everybody whom its telling lines complain about."""
    other: Identity | None = None
    """The other component that it points at."""
    logs: tuple[LogKey, ...] = ()
    """Where the sentence that explains it may stand."""
    is_of_pod: bool = False
    """Whether it is about one pod of several, which may all show it."""
    is_explained: bool = False
    """Whether somebody says why, who does not stand alone with it."""
    exit_code: int | None = None
    """What the container ended with that it is about."""
    sources: frozenset[Source] = frozenset({Source.OBJECT})
    """Who says that something is wrong."""
    is_lone: bool = False
    """Whether one log, or one event, alone says what is wrong: `word` is a suspicion then."""
    weight: float = 1.0
    """Pods, or occurrences."""
    share: float = 1.0
    """Of a healthy program's log lines, how many say so: what fails now and then is not what fails."""

    def having(self, **changes: Any) -> Self:
        """A copy with other values."""
        return replace(self, **changes)


@dataclass
class Witness:
    """Makes the observations that findings cite: an object once, however many findings are about it."""

    _seen: dict[tuple[str, str, str], Observation] = field(default_factory=dict)

    def of(self, obj: Obj, needle: str = "") -> Sighting:
        """The line of an object's JSON that holds `needle`; all of it if none does."""
        key = (str(obj.get("kind")), namespace(obj), name(obj))
        if key not in self._seen:
            scope = f" -n {key[1]}" if key[1] else ""
            data = orjson.dumps(redact_object(obj), option=orjson.OPT_INDENT_2)
            self._seen[key] = Observation(f"kubectl get {key[0].lower()} {key[2]}{scope} -o json", data)
        observation = self._seen[key]
        if not needle:
            return Sighting(observation, 0, len(observation.data))
        # A needle is a piece of the JSON (`"ready": false`), or a value as people read it.
        is_piece = needle.isascii() and needle in observation.text
        return Sighting(observation, *span(observation, needle if is_piece else _as_json(needle)))

    def of_event(self, event: Obj) -> Sighting:
        """One event, as `kubectl events` gives it."""
        told = event.get("involvedObject") or {}
        about = shlex.quote(f"--for={str(told.get('kind')).lower()}/{told.get('name')}")
        line = f"kubectl events {about} -n {namespace(event)} -o json"
        observation = Observation(line, orjson.dumps(redact_object(event), option=orjson.OPT_INDENT_2))
        return Sighting(observation, *span(observation, '"message"'))


def _as_json(needle: str) -> str:
    return orjson.dumps(redact_text(needle)).decode("utf-8")[1:-1].encode("utf-8").decode("latin-1")


def sentence(words: str) -> str:
    """A summary: on one line, redacted, bounded, without what a terminal obeys: a program writes its last message."""
    line = visible(" ".join(redact_text(words).split()))
    return line if len(line) <= MAX_SUMMARY else line[: MAX_SUMMARY - 1] + "…"
