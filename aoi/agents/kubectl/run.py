"""Runs a `ReadCommand`: reads through a `ReadTransport`, renders, redacts, bounds."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aoi.access.redaction import CREDENTIALS, Level, redact
from aoi.access.transport import ReadRequest, ReadTransport
from aoi.agents.kubectl.command import ReadCommand
from aoi.agents.kubectl.describe import render_describe
from aoi.agents.kubectl.get import render_get, to_json
from aoi.agents.kubectl.logs import render_logs
from aoi.agents.kubectl.reader import Reader, ServerSaid
from aoi.agents.kubectl.rollout import render_events, render_history, render_status, render_top
from aoi.agents.kubectl.telemetry import render_alerts, render_metrics, render_query, render_services, render_traces
from aoi.records.coverage import Evidence

LIMIT_BYTES = 32_768
"""Of one observation. A 14B model with 4,096 tokens of context sees far less; the Compressor may read it all."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """What one command printed, redacted and bounded, and what was asked for it."""

    text: bytes
    requests: tuple[ReadRequest, ...]
    error: str | None = None
    """What the server refused or did not find; it is also the last line of `text`."""
    is_cut: bool = False
    """Whether more was printed than may be kept."""
    evidence: Evidence = "seen"
    """What may be concluded from it."""


_RENDERERS: Mapping[str, Callable[[ReadCommand, Reader], str]] = {
    "get": render_get,
    "describe": render_describe,
    "logs": render_logs,
    "events": render_events,
    "top": render_top,
    "history": render_history,
    "status": render_status,
    "prom query": render_query,
    "prom metrics": render_metrics,
    "prom alerts": render_alerts,
    "jaeger traces": render_traces,
    "jaeger services": render_services,
}


def run(
    command: ReadCommand,
    transport: ReadTransport,
    now: datetime | None = None,
    *,
    limit_bytes: int = LIMIT_BYTES,
    level: Level = CREDENTIALS,
) -> Rendered:
    """Print what kubectl would print. Ages count from `now`, else from the server's Date header.

    `level` says what is hidden of objects and text, credentials always.

    Raises: ClusterUnavailable. An error of the server is data: it is printed as kubectl prints it.
    """
    reader = Reader(transport, command.namespace, now, level)
    error = None
    evidence: Evidence = "seen"
    try:
        text = _render(command, reader)
    except ServerSaid as said:
        error = _hidden(str(said), level).decode()
        text = f"{said}\n"
        evidence = "absent" if said.is_answer else "unreadable"
    # Redacted before it is cut: half a private key no longer looks like one.
    data = _hidden(text, level)
    is_cut = len(data) > limit_bytes
    if is_cut and command.output == "json" and error is None:
        data = shorten_json(data, limit_bytes)
    kept = bound(data, limit_bytes)
    if evidence == "seen" and (reader.is_partial or kept is not data or _leaves_out(kept, is_cut=is_cut)):
        evidence = "cut"
    return Rendered(kept, tuple(reader.requests), error, is_cut, evidence)


def _hidden(text: str, level: Level) -> bytes:
    data = redact(text.encode("utf-8", "replace"))
    return data if level is CREDENTIALS else level.text(data.decode()).encode()


def _leaves_out(data: bytes, *, is_cut: bool) -> bool:
    """Whether items are missing from a JSON answer that was shortened; strings that were leave names whole."""
    return is_cut and b'"remainingItemCount"' in data


def _render(command: ReadCommand, reader: Reader) -> str:
    try:
        return _RENDERERS[command.verb](command, reader)
    except (KeyError, TypeError, AttributeError, ValueError, IndexError, RecursionError) as error:
        # Objects come from elsewhere: one that is not shaped as the API says is evidence, not a crash.
        path = reader.requests[-1].path if reader.requests else "?"
        raise ServerSaid(502, "BadAnswer", f"{path} answered an unexpected shape: {error!r}") from error


def bound(data: bytes, limit_bytes: int) -> bytes:
    """Keep the start and the end, whole lines if they are short, and say how much is missing between."""
    if len(data) <= limit_bytes:
        return data
    marker = b"\n[... %d bytes left out ...]\n"
    room = max(0, limit_bytes - len(marker) - 10)
    head, tail = data[: room // 2], data[len(data) - room // 2 :]
    if (cut := head.rfind(b"\n")) > len(head) - 400:
        head = head[:cut]
    if 0 <= (cut := tail.find(b"\n")) < 400:
        tail = tail[cut + 1 :]
    # A cut inside a character leaves bytes that are not UTF-8.
    head, tail = (part.decode("utf-8", "ignore").encode() for part in (head, tail))
    return head + marker % (len(data) - len(head) - len(tail)) + tail


LONG_STRING = 240
"""Characters of a string that survive where a JSON answer is too long."""


def shorten_json(data: bytes, limit_bytes: int) -> bytes:
    """A JSON answer over its limit stays JSON: long strings are cut, then items of a list are left out."""
    value = _shorten(json.loads(data))
    text = to_json(value).encode()
    items = value.get("items")
    if not isinstance(items, list):
        return text
    left_out = 0
    while len(text) > limit_bytes and items:
        # Each step leaves out the share of items that the excess amounts to, at least one.
        drop = max(1, int(len(items) * (1 - limit_bytes / len(text))))
        left_out += drop
        del items[len(items) - drop :]
        value["metadata"] = {"remainingItemCount": left_out}
        text = to_json(value).encode()
    return text


def _shorten(value: Any) -> Any:
    if isinstance(value, str) and len(value) > LONG_STRING:
        half = LONG_STRING // 2
        return f"{value[:half]}[... {len(value) - LONG_STRING} characters left out ...]{value[-half:]}"
    if isinstance(value, list):
        return [_shorten(item) for item in value]
    if isinstance(value, dict):
        return {key: _shorten(item) for key, item in value.items()}
    return value
