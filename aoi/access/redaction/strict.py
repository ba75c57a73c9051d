"""The stricter level: values of configuration by shape and digest, for whoever is not on this machine.

On top of `redact_object` and `redact_text`, which hide what looks like a credential, this hides what may be one without
looking like it. Of a value stay its length, its kinds of characters and a digest under a key of this process, so that
equal values are still seen to be equal, and changed ones to have changed.

Hidden: values of variables, entries of ConfigMaps and Secrets, values of annotations, values of arguments and all
words of commands that are neither options nor paths of programs, paths and queries of URLs, text in quotes that looks
made by a machine. Kept: names, kinds, labels, images, ports, hosts, quantities, states, reasons, numbers of up to five
digits, true and false, references to Secrets and ConfigMaps, and addresses (`host:port`), which a diagnosis follows.
"""

import hashlib
import re
import secrets
from typing import Any

from aoi.access.redaction.folding import MARK
from aoi.access.redaction.objects import redact_object
from aoi.access.redaction.text import redact_text
from aoi.access.redaction.values import is_random

Obj = dict[str, Any]

_URL = re.compile(
    r"\b(?P<origin>[a-z][a-z0-9+.-]{1,30}://[^\s/?#\"'<>\\]{1,512})(?P<rest>[/?#][^\s\"'<>\\]{1,4096})", re.I
)
_SETTING = re.compile(
    r"(?<![\w.-])(?P<key>--?[A-Za-z][\w.-]{1,64}|[A-Za-z_][A-Za-z0-9_]{0,60}_[A-Za-z0-9_]{1,60}|[A-Z][A-Z0-9]{2,60})="
    r"(?P<value>\"[^\"\n]{1,4096}\"|'[^'\n]{1,4096}'|[^\s\"',;&]{1,4096})"
)
_WORD = re.compile(r"(?<![A-Za-z0-9+/=_.-])[A-Za-z0-9+/=_-]{20,}(?![A-Za-z0-9+/=_-])")
_SHAPE = re.compile(r"<\d+ characters, [a-z, ]+, #[0-9a-f]{6}>")
_ADDRESS = re.compile(
    r"(?:[a-z][a-z0-9+.-]{1,30}://)?(?:[A-Za-z0-9*](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)?:\d{1,5}|\d{1,3}(?:\.\d{1,3}){3}"
)
_SIMPLE = re.compile(r"true|false|null|none|yes|no|on|off|-?\d{1,5}(?:\.\d{1,5})?(?:[a-zA-Z%]{1,2})?", re.IGNORECASE)
_DIGEST = re.compile(
    r"(?:sha256:)?[0-9a-f]{40,64}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}|[0-9a-f]{16}"
)
"""Digests of images, commits, uids and trace ids, which name something."""
_KINDS = (("letters", str.isalpha), ("digits", str.isdigit), ("spaces", str.isspace))


class Strictness:
    """Hides values of configuration. One for each installation or record: its key decides the digests."""

    def __init__(self, key: bytes | None = None) -> None:
        """Without a key, a random one: digests are then comparable within this process alone.

        A key is given where a record must come out the same twice. Whoever knows it can try short values out, so it
        must stay where the values are.
        """
        self._key = key[:64] if key is not None else secrets.token_bytes(32)

    def shape(self, value: str) -> str:
        """What stands for a value: `<12 characters, letters and digits, #a1b2c3>`."""
        kinds = [name for name, holds in _KINDS if any(map(holds, value))]
        if any(not char.isalnum() and not char.isspace() for char in value):
            kinds.append("signs")
        said = " and ".join(filter(None, (", ".join(kinds[:-1]), kinds[-1] if kinds else "nothing")))
        digest = hashlib.blake2b(value.encode("utf-8", "replace"), key=self._key, digest_size=3).hexdigest()
        return f"<{len(value)} characters, {said}, #{digest}>"

    def text(self, text: str) -> str:
        """A text without credentials, paths and queries of URLs, and values of settings."""
        text = redact_text(text)
        text = _URL.sub(lambda match: match["origin"] + self._rest(match["rest"]), text)
        text = _SETTING.sub(lambda match: f"{match['key']}={self._value(match['value'])}", text)
        return _WORD.sub(lambda match: self._word(match[0]), text)

    def object(self, obj: Obj) -> Obj:
        """A Kubernetes object without credentials and values of configuration."""
        return self._mapping(redact_object(obj), is_config=obj.get("kind") in ("ConfigMap", "Secret"))

    def _rest(self, rest: str) -> str:
        return rest if rest == "/" or rest.startswith(("/<", "?<", "#<")) else rest[0] + self.shape(rest[1:])

    def _value(self, value: str) -> str:
        bare = value.strip("\"'")
        if (
            not bare
            or MARK in bare
            or _SIMPLE.fullmatch(bare)
            or _ADDRESS.fullmatch(bare)
            or bare.startswith(("<", "$("))
        ):
            return value
        if "://" in bare and "/<" in bare:
            return value
        return self.shape(bare)

    def _word(self, word: str) -> str:
        return self.shape(word) if is_random(word) and "-" not in word and not _DIGEST.fullmatch(word) else word

    def _mapping(self, value: Obj, *, is_config: bool = False) -> Obj:
        out: Obj = {}
        for key, item in value.items():
            is_leaves = key == "annotations" or (is_config and key in ("data", "binaryData", "stringData"))
            if is_leaves and isinstance(item, dict):
                out[key] = {name: self._leaf(entry) for name, entry in item.items()}
            elif key in ("value", "Value") and ("name" in value or "Name" in value):
                out[key] = self._leaf(item)
            elif key in ("args", "command") and isinstance(item, list):
                out[key] = [self._argument(word, number) for number, word in enumerate(item)]
            else:
                out[key] = self._any(item)
        return out

    def _any(self, value: Any) -> Any:
        if isinstance(value, dict):
            return self._mapping(value, is_config=value.get("kind") in ("ConfigMap", "Secret"))
        if isinstance(value, list):
            return [self._any(item) for item in value]
        return self.text(value) if isinstance(value, str) else value

    def _leaf(self, value: Any) -> Any:
        if not isinstance(value, str):
            return self._any(value)
        return value if _SHAPE.fullmatch(value) else self._value_of_url(value)

    def _value_of_url(self, value: str) -> str:
        """An address keeps scheme, host and port: the callee is what a diagnosis is about."""
        match = _URL.fullmatch(value)
        return match["origin"] + self._rest(match["rest"]) if match else self._value(value)

    def _argument(self, word: Any, number: int) -> Any:
        if not isinstance(word, str):
            return self._any(word)
        if word.startswith("-"):
            option, sign, value = word.partition("=")
            return f"{option}={self._value_of_url(value)}" if sign else word
        is_program = number == 0 and " " not in word
        return word if is_program or _SHAPE.fullmatch(word) else self._value_of_url(word)
