"""Complaints of controllers in events, and namespaces that cannot go."""

from dataclasses import replace

import pytest

from aoi.estate.rules.happenings import FRESH_S, happenings
from tests.estate.estates import ago, estate_of, event, thing, told

INGRESS = thing("Ingress", "front")
ROUTES = "ingresses.networking.k8s.io"


def _with(*events):
    return told(happenings(estate_of({ROUTES: [INGRESS], "events": list(events)})))


def _warned(message="backend pool is full", *, age_s=20.0):
    return event(INGRESS, "SyncError", message, age_s=age_s) | {"type": "Warning"}


@pytest.mark.parametrize(
    ("message", "word"),
    [
        ("backend pool is full", "unclassified"),
        ("secret shop/front holds no TLS key", "tls"),
        ("x509: malformed", "tls"),
        ("Certificate has expired", "tls"),
    ],
)
def test_a_route_that_its_controller_refuses_is_told_in_its_words(message, word):
    (finding,) = happenings(estate_of({ROUTES: [INGRESS], "events": [_warned(message)]}))
    assert told([finding]) == [(word, "Ingress/front", "failing")]
    assert message in finding.summary
    assert finding.sightings[0].observation.line.startswith("kubectl events --for=ingress/front")


def test_an_old_complaint_is_the_past():
    assert _with(_warned(age_s=FRESH_S - 10))
    assert _with(_warned(age_s=FRESH_S + 10)) == []


@pytest.mark.parametrize(("age_s", "is_told"), [(5, False), (60, True)])
def test_a_complaint_is_over_when_the_controller_is_content_later(age_s, is_told):
    content = event(INGRESS, "Sync", "scheduled for sync", age_s=age_s) | {"type": "Normal"}
    assert bool(_with(_warned(), content)) is is_told


def test_a_normal_event_is_no_complaint():
    assert _with(event(INGRESS, "Sync", "scheduled for sync") | {"type": "Normal"}) == []


def _leaving(since_s, *conditions):
    place = thing("Namespace", "old", "", status={"phase": "Terminating", "conditions": list(conditions)})
    place["metadata"]["deletionTimestamp"] = ago(since_s)
    return list(happenings(replace(estate_of(), places=(place,))))


@pytest.mark.parametrize(("since_s", "standing"), [(30, "suspect"), (600, "failing")])
def test_a_namespace_has_a_moment_to_go(since_s, standing):
    assert [(f.word, f.standing) for f in _leaving(since_s)] == [("terminating", standing)]


def test_a_namespace_says_what_holds_it_and_not_what_went_well():
    holds = {"type": "NamespaceFinalizersRemaining", "status": "True", "message": "Some content has finalizers: a/b"}
    well = {"type": "NamespaceDeletionDiscoveryFailure", "status": "False", "message": "All resources discovered"}
    fine = {"type": "NamespaceContentRemaining", "status": "True", "message": "All content successfully removed"}
    (finding,) = _leaving(600, holds, well, fine)
    assert finding.summary.endswith("Some content has finalizers: a/b")
    (mute,) = _leaving(600, well, fine)
    assert "no reason is told" in mute.summary


def test_a_namespace_that_stays_is_no_finding():
    place = thing("Namespace", "old", "", status={"phase": "Active"})
    assert list(happenings(replace(estate_of(), places=(place,)))) == []
