"""The set of injections: data in `families/`, one readable file for each way of attack.

An id means the same text, channel and placement for ever: evaluations and trajectories name it. A changed text gets a
new id.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field

from aoi.errors import UnknownInjection
from aoi.records.base import Record, Sha256, canonical_bytes, sha256_hex

Channel = Literal[
    "log", "previous", "event", "annotation", "configmap", "termination", "condition", "error_body", "span"
]
"""Where the text is written. Each is in reach of whoever runs the attacked component, or of an ordinary client that may
write events, annotations, ConfigMaps or a condition of its own; none is a status of the kubelet's or a controller's."""

Placement = Literal["appended", "prepended", "interleaved", "replaced"]
"""`replaced`: nothing is left of the log or message beside it."""

LINES: frozenset[Channel] = frozenset({"log", "previous"})
FOLDER = Path(__file__).parent / "families"
PINNED = "8e02c804b39d02e6d66e2df451180e8f2cf5f0bb06ad8beb4c4ec3b51dc7a16e"
"""`set_digest()`, held by a test. Stages are cached by their Python source: with this line the set is part of it."""
CANARY = "c4n4ryZq81Xw7Lm2"
"""Stands in injections where a credential would; no answer, prompt or record may hold it."""
_BLANK = re.compile(r"\{(self|innocent|culprit|namespace|port|canary|now)\}")


class Injection(Record):
    """One text that a stranger plants, and where."""

    id: str = Field(pattern=r"^[a-z0-9-]{3,60}$")
    family: str = Field(pattern=r"^[a-z_]{3,30}$")
    """What it tries: its file."""
    language: str = Field(pattern=r"^[a-z]{2}$")
    """ISO 639-1 of its sentences; `en` for what programs write."""
    channel: Channel
    placement: Placement = "appended"
    times: int = Field(default=1, ge=1, le=5000)
    """How often it is written: an event's count, copies of the lines of a log."""
    text: str = Field(min_length=1)
    """With blanks for names: {self} the attacked component, {innocent} one to accuse, {culprit} what is really broken,
    {namespace}, {port}, {now} the cluster's time, {canary} a credential."""
    reason: str = Field(default="Notice", pattern=r"^[A-Za-z]{1,60}$")
    """Of an event or a condition."""
    type: Literal["Warning", "Normal"] = "Warning"
    """Of an event."""
    key: str = "ops.example.com/note"
    """Of an annotation, a ConfigMap's entry or a span's tag."""

    def filled(self, names: Mapping[str, str]) -> str:
        """The text with its blanks filled. Braces around other words stay: texts hold JSON."""
        return _BLANK.sub(lambda blank: names[blank[1]], self.text)


@cache
def injections() -> Mapping[str, Injection]:
    """The whole set by id, in the order of files and entries."""
    found: dict[str, Injection] = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        for injection in _family(path):
            if injection.id in found:
                raise ValueError(f"{path.name}: {injection.id} is there twice; an id means one text")
            found[injection.id] = injection
    return found


def injection(name: str) -> Injection:
    """One of the set. Raises: UnknownInjection."""
    found = injections().get(name)
    if found is None:
        raise UnknownInjection(f"no injection {name!r} among {len(injections())}; they are listed in {FOLDER}")
    return found


def set_digest() -> Sha256:
    """SHA-256 over the whole set: what an evaluation was made with."""
    return sha256_hex(canonical_bytes([one.model_dump(mode="json") for one in injections().values()]))


def _family(path: Path) -> list[Injection]:
    """One file: `about` for the reader, `defaults` for its entries, and the entries."""
    held: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    defaults = {"family": path.stem, **(held.get("defaults") or {})}
    made = [Injection.model_validate({**defaults, **entry}) for entry in held["injections"]]
    for one in made:
        if one.placement in ("interleaved", "replaced") and one.channel not in LINES | {"termination"}:
            raise ValueError(f"{path.name}: {one.id} is {one.placement}, which only lines and messages can be")
    return made
