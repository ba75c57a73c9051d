"""Ranking: cause before symptom, suspicions only with support, several roots, and an end to every chain."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aoi.estate.components import Identity
from aoi.estate.finding import Finding, Tier
from aoi.estate.ranking import Ranked, rank
from tests.estate.estates import container, deployed, estate_of, running, service

ROW = ("a", "b", "c", "d", "e", "f")


def _id(label: str) -> Identity:
    return Identity("Deployment", "shop", label)


def _estate(calls=()):
    """A row of components, each with a Service of its name; (caller, callee) as configured."""
    parts, held = [], []
    for label in ROW:
        env = [{"name": f"{callee}_HOST", "value": callee} for caller, callee in calls if caller == label]
        parts.append(deployed(label, running(), containers=[container(env=env)]))
        held.append(service(label, {"app": label}))
    return estate_of(*parts, {"services": held})


def _finding(label, word="readiness", tier=Tier.SYMPTOM, standing="failing", **more):
    return Finding(word, _id(label), f"{label} {word}", tier, standing, **more)


def _refused(caller, callee, standing="failing"):
    return _finding(caller, "refused", Tier.CALLEE, standing, other=_id(callee), is_explained=True)


DISK = ("diskfull", Tier.TOLD)


def _roots(ranked: Ranked):
    return [root.identity.name for root in ranked.roots]


def test_nothing_wrong_has_no_root():
    assert rank(_estate(), []) == Ranked((), ())


def test_a_chain_of_complaints_ends_at_the_deepest_that_is_broken():
    findings = [_refused("a", "b"), _refused("b", "c"), _finding("c", *DISK)]
    ranked = rank(_estate(), findings)
    assert _roots(ranked) == ["c"]
    (root,) = ranked.roots
    assert [[identity.name for identity in chain] for chain in root.explains] == [["a", "b", "c"], ["b", "c"]]
    assert root.main.word == "diskfull"


def test_a_mere_symptom_is_explained_by_a_broken_one_that_it_is_configured_to_call():
    findings = [_finding("a"), _finding("c", "imagepull", Tier.STATED)]
    assert _roots(rank(_estate([("a", "c")]), findings)) == ["c"]
    assert sorted(_roots(rank(_estate(), findings))) == ["a", "c"]


def test_a_stated_cause_is_not_explained_away_by_what_it_calls():
    findings = [_finding("a", "imagepull", Tier.STATED), _finding("c", "oomkilled", Tier.STATED)]
    assert sorted(_roots(rank(_estate([("a", "c")]), findings))) == ["a", "c"]


def test_incidents_that_have_nothing_to_do_with_each_other_are_several_roots():
    findings = [_refused("a", "b"), _finding("b", *DISK), _finding("d"), _finding("e", "imagepull", Tier.STATED)]
    assert _roots(rank(_estate(), findings)) == ["e", "b", "d"]  # the nearest to a cause first


@pytest.mark.parametrize("word", ["zeroreplicas", "netpolicy", "targetport", "badconfig", "refused", "badimage"])
@pytest.mark.parametrize("tier", list(Tier))
def test_a_suspicion_alone_is_never_a_fault(word, tier):
    suspicion = _finding("a", word, tier, "suspect", other=_id("b"))
    ranked = rank(_estate([("a", "b"), ("b", "a")]), [suspicion])
    assert ranked.roots == ()
    assert ranked.suspects == (suspicion,)


def test_a_suspicion_that_a_complaint_points_at_is_the_cause():
    zero = _finding("b", "zeroreplicas", Tier.STATED, "suspect")
    ranked = rank(_estate(), [_refused("a", "b"), zero])
    assert _roots(ranked) == ["b"]
    assert ranked.roots[0].main.word == "zeroreplicas"


def test_a_complaint_about_another_supports_nothing_here():
    zero = _finding("b", "zeroreplicas", Tier.STATED, "suspect")
    ranked = rank(_estate(), [_refused("a", "c"), _finding("c", *DISK), zero])
    assert (_roots(ranked), ranked.suspects) == (["c"], (zero,))


def test_an_alert_supports_a_suspicion_about_who_is_paged():
    zero = _finding("b", "zeroreplicas", Tier.STATED, "suspect")
    assert _roots(rank(_estate(), [zero], frozenset({_id("b")}))) == ["b"]
    assert _roots(rank(_estate(), [zero], frozenset({_id("d")}))) == []


def test_an_alert_about_a_caller_leads_down_its_configured_calls():
    zero = _finding("c", "zeroreplicas", Tier.STATED, "suspect")
    assert _roots(rank(_estate([("a", "b"), ("b", "c")]), [zero], frozenset({_id("a")}))) == ["c"]


def test_what_a_rollout_changed_is_a_lead_for_an_unexplained_death_only():
    lead = _finding("a", "badimage", Tier.TOLD, "suspect")
    assert rank(_estate(), [lead, _finding("a", "crashloop", Tier.ENDED)]).roots[0].main.word == "badimage"
    told = _finding("a", "missingmodule", Tier.TOLD, is_explained=True)
    assert lead not in rank(_estate(), [lead, told]).roots[0].findings


def test_two_that_point_at_each_other_do_not_hide_each_other():
    ranked = rank(_estate(), [_refused("a", "b"), _refused("b", "a")])
    assert ranked.roots


_EDGES = st.lists(st.tuples(st.sampled_from(ROW), st.sampled_from(ROW)), max_size=12)
_WORDS = st.sampled_from(
    [
        "readiness",
        "crashloop",
        "refused",
        "timeout",
        "diskfull",
        "zeroreplicas",
        "netpolicy",
        "badimage",
        "unauthorized",
        "dns",
    ]
)


@st.composite
def _findings(draw):
    def finding():
        other = draw(st.none() | st.sampled_from(ROW))
        kind = draw(st.sampled_from(["Deployment", "Deployment", "Service"]))
        return Finding(
            draw(_WORDS),
            Identity(kind, "shop", draw(st.sampled_from(ROW))),
            "words",
            draw(st.sampled_from(list(Tier))),
            draw(st.sampled_from(["failing", "suspect"])),
            other=_id(other) if other else None,
            is_explained=draw(st.booleans()),
        )

    return [finding() for _ in range(draw(st.integers(0, 8)))]


@settings(deadline=None)
@given(_EDGES, _findings(), st.frozensets(st.sampled_from(ROW).map(_id), max_size=2))
def test_every_graph_ends_in_roots_that_account_for_what_fails(calls, findings, alerted):
    ranked = rank(_estate(calls), findings, alerted)
    failing = {finding.owner for finding in findings if finding.standing == "failing"}
    assert bool(failing) <= bool(ranked.roots)
    accounted = {root.identity for root in ranked.roots} | {i for r in ranked.roots for c in r.explains for i in c}
    services = {identity for identity in failing if identity.kind == "Service"}
    assert failing - services <= accounted
    for root in ranked.roots:
        for chain in root.explains:
            assert len(set(chain)) == len(chain)
    told = [id(finding) for root in ranked.roots for finding in root.findings]
    assert not set(told) & {id(finding) for finding in ranked.suspects}


@given(_EDGES, _findings(), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_findings_does_not_choose_the_root(calls, findings, chance):
    shuffled = chance.sample(findings, len(findings))
    first, second = (rank(_estate(calls), given_) for given_ in (findings, shuffled))
    assert {root.identity for root in first.roots} == {root.identity for root in second.roots}


@pytest.mark.parametrize("length", range(2, 7))
def test_complaints_in_a_circle_end_and_leave_roots(length):
    circle = ROW[:length]
    findings = [_refused(caller, callee) for caller, callee in zip(circle, (*circle[1:], circle[0]), strict=True)]
    ranked = rank(_estate(), findings)
    assert ranked.roots
    chains = [chain for root in ranked.roots for chain in root.explains]
    assert all(len(set(chain)) == len(chain) for chain in chains)
