"""Label selectors, as every controller that owns or finds pods reads them."""

from collections.abc import Collection, Mapping
from typing import Any

from kubeworld.machine.integers import integer

Labels = Mapping[str, str]


def matches_map(selector: Labels | None, labels: Labels | None) -> bool:
    """Every pair of an equality selector (a Service's, a nodeSelector) is in `labels`; an empty one matches all."""
    if not selector:
        return True
    present = labels or {}
    return all(present.get(key) == value for key, value in selector.items())


def matches(selector: Mapping[str, Any] | None, labels: Labels | None) -> bool:
    """A metav1.LabelSelector: matchLabels and matchExpressions together. `None` matches nothing, `{}` everything.

    Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/
    """
    if selector is None:
        return False
    present = labels or {}
    if not matches_map(selector.get("matchLabels"), present):
        return False
    return all(
        item["operator"] in LABEL_OPERATORS and matches_expression(item, present)
        for item in selector.get("matchExpressions") or ()
    )


LABEL_OPERATORS = ("DoesNotExist", "Exists", "In", "NotIn")
"""What a metav1.LabelSelector may use; node selectors and the query strings of requests also compare: Gt, Lt."""


def matches_expression(expression: Mapping[str, Any], labels: Labels) -> bool:
    """One requirement of a node selector, or of a LabelSelector that is known to be valid."""
    return holds(labels, expression["key"], expression["operator"], expression.get("values") or ())


def holds(labels: Labels, key: str, operator: str, values: Collection[str]) -> bool:
    """Whether labels meet one requirement; an operator that is none is never met."""
    if operator in ("In", "NotIn"):
        return (labels.get(key) in values) is (operator == "In")
    if operator in ("Exists", "DoesNotExist"):
        return (key in labels) is (operator == "Exists")
    if operator not in ("Gt", "Lt") or len(values) != 1:
        return False
    value, bound = integer(labels.get(key, "")), integer(next(iter(values)))
    if value is None or bound is None:
        return False
    return value > bound if operator == "Gt" else value < bound


def written(selector: Mapping[str, Any] | None) -> str:
    """A metav1.LabelSelector as kubectl prints it."""
    if not selector:
        return ""
    parts = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for item in selector.get("matchExpressions") or ():
        values = ",".join(sorted(item.get("values") or ()))
        parts.append(
            {
                "In": f"{item['key']} in ({values})",
                "NotIn": f"{item['key']} notin ({values})",
                "Exists": item["key"],
                "DoesNotExist": "!" + item["key"],
            }[item["operator"]]
        )
    return ",".join(parts)
