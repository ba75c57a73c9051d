"""The memory of the loop: an append-only chain of entries, of which the champion is the last word.

Each entry covers the digest of the one before. Every append is one transaction that no other writer interleaves with,
so compare-and-swap is a comparison inside it. What may happen once per cycle, evaluation or approval carries a unique
mark: doing it again with the same facts returns the entry that is there, so a killed stage is simply run again.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import ValidationError
from sqlalchemy import Connection, select

from aoi.database import tables
from aoi.database.engine import Database
from aoi.errors import ApprovalRefused, ChainBroken, GateRefused, LedgerConflict, UnknownBundle
from aoi.promotion import approval as approvals
from aoi.promotion.chain import FIRST, State, check_links, replay
from aoi.records.base import Sha256
from aoi.records.promotion import (
    Approval,
    Champion,
    Cycle,
    LedgerEntry,
    LedgerFacts,
    LedgerHead,
    LedgerKind,
    PromotionRequest,
)
from aoi.store.objects import ObjectStore

if TYPE_CHECKING:
    from aoi.promotion.signing import Approvers

ANCHOR = ("ledger", "head")


def utc_now() -> datetime:
    """The wall clock, in UTC."""
    return datetime.now(UTC)


class Ledger:
    """The ledger in a database. With a store, the head is also written there, where the database cannot reach it."""

    def __init__(
        self,
        database: Database,
        store: ObjectStore | None = None,
        *,
        team: bool = False,
        frozen: bool = False,
        approvers: "Approvers | None" = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """`team` refuses self-approval; `frozen` refuses every promotion, though never a rollback. With `approvers` a
        decision counts that one of them signed, and no other."""
        self._database = database
        self._store = store
        self._team = team
        self._frozen = frozen
        self.approvers = approvers
        self._now = now

    # Reading ---------------------------------------------------------------------------------------------------

    def champion(self) -> Champion | None:
        """Who answers now; None before the first installation."""
        return replay(self.entries()).champion

    def entries(self, *, kind: LedgerKind | None = None, cycle: int | None = None) -> list[LedgerEntry]:
        """Entries in order. Raises: ChainBroken if one cannot be read."""
        with self._database.read() as connection:
            loaded = _load(connection)
        return [
            entry
            for entry in loaded
            if (kind is None or entry.kind == kind) and (cycle is None or entry.cycle == cycle)
        ]

    def last_move(self) -> LedgerEntry | None:
        """The promotion or rollback that made the present champion."""
        return replay(self.entries()).last_move

    def former_champions(self) -> list[Champion]:
        """Every champion so far, newest first, the present one included: what a rollback may return to."""
        return list(reversed(replay(self.entries()).history))

    def is_open(self, cycle: int) -> bool:
        """Whether a cycle was opened and not closed."""
        return replay(self.entries()).open_cycle == cycle

    def verify(self) -> int:
        """Check every link, the head, the anchor and every rule. Returns the number of entries. Raises: ChainBroken."""
        with self._database.read() as connection:
            rows = connection.execute(select(tables.ledger).order_by(tables.ledger.c.seq)).mappings().all()
            head = connection.execute(select(tables.ledger_head)).mappings().first()
        entries = check_links([dict(row) for row in rows], dict(head) if head else None)
        anchor = self._store.marked(*ANCHOR, LedgerHead) if self._store else None
        if self._store and anchor is None and len(entries) > 1:
            raise ChainBroken(
                f"the store does not remember the head of these {len(entries)} entries: its mark is lost or damaged, "
                "so that a shortened ledger would not show. Restore marks/ledger of the store from its backup"
            )
        if anchor and (anchor.seq >= len(entries) or entries[anchor.seq].digest() != anchor.hash):
            raise ChainBroken(
                f"the store remembers entry {anchor.seq} as {anchor.hash[:12]}, but the {len(entries)} entries here "
                "hold no such one: it was cut short or rewritten. Restore the database from its backup"
            )
        replay(entries, strict=True)
        return len(entries)

    # Cycles ----------------------------------------------------------------------------------------------------

    def open_cycle(self, actor: str) -> Cycle:
        """The unfinished cycle, or else the next one. Two callers at once get the same. Raises: GateRefused."""
        with self._database.write() as connection:
            state = replay(_load(connection))
            if state.champion is None:
                raise GateRefused("there is no champion yet: a cycle needs one to collect with. Run `aoi retrain`")
            if state.open_cycle is not None:
                return Cycle(number=state.open_cycle, champion=state.opened_with, is_new=False)
            number = state.last_cycle + 1
            facts = LedgerFacts(replaces=state.champion.bundle)
            head = _append(connection, self._entry("cycle_opened", number, actor, facts), once=f"opened:{number}")
            cycle = Cycle(number=number, champion=state.champion.bundle, is_new=True)
        self._anchor(head)
        return cycle

    def close_cycle(self, cycle: int, actor: str, reason: str) -> LedgerEntry:
        """End a cycle, with or without a promotion. Idempotent: the first reason stays."""
        with self._database.write() as connection:
            known = _once(connection, f"closed:{cycle}")
            if known:
                return known
            if replay(_load(connection)).open_cycle != cycle:
                raise LedgerConflict(f"cycle {cycle} is not open. `aoi status` shows the open one")
            entry = self._entry("cycle_closed", cycle, actor, LedgerFacts(reason=reason))
            head = _append(connection, entry, once=f"closed:{cycle}")
        self._anchor(head)
        return head.entry

    # What a cycle brings ---------------------------------------------------------------------------------------

    def install(self, facts: LedgerFacts, actor: str) -> LedgerEntry:
        """Make the first champion, in cycle 0: there is nothing to compare it with. Idempotent.

        Raises: LedgerConflict if another bundle was installed.
        """
        self.register(0, facts, actor)
        with self._database.write() as connection:
            state = replay(_load(connection))
            if state.champion is not None:
                first = next(entry for entry in _load(connection) if entry.kind == "promoted")
                if first.facts.bundle == facts.bundle:
                    return first
                raise LedgerConflict(
                    f"{_short(first.facts.bundle)} is installed, not {_short(facts.bundle)}. Promote through a cycle"
                )
            given = LedgerFacts(bundle=facts.bundle, version=facts.version, tree=facts.tree, reason="first champion")
            head = _append(connection, self._entry("promoted", 0, actor, given), once="installed")
        self._anchor(head)
        return head.entry

    def register(self, cycle: int, facts: LedgerFacts, actor: str) -> LedgerEntry:
        """Remember the one bundle that a cycle trained. `facts` needs bundle, version and tree.

        Raises: LedgerConflict if the cycle registered another bundle.
        """
        if not (facts.bundle and facts.version and facts.tree):
            raise LedgerConflict("a registration names its bundle, its version and its stored folder: one is missing")
        return self._enter_once("registered", cycle, facts, actor, f"registered:{cycle}")

    def evaluated(self, cycle: int, facts: LedgerFacts, actor: str) -> LedgerEntry:
        """Remember an evaluation of `facts.bundle` against `facts.replaces`."""
        return self._enter_once("evaluated", cycle, facts, actor, f"evaluated:{facts.evaluation}")

    def request(self, asked: PromotionRequest, actor: str) -> LedgerEntry:
        """Lay a verdict before people; one request for each evaluation. Only a `promote` can be promoted later.

        Raises: LedgerConflict if the evaluation has another request; UnknownBundle, GateRefused if the challenger is
        not registered, or not as that version.
        """
        registered = self.registered(asked.challenger)
        if registered.version != asked.challenger_version:
            raise GateRefused(
                f"{_short(asked.challenger)} is registered as version {registered.version}, not "
                f"{asked.challenger_version}. Ask again with the registered version"
            )
        facts = LedgerFacts(
            bundle=asked.challenger,
            replaces=asked.champion,
            version=asked.challenger_version,
            tree=registered.tree,
            evaluation=asked.evaluation,
            request=asked.digest(),
            reason=asked.decision.verdict,  # whoever lists what waits for a person need not read each request
        )
        return self._enter_once("requested", asked.cycle, facts, actor, f"requested:{asked.evaluation}")

    def decide(self, asked: PromotionRequest, given: Approval) -> LedgerEntry:
        """Enter a human's decision, whichever it is. Raises: ApprovalRefused if it does not fit the request."""
        self._check_fits(given, asked, self._asked_by(asked))
        if self._store:  # before the entry that names them: `aoi trace` reads both
            self._store.put("request", asked)
            self._store.put("approval", given)
        facts = LedgerFacts(
            bundle=asked.challenger,
            replaces=asked.champion,
            evaluation=asked.evaluation,
            request=asked.digest(),
            approval=given.digest(),
            reason=given.comment,
        )
        kind: LedgerKind = "approved" if given.decision == "approve" else "rejected"
        return self._enter_once(kind, asked.cycle, facts, given.approver, f"{kind}:{given.said}")

    # The champion moves ----------------------------------------------------------------------------------------

    def promote(self, asked: PromotionRequest, given: Approval | None, actor: str) -> LedgerEntry:
        """Swap the champion if it is still the one that was compared against. Idempotent for one approval.

        Raises: GateRefused without the verdict; ApprovalRefused without a fitting, standing, unused approval;
        LedgerConflict if the champion moved meanwhile.
        """
        approval = approvals.required(given, asked)
        with self._database.write() as connection:
            entries = _load(connection)
            done = _once(connection, f"used:{approval.said}")
            if done:
                return done
            self._check_promotion(entries, asked, approval)
            _check_present(replay(entries).champion, asked)
            requested = _find(entries, "requested", request=asked.digest())
            facts = requested.facts.model_copy(update={"approval": approval.digest(), "reason": ""})
            entry = self._entry("promoted", asked.cycle, actor, facts)
            head = _append(connection, entry, once=f"used:{approval.said}")
        self._anchor(head)
        return head.entry

    def roll_back(self, bundle: str | None, actor: str, reason: str, *, expected: str) -> LedgerEntry:
        """Return to a former champion, while `expected` is the champion.

        None for `bundle` means the one that the champion replaced when it was promoted: never one that was rolled
        back from. Raises: LedgerConflict if `expected` is not champion; UnknownBundle if `bundle` never was.
        """
        with self._database.write() as connection:
            state = replay(_load(connection))
            present = state.champion
            last = state.last_move
            is_undone = last is not None and last.kind == "rolled_back" and last.facts.replaces == expected
            if last and is_undone and bundle in (None, last.facts.bundle):
                return last  # by a run that was killed after it
            if present is None or present.bundle != expected:
                standing = _short(present.bundle if present else None)
                raise LedgerConflict(f"the champion is {standing}, not {_short(expected)}. Look with `aoi status`")
            target = _target_of_rollback(state, present, bundle)
            facts = LedgerFacts(
                bundle=target.bundle, version=target.version, tree=target.tree, replaces=present.bundle, reason=reason
            )
            entry = self._entry("rolled_back", target.cycle, actor, facts)
            head = _append(connection, entry, once=f"rolled_back:{present.entry}")
        self._anchor(head)
        return head.entry

    # Inside ----------------------------------------------------------------------------------------------------

    def _check_promotion(self, entries: Iterable[LedgerEntry], asked: PromotionRequest, approval: Approval) -> None:
        entries = list(entries)
        self._check_frozen()
        if asked.decision.verdict != "promote" or asked.decision.evaluation != asked.evaluation:
            raise GateRefused(
                f"the gate's verdict is {asked.decision.verdict!r}, expected 'promote' for evaluation "
                f"{asked.evaluation[:12]}. Read why: `aoi review`"
            )
        asked_by = _find(entries, "requested", request=asked.digest()).actor
        self._check_fits(approval, asked, asked_by)
        decided = [entry for entry in entries if entry.kind in ("approved", "rejected")]
        standing = [entry for entry in decided if entry.facts.request == asked.digest()]
        if not standing or standing[-1].kind != "approved" or standing[-1].facts.approval != approval.digest():
            raise ApprovalRefused(
                f"approval {approval.digest()[:12]} is not the standing decision on {asked.digest()[:12]}: it was "
                "never entered, or was revoked since. Decide again: `aoi review`"
            )

    def check_open(self, asked: PromotionRequest) -> None:
        """Before an approval is entered: nobody approves what could not be promoted.

        Raises: GateRefused, LedgerConflict.
        """
        self._check_frozen()
        _check_present(self.champion(), asked)

    def _check_frozen(self) -> None:
        if self._frozen:
            raise GateRefused("promotions are frozen (AOI_GATE__FREEZE). Rollback still works: `aoi rollback`")

    def _check_fits(self, given: Approval, asked: PromotionRequest, asked_by: str) -> None:
        if self.approvers:
            self.approvers.check(given)
        approvals.check_fits(given, asked, now=self._now(), asked_by=asked_by, team=self._team)

    def registered(self, bundle: str) -> LedgerFacts:
        """What was entered when a bundle was registered. Raises: UnknownBundle."""
        return _find(self.entries(), "registered", bundle=bundle).facts

    def _asked_by(self, asked: PromotionRequest) -> str:
        return _find(self.entries(), "requested", request=asked.digest()).actor

    def _enter_once(self, kind: LedgerKind, cycle: int, facts: LedgerFacts, actor: str, once: str) -> LedgerEntry:
        with self._database.write() as connection:
            known = _once(connection, once)
            if known is None:
                head = _append(connection, self._entry(kind, cycle, actor, facts), once=once)
            elif not _says(known.facts, facts) or known.cycle != cycle:
                subject = once.partition(":")[2][:12]
                raise LedgerConflict(
                    f"{kind} for {subject} is entered already as entry {known.seq}, about "
                    f"{_short(known.facts.bundle)}, not {_short(facts.bundle)}. One is allowed: `aoi status`"
                )
            else:
                return known
        self._anchor(head)
        return head.entry

    def _entry(self, kind: LedgerKind, cycle: int, actor: str, facts: LedgerFacts) -> LedgerEntry:
        """An entry whose place in the chain is filled in by `_append`."""
        at = self._now().isoformat()
        return LedgerEntry(seq=0, cycle=cycle, kind=kind, actor=actor, at=at, facts=facts, previous=FIRST)

    def _anchor(self, head: "_Appended") -> None:
        # After the commit: an anchor may lag behind the chain, but never runs ahead of it.
        if self._store:
            self._store.mark(*ANCHOR, LedgerHead(seq=head.entry.seq, hash=head.hash))


class _Appended:
    """An entry with its digest."""

    def __init__(self, entry: LedgerEntry) -> None:
        self.entry = entry
        self.hash: Sha256 = entry.digest()


def _append(connection: Connection, entry: LedgerEntry, *, once: str) -> _Appended:
    head = connection.execute(select(tables.ledger_head)).mappings().first()
    place = {"seq": head["seq"] + 1, "previous": head["hash"]} if head else {"seq": 0, "previous": FIRST}
    linked = _Appended(entry.model_copy(update=place))
    row = {
        "seq": linked.entry.seq,
        "cycle": entry.cycle,
        "kind": entry.kind,
        "once": once,
        "previous": linked.entry.previous,
        "hash": linked.hash,
        "record": linked.entry.to_bytes().decode(),
    }
    connection.execute(tables.ledger.insert().values(row))
    position = {"seq": linked.entry.seq, "hash": linked.hash}
    if head:
        connection.execute(tables.ledger_head.update().values(position))
    else:
        connection.execute(tables.ledger_head.insert().values(id=1, **position))
    return linked


def _load(connection: Connection) -> list[LedgerEntry]:
    rows = connection.execute(select(tables.ledger.c.seq, tables.ledger.c.record).order_by(tables.ledger.c.seq))
    return [_parse(row.seq, row.record) for row in rows]


def _parse(seq: int, text: str) -> LedgerEntry:
    try:
        return LedgerEntry.from_bytes(text.encode())
    except ValidationError:
        raise ChainBroken(
            f"entry {seq} is not readable. Restore the database from its backup, then `aoi verify`"
        ) from None


def _once(connection: Connection, once: str) -> LedgerEntry | None:
    query = select(tables.ledger.c.seq, tables.ledger.c.record).where(tables.ledger.c.once == once)
    row = connection.execute(query).first()
    return _parse(row.seq, row.record) if row else None


def _says(known: LedgerFacts, facts: LedgerFacts) -> bool:
    """Whether an entry says the same; those of former versions leave out the verdict of a request."""
    return known == facts or (
        bool(facts.request) and not known.reason and known == facts.model_copy(update={"reason": ""})
    )


def _target_of_rollback(state: State, present: Champion, bundle: str | None) -> Champion:
    wanted = bundle or state.replaced.get(present.bundle)
    if wanted is None:
        raise UnknownBundle(f"{_short(present.bundle)} was the first champion: there is none before it")
    for champion in reversed(state.history):
        if champion.bundle == wanted != present.bundle:
            return champion
    former = dict.fromkeys(_short(earlier.bundle) for earlier in state.history if earlier.bundle != present.bundle)
    raise UnknownBundle(f"{_short(wanted)} never was champion. Former champions: {', '.join(former) or 'none'}")


def _find(entries: Iterable[LedgerEntry], kind: LedgerKind, **facts: str) -> LedgerEntry:
    """The last entry of a kind with these facts. Raises: UnknownBundle for a registration, else GateRefused."""
    wanted = list(facts.items())
    for entry in reversed(list(entries)):
        if entry.kind == kind and all(getattr(entry.facts, name) == value for name, value in wanted):
            return entry
    name, value = wanted[0]
    error = UnknownBundle if kind == "registered" else GateRefused
    raise error(f"no entry {kind!r} with {name} {value[:12]}: that step has not happened. Look with `aoi status`")


def _check_present(champion: Champion | None, asked: PromotionRequest) -> None:
    present = champion.bundle if champion else None
    if present != asked.champion:
        raise LedgerConflict(
            f"the champion is {_short(present)}, but the request compares with {_short(asked.champion)}. "
            "Evaluate against the present champion: `aoi retrain`"
        )


def _short(bundle: str | None) -> str:
    return bundle[:12] if bundle else "no bundle"
