"""Label selectors, as every controller that owns or finds pods reads them."""

from collections.abc import Mapping, Sequence
from typing import Any

from kubeworld.machine.integers import integer

Labels = Mapping[str, str]


def matches_map(selector: Labels | None, labels: Labels | None) -> bool:
    """Every pair of an equality selector (a Service's, a nodeSelector) is in `labels`; an empty one matches all."""
    if not selector:
        return True
    found = labels or {}
    return all(found.get(key) == value for key, value in selector.items())


def matches(selector: Mapping[str, Any] | None, labels: Labels | None) -> bool:
    """A metav1.LabelSelector: matchLabels and matchExpressions together. `None` matches nothing, `{}` everything.

    Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/
    """
    if selector is None:
        return False
    found = labels or {}
    if not matches_map(selector.get("matchLabels"), found):
        return False
    return all(matches_expression(expression, found) for expression in selector.get("matchExpressions") or ())


def matches_expression(expression: Mapping[str, Any], labels: Labels) -> bool:
    """One requirement: In, NotIn, Exists, DoesNotExist, and Gt / Lt, which only node selectors allow."""
    key, operator = expression["key"], expression["operator"]
    values: Sequence[str] = expression.get("values") or ()
    present = key in labels
    if operator in ("Gt", "Lt"):
        found, bound = integer(labels.get(key, "")), integer(values[0])
        if found is None or bound is None:
            return False
        return found > bound if operator == "Gt" else found < bound
    answers = {
        "In": present and labels[key] in values,
        "NotIn": not present or labels[key] not in values,
        "Exists": present,
        "DoesNotExist": not present,
    }
    return answers.get(operator, False)


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
