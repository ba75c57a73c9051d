"""What a diagnosis looked at and what it missed, in a few lines for the terminal of an operator."""

from collections.abc import Iterator

from aoi.access.reading import READABLES
from aoi.records.coverage import Coverage, Gap, Look

KINDS = 6
"""Kinds whose objects are counted by name; the others are in the record."""
GAPS = 20
"""Lines of what was missed; the others are in the record."""
NAMES = 10
"""Names in one of these lines."""
_FIRST = (
    "pods",
    "services",
    "deployments.apps",
    "statefulsets.apps",
    "daemonsets.apps",
    "jobs.batch",
    "cronjobs.batch",
)


def looked(coverage: Coverage) -> str:
    """Where, and how much of it, on one line."""
    lists = [look for look in coverage.looked if not _is_log(look.what)]
    logs = len(coverage.looked) - len(lists)
    read = [*_counts(lists), f"{len(lists)} list{_s(len(lists))} and {logs} log{_s(logs)} read"]
    again = f"; {coverage.retried} reads asked again" if coverage.retried else ""
    return f"{place(coverage)}: {', '.join(read)}{again}"


def place(coverage: Coverage) -> str:
    """Namespaces, cluster and context."""
    named = coverage.namespaces
    shown = ", ".join(named[:5]) + (f" and {len(named) - 5} more" if len(named) > 5 else "")
    server = f" of {coverage.cluster}" if coverage.cluster else ""
    context = f" (context {coverage.context})" if coverage.context else ""
    return f"namespace{_s(len(named))} {shown}{server}{context}"


def missing(coverage: Coverage) -> tuple[str, ...]:
    """A line for each gap; what was refused in one namespace, and what lacks for the same reason, is one line."""
    lines = tuple(dict.fromkeys(_lines(coverage)))
    more = len(lines) - GAPS
    return lines if more <= 0 else (*lines[:GAPS], f"and {more} more (--json, or the kept record, has all)")


def _lines(coverage: Coverage) -> Iterator[str]:
    # A namespace of which nothing was read is one line, in the words about its pods.
    entered = {look.namespace for look in coverage.looked}
    closed = {gap.namespace for gap in coverage.gaps if gap.what == "pods" and gap.namespace not in entered}
    is_several = len(coverage.namespaces) > 1
    alike: dict[tuple[str, str, str], list[Gap]] = {}
    for gap in coverage.gaps:
        if gap.namespace in closed and gap.what != "pods":
            continue
        kind = "logs" if _is_log(gap.what) else "lists"
        # The words of a refusal differ in nothing but the name of what was refused.
        cause = gap.namespace if gap.reason == "refused" else gap.detail
        alike.setdefault((kind, gap.reason, cause), []).append(gap)
    for (_, reason, _), gaps in alike.items():
        names = list(dict.fromkeys(_named(gap, closed, is_several=is_several) for gap in gaps))
        shown = ", ".join(names[:NAMES]) + (f" and {len(names) - NAMES} more" if len(names) > NAMES else "")
        yield f"{shown}: {reason}: {gaps[0].detail}"


def _named(gap: Gap, closed: set[str], *, is_several: bool) -> str:
    if gap.what == "pods" and gap.namespace in closed:
        return f"all of namespace {gap.namespace}"
    return f"{gap.what} in {gap.namespace}" if is_several and gap.namespace else gap.what


def _counts(lists: list[Look]) -> list[str]:
    held: dict[str, int] = {}
    for look in lists:
        held[look.what] = held.get(look.what, 0) + look.items
    order = [*_FIRST, *(what for what in held if what not in _FIRST)]
    shown = [what for what in order if held.get(what)][:KINDS]
    return [_counted(held[what], what) for what in shown]


def _counted(number: int, what: str) -> str:
    word = READABLES[what].kind.lower() if number == 1 and what in READABLES else what.partition(".")[0]
    return f"{number} {word}"


def _is_log(what: str) -> bool:
    return what == "logs" or what.startswith("logs ")


def _s(number: int) -> str:
    return "" if number == 1 else "s"
