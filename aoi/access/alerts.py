"""Reads what an Alertmanager posts to a webhook. It is text of strangers: bounded, redacted, and nothing but names.

Format: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config, version 4.
"""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from aoi.access.redaction import redact
from aoi.errors import AlertUnreadable, NothingFires
from aoi.records.alert import STRONG, WEAK, Alert, AlertSubject

MAX_BYTES = 1_048_576
"""Of one body."""
MAX_NAME = 253
"""Characters of a label's value: the longest name of an object."""
MAX_TEXT = 1_000
"""Characters of all annotations of one alert that are read."""
VERSION = "4"
NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
"""A name that a namespace can have."""
_ANNOTATIONS = ("summary", "title", "message", "description")
_EXPORTED = "exported_"
_REMEDY = "Give the JSON that Alertmanager posts to a webhook (version 4), or say it in words: --symptom TEXT"

Obj = Mapping[str, Any]


def read_alerts(data: bytes) -> tuple[Alert, ...]:
    """The firing alerts of one webhook body, each once.

    Raises: AlertUnreadable for what is no such body, is too large, or holds nothing that fires.
    """
    body = _body(data)
    listed = body.get("alerts")
    if not isinstance(listed, list) or not all(isinstance(alert, dict) for alert in listed):
        raise AlertUnreadable(f"it has no list `alerts` of objects. {_REMEDY}")
    firing = [alert for alert in listed if _status(alert, body) == "firing"]
    if not firing:
        raise NothingFires(
            f"none of its {len(listed)} alerts is firing: there is nothing to explain. To look all the same, leave "
            "the file out and name a namespace with -n"
        )
    common = {**_words(body, "commonLabels"), **_words(body, "groupLabels")}
    notes = _words(body, "commonAnnotations")
    return tuple(dict.fromkeys(_alert(alert, common, notes) for alert in firing))


def _body(data: bytes) -> Obj:
    if len(data) > MAX_BYTES:
        raise AlertUnreadable(f"it has more than {MAX_BYTES} bytes. {_REMEDY}")
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise AlertUnreadable(f"it is not JSON ({error}). {_REMEDY}") from None
    if not isinstance(body, dict):
        raise AlertUnreadable(f"it is a JSON {type(body).__name__}, expected an object. {_REMEDY}")
    if body.get("version") != VERSION:
        raise AlertUnreadable(f"its `version` is another one, expected {VERSION!r}. {_REMEDY}")
    return body


def _status(alert: Obj, body: Obj) -> str:
    return str(alert.get("status") or body.get("status") or "")


def _words(obj: Obj, key: str) -> dict[str, str]:
    """A table of texts; whatever is no text in it is left out."""
    held = obj.get(key)
    if held is None:
        return {}
    if not isinstance(held, dict):
        raise AlertUnreadable(f"its `{key}` is no object of texts. {_REMEDY}")
    return {name: value for name, value in held.items() if isinstance(value, str)}


def _alert(alert: Obj, common: Mapping[str, str], notes: Mapping[str, str]) -> Alert:
    given = {**common, **_words(alert, "labels")}
    exported = {name.removeprefix(_EXPORTED): value for name, value in given.items() if name.startswith(_EXPORTED)}
    # Where the scrape had a label of the same name, Prometheus moved the one of the object out of its way.
    labels = {name: clean(value, MAX_NAME) for name, value in {**given, **exported}.items() if value}
    namespace = labels.get("namespace", "")
    if namespace and not NAMESPACE.fullmatch(namespace):
        raise AlertUnreadable(f"its label namespace is no name of a namespace. {_REMEDY}")
    annotations = {**notes, **_words(alert, "annotations")}
    told = dict.fromkeys(annotations[key] for key in _ANNOTATIONS if annotations.get(key))
    return Alert(
        name=labels.get("alertname", "alert"),
        severity=labels.get("severity", ""),
        namespace=namespace,
        subjects=tuple(AlertSubject(label=key, name=labels[key]) for key in (*STRONG, *WEAK) if labels.get(key)),
        text=clean(" ".join(told), MAX_TEXT),
    )


def clean(text: str, limit: int) -> str:
    """A text of a stranger on one line: redacted, without control characters, cut."""
    bounded = text[: 4 * limit].encode("utf-8", "replace")
    return " ".join(redact(bounded).decode().split())[:limit]
