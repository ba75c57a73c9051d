"""Autoscalers that cannot do their work, or have come to their limit.

Source: https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/
"""

from collections.abc import Iterator

from aoi.estate.components import Identity
from aoi.estate.estate import Estate
from aoi.estate.finding import Finding, Tier, sentence
from aoi.estate.objects import Obj, condition, name, namespace, number, text

WARM_UP_S = 120.0
"""A new autoscaler has no metrics yet."""
_ON_PURPOSE = ("ScalingDisabled",)
"""Reasons of an inactive autoscaler that are no trouble: its target is at zero."""


def scaling(estate: Estate) -> Iterator[Finding]:
    """Findings about HorizontalPodAutoscalers."""
    for scaler in estate.of("horizontalpodautoscalers.autoscaling"):
        age = estate.age_s(text(scaler, "metadata", "creationTimestamp"))
        for kind, word in (("AbleToScale", "unclassified"), ("ScalingActive", "nometrics")):
            state = condition(scaler, kind)
            is_early = age is not None and age < WARM_UP_S and kind == "ScalingActive"
            if text(state, "status") == "False" and text(state, "reason") not in _ON_PURPOSE and not is_early:
                yield _finding(estate, scaler, word, state)
                break
        else:
            yield from _pinned(estate, scaler)


def _target(estate: Estate, scaler: Obj) -> Identity:
    """What it scales if that is a component, else the autoscaler itself."""
    kind, wanted = text(scaler, "spec", "scaleTargetRef", "kind"), text(scaler, "spec", "scaleTargetRef", "name")
    identity = Identity(kind, namespace(scaler), wanted)
    known = {component.identity for component in estate.components}
    return identity if identity in known else Identity("HorizontalPodAutoscaler", namespace(scaler), name(scaler))


def _finding(estate: Estate, scaler: Obj, word: str, state: Obj) -> Finding:
    reason, message = text(state, "reason"), text(state, "message")
    target = f"{text(scaler, 'spec', 'scaleTargetRef', 'kind')}/{text(scaler, 'spec', 'scaleTargetRef', 'name')}"
    return Finding(
        "badconfig" if word == "unclassified" and "not found" in message else word,
        _target(estate, scaler),
        sentence(f"HorizontalPodAutoscaler/{name(scaler)} cannot scale {target}: {reason}: {message}"),
        Tier.STATED,
        next=(
            f"kubectl describe hpa {name(scaler)} -n {namespace(scaler)}",
            f"kubectl top pods -n {namespace(scaler)}",
        ),
        sightings=(estate.witness.of(scaler, reason),),
    )


def _pinned(estate: Estate, scaler: Obj) -> Iterator[Finding]:
    """At its maximum, and it would go further: load, or a limit that is too low."""
    limited = condition(scaler, "ScalingLimited")
    at, most = number(scaler, "status", "currentReplicas"), number(scaler, "spec", "maxReplicas")
    if text(limited, "status") == "True" and text(limited, "reason") == "TooManyReplicas" and at >= most > 0:
        yield Finding(
            "hpapinned",
            _target(estate, scaler),
            sentence(
                f"HorizontalPodAutoscaler/{name(scaler)} is at its maximum of {most} replicas and wants more:"
                f" {text(limited, 'message')}"
            ),
            Tier.STATED,
            "suspect",
            next=(f"kubectl describe hpa {name(scaler)} -n {namespace(scaler)}",),
            sightings=(estate.witness.of(scaler, "TooManyReplicas"),),
        )
