"""Label selectors: the ones in objects and the ones in query strings choose alike."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeworld.api.selectors import parse_labels
from kubeworld.machine import selectors

KEYS, VALUES = st.sampled_from(["app", "tier", "size"]), st.sampled_from(["", "a", "b", "7", "12"])
LABELS = st.dictionaries(KEYS, VALUES)
EXPRESSIONS = st.one_of(
    st.builds(
        lambda key, operator, values: {"key": key, "operator": operator, "values": values},
        KEYS, st.sampled_from(["In", "NotIn"]), st.lists(VALUES.filter(bool), min_size=1, unique=True),
    ),
    st.builds(
        lambda key, operator: {"key": key, "operator": operator}, KEYS, st.sampled_from(["Exists", "DoesNotExist"])
    ),
)  # fmt: skip


@given(LABELS, st.lists(EXPRESSIONS, max_size=3), st.dictionaries(KEYS, VALUES.filter(bool), max_size=2))
def test_a_selector_and_its_text_choose_the_same_objects(labels, expressions, pairs):
    selector = {"matchLabels": pairs, "matchExpressions": expressions}
    requirements = parse_labels(selectors.written(selector))
    chosen = all(selectors.holds(labels, *requirement) for requirement in requirements)
    assert chosen is selectors.matches(selector, labels)


@pytest.mark.parametrize(("operator", "holds"), [("Gt", True), ("Lt", False), ("Near", False)])
def test_only_node_selectors_and_query_strings_compare_numbers(operator, holds):
    expression = {"key": "size", "operator": operator, "values": ["7"]}
    assert selectors.matches_expression(expression, {"size": "12"}) is holds
    assert not selectors.matches({"matchExpressions": [expression]}, {"size": "12"})


@pytest.mark.parametrize("value", ["", "x", "1e3", "१२", "1_0", "9" * 30])
def test_what_is_no_number_is_neither_greater_nor_less(value):
    assert not selectors.holds({"size": value}, "size", "Gt", ["0"])
    assert not selectors.holds({"size": value}, "size", "Lt", ["0"])
    assert not selectors.holds({}, "size", "Lt", ["0"])
