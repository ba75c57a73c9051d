"""The API server's own words: which obstacle holds back most nodes, and who refused a creation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi.estate.rules.refusals import obstacles, refusal_word

TAIL = " preemption: 0/5 nodes are available: 5 No preemption victims found for incoming pod."


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("0/1 nodes are available: 1 Insufficient cpu.", [("insufficient", 1)]),
        (
            "0/5 nodes are available: 1 Insufficient memory, 4 Insufficient cpu." + TAIL,
            [("insufficient", 4), ("insufficient", 1)],
        ),
        (
            "0/5 nodes are available: 1 Too many pods, 4 node(s) didn't match Pod's node affinity/selector." + TAIL,
            [("nodeselector", 4), ("insufficient", 1)],
        ),
        (
            "0/3 nodes are available: 1 Insufficient memory, 2 node(s) had untolerated taint {gpu: yes, b: c}." + TAIL,
            [("tainted", 2), ("insufficient", 1)],
        ),
        (
            "0/3 nodes are available: 3 node(s) had untolerated taint {node.kubernetes.io/not-ready: }.",
            [("nodedown", 3)],
        ),
        (
            "0/3 nodes are available: 2 node(s) were unschedulable, 1 node(s) had untolerated taint {a: b}.",
            [("cordoned", 2), ("tainted", 1)],
        ),
        ("0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules.", [("antiaffinity", 3)]),
        ("0/3 nodes are available: 3 node(s) didn't match pod topology spread constraints.", [("antiaffinity", 3)]),
        ("0/2 nodes are available: 2 node(s) didn't have free ports for the requested pod ports.", [("hostport", 2)]),
        ("0/2 nodes are available: 2 node(s) had volume node affinity conflict.", [("unbound", 2)]),
        ("0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims." + TAIL, [("unbound", 3)]),
        ('0/3 nodes are available: persistentvolumeclaim "data" not found.' + TAIL, [("noclaim", 3)]),
        ('persistentvolumeclaim "data" not found', [("noclaim", 1)]),
        ("0/3 nodes are available: 3 node(s) were odd in a new way.", []),
        ("", []),
    ],
)
def test_obstacles_are_weighed_by_the_nodes_that_each_holds_back(message, expected):
    assert [(obstacle.word, obstacle.nodes) for obstacle in obstacles(message)] == expected


@given(
    st.permutations(
        [
            ("Insufficient cpu", "insufficient", 1),
            ("node(s) had untolerated taint {a: b}", "tainted", 5),
            ("node(s) didn't have free ports", "hostport", 3),
        ]
    )
)
def test_the_order_in_which_obstacles_are_listed_does_not_matter(pieces):
    message = f"0/9 nodes are available: {', '.join(f'{count} {words}' for words, _, count in pieces)}."
    assert [obstacle.word for obstacle in obstacles(message)] == ["tainted", "hostport", "insufficient"]


def test_what_preemption_cannot_do_is_no_obstacle():
    assert obstacles("0/1 nodes are available: 1 odd. preemption: 0/1 nodes are available: 1 Insufficient cpu.") == []


@given(st.text(max_size=200) | st.from_regex(r"0/[0-9]{1,3} nodes are available: [0-9a-z ,{}:.()]{0,80}"))
def test_no_message_makes_it_fall(message):
    obstacles(message)
    refusal_word(message)


@pytest.mark.parametrize(
    ("message", "word"),
    [
        ('pods "w-1" is forbidden: exceeded quota: team, requested: pods=1, used: pods=4, limited: pods=4', "quota"),
        ('pods "w-1" is forbidden: failed quota: team: must specify limits.cpu for: main', "quota"),
        ('pods "w-1" is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi', "limitrange"),
        ('pods "w-1" is forbidden: minimum cpu usage per Container is 100m, but request is 10m', "limitrange"),
        (
            'pods "w-1" is forbidden: memory max limit to request ratio per Container is 2, but provided ratio is 4.0',
            "limitrange",
        ),
        (
            'pods "w-1" is forbidden: error looking up service account shop/robot: serviceaccount "robot" not found',
            "missingconfig",
        ),
        ('pods "w-1" is forbidden: no PriorityClass with name urgent was found', "missingconfig"),
        (
            'pods "w-1" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false',
            "forbidden",
        ),
        ('admission webhook "policy.example" denied the request: no owner label', "forbidden"),
        ('Internal error occurred: failed calling webhook "w.example": connection refused', "forbidden"),
    ],
)
def test_a_refused_creation_is_put_down_to_who_refused_it(message, word):
    assert refusal_word(message) == word
