"""How a text gets into an answer: into the lines of a log, into objects, tables, errors and spans. Pure functions.

The result is what a server could have sent: JSON of the same shape, or lines cut as `tailLines` and `limitBytes` ask.
"""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from aoi.problems.injections.catalogue import Placement

Obj = dict[str, Any]


def among_lines(lines: list[str], planted: list[str], times: int, placement: Placement) -> list[str]:
    """The lines of a log with `times` copies of some others before, behind, between or instead of them."""
    if placement == "replaced":
        return planted * times
    if placement == "prepended":
        return [*planted * times, *lines]
    if placement == "appended":
        return [*lines, *planted * times]
    mixed: list[str] = []
    done = 0
    for number, line in enumerate(lines, start=1):
        mixed.append(line)
        due = number * times // max(1, len(lines))
        mixed += planted * (due - done)
        done = due
    return mixed if lines else planted * times


def cut(lines: list[str], tail: int | None, limit_bytes: int | None) -> bytes:
    """As a server cuts: the last `tail` lines, and of these the first `limit_bytes` bytes."""
    kept = lines if tail is None else lines[max(0, len(lines) - tail) :]
    body = "".join(f"{line}\n" for line in kept).encode("utf-8", "surrogatepass")
    return body if limit_bytes is None else body[:limit_bytes]


def in_message(message: str, text: str, placement: Placement) -> str:
    """A message with the text before, behind or instead of it."""
    parts = {"prepended": (text, message), "replaced": (text,)}.get(placement, (message, text))
    return "\n".join(part for part in parts if part)


def with_entry(held: Any, key: str, text: str, placement: Placement) -> dict[str, Any]:
    """A map of strings with one entry more; an entry that is there already stays."""
    present = held if isinstance(held, dict) else {}
    return {key: text, **present} if placement == "prepended" else {**present, key: present.get(key, text)}


def each(body: Obj, change: Callable[[Obj], Obj]) -> Obj:
    """An answer with `change` applied to the object that it is, or to each that it lists or shows in a table."""
    if isinstance(body.get("rows"), list):
        rows = [{**row, "object": change(row["object"])} if row.get("object") else row for row in body["rows"]]
        return {**body, "rows": rows}
    if isinstance(body.get("items"), list):
        return {**body, "items": [change(item) for item in body["items"]]}
    return change(body)


def with_item(body: Obj, item: Obj, cells: Mapping[str, Any], placement: Placement) -> Obj:
    """A list, or a table of one, with one object more; unchanged if further pages follow or it is neither."""
    if (body.get("metadata") or {}).get("continue"):
        return body
    if isinstance(body.get("rows"), list):
        columns = [str(column.get("name")) for column in body.get("columnDefinitions") or []]
        shown = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": item["metadata"]}
        row = {"cells": [cells.get(column, "") for column in columns], "object": shown}
        return {**body, "rows": _put(body["rows"], row, placement)}
    if isinstance(body.get("items"), list):
        return {**body, "items": _put(body["items"], item, placement)}
    return body


def _put(items: list[Any], item: Any, placement: Placement) -> list[Any]:
    return [item, *items] if placement == "prepended" else [*items, item]


def status(code: int, message: str) -> bytes:
    """An error as an API server, or an aggregated one, words it."""
    return orjson.dumps(
        {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": "ServiceUnavailable",
            "code": code,
        }
    )


def selects(selector: str, fields: Mapping[str, str]) -> bool:
    """Whether a field selector of equalities selects what has these fields; one that it does not know selects none."""
    for term in filter(None, selector.split(",")):
        is_unequal = "!=" in term
        key, _, value = term.replace("!=", "=").replace("==", "=").partition("=")
        if key not in fields or (fields[key] == value) == is_unequal:
            return False
    return True
