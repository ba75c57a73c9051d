from datetime import timedelta

import pytest

from aoi.errors import ApprovalRefused, GateRefused, LedgerConflict
from aoi.promotion import approval
from tests.promotion.requests import START, Clock, approve, asked, bundle, decision, facts, installed, open_ledger


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def ledger(tmp_path, clock):
    return installed(tmp_path, clock)


def refused(ledger, request, given) -> None:
    with pytest.raises(ApprovalRefused):
        ledger.promote(request, given, "bob")
    assert ledger.champion().bundle == bundle(0)


def test_a_fitting_approval_promotes_once_and_running_again_changes_nothing(ledger):
    request = asked(ledger, 1)
    given = approve(ledger, request)
    first = ledger.promote(request, given, "bob")
    assert ledger.promote(request, given, "bob") == first
    assert ledger.champion().bundle == bundle(1)


def test_none_is_never_an_approval(ledger):
    refused(ledger, asked(ledger, 1), None)


@pytest.mark.parametrize("given", [True, "approve", {"decision": "approve"}, 1])
def test_nothing_but_an_approval_is_one(ledger, given):
    refused(ledger, asked(ledger, 1), given)


def test_a_rejection_is_no_approval(ledger):
    request = asked(ledger, 1)
    given = approval.decided(request, "reject", "bob", now=START, hours=72, comment="not yet")
    ledger.decide(request, given)
    with pytest.raises(ApprovalRefused, match="not yet"):
        ledger.promote(request, given, "bob")


def test_an_approval_that_was_never_entered_is_refused(ledger):
    request = asked(ledger, 1)
    refused(ledger, request, approval.decided(request, "approve", "bob", now=START, hours=72))


def test_an_expired_approval_is_refused(ledger, clock):
    request = asked(ledger, 1)
    given = approve(ledger, request)
    clock.now += timedelta(hours=72, seconds=1)
    with pytest.raises(ApprovalRefused, match="expired"):
        ledger.promote(request, given, "bob")


def test_no_approval_counts_for_more_than_a_week_whatever_is_written_on_it(ledger):
    request = asked(ledger, 1)
    week = approval.decided(request, "approve", "bob", now=START, hours=168)
    approval.check_fits(week, request, now=START, asked_by="ann", team=False)
    with pytest.raises(ApprovalRefused, match="168 hours"):
        ledger.decide(request, week.model_copy(update={"expires_at": (START + timedelta(hours=168.1)).isoformat()}))


def test_an_expired_decision_is_not_even_entered(ledger, clock):
    request = asked(ledger, 1)
    given = approval.decided(request, "approve", "bob", now=START, hours=1)
    clock.now += timedelta(hours=2)
    with pytest.raises(ApprovalRefused, match="expired"):
        ledger.decide(request, given)


def test_an_approval_from_the_future_is_refused(ledger):
    request = asked(ledger, 1)
    given = approval.decided(request, "approve", "bob", now=START + timedelta(days=1), hours=72)
    with pytest.raises(ApprovalRefused, match="future"):
        ledger.decide(request, given)


@pytest.mark.parametrize("field", ["signed_at", "expires_at"])
@pytest.mark.parametrize("text", ["", "tomorrow", "2027-01-01T00:00:00", "99999"])
def test_an_approval_without_a_readable_time_is_refused(ledger, field, text):
    request = asked(ledger, 1)
    given = approval.decided(request, "approve", "bob", now=START, hours=72).model_copy(update={field: text})
    with pytest.raises(ApprovalRefused):
        ledger.decide(request, given)


@pytest.mark.parametrize("field", ["request", "evaluation"])
def test_an_approval_of_another_digest_is_refused(ledger, field):
    request = asked(ledger, 1)
    given = approval.decided(request, "approve", "bob", now=START, hours=72).model_copy(update={field: "f" * 64})
    with pytest.raises(ApprovalRefused):
        ledger.decide(request, given)
    refused(ledger, request, given)


def test_an_approval_is_void_once_the_request_changes(ledger):
    request = asked(ledger, 1)
    given = approve(ledger, request)
    with pytest.raises((ApprovalRefused, GateRefused)):
        ledger.promote(request.model_copy(update={"challenger": bundle(9)}), given, "bob")
    assert ledger.champion().bundle == bundle(0)


def test_a_verdict_about_another_evaluation_is_refused(ledger):
    request = asked(ledger, 1)
    stale = request.model_copy(update={"decision": decision("e" * 64)})
    with pytest.raises((ApprovalRefused, GateRefused)):
        ledger.promote(stale, approve(ledger, request), "bob")


def test_a_revoked_approval_is_refused(ledger):
    request = asked(ledger, 1)
    given = approve(ledger, request)
    ledger.decide(request, approval.decided(request, "reject", "ann", now=START, hours=72))
    with pytest.raises(ApprovalRefused, match="revoked"):
        ledger.promote(request, given, "bob")


def test_a_used_approval_does_not_bring_a_rolled_back_challenger_back(ledger):
    request = asked(ledger, 1)
    given = approve(ledger, request)
    ledger.promote(request, given, "bob")
    ledger.roll_back(None, "ann", "bad", expected=bundle(1))
    ledger.promote(request, given, "bob")
    assert ledger.champion().bundle == bundle(0)
    assert [entry.kind for entry in ledger.entries()].count("promoted") == 2


@pytest.mark.parametrize("approver", ["nightly", " Nightly ", "nightly@laptop", "auto", "AUTO"])
def test_nobody_approves_their_own_request_in_team_mode(tmp_path, approver):
    ledger = installed(tmp_path, team=True)
    request = asked(ledger, 1, actor="nightly@server")
    given = approval.decided(request, "approve", approver, now=START, hours=72)
    with pytest.raises(ApprovalRefused, match="someone else"):
        ledger.decide(request, given)


def test_alone_one_may_approve_and_pass_auto_openly(ledger):
    request = asked(ledger, 1)
    ledger.promote(request, approve(ledger, request, "auto"), "auto")
    assert ledger.champion().bundle == bundle(1)


@pytest.mark.parametrize("approver", ["", " ", "\t", "@host"])
def test_an_approval_names_its_approver(ledger, approver):
    request = asked(ledger, 1)
    with pytest.raises(ApprovalRefused, match="names its approver"):
        ledger.decide(request, approval.decided(request, "approve", approver, now=START, hours=72))


def test_a_freeze_stops_promotion_and_not_rollback(tmp_path):
    request = asked(installed(tmp_path), 1)
    frozen = installed(tmp_path, frozen=True)
    given = approve(frozen, request)
    with pytest.raises(GateRefused, match="frozen"):
        frozen.promote(request, given, "bob")


@pytest.mark.parametrize("verdict", ["reject", "inconclusive"])
def test_without_the_verdict_no_approval_promotes(ledger, verdict):
    request = asked(ledger, 1, verdict=verdict)
    given = approve(ledger, request)
    with pytest.raises(GateRefused, match=verdict):
        ledger.promote(request, given, "bob")
    assert ledger.champion().bundle == bundle(0)


def test_an_unregistered_challenger_or_version_is_not_asked_for(ledger):
    request = asked(ledger, 1)
    with pytest.raises(GateRefused, match="version v1"):
        ledger.request(request.model_copy(update={"challenger_version": "v9"}), "nightly")


def test_of_two_requests_the_one_that_was_approved_is_promoted_whoever_asked_for_the_other(tmp_path):
    ledger = installed(tmp_path, team=True)
    first = asked(ledger, 1, actor="ann")
    ledger.close_cycle(first.cycle, "ann", "waits")
    asked(ledger, 2, actor="cy")
    entry = ledger.promote(first, approve(ledger, first, "cy"), "bob")
    assert (entry.facts.bundle, entry.facts.version, entry.facts.evaluation) == (bundle(1), "v1", first.evaluation)
    assert ledger.champion().bundle == bundle(1)


def test_only_the_last_approval_of_a_request_stands(ledger):
    request = asked(ledger, 1)
    former, last = approve(ledger, request, "bob"), approve(ledger, request, "cy")
    refused(ledger, request, former)
    ledger.promote(request, last, "bob")
    assert ledger.champion().bundle == bundle(1)


def test_where_nobody_is_champion_nothing_is_promoted(ledger, tmp_path):
    request = asked(ledger, 1)
    empty = open_ledger(tmp_path / "empty")
    empty.register(request.cycle, facts(1), "nightly")
    empty.request(request, "nightly")
    with pytest.raises(LedgerConflict, match="the champion is no bundle, but the request compares with"):
        empty.promote(request, approve(empty, request), "bob")
