"""docs/cluster.md lists what is served and what is not, as the code is."""

import re
from pathlib import Path

import pytest

from kubeworld.api.server import api_of
from kubeworld.bootstrap import empty_world
from kubeworld.kinds.catalogue import KINDS
from kubeworld.machine.identity import ADMIN
from kubeworld.machine.response import Response

PAGE = (Path(__file__).parents[2] / "docs" / "cluster.md").read_text()


def kinds_table() -> str:
    """As the page shows it: API group, then kinds with their subresources."""
    groups: dict[str, list[str]] = {}
    for kind in KINDS:
        subresources = f" ({', '.join(sorted(kind.subresources))})" if kind.subresources else ""
        groups.setdefault(f"{kind.group}/{kind.version}".lstrip("/"), []).append(kind.kind + subresources)
    rows = [f"| `{group}` | {', '.join(kinds)} |" for group, kinds in groups.items()]
    return "\n".join(["| API | kinds (subresources) |", "|---|---|", *rows]) + "\n"


def test_the_page_lists_every_kind_that_is_served_and_no_other():
    assert kinds_table() in PAGE


@pytest.mark.parametrize(("method", "path"), re.findall(r"^- `(GET|POST|PATCH|DELETE) (/\S+)`", PAGE, re.M))
def test_what_the_page_calls_unserved_is_refused(method, path):
    result = api_of(empty_world(1, seed=1)).handle(method, path, (), {}, b"{}" if method != "GET" else b"", ADMIN)
    assert isinstance(result, Response)
    assert result.status in (404, 405)
