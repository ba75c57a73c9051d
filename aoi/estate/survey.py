"""A look at everything at once, without any model: read, find, listen, rank, conclude.

The first observation of every episode, and by itself the answer where no model is served.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from aoi import progress
from aoi.estate.components import Identity
from aoi.estate.estate import Estate, read_estate
from aoi.estate.finding import Finding
from aoi.estate.hearing import hear, overhear
from aoi.estate.objects import entries, name, text
from aoi.estate.observation import Observation
from aoi.estate.ranking import Ranked, rank
from aoi.estate.reading import Reader
from aoi.estate.rules.changes import changes
from aoi.estate.rules.configuration import configuration
from aoi.estate.rules.flags import flags
from aoi.estate.rules.happenings import happenings
from aoi.estate.rules.network import blocked_complaints, network
from aoi.estate.rules.nodes import nodes
from aoi.estate.rules.owners import owners
from aoi.estate.rules.pods import pods
from aoi.estate.rules.routes import routes
from aoi.estate.rules.scaling import scaling
from aoi.estate.rules.services import identity_of, services
from aoi.estate.rules.storage import storage
from aoi.estate.rules.workloads import workloads
from aoi.estate.verdict import answer_of, telling_of_unnamed
from aoi.records.coverage import Coverage
from aoi.records.episode import Answer

RULES: tuple[Callable[[Estate], Iterator[Finding]], ...] = (
    pods,
    workloads,
    storage,
    services,
    routes,
    scaling,
    nodes,
    configuration,
    flags,
    network,
    owners,
    happenings,
    changes,
)


@dataclass(frozen=True)
class Survey:
    """What a look at everything came to."""

    estate: Estate
    ranked: Ranked
    answer: Answer
    coverage: Coverage

    @property
    def findings(self) -> Iterator[Finding]:
        """All of them, the likeliest cause first."""
        for root in self.ranked.roots:
            yield from root.findings
        yield from self.ranked.suspects

    @property
    def observations(self) -> Iterator[Observation]:
        """What the findings cite."""
        yield from dict.fromkeys(sighting.observation for f in self.findings for sighting in f.sightings)


def survey(reader: Reader, namespaces: Sequence[str], symptoms: Iterable[str] = ()) -> Survey:
    """Look at namespaces once. `symptoms` are names of components or objects, or texts that hold such names.

    Raises: UnknownNamespace, ClusterUnavailable.
    """
    progress.advance(0, 3, "objects")
    estate = read_estate(reader, namespaces)
    found = merged(finding for rule in RULES for finding in rule(estate))
    progress.advance(1, 3, "logs of what fails")
    told = hear(estate, reader, found)
    alerted = named_in(estate, symptoms)
    progress.advance(2, 3, "logs of what looks healthy")
    first = [estate.label(identity) for identity in sorted(alerted)]
    told += tuple(overhear(estate, reader, told, first))
    told += tuple(blocked_complaints(estate, told))
    ranked = rank(estate, told, alerted)
    _tell_secrets(estate, reader)
    coverage = telling_of_unnamed(reader.coverage(estate.namespaces), ranked)
    return Survey(estate, ranked, answer_of(estate, ranked, coverage, alerted), coverage)


def _tell_secrets(estate: Estate, reader: Reader) -> None:
    """Whether a route's TLS Secret is there nobody here may ask: Secrets are never read, and that is told."""
    for place in estate.namespaces:
        wanted = [
            f"{text(entry, 'secretName')} of Ingress {name(ingress)}"
            for ingress in estate.of("ingresses.networking.k8s.io", place)
            for entry in entries(ingress, "spec", "tls")
            if text(entry, "secretName")
        ]
        if wanted:
            listed = ", ".join(wanted[:5]) + (", ..." if len(wanted) > 5 else "")
            reader.skip("secrets", place, f"Secrets are never read, so nobody looked for {listed}")


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """One finding of a kind for each container or object, however many pods show it: the first, with their number."""
    kept: dict[tuple[str, Identity, str, str], Finding] = {}
    for finding in findings:
        container = finding.logs[0].container if finding.logs else ""
        key = (finding.word, finding.owner, finding.standing, container)
        earlier = kept.get(key)
        if earlier is None or not finding.is_of_pod:
            kept.setdefault((*key[:3], f"{container}/{len(kept)}" if earlier else container), finding)
        else:
            kept[key] = earlier.having(weight=earlier.weight + 1)
    return list(kept.values())


def named_in(estate: Estate, symptoms: Iterable[str]) -> frozenset[Identity]:
    """The components and Services whose names, or whose pods' names, stand in the texts."""
    known = [component.identity for component in estate.components]
    owned = {(identity.namespace, identity.name) for identity in known}
    fronts = [identity_of(service) for service in estate.services]
    known += [front for front in fronts if (front.namespace, front.name) not in owned]
    named: set[Identity] = set()
    spoken = [_words(symptom) for symptom in symptoms]
    for words in spoken:
        named |= {identity for identity in known if identity.name in words}
        named |= {c.identity for c in estate.components if any(name(pod) in words for pod in c.pods)}
    for service in estate.services:
        if identity_of(service) in named or any(service.name in words for words in spoken):
            named |= {component.identity for component in service.components}
    return frozenset(named)


def _words(text: str) -> frozenset[str]:
    """What could be a name: runs of the characters that names have."""
    kept = "".join(c if c.isalnum() or c in "-." else " " for c in text.lower())
    words = kept.split()
    return frozenset([*words, *(word.strip(".-") for word in words), *(word.partition(".")[0] for word in words)])
