"""What an approver decides about, and how it is shown: every field that changes, whole, with credentials hidden.

A hidden value is shown by its length and a digest under a key, of this process unless another is given: whether and how
far it changes can be seen, what it is cannot be guessed from the digest by whoever reads the screen later.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from aoi.access.redaction import is_sensitive_key, redact_text
from aoi.agents.actions.change import Change, Difference, Obj, pointer_parts, value_at
from aoi.records.base import Sha256, canonical_bytes, sha256_hex
from aoi.visible import visible

_KEY = secrets.token_bytes(32)
_MARK_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change with the differences that the server's dry run showed: what an approver decides about."""

    change: Change
    differences: tuple[Difference, ...]
    approved: Obj | None = None
    """The object as the dry run showed it; None of a command and of a deletion."""

    @property
    def digest(self) -> Sha256:
        """Binds request, differences, uid and resourceVersion. Another object, or another state, is another digest."""
        change = self.change
        parts: list[Any] = [change.method, change.path, list(map(list, change.query)), dict(change.body), change.shown]
        parts += [[[d.pointer, d.before, d.after] for d in self.differences], change.uid, change.resource_version]
        return sha256_hex(canonical_bytes(parts))

    def text(self, key: bytes = _KEY) -> str:
        """For the approver: what would be sent where, and every field that changes, nothing of it cut."""
        change = self.change
        lines = [visible(change.summary), visible(f"{change.method} {change.path}")]
        if change.query:
            command = " ".join(value for key, value in change.query if key == "command")
            lines.append(f"command: {visible(command)}")
        if change.uid:
            lines.append(visible(f"object: uid {change.uid}, resourceVersion {change.resource_version}"))
        lines += [f"  {line}" for line in shown_differences(self.differences, change.before, self.approved, key)]
        if change.shown:
            lines += ["", _script(change.shown, key)]
        return "\n".join(lines)


def seal(text: str, key: bytes) -> Sha256:
    """A digest that nobody without the key can try guesses on: a request may hold a short credential."""
    return hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def shown_differences(
    differences: Iterable[Difference], before: Obj | None, after: Obj | None, key: bytes = _KEY
) -> list[str]:
    """A line for each value that changes, whole. `before` and `after` tell which variable a value belongs to."""
    return [
        _line(leaf, before, after, key)
        for difference in differences
        for leaf in _leaves(difference.pointer, difference)
    ]


def _script(text: str, key: bytes) -> str:
    """A script line by line, without its credentials; its digest is of what was there."""
    redacted = redact_text("\n".join(visible(line.expandtabs(4)) for line in text.split("\n")))
    return f"{redacted}\n({_measured(text, key)})"


def _leaves(pointer: str, difference: Difference) -> Iterator[Difference]:
    """One difference for each value in it, so that none hides in a map or a list that comes or goes whole."""
    before, after = difference.before, difference.after
    parts = [value for value in (before, after) if value not in (None, {}, [])]
    if parts and all(isinstance(value, dict) for value in parts):
        for key in sorted({key for value in parts for key in value}):
            below = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
            yield from _leaves(below, Difference(below, (before or {}).get(key), (after or {}).get(key)))
    elif parts and all(isinstance(value, list) for value in parts):
        for index in range(max(map(len, parts))):
            below = f"{pointer}/{index}"
            old, new = (side[index] if side and index < len(side) else None for side in (before, after))
            yield from _leaves(below, Difference(below, old, new))
    elif before != after:
        yield Difference(pointer, before, after)


def _line(difference: Difference, before: Obj | None, after: Obj | None, key: bytes) -> str:
    shown = _hidden if _is_credential(difference.pointer, before, after) else _shown
    return f"{visible(difference.pointer)}: {shown(difference.before, key)} -> {shown(difference.after, key)}"


def _is_credential(pointer: str, before: Obj | None, after: Obj | None) -> bool:
    """By a key on its way, by the name of the variable whose value it is, or by the option before it in a command."""
    if any(is_sensitive_key(part) for part in pointer_parts(pointer)):
        return True
    way, _, last = pointer.rpartition("/")
    above, _, _ = way.rpartition("/")
    if last == "value" and above.rpartition("/")[2] == "env":
        names = [str((value_at(side, way) or {}).get("name") or "") for side in (before, after)]
        return not any(names) or any(is_sensitive_key(name) for name in names)
    if last.isdigit() and last != "0" and way.rpartition("/")[2] in ("args", "command"):
        options = (str(value_at(side, f"{way}/{int(last) - 1}") or "") for side in (before, after))
        return any(o.startswith("-") and "=" not in o and is_sensitive_key(o.lstrip("-")) for o in options)
    return False


def _hidden(value: Any, key: bytes) -> str:
    if value is None:
        return "(absent)"
    return f"(hidden: {_measured(value if isinstance(value, str) else canonical_bytes(value).decode(), key)})"


def _shown(value: Any, key: bytes) -> str:
    if value is None:
        return "(absent)"
    raw = canonical_bytes(value).decode()
    text = redact_text(visible(raw))
    # Two values that differ in a hidden part alone must not look equal.
    return text if text == visible(raw) else f"{text} ({_measured(raw, key)})"


def _measured(text: str, key: bytes) -> str:
    return f"{len(text)} characters, digest {seal(text, key)[:_MARK_DIGITS]}"
