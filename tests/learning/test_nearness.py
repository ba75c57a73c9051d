"""How near to the cause an episode has come: compared before and after a look, never shown."""

import itertools
from dataclasses import replace

import pytest

from aoi.learning.nearness import Nearness
from aoi.problems.oracle import NOTHING
from aoi.records.decision import ProbeDo
from aoi.worlds.applications.hotel import hotel_reservation
from tests.learning.handmade import episode, signal, step

NODE = "ip-10-0-64-202"
HANDLES = {"s1": "frontend", "s2": "search", "s3": "geo", "s4": "mongodb-geo", "s5": "user", "s6": "jaeger", "n7": NODE}
BROKEN = replace(
    NOTHING, component="mongodb-geo", accepted=("mongodb-geo",), cause="crashloop", causes=("crashloop", "unavailable")
)
ALONG_THE_CALLS = ("s1", "s2", "s3", "s4")
"""The entry, two callees and the culprit: each calls the next."""


def nearness(*signals, truth=BROKEN, suspects=()):
    """After one step for each signal."""
    steps = episode(*(step(ProbeDo("logs", "s1"), each) for each in signals)).content.steps if signals else ()
    return Nearness(hotel_reservation(1), truth, HANDLES, suspects).of(steps)


def is_rising(values):
    return all(before < after for before, after in itertools.pairwise(values))


def test_each_call_towards_the_culprit_is_nearer_and_the_cause_is_nearest():
    pointed = [nearness(signal("timeout", handle)) for handle in ALONG_THE_CALLS]
    assert is_rising([nearness(), *pointed, nearness(signal("crashloop", "s4"))])


@pytest.mark.parametrize("handle", ["s5", "s6", "n1"])
def test_what_no_call_of_the_culprit_passes_is_as_far_as_nothing(handle):
    assert nearness(signal("timeout", handle)) == nearness(suspects=(handle,)) == nearness()


def test_who_was_paged_is_pointed_at_from_the_start():
    paged = [nearness(suspects=(handle,)) for handle in ALONG_THE_CALLS]
    assert paged == [nearness(signal("timeout", handle)) for handle in ALONG_THE_CALLS]
    assert nearness(signal("timeout", "s1"), suspects=("s1", "s2", "n1")) == paged[1]


def test_a_finding_points_at_both_of_its_ends_and_health_at_none():
    assert (
        nearness(signal("refused", "s1", "s3")) == nearness(signal("timeout", "s3")) > nearness(signal("timeout", "s1"))
    )
    assert nearness(signal("refused", "s3", "s1")) == nearness(signal("timeout", "s3"))
    assert nearness(signal("healthy", "s3")) == nearness(signal("healthy", "s1", "s3")) == nearness()


def test_the_nearest_of_all_that_was_seen_counts_in_any_order():
    seen = [signal("timeout", handle) for handle in ("s1", "s3", "s2")]
    assert {nearness(*order) for order in itertools.permutations(seen)} == {nearness(signal("timeout", "s3"))}


def test_the_cause_is_a_word_for_the_mechanism_at_an_accepted_component():
    cause = nearness(signal("crashloop", "s4"))
    assert nearness(signal("timeout", "s1"), signal("unavailable", "s4")) == cause
    assert nearness(signal("timeout", "s4")) < cause
    assert nearness(signal("crashloop", "s3")) == nearness(signal("timeout", "s3"))
    either = replace(BROKEN, accepted=("mongodb-geo", "search"))
    assert (
        nearness(signal("crashloop", "s2"), truth=either) == nearness(signal("crashloop", "s4"), truth=either) == cause
    )


def test_of_several_culprits_the_nearest_counts():
    either = replace(BROKEN, accepted=("mongodb-geo", "search"))
    assert nearness(signal("timeout", "s2"), truth=either) == nearness(signal("timeout", "s4"), truth=either)
    assert nearness(signal("timeout", "s3"), truth=either) == nearness(signal("timeout", "s1"), truth=either)
    assert nearness(signal("timeout", "s1"), truth=either) == nearness(signal("timeout", "s3"))


def test_a_culprit_that_nobody_calls_is_near_only_itself():
    node = replace(BROKEN, component=NODE, accepted=(NODE,))
    away = [nearness(signal("timeout", handle), truth=node) for handle in ALONG_THE_CALLS]
    assert set(away) == {nearness(truth=node)}
    assert is_rising(
        [away[0], nearness(signal("timeout", "n7"), truth=node), nearness(signal("crashloop", "n7"), truth=node)]
    )


def test_in_a_control_paged_components_found_healthy_count_up_to_two():
    healthy = [signal("healthy", handle) for handle in ("s1", "s2", "s3")]
    seen = [nearness(*healthy[:n], truth=NOTHING, suspects=("s1", "s2", "s3", "n1")) for n in range(4)]
    assert is_rising(seen[:3])
    assert seen[3] == seen[2]
    assert nearness(healthy[0], healthy[0], truth=NOTHING, suspects=("s1", "s2")) == seen[1]
    for nothing in (signal("healthy", "s4"), signal("timeout", "s1"), signal("healthy", "n1")):
        assert nearness(nothing, truth=NOTHING, suspects=("s1", "n1")) == seen[0]
