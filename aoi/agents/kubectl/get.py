"""`kubectl get`: the server's columns aligned as kubectl aligns them, or whole objects."""

import json
import re
from collections.abc import Iterator
from typing import Any

import orjson
import yaml
from typing_extensions import override

from aoi.access.reading import Readable
from aoi.agents.kubectl.columns import age, cell, table
from aoi.agents.kubectl.command import ReadCommand, Target
from aoi.agents.kubectl.kinds import SINGULAR
from aoi.agents.kubectl.reader import Obj, Reader, ServerSaid

_INDENT = re.compile(r"^ +", re.MULTILINE)


class _Dumper(yaml.SafeDumper):
    """Strings as go-yaml writes them: double quotes where quotes are needed, blocks where there are lines."""

    @override
    def choose_scalar_style(self) -> str:
        style = super().choose_scalar_style()
        return '"' if style == "'" else style

    @override
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _string)


def render_get(command: ReadCommand, reader: Reader) -> str:
    """What `kubectl get` prints. Raises: ServerSaid if nothing at all could be read."""
    if command.output in ("table", "wide"):
        return _tables(command, reader)
    objects, errors = _objects(command, reader)
    if errors and not objects:
        raise errors[0]
    notes = "".join(f"{error}\n" for error in errors)
    if command.output == "name":
        return "".join(f"{qualified(obj)}\n" for obj in objects) + notes
    single = len(objects) == 1 and len(command.targets) == 1 and command.targets[0].name is not None
    value = (
        objects[0]
        if single
        else {"apiVersion": "v1", "items": objects, "kind": "List", "metadata": {"resourceVersion": ""}}
    )
    if command.output == "json":
        return to_json(value) + notes
    return to_yaml(value) + notes


def to_json(value: Any) -> str:
    """JSON with sorted keys, four spaces a level, as kubectl prints it."""
    try:
        # Python's own encoder is slow as soon as it indents. No string holds a line break that is not escaped.
        narrow = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode()
    except TypeError:  # numbers above 64 bits, halves of surrogate pairs
        return json.dumps(value, indent=4, sort_keys=True, ensure_ascii=False) + "\n"
    return _INDENT.sub(r"\g<0>\g<0>", narrow) + "\n"


def to_yaml(value: Any) -> str:
    """YAML with sorted keys, as kubectl prints it (quote style may differ)."""
    return yaml.dump(value, Dumper=_Dumper, default_flow_style=False, width=2**20, allow_unicode=True, sort_keys=True)


def qualified(obj: Obj) -> str:
    """`pod/x`, `deployment.apps/x`: how `-o name` and error messages spell an object."""
    group, _, version = obj.get("apiVersion", "v1").rpartition("/")
    kind = obj.get("kind", "").lower()
    return f"{kind}.{group}/{obj['metadata']['name']}" if group and version else f"{kind}/{obj['metadata']['name']}"


def prefix(readable: Readable) -> str:
    """What stands before the slash where several types are printed together."""
    word = SINGULAR.get(readable.key, readable.resource)
    return f"{word}.{readable.group}" if readable.group else word


def _objects(command: ReadCommand, reader: Reader) -> tuple[list[Obj], list[ServerSaid]]:
    objects: list[Obj] = []
    errors: list[ServerSaid] = []
    for target in command.targets:
        try:
            if target.name:
                objects.append(reader.get(target.readable, target.name))
            else:
                objects += reader.list(target.readable, labels=command.labels, fields=command.fields)
        except ServerSaid as error:
            if not (command.ignore_not_found and error.status == 404):
                errors.append(error)
    if command.sort_by:
        objects.sort(key=lambda obj: _sort_key(obj, command.sort_by))
    return objects, errors


def _tables(command: ReadCommand, reader: Reader) -> str:
    several = len({target.readable.key for target in command.targets}) > 1
    blocks: list[str] = []
    errors: list[ServerSaid] = []
    for group in _grouped(command.targets):
        rows: list[list[str]] = []
        for target in group:
            try:
                header, body = _rows(command, target, reader, prefix(target.readable) + "/" if several else "")
            except ServerSaid as error:
                if not (command.ignore_not_found and error.status == 404):
                    errors.append(error)
                continue
            if not rows and command.headers:
                rows.append(header)
            rows += body
        if len(rows) > int(command.headers):
            blocks.append(table(rows))
    if not blocks and not errors:
        where = f" in {command.namespace} namespace" if command.targets[0].readable.namespaced else ""
        return f"No resources found{where}.\n"
    if errors and not blocks and len(errors) == 1:
        raise errors[0]
    return "\n".join(blocks) + "".join(f"{error}\n" for error in errors)


def _grouped(targets: tuple[Target, ...]) -> Iterator[list[Target]]:
    """Neighbours of one type print under one header."""
    group: list[Target] = []
    for target in targets:
        if group and group[-1].readable.key != target.readable.key:
            yield group
            group = []
        group.append(target)
    yield group


def _rows(command: ReadCommand, target: Target, reader: Reader, before: str) -> tuple[list[str], list[list[str]]]:
    """Header and rows of one target."""
    answer = reader.table(
        target.readable, target.name, labels=command.labels, fields=command.fields, whole=bool(command.sort_by)
    )
    if answer.get("kind") != "Table":
        answer = _plain_table(answer, reader)
    columns = answer.get("columnDefinitions") or []
    shown = [i for i, column in enumerate(columns) if command.output == "wide" or not column.get("priority")]
    header = [str(columns[i]["name"]).upper() for i in shown] + (["LABELS"] if command.show_labels else [])
    entries = answer.get("rows") or []
    if command.sort_by:
        entries = sorted(entries, key=lambda row: _sort_key(row.get("object") or {}, command.sort_by))
    rows = []
    for entry in entries:
        cells = [cell(entry["cells"][i]) for i in shown]
        if before and cells and header[0] == "NAME":
            cells[0] = before + cells[0]
        if command.show_labels:
            labels = ((entry.get("object") or {}).get("metadata") or {}).get("labels") or {}
            cells.append(",".join(f"{k}={v}" for k, v in sorted(labels.items())) or "<none>")
        rows.append(cells)
    return header, rows


def _plain_table(answer: Obj, reader: Reader) -> Obj:
    """Name and age of what a server without a printer for this kind sent."""
    items = answer["items"] if isinstance(answer.get("items"), list) else [answer]
    objects = [reader.level.object(item) for item in items]
    return {
        "columnDefinitions": [{"name": "Name"}, {"name": "Age"}],
        "rows": [
            {
                "cells": [obj["metadata"]["name"], age(obj["metadata"].get("creationTimestamp"), reader.now)],
                "object": obj,
            }
            for obj in objects
        ],
    }


def _sort_key(obj: Obj, path: str) -> tuple[int, float, str]:
    """Absent first, then numbers, then text."""
    value: Any = obj
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if value is None:
        return (0, 0.0, "")
    if isinstance(value, int | float):
        return (1, float(value), "")
    return (2, 0.0, str(value))
