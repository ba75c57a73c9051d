"""What somebody's own kind says of itself, by the conventions for conditions: `Ready` or `Available` is False."""

from collections.abc import Iterator

from aoi.estate.estate import Estate
from aoi.estate.finding import Finding, Tier, sentence
from aoi.estate.objects import condition, name, namespace, reference, text

CONDITIONS = ("Ready", "Available", "Healthy")


def owners(estate: Estate) -> Iterator[Finding]:
    """Findings about custom resources that own pods. Their operator knows more than their pods show."""
    for identity, obj in estate.custom.items():
        for kind in CONDITIONS:
            state = condition(obj, kind)
            if text(state, "status") != "False":
                continue
            why = f"{text(state, 'reason')}: {text(state, 'message')}"
            yield Finding(
                "notready",
                identity,
                sentence(f"{reference(obj)} says that it is not {kind} ({why})"),
                Tier.SYMPTOM,
                next=(f"kubectl get {identity.kind.lower()} {name(obj)} -n {namespace(obj)} -o yaml",),
                sightings=(estate.witness.of(obj, f'"type": "{kind}"'),),
            )
            break
