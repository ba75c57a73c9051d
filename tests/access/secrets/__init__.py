"""Planted secrets and harmless lines, as data. What redaction must hide, and what it must leave alone.

A shape is a text or an object with a secret in it. In its strings `§` stands for the secret and `«x»` for the base64
of x, which must not come out either. `shapes()` and `harmless()` are for every test that plants secrets.
"""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

CANARY = "c4n4ryZq81Xw"
_FOLDER = Path(__file__).parent
_BASE64 = re.compile("«([^»]*)»")


@dataclass(frozen=True)
class Shape:
    """One way in which a secret is written."""

    id: str
    family: str
    content: Any
    """A text, or an object as the API gives it."""
    secrets: tuple[str, ...]
    """None of them may come out."""
    keep: tuple[str, ...]
    """What must stay readable."""

    @property
    def is_object(self) -> bool:
        return not isinstance(self.content, str)

    @property
    def text(self) -> str:
        """As text: what a log or a file would hold."""
        return json.dumps(self.content, indent=2, ensure_ascii=False) if self.is_object else self.content

    def leaks_into(self, output: str) -> tuple[str, ...]:
        """The secrets that can be read in an output."""
        return tuple(secret for secret in self.secrets if secret in output)


def shape(entry: Mapping[str, Any], canary: str = CANARY) -> Shape:
    """One entry of the files, with its secret filled in."""
    secret = entry.get("secret", canary)
    encoded: list[str] = []
    content = _filled(entry["object"] if "object" in entry else entry["text"], secret, encoded)
    secrets = tuple(entry.get("secrets", (secret,)))
    return Shape(entry["id"], entry["family"], content, (*secrets, *encoded), tuple(entry["keep"]))


def _filled(value: Any, secret: str, encoded: list[str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(item, secret, encoded) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, secret, encoded) for item in value]
    if not isinstance(value, str):
        return value

    def encode(match: re.Match[str]) -> str:
        encoded.append(base64.b64encode(match[1].encode()).decode())
        return encoded[-1]

    return _BASE64.sub(encode, value.replace("§", secret))


@cache
def entries() -> tuple[Mapping[str, Any], ...]:
    """What stands in the files."""
    files = sorted(path for path in _FOLDER.glob("*.yaml") if path.stem != "harmless")
    return tuple(entry for path in files for entry in yaml.safe_load(path.read_text("utf-8")))


@cache
def shapes() -> tuple[Shape, ...]:
    """Every shape, with the same canary in each that does not bring its own secret."""
    return tuple(shape(entry) for entry in entries())


@cache
def harmless() -> tuple[str, ...]:
    """Lines of logs, events and objects that a diagnosis needs as they are."""
    return tuple(yaml.safe_load((_FOLDER / "harmless.yaml").read_text("utf-8")))
