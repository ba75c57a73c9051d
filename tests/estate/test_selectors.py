"""One reading of label selectors, for policies' pods and for nodes."""

import pytest

from aoi.estate.selectors import expression_fits, selects

LABELS = {"app": "geo", "tier": "back"}


@pytest.mark.parametrize(
    ("operator", "key", "values", "holds"),
    [
        ("In", "app", ["geo", "rate"], True),
        ("In", "app", ["rate"], False),
        ("In", "zone", ["a"], False),
        ("NotIn", "app", ["geo"], False),
        ("NotIn", "zone", ["a"], True),
        ("Exists", "app", None, True),
        ("Exists", "zone", None, False),
        ("DoesNotExist", "app", None, False),
        ("DoesNotExist", "zone", None, True),
        ("Gt", "zone", ["3"], True),
    ],
)
def test_an_expression_holds_as_kubernetes_says(operator, key, values, holds):
    rule = {"key": key, "operator": operator, "values": values}
    assert expression_fits(rule, LABELS) is holds
    assert selects({"matchLabels": {"app": "geo"}, "matchExpressions": [rule]}, LABELS) is holds


def test_pairs_and_expressions_all_have_to_hold():
    assert selects({}, LABELS)
    assert selects({"matchLabels": None, "matchExpressions": None}, LABELS)
    assert not selects({"matchLabels": {"app": "rate"}}, LABELS)
