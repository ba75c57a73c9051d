"""Which other namespaces an identity is asked about: rights in one that nobody looks at are rights as well."""

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from aoi.access.live.grants import Access, Grants
from aoi.access.patience import Patience
from aoi.access.reading import MAX_LIST, READABLES
from aoi.access.transport import ReadRequest, Response
from aoi.errors import ClusterUnavailable, CommandRefused

Read = Callable[[ReadRequest], Response]
"""Sends one GET."""

MAX_NAMESPACES = 100
"""That are asked about besides those that are looked at: one request each."""
MAX_PAGES = 4
"""Of the list: 2,000 namespaces."""
USUAL = ("default", "kube-system")
"""That every cluster has, and where rights are often left behind."""
_LISTING = Access("list", "namespaces", namespaced=False)
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Others:
    """Namespaces to ask about, and what is left out."""

    names: tuple[str, ...]
    untold: tuple[str, ...] = ()


def other_namespaces(read: Read, looked_at: Collection[str], grants: Iterable[Grants], patience: Patience) -> Others:
    """All that can be listed, up to a limit; where none can, those that every cluster has."""
    may_list = any(told.give(_LISTING) or not told.is_complete for told in grants)
    listed, why = _listed(read, patience) if may_list else ([], "it may not")
    unlooked = [name for name in listed if name not in looked_at]
    if not listed:
        names = tuple(name for name in USUAL if name not in looked_at)
        asked = ", ".join((*looked_at, *names)[:MAX_NAMESPACES])
        return Others(names, (f"the identity lists no namespaces ({why}): its rights were asked for in {asked} alone",))
    ordered = sorted(unlooked, key=lambda name: (name not in USUAL, name))
    left = len(ordered) - MAX_NAMESPACES
    untold = (
        (f"the rights of the identity in {left} of {len(listed)} namespaces were not asked for",) if left > 0 else ()
    )
    return Others(tuple(ordered[:MAX_NAMESPACES]), (*untold, *((why,) if why else ())))


def _listed(read: Read, patience: Patience) -> tuple[list[str], str]:
    """Names of namespaces, and why these are not all."""
    path = READABLES["namespaces"].path("")
    names: list[str] = []
    follow = ""
    for _ in range(MAX_PAGES):
        query = (("limit", str(MAX_LIST)), *((("continue", follow),) if follow else ()))
        try:
            request = ReadRequest(path, query)
            response = patience.ask(path, lambda _, request=request: read(request))  # type: ignore[misc]
        except (ClusterUnavailable, CommandRefused) as error:
            return names, str(error)
        page = _page(response)
        if page is None:
            return names, f"HTTP {response.status}"
        found, follow = page
        names += found
        if not follow:
            return names, ""
    return names, f"there are more than the {len(names)} namespaces that were listed"


def _page(response: Response) -> tuple[list[str], str] | None:
    """Names on one page and what the next one is asked with; None if it is no such list."""
    if response.status != 200:
        return None
    try:
        body: Any = orjson.loads(response.body)
        names = [item["metadata"]["name"] for item in body["items"]]
        follow = body.get("metadata", {}).get("continue") or ""
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return None
    return [name for name in names if isinstance(name, str) and _NAME.fullmatch(name)], str(follow)
