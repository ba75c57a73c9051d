"""Changes of a live cluster: proposed from an answer, decided by a person, carried out, read back and taken back.

What every face calls. A proposal is a row of the database; what was done stands in the namespace's journal of this
home. Nothing is sent but dry runs until somebody has approved exactly what was shown, and a proposal is used once.
"""

import secrets
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from aoi.access.redaction import is_sensitive_key, redact_text
from aoi.agents.actions.change import Refused
from aoi.agents.actions.proposal import Proposal, seal
from aoi.agents.approval import GivenApproval
from aoi.agents.executor import ActionResult
from aoi.database.actions import ActionBook
from aoi.errors import ActionRefused, ApprovalRefused, ClusterRefused, ClusterUnavailable
from aoi.records.action import ProposedAction
from aoi.records.base import Sha256
from aoi.records.decision import ExecDo
from aoi.visible import visible
from tasks.clusters import cluster_named, place_of
from tasks.executing import Hands, Site, hands, home_key, opened
from tasks.interrupted import (
    CARRIED_OUT,
    ended,
    ended_elsewhere,
    enter_end,
    sealed_with,
    settle_interrupted,
    standing_of,
)
from tasks.workspace import actor, workspace

UNDO = "undo"
_ID_BYTES = 6


def propose(
    cluster: str, namespace: str, wanted: Sequence[ExecDo], *, answer: str | None = None, why: str = ""
) -> ProposedAction:
    """The first of these actions that can be carried out now, with what it would change. Sends reads and dry runs.

    Raises: ActionRefused with the reason of each where none can; UnknownCluster, and as `tasks.executing.opened`.
    """
    for do in wanted:
        _refuse_credential(do)
    now = datetime.now(UTC)
    reasons: list[str] = []
    with _opened(cluster, namespace) as site, hands(site, now) as own:
        settle_interrupted(_book(), own, site.place)
        for do in wanted:
            try:
                shown = own.executor.propose(do.action, do.target, do.value)
            except Refused as refused:
                reasons.append(f"{do.action}: {refused}")
                continue
            return _entered(site, do, shown, now, answer=answer, why=why)
    raise ActionRefused(f"nothing is proposed for {wanted[0].target}: {redact_text('; '.join(reasons))}")


def known(most: int) -> list[ProposedAction]:
    """At most so many, the newest first."""
    book = _book()
    book.expire(datetime.now(UTC))
    return book.newest(most)


def action_named(identity: str) -> ProposedAction:
    """Raises: UnknownAction."""
    book = _book()
    book.expire(datetime.now(UTC))
    return book.get(identity)


def approve(identity: str, agree: Callable[[ProposedAction], None]) -> ProposedAction:
    """Carry a proposal out, if it still is what was shown and `agree`, which shows it, does not raise.

    Nobody waits for whoever thinks: the Executor's place is free while `agree` runs, and what was shown is rendered
    anew after it. Raises: ApprovalRefused for one that is not open, has moved, or is not agreed to; UnknownAction, and
    as `tasks.executing.opened`.
    """
    action = action_named(identity)
    _check_open(action)
    with _opened_for(action) as site:
        with hands(site, action.proposed_at) as own:
            settle_interrupted(_book(), own, site.place)
            _check_unmoved(action, own)
        agree(action)
        return _carried_out(action, site)


def reject(identity: str) -> ProposedAction:
    """Nobody can approve it any more. Raises: ApprovalRefused for one that is not open; UnknownAction."""
    action = action_named(identity)
    _check_open(action)
    now = datetime.now(UTC)
    update = {"state": "rejected", "decided_at": now, "decided_by": actor(), "ended_at": now}
    return _book().move(action.model_copy(update=update), "proposed")


def propose_undo(identity: str) -> ProposedAction:
    """What taking an action back would change, as a proposal of its own.

    Where all reads as before already it is the action itself, undone. Raises: ApprovalRefused for one of which nothing
    stands; ActionRefused where somebody changed it since; UnknownAction, and as `tasks.executing.opened`.
    """
    done = action_named(identity)
    now = datetime.now(UTC)
    if done.action == UNDO:
        raise ApprovalRefused(
            f"action {done.id} took {done.undoes} back. To have it again, propose it anew: aoi actions propose"
        )
    if done.state not in CARRIED_OUT:
        raise ApprovalRefused(f"action {done.id} is {done.state}: only what was carried out is undone")
    with _opened_for(done) as site, hands(site, now) as own:
        settle_interrupted(_book(), own, site.place)
        entries = standing_of(own, done)
        if not entries:
            raise ApprovalRefused(f"nothing of action {done.id} stands that can be undone: {done.result}")
        shown = own.executor.propose_undo(*entries)
        if not shown:
            own.executor.undo(*entries)
            update = {"state": "undone", "result": f"{done.result}; all reads as before"}
            return _book().move(done.model_copy(update=update), done.state)
        do = ExecDo(UNDO, done.component)
        return _entered(site, do, shown, now, undoes=done.id, why=f"undo {'; '.join(done.summaries)}")


def resolve(identity: str) -> ProposedAction:
    """What became of an action whose process ended, found out by reading. Changes nothing in the cluster.

    One whose journal is in another home is closed with what nobody here can know as unknown. Raises: UnknownAction,
    StageBusy while it is carried out, and as `tasks.executing.opened`.
    """
    action = action_named(identity)
    if action.state == "approved":
        with _opened_for(action) as site, hands(site, action.proposed_at) as own:
            if action.sealed_with != sealed_with(home_key()):
                return _book().move(ended_elsewhere(action, actor()), "approved")
            settle_interrupted(_book(), own, site.place)
    return _book().get(identity)


def _carried_out(action: ProposedAction, site: Site) -> ProposedAction:
    """Approve it, if it still is what was shown, and send it: both where nobody else works meanwhile."""
    book, key, now, who = _book(), home_key(), datetime.now(UTC), actor()
    approval = GivenApproval(lambda digest: seal(digest, key) in action.parts, name=who, issued_at=now)
    with hands(site, action.proposed_at, approval) as own:
        _check_open(action_named(action.id))
        _check_unmoved(action, own)
        approved = book.move(
            action.model_copy(update={"state": "approved", "decided_at": now, "decided_by": who}), "proposed"
        )
        try:
            result = _sent(own, approved)
        except ClusterUnavailable as error:
            result = ActionResult("failed", f"nothing was sent: {error}", "resource")
        return enter_end(book, own, ended(approved, result))


def _sent(own: Hands, action: ProposedAction) -> ActionResult:
    if action.undoes:
        return own.executor.undo(*standing_of(own, _book().get(action.undoes)))
    return own.executor.perform(action.action, action.component, action.value)


def _rendered(own: Hands, action: ProposedAction) -> tuple[Proposal, ...]:
    """What it would send and change now. Raises: Refused, ClusterUnavailable."""
    if action.undoes:
        return own.executor.propose_undo(*standing_of(own, _book().get(action.undoes)))
    return own.executor.propose(action.action, action.component, action.value)


def _check_unmoved(action: ProposedAction, own: Hands) -> None:
    """Raises: ApprovalRefused, for good, if it would send something else than what was shown, or shows something else
    than what it would send; for now, if it cannot be rendered."""
    key = home_key()
    try:
        shown = _rendered(own, action)
    except Refused as refused:
        raise ApprovalRefused(f"action {action.id} cannot be carried out now: {refused}. {_again(action)}") from refused
    if (_digest(action.place, shown, key), _text(shown, key)) != (action.request_digest, action.text):
        why = "what it would change has changed since it was proposed"
        update = {"state": "expired", "ended_at": datetime.now(UTC), "result": why}
        _book().move(action.model_copy(update=update), "proposed")
        raise ApprovalRefused(f"action {action.id} is stale: {why}. {_again(action)}")


def _check_open(action: ProposedAction) -> None:
    """Raises: ApprovalRefused."""
    if action.state != "proposed":
        why = f": {action.result}" if action.result else ""
        raise ApprovalRefused(f"action {action.id} is {action.state}{why}. {_again(action)}")
    if action.sealed_with != sealed_with(home_key()):
        raise ApprovalRefused(
            f"action {action.id} was proposed by {action.proposed_by} in another home, where its journal is. Approve "
            f"it there, or here: {_again(action)}"
        )


def _again(action: ProposedAction) -> str:
    """The command that proposes it anew."""
    if action.undoes:
        return f"Propose it again: aoi actions undo {action.undoes}"
    words = ["--cluster", action.cluster, "-n", action.namespace, action.action, action.component]
    return f"Propose it again: aoi actions propose {shlex.join([*words, action.value] if action.value else words)}"


def _entered(
    site: Site,
    do: ExecDo,
    shown: Sequence[Proposal],
    now: datetime,
    *,
    answer: str | None = None,
    why: str = "",
    undoes: str | None = None,
) -> ProposedAction:
    """A proposal of what was shown, for as long as the settings say."""
    key = home_key()
    action = ProposedAction(
        id=secrets.token_hex(_ID_BYTES),
        cluster=site.cluster,
        namespace=site.namespace,
        place=site.place,
        action=do.action,
        component=do.target,
        value=do.value,
        undoes=undoes,
        answer=answer,
        why=visible(redact_text(why)),
        summaries=tuple(visible(redact_text(one.change.summary)) for one in shown),
        text=_text(shown, key),
        request_digest=_digest(site.place, shown, key),
        parts=tuple(seal(one.digest, key) for one in shown),
        sealed_with=sealed_with(key),
        proposed_at=now,
        proposed_by=actor(),
        expires_at=now + timedelta(minutes=workspace().settings.executor.proposal_minutes),
    )
    _book().enter(action)
    return action


def _text(shown: Sequence[Proposal], key: bytes) -> str:
    return "\n\n".join(one.text(key) for one in shown)


def _digest(place: str, shown: Sequence[Proposal], key: bytes) -> Sha256:
    return seal(" ".join((place, *(one.digest for one in shown))), key)


def _refuse_credential(do: ExecDo) -> None:
    """Raises: ActionRefused for a value that no record should keep."""
    name, _, value = (do.value or "").partition("=")
    if value and (is_sensitive_key(name) or redact_text(value) != value or redact_text(do.value or "") != do.value):
        raise ActionRefused(
            f"the value of {visible(name)} looks like a credential, and what is proposed is kept. Leave it out: "
            f"{do.action} {do.target} {visible(name)} restores what was recorded"
        )


@contextmanager
def _opened(cluster: str, namespace: str) -> Iterator[Site]:
    registered = cluster_named(cluster)
    with opened(registered, namespace, place_of(registered, workspace().settings.cluster)) as site:
        yield site


@contextmanager
def _opened_for(action: ProposedAction) -> Iterator[Site]:
    """The namespace that an action is about. Raises: ClusterRefused if another one has its name now."""
    with _opened(action.cluster, action.namespace) as site:
        if site.place != action.place:
            raise ClusterRefused(
                f"action {action.id} is about another namespace {action.namespace} (uid {action.place}, found "
                f"{site.place}): it was made anew, or cluster {action.cluster} is another one now. {_again(action)}"
            )
        yield site


def _book() -> ActionBook:
    return ActionBook(workspace().database)
