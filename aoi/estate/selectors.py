"""Whether labels satisfy a selector: pairs, and expressions as pods, nodes and policies write them.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#resources-that-support-set-based-requirements
"""

from collections.abc import Mapping
from typing import Any

from aoi.estate.objects import entries, part, text


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether all pairs (`matchLabels`) and expressions (`matchExpressions`) hold; an empty one takes all."""
    pairs, rules = part(selector, "matchLabels"), entries(selector, "matchExpressions")
    return pairs.items() <= labels.items() and all(expression_fits(rule, labels) for rule in rules)


def expression_fits(rule: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether one expression holds. Gt, Lt and unknown operators are not judged: they hold."""
    listed = rule.get("values")
    value, values = labels.get(text(rule, "key")), listed if isinstance(listed, list) else []
    match rule.get("operator"):
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
    return True
