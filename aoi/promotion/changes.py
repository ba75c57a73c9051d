"""What differs between two champions: data, code, settings and parts, as the review page shows it."""

from collections.abc import Iterator, Mapping
from typing import Any

from aoi.records.base import Record
from aoi.records.learning import BundleManifest


class Change(Record):
    """One thing that differs."""

    group: str
    """`data`, `code`, `settings` or `bundle`."""
    name: str
    before: str
    after: str


def changes(
    before: BundleManifest | None,
    after: BundleManifest,
    *,
    settings_before: Mapping[str, Any] | None = None,
    settings_after: Mapping[str, Any] | None = None,
) -> tuple[Change, ...]:
    """Everything that differs since the champion. Settings are those of `Settings.public()`, where both are known."""
    return (*_manifests(before, after), *_settings(settings_before, settings_after))


def _manifests(before: BundleManifest | None, after: BundleManifest) -> Iterator[Change]:
    names = (
        ("data", "data"), ("code", "code_revision"), ("code", "code_sha256"), ("settings", "settings"),
        ("bundle", "base"),
        ("bundle", "tokenizer"), ("bundle", "profile"), ("bundle", "adapter"), ("bundle", "evolver_adapter"),
        ("bundle", "parent"),
    )  # fmt: skip
    for group, name in names:
        old = getattr(before, name) if before else None
        new = getattr(after, name)
        if old != new:
            yield Change(group=group, name=name.replace("_", " "), before=_text(old), after=_text(new))


def _settings(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> Iterator[Change]:
    old, new = dict(_flat(before or {})), dict(_flat(after or {}))
    if not old or not new:
        return
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            yield Change(group="settings", name=name, before=_text(old.get(name)), after=_text(new.get(name)))


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _text(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, (tuple, list)):
        return ", ".join(_text(part) for part in value) or "none"
    text = str(value)
    is_digest = len(text) == 64 and set(text) <= set("0123456789abcdef")
    return text[:12] if is_digest else text
