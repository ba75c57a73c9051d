"""What a chain of entries means: whether its links hold, and who is champion after the last of them. Pure functions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from aoi.errors import ChainBroken
from aoi.records.base import Sha256
from aoi.records.promotion import Champion, LedgerEntry

FIRST: Sha256 = "0" * 64
"""What the first entry gives as the digest of the entry before."""

_REPAIR = "Restore the database from its backup, then `aoi verify`"


@dataclass(slots=True)
class State:
    """Where the loop stands after some entries."""

    champion: Champion | None = None
    history: list[Champion] = field(default_factory=list)
    """Champions in order; a rollback adds the former one again."""
    last_move: LedgerEntry | None = None
    """The promotion or rollback that made the champion."""
    replaced: dict[str, str | None] = field(default_factory=dict)
    """Bundle -> the champion that its last promotion replaced: where a rollback from it leads."""
    last_cycle: int = 0
    open_cycle: int | None = None
    opened_with: str = ""
    """Champion's bundle digest when the open cycle was opened."""


def check_links(rows: Sequence[Mapping[str, Any]], head: Mapping[str, Any] | None) -> list[LedgerEntry]:
    """Read the rows of the ledger, each compared with its digest and its predecessor. Raises: ChainBroken."""
    entries: list[LedgerEntry] = []
    previous = FIRST
    for place, row in enumerate(rows):
        entry = _read(row)
        digest = entry.digest()
        if row["seq"] != place or entry.seq != place:
            raise ChainBroken(f"expected entry {place}, found entry {row['seq']}: one was removed or moved. {_REPAIR}")
        if row["previous"] != previous or entry.previous != previous:
            raise ChainBroken(f"entry {place} does not follow entry {place - 1}. {_REPAIR}")
        if row["hash"] != digest:
            raise ChainBroken(f"entry {place}: expected digest {row['hash'][:12]}, found {digest[:12]}. {_REPAIR}")
        if (row["cycle"], row["kind"]) != (entry.cycle, entry.kind):
            raise ChainBroken(f"entry {place}: its columns differ from its record. {_REPAIR}")
        entries.append(entry)
        previous = digest
    remembered = (head["seq"], head["hash"]) if head else (-1, FIRST)
    if remembered != (len(entries) - 1, previous):
        raise ChainBroken(
            f"the head is entry {remembered[0]} ({remembered[1][:12]}), but the chain ends with entry "
            f"{len(entries) - 1} ({previous[:12]}): it was cut short. {_REPAIR}"
        )
    return entries


def replay(entries: Iterable[LedgerEntry], *, strict: bool = False) -> State:
    """Where the loop stands after these entries. `strict` also checks each entry against the rules before it.

    Raises: ChainBroken, if strict, where an entry could not have been made by the ledger.
    """
    state = State()
    seen: list[LedgerEntry] = []
    for entry in entries:
        if strict:
            _check_rules(entry, state, seen)
            seen.append(entry)
        _apply(entry, state)
    return state


def _apply(entry: LedgerEntry, state: State) -> None:
    facts = entry.facts
    if entry.kind == "cycle_opened":
        state.open_cycle, state.last_cycle, state.opened_with = entry.cycle, entry.cycle, facts.replaces or ""
    elif entry.kind == "cycle_closed":
        state.open_cycle = None
    elif entry.kind in ("promoted", "rolled_back"):
        state.champion = Champion(
            bundle=facts.bundle or "",
            version=facts.version or "",
            tree=facts.tree or FIRST,
            cycle=entry.cycle,
            entry=entry.seq,
            since=entry.at,
        )
        state.history.append(state.champion)
        state.last_move = entry
        if entry.kind == "promoted":
            state.replaced[state.champion.bundle] = facts.replaces


def _check_rules(entry: LedgerEntry, state: State, seen: Sequence[LedgerEntry]) -> None:
    facts, champion = entry.facts, state.champion
    present = champion.bundle if champion else None
    if entry.kind == "cycle_opened":
        _require(
            entry, state.open_cycle is None and entry.cycle == state.last_cycle + 1, "cycles open one after another"
        )
    elif entry.kind == "cycle_closed":
        _require(entry, state.open_cycle == entry.cycle, "only the open cycle closes")
    elif entry.kind == "registered":
        _require(entry, not _any(seen, "registered", cycle=entry.cycle), "a cycle registers one version")
    elif entry.kind == "requested":
        _require(entry, not _any(seen, "requested", evaluation=facts.evaluation), "an evaluation has one request")
        _require(entry, _any(seen, "registered", bundle=facts.bundle), "only a registered bundle is asked for")
    elif entry.kind in ("approved", "rejected"):
        _require(entry, _any(seen, "requested", request=facts.request), "only a request is decided")
    elif entry.kind == "promoted":
        _require(entry, facts.replaces == present, "a promotion replaces the champion of that moment")
        _require(entry, _any(seen, "registered", bundle=facts.bundle), "only a registered bundle is promoted")
        if champion is None:
            return  # the installation needs no approval: there was nothing to compare with
        decided = [
            earlier
            for earlier in seen
            if earlier.kind in ("approved", "rejected") and earlier.facts.request == facts.request
        ]
        stands = bool(decided) and decided[-1].kind == "approved" and decided[-1].facts.approval == facts.approval
        _require(entry, facts.approval is not None and stands, "a promotion has an approval that stands")
        _require(entry, not _any(seen, "promoted", approval=facts.approval), "an approval is used once")
    elif entry.kind == "rolled_back":
        former = {champion.bundle for champion in state.history}
        _require(entry, facts.replaces == present, "a rollback replaces the champion of that moment")
        _require(entry, facts.bundle in former - {present}, "a rollback returns to a former champion")


def _any(seen: Sequence[LedgerEntry], kind: str, *, cycle: int | None = None, **facts: str | None) -> bool:
    return any(
        earlier.kind == kind
        and (cycle is None or earlier.cycle == cycle)
        and all(getattr(earlier.facts, name) == value for name, value in facts.items())
        for earlier in seen
    )


def _require(entry: LedgerEntry, holds: bool, rule: str) -> None:
    if not holds:
        raise ChainBroken(f"entry {entry.seq} ({entry.kind}, cycle {entry.cycle}) breaks a rule: {rule}. {_REPAIR}")


def _read(row: Mapping[str, Any]) -> LedgerEntry:
    text: str = row["record"]
    try:
        entry = LedgerEntry.from_bytes(text.encode())
    except ValidationError:
        raise ChainBroken(f"entry {row['seq']} is not readable. {_REPAIR}") from None
    if entry.to_bytes().decode() != text:
        # The same value written in another way would keep its digest; only canonical text is an entry.
        raise ChainBroken(f"entry {row['seq']} is not in canonical form. {_REPAIR}")
    return entry
