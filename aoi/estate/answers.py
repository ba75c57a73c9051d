"""Which answers are the list or the object that was asked for, and in words why another one is not.

Of the kind and the namespace that was asked, each object shaped as the API shapes all of them: a rule that reads
`spec: 3` as an empty one would accuse somebody of what nobody said.
"""

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson

from aoi.access.reading import READABLES, Readable
from aoi.access.recording import NOT_ASKED
from aoi.access.redaction import redact, redact_text
from aoi.access.transport import Response
from aoi.estate.objects import Obj
from aoi.records.coverage import GapReason

MAX_ITEMS = 5_000
"""Of one page: who was asked for 500 and sends more heeds no limit."""
_one_by_one = threading.Lock()
"""What is parsed is many times as large as its text until most of it is left out: one answer at a time is."""
_TABLES = (
    *(("metadata",), ("spec",), ("status",), ("data",), ("metadata", "labels"), ("metadata", "annotations")),
    *(("spec", "selector"), ("spec", "template"), ("spec", "template", "spec"), ("involvedObject",)),
)
_LISTS = (
    *(("metadata", "ownerReferences"), ("spec", "containers"), ("spec", "initContainers"), ("spec", "volumes")),
    *(("status", "conditions"), ("status", "containerStatuses"), ("status", "initContainerStatuses")),
    *(("spec", "ports"), ("endpoints",), ("subsets",), ("spec", "template", "spec", "initContainers")),
    *(("spec", "template", "spec", "containers"), ("spec", "ephemeralContainers")),
    ("status", "ephemeralContainerStatuses"),
)
"""Where the API has a table or a list of tables, whatever the kind; null is as good as nothing there."""
_TEMPLATE = (("spec", "template", "spec"), ("spec", "template", "spec", "containers"))
_ALWAYS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "Pod": (("spec", "containers"), ("status", "phase")),
    "Service": (("spec", "type"),),
    **dict.fromkeys(("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"), _TEMPLATE),
    "CronJob": (("spec", "jobTemplate", "spec", "template", "spec"),),
}
"""What every object of a kind has: an API server stores none without. Where it is left out nothing can be judged."""
_NAMED = (
    *(("spec", held) for held in ("containers", "initContainers", "ephemeralContainers")),
    *(("spec", "template", "spec", held) for held in ("containers", "initContainers")),
    *(("status", held) for held in ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")),
)
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._:-]{0,251}[A-Za-z0-9])?")
"""What an object, or a container, can be called: it becomes part of a path, and of commands that people copy."""


@dataclass(frozen=True)
class Page:
    """One page of a list."""

    items: tuple[Obj, ...]
    odd: int
    """Entries that are no objects of what was asked for."""
    follow: str | None
    """Token of the next page; empty on the last one; None where there is more and nobody says where."""


def page_of(response: Response, readable: Readable, namespace: str) -> Page | tuple[GapReason, str]:
    """What a list says, or why it is none."""
    with _one_by_one:
        return _page_of(response, readable, namespace)


def _page_of(response: Response, readable: Readable, namespace: str) -> Page | tuple[GapReason, str]:
    page = object_of(response)
    if page is None:
        return reason_of(response), words_of(response)
    if not _is_list_of(page, readable):
        return "unreadable", f"the answer is {_kind(page)}, expected {readable.kind}List of {readable.api_version}"
    listed = page.get("items")
    if not isinstance(listed, list):
        return "unreadable", "the answer is no list"
    # Of a page that can be written out again, so can each object.
    is_shallow_page = is_shallow(page)
    is_all = len(listed) <= MAX_ITEMS
    del listed[MAX_ITEMS:]
    whole = [item for item in listed if is_item(item, readable, namespace) and (is_shallow_page or is_shallow(item))]
    return Page(tuple(whole), len(listed) - len(whole), _follow(page.get("metadata")) if is_all else None)


def _follow(metadata: Any) -> str | None:
    if metadata is None:
        return ""
    if not isinstance(metadata, dict):
        return None
    follow = metadata.get("continue") or ""
    if not isinstance(follow, str) or (not follow and metadata.get("remainingItemCount")):
        return None
    return follow


def _is_list_of(page: Obj, readable: Readable) -> bool:
    kind = page.get("kind")
    if page.get("apiVersion", readable.api_version) != readable.api_version:
        return False
    if "." in readable.group and not readable.group.endswith(".k8s.io"):
        return isinstance(kind, str) and kind.endswith("List")  # a definition may name its list as it likes
    return kind == f"{readable.kind}List"


def _kind(page: Obj) -> str:
    kind = page.get("kind")
    said = f"of kind {kind!r:.60}, version {page.get('apiVersion')!r:.60}" if kind else "of no kind"
    return redact_text(said)


def is_item(value: Any, readable: Readable, namespace: str) -> bool:
    """Whether it is an object of this resource in this namespace, as far as its shape goes."""
    if not isinstance(value, dict) or value.get("kind", readable.kind) != readable.kind:
        return False
    metadata = value.get("metadata")
    if not isinstance(metadata, dict) or not _is_name(metadata.get("name")):
        return False
    place = metadata.get("namespace")
    if readable.namespaced and place not in (namespace, None):
        return False
    if not all(isinstance(found, dict) for found in _at(value, _TABLES)):
        return False
    lists = [*_at(value, _LISTS)]
    if not all(isinstance(found, list) for found in lists):
        return False
    return readable.key not in READABLES or _is_of_kubernetes(value, readable.kind, lists)


def _is_of_kubernetes(value: Obj, kind: str, lists: list[list[Any]]) -> bool:
    """Whether it has what Kubernetes' own kinds have; what somebody else's hold is theirs to say."""
    always = _ALWAYS.get(kind, ())
    nodes = [node for node in _at(value, (("spec", "nodeName"),)) if node != ""]
    return (
        all(isinstance(entry, dict) for entries in lists for entry in entries)
        and sum(1 for found in _at(value, always) if found) == len(always)
        and all(_is_name(entry.get("name")) for entries in _at(value, _NAMED) for entry in entries)
        and all(map(_is_name, nodes))
    )


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(_NAME.fullmatch(value))


def _at(value: Obj, paths: tuple[tuple[str, ...], ...]) -> Iterator[Any]:
    """What stands at these places and is not null."""
    for path in paths:
        found: Any = value
        for step in path:
            found = found.get(step) if isinstance(found, dict) else None
        if found is not None:
            yield found


def object_of(response: Response) -> Obj | None:
    """The JSON object of a 2xx answer; None for everything else."""
    if not 200 <= response.status < 300:
        return None
    try:
        value = orjson.loads(response.body)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def is_shallow(value: Any) -> bool:
    """Whether it can be written out again: it is read to 1,024 levels and written to 254, and Kubernetes needs 30."""
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError:
        return False
    return True


def reason_of(response: Response) -> GapReason:
    """Why an answer is no data."""
    if response.status in (401, 403):
        return "refused"
    if response.status == 429:
        return "throttled"
    if response.status == 507 and response.is_final:
        return "cut"  # the transport's own: more came than is read
    if response.status == NOT_ASKED and response.is_final:
        return "skipped"
    return "timeout" if response.status in (408, 504) else "unreadable"


def words_of(response: Response) -> str:
    """The server's own words for an error, on one line."""
    status = None
    with suppress(orjson.JSONDecodeError):
        status = orjson.loads(response.body)
    said = str(status.get("message") or "") if isinstance(status, dict) else ""
    if response.is_final and not said:
        said = response.body.decode("utf-8", "replace")  # our own words for what is no answer of a cluster
    if not said and not 200 <= response.status < 300:
        said = f"HTTP {response.status}"
    return redact(" ".join((said or "the answer is no list").split())[:300].encode()).decode()
