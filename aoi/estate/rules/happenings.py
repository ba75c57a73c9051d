"""What controllers complain about in events, where the object's own state does not show it; and a leaving namespace."""

from collections.abc import Iterator

from aoi.estate.components import Identity
from aoi.estate.estate import Estate, times_seen
from aoi.estate.finding import Finding, Source, Tier, sentence
from aoi.estate.objects import Obj, entries, name, namespace, reference, spell, text

FRESH_S = 1_800.0
"""A complaint that was last made longer ago than this is the past."""
KINDS = (
    "ingresses.networking.k8s.io",
    "httproutes.gateway.networking.k8s.io",
    "grpcroutes.gateway.networking.k8s.io",
)
"""Objects that have no state beside what their controllers say."""


def happenings(estate: Estate) -> Iterator[Finding]:
    """Findings about routes that their controller refuses, and namespaces that cannot go."""
    for key in KINDS:
        for obj in estate.of(key):
            warned = next((event for event in estate.events(obj) if event.get("type") == "Warning"), None)
            if warned is not None and _is_fresh(estate, obj, warned):
                yield _warning(estate, obj, warned)
    for place in estate.places:
        yield from _leaving(estate, place)


def _is_fresh(estate: Estate, obj: Obj, event: Obj) -> bool:
    """Whether it still holds: no later event of the same object says that all is well."""
    age = estate.event_age_s(event)
    later = [
        e for e in estate.events(obj) if e.get("type") == "Normal" and (estate.event_age_s(e) or 0.0) < (age or 0.0)
    ]
    return (age is None or age < FRESH_S) and not later


def _warning(estate: Estate, obj: Obj, event: Obj) -> Finding:
    message, kind = text(event, "message"), str(obj.get("kind"))
    word = "tls" if any(said in message.lower() for said in ("tls", "certificate", "x509")) else "unclassified"
    age, reason = spell(estate.event_age_s(event)), text(event, "reason")
    return Finding(
        word,
        Identity(kind, namespace(obj), name(obj)),
        sentence(f"{reference(obj)} is refused ({reason}, {times_seen(event)} times, last {age} ago): {message}"),
        Tier.STATED,
        next=(f"kubectl describe {kind.lower()} {name(obj)} -n {namespace(obj)}",),
        sightings=(estate.witness.of_event(event),),
        sources=frozenset({Source.EVENT}),
        is_lone=True,
    )


def _leaving(estate: Estate, place: Obj) -> Iterator[Finding]:
    """A namespace that is being deleted and cannot go, in its own words."""
    if text(place, "status", "phase") != "Terminating":
        return
    overdue = estate.age_s(text(place, "metadata", "deletionTimestamp"))
    said = [
        text(state, "message")
        for state in entries(place, "status", "conditions")
        if state.get("status") == "True" and text(state, "message") and "successfully" not in text(state, "message")
    ]
    why = "; ".join(said) or "no reason is told"
    yield Finding(
        "terminating",
        Identity("Namespace", "", name(place)),
        sentence(f"Namespace/{name(place)} has been Terminating for {spell(overdue)}: {why}"),
        Tier.STATED,
        "failing" if overdue is None or overdue > 60 else "suspect",
        next=(f"kubectl get namespace {name(place)} -o yaml",),
        sightings=(estate.witness.of(place, '"phase"'),),
    )
