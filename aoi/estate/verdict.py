"""From ranked findings to an answer: what is wrong, how sure, what else, and what would settle it.

`no fault` is said only of what was covered. The confidences are measured: `python -m benchmarks.survey` prints, for
each of them, the share of such answers that were right.
"""

from collections.abc import Iterable

from aoi.estate.components import Component, Identity
from aoi.estate.estate import Estate
from aoi.estate.finding import Finding, Tier
from aoi.estate.objects import is_over, is_ready, name, spell, text
from aoi.estate.ranking import Ranked, Root
from aoi.language.lexicon import POINTERS
from aoi.records.coverage import Coverage, Gap
from aoi.records.episode import Answer, Signal
from aoi.records.findings import Accusation

EVIDENCE = 12
"""Findings that an answer carries."""
SIGHTINGS = 5
"""Of one finding, that an answer cites."""
ALSO = 9
"""Further causes that an answer names."""
ESSENTIAL = (
    "pods",
    "events",
    "services",
    "deployments.apps",
    "replicasets.apps",
    "statefulsets.apps",
    "daemonsets.apps",
    "jobs.batch",
    "cronjobs.batch",
)
"""Without a whole list of each of these, nobody can say that nothing is wrong."""
CONFIDENCE = {
    Tier.STATED: 0.95,
    Tier.TOLD: 0.9,
    Tier.CALLEE: 0.8,
    Tier.ENDED: 0.75,
    Tier.SYMPTOM: 0.65,
}
"""Of an answer whose cause is a state that pages by itself."""
SUPPORTED = {Tier.STATED: 0.8, Tier.TOLD: 0.7, Tier.CALLEE: 0.55, Tier.ENDED: 0.5, Tier.SYMPTOM: 0.5}
"""Of one that rests on a suspicion to which a symptom points."""
LONE = 0.5
"""At most, of one whose cause one log alone tells."""
NO_FAULT = 0.8
HARMLESS = frozenset({"zeroreplicas", "targetport", "hpapinned", "netpolicy", "noendpoints", "selector", "badconfig"})
"""Suspicions that are ordinary where no symptom points at them: on purpose, or without effect."""


def answer_of(estate: Estate, ranked: Ranked, coverage: Coverage, alerted: frozenset[Identity] = frozenset()) -> Answer:
    """The verdict on an estate, with names as people use them."""
    if ranked.roots:
        return _fault(estate, ranked, coverage)
    if doubt := _doubt(estate, ranked, coverage, alerted):
        return _open(estate, ranked, coverage, *doubt)
    count = len(estate.components)
    return Answer(
        verdict="no_fault",
        confidence=NO_FAULT,  # its evidence is the coverage: whatever else was noticed accuses nobody
        summary=f"{count} component{'s' if count != 1 else ''} looked at; everything that should run runs and is ready",
        coverage=coverage,
    )


def _doubt(
    estate: Estate, ranked: Ranked, coverage: Coverage, alerted: frozenset[Identity]
) -> tuple[str, tuple[str, ...]] | None:
    """Why nobody may say that nothing is wrong, and what would settle it; None if one may."""
    gaps = [gap for gap in coverage.gaps if gap.what in ESSENTIAL or gap.what == "namespaces"]
    doubts = [f for f in ranked.suspects if f.word not in HARMLESS and f.word not in POINTERS and f.tier < Tier.CALLEE]
    if gaps:
        return _missing(gaps), tuple(dict.fromkeys(_settling(gap) for gap in gaps))
    if not estate.components:
        return f"nothing that owns pods stands in {', '.join(estate.namespaces)}: there is nothing to judge", (
            "kubectl get deployments,statefulsets,daemonsets,cronjobs,jobs,pods -A",
        )
    if alerted:
        named = ", ".join(estate.label(identity) for identity in sorted(alerted))
        return f"nothing that was read explains what was reported about {named}", (
            f"kubectl get events -n {estate.namespaces[0]}",
        )
    if unsettled := _unsettled(estate):
        return unsettled, ("run the diagnosis again in a minute",)
    return (f"nothing fails, but: {doubts[0].summary}", doubts[0].next) if doubts else None


def _unsettled(estate: Estate) -> str:
    """What is not ready and about which nothing can be said yet; empty if all that should run does."""
    waiting = [
        pod
        for component in estate.components
        for pod in ([] if _is_served(component) else component.pods)
        if not is_over(pod) and not is_ready(pod) and not text(pod, "metadata", "deletionTimestamp")
    ]
    if not waiting:
        return ""
    youngest = max(waiting, key=lambda pod: text(pod, "metadata", "creationTimestamp"))
    age = spell(estate.age_s(text(youngest, "metadata", "creationTimestamp")))
    count = f"{len(waiting)} pod{'s are' if len(waiting) != 1 else ' is'}"
    return f"{count} not ready yet, and nothing says why; {name(youngest)} is {age} old"


def _is_served(component: Component) -> bool:
    """Whether as many pods are ready as it wants: what starts beside them is a rollout under way."""
    ready = sum(1 for pod in component.pods if is_ready(pod))
    return component.wanted is not None and ready >= component.wanted


def _fault(estate: Estate, ranked: Ranked, coverage: Coverage) -> Answer:
    root, *others = ranked.roots
    main = root.main
    chain = root.explains[0] if root.explains else ()
    symptoms = dict.fromkeys(estate.label(chain[0]) for chain in root.explains if chain[0].kind != "Service")
    table = CONFIDENCE if main.standing == "failing" else SUPPORTED
    findings = [*root.findings, *(f for other in others for f in other.findings[:1])]
    return Answer(
        verdict="fault",
        component=estate.label(root.identity),
        cause=main.word,
        confidence=min(table[main.tier], LONE if main.is_lone else 1.0),
        evidence=_signals(estate, findings)[:EVIDENCE],
        summary=_told(estate, root),
        next=main.next,
        chain=tuple(estate.label(identity) for identity in chain),
        symptoms=tuple(symptoms),
        also=tuple(_accusation(estate, other) for other in others[:ALSO]),
        coverage=coverage,
    )


def telling_of_unnamed(coverage: Coverage, ranked: Ranked) -> Coverage:
    """With a line for the causes for which an answer has no room."""
    unnamed = len(ranked.roots) - 1 - ALSO
    if unnamed <= 0:
        return coverage
    cut = Gap(what="causes", namespace="", reason="cut", detail=f"{unnamed} more stand beside those that are named")
    return coverage.model_copy(update={"gaps": (*coverage.gaps, cut)})


def _told(estate: Estate, root: Root) -> str:
    """The main sentence, the chain that led to it, and what else is known of the same component."""
    more = [f.summary for f in root.findings[1:] if f.tier <= Tier.CALLEE and f.word != root.main.word][:2]
    chain = root.explains[0] if root.explains else ()
    led = f" (followed from {' -> '.join(estate.label(i) for i in chain)})" if chain else ""
    return "; ".join((root.main.summary + led, *more))


def _accusation(estate: Estate, root: Root) -> Accusation:
    return Accusation(
        component=estate.label(root.identity), cause=root.main.word, summary=_told(estate, root), next=root.main.next
    )


def _signals(estate: Estate, findings: Iterable[Finding]) -> tuple[Signal, ...]:
    """Each sighting of each finding, as citations."""
    signals = [
        Signal(
            word=finding.word,
            subject=estate.label(finding.owner),
            other=estate.label(finding.other) if finding.other else None,
            citation=sighting.citation,
        )
        for finding in findings
        for sighting in finding.sightings[:SIGHTINGS]
    ]
    return tuple(dict.fromkeys(signals))


def _open(estate: Estate, ranked: Ranked, coverage: Coverage, why: str, then: tuple[str, ...]) -> Answer:
    return Answer(
        verdict="inconclusive",
        confidence=0.0,
        evidence=_signals(estate, ranked.suspects)[:EVIDENCE],
        summary=why,
        next=then,
        coverage=coverage,
    )


def _missing(gaps: list[Gap]) -> str:
    listed = "; ".join(f"{gap.what} {gap.reason}: {gap.detail}" for gap in gaps[:4])
    more = f" and {len(gaps) - 4} more" if len(gaps) > 4 else ""
    return f"what was read shows no fault, but not everything could be read: {listed}{more}"


def _settling(gap: Gap) -> str:
    if gap.reason == "refused":
        if not gap.namespace:
            return f"kubectl auth can-i list {gap.what}"
        return f"aoi access print --namespace {gap.namespace} | kubectl apply -f -"
    return "run the diagnosis again: the server did not answer in full"
