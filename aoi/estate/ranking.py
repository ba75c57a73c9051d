"""Cause before symptom: findings are joined by who calls and needs whom, and the deepest broken one is the cause.

A suspicion becomes a fault where a symptom points at it. A symptom is explained where what it calls is broken. What
is left unexplained are the roots; there can be several, since incidents do not come one at a time.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from aoi.estate.components import Identity
from aoi.estate.estate import Estate
from aoi.estate.finding import Finding, Source, Tier
from aoi.estate.hearing import LOUD
from aoi.estate.hosts import Host
from aoi.estate.rules.configuration import calls, misaddressed
from aoi.estate.rules.services import behind, identity_of
from aoi.language.lexicon import AT_OTHER, POINTERS

MAX_DEPTH = 12
"""Steps of a chain of calls."""
FEW = 3
"""Pods of one component, as a share: a finding about fewer than a third of what another is about comes after it."""
_WEAK = frozenset({"badimage", "badenv", "badargs", "badcommand", "nodeselector", "liveness", "readiness", "oomkilled"})
"""What every rollout changes: a lead where its component has no better explanation."""


@dataclass(frozen=True)
class Root:
    """One cause: its findings, the nearest to the cause first, and whom it explains."""

    identity: Identity
    findings: tuple[Finding, ...]
    explains: tuple[tuple[Identity, ...], ...] = ()
    """Chains from a symptom down to here: caller, its callee, ..., this."""

    @property
    def main(self) -> Finding:
        """What the answer says."""
        return self.findings[0]


@dataclass(frozen=True)
class Ranked:
    """What an estate's findings come to."""

    roots: tuple[Root, ...]
    """The likeliest first."""
    suspects: tuple[Finding, ...]
    """What nothing points at."""


@dataclass
class _Graph:
    """Findings by identity, and who leans on whom."""

    estate: Estate
    failing: dict[Identity, list[Finding]] = field(default_factory=dict)
    pointed: dict[Identity, list[Finding]] = field(default_factory=dict)
    """Callee -> what callers say of it."""
    speakers: dict[tuple[str, int | None], set[Identity]] = field(default_factory=dict)
    """Address -> who complains about it."""

    def add(self, finding: Finding) -> None:
        """One that counts."""
        self.failing.setdefault(finding.owner, []).append(finding)
        heaviest = max(held.weight for held in self.failing[finding.owner] if held.is_of_pod or held is finding)
        self.failing[finding.owner].sort(key=lambda held: (_is_minor(held, heaviest), *_nearness(held)))

    def point(self, finding: Finding) -> None:
        """What one says of a callee."""
        if finding.host is not None:
            self.speakers.setdefault(_address(finding.host), set()).add(finding.owner)
        for target in self._targets(finding):
            if target != finding.owner:
                self.pointed.setdefault(target, []).append(finding)

    def _targets(self, finding: Finding) -> list[Identity]:
        if finding.word == "dns":
            return []  # whoever's name does not resolve is not to blame for it
        targets = [finding.other] if finding.other else []
        for host in (finding.host, *finding.hosts):
            targets += _leads_to(host) if host is not None else []
        return [target for target in dict.fromkeys(targets) if target is not None]

    @cached_property
    def configured(self) -> Mapping[Identity, tuple[Identity, ...]]:
        """Component -> what it is configured to call, Services and what is behind them."""
        leaning: dict[Identity, tuple[Identity, ...]] = {}
        for component in self.estate.components:
            callees: list[Identity] = []
            for _, host in calls(self.estate, component):
                callees += _leads_to(host)
            leaning[component.identity] = tuple(c for c in dict.fromkeys(callees) if c != component.identity)
        return leaning

    def named(self, identity: Identity) -> list[Identity]:
        """Whom one says that it cannot reach."""
        mine = self.failing.get(identity, [])
        direct = [target for finding in mine for target in self._targets(finding)]
        said = [c for c, findings in self.pointed.items() if any(f.owner == identity for f in findings)]
        return [c for c in dict.fromkeys([*direct, *said]) if identity not in (c, *behind(self.estate, c))]

    def below(self, identity: Identity) -> list[Identity]:
        """The broken ones that explain one: whom it names; and, of a symptom, whom it is configured to call.

        Of two that lean on each other, the one that names the other is the symptom.
        """
        mine = self.failing.get(identity, [])
        named = [c for c in self.named(identity) if c in self.failing and not self._names_back(c, identity)]
        if named or not mine:
            return named
        own = _tier(mine[0])
        is_symptom = all(_tier(f) >= Tier.ENDED or f.word in POINTERS for f in mine if not _is_weak(f))
        wanted = [c for c in self.configured.get(identity, ()) if c in self.failing] if is_symptom else []
        return [c for c in wanted if self._is_deeper(c, identity, own)]

    def _names_back(self, callee: Identity, caller: Identity) -> bool:
        """Whether it is the callee that complains about the caller, and the caller that is nearer to a cause.

        Of two that complain about each other, the one whose complaint is borne out suffers from the other.
        """
        if caller not in self.named(callee):
            return False
        is_mutual = self._targets_of_own(caller, callee)
        return not is_mutual or (self._is_borne_out(callee, caller) and not self._is_borne_out(caller, callee))

    def _is_borne_out(self, speaker: Identity, callee: Identity) -> bool:
        mine = self.failing.get(speaker, [])
        return any(f.is_explained and f.tier is Tier.CALLEE and callee in self._targets(f) for f in mine)

    def _targets_of_own(self, caller: Identity, callee: Identity) -> bool:
        return any(callee in self._targets(finding) for finding in self.failing.get(caller, []))

    def _is_deeper(self, callee: Identity, caller: Identity, own: Tier) -> bool:
        theirs = _tier(self.failing[callee][0])
        is_vague = own is Tier.CALLEE and not self.named(caller) and theirs <= Tier.ENDED
        is_no_nearer = self.failing[caller][0].is_lone and theirs <= own
        return caller not in self.named(callee) and (theirs < own or own is Tier.SYMPTOM or is_vague or is_no_nearer)

    def chain(self, identity: Identity) -> tuple[Identity, ...]:
        """From one down to the deepest that is broken too; itself alone if nothing that it leans on is."""
        path = [identity]
        while len(path) < MAX_DEPTH:
            mine = self.failing.get(path[-1], [])
            if mine and _tier(mine[0]) <= Tier.TOLD and mine[0].word not in POINTERS and not mine[0].hosts:
                break
            below = [c for c in self.below(path[-1]) if c not in path]
            if not below:
                break
            path.append(min(below, key=lambda c: (_nearness(self.failing[c][0]), c)))
        return tuple(path)


def rank(estate: Estate, findings: Iterable[Finding], alerted: frozenset[Identity] = frozenset()) -> Ranked:
    """Roots and suspects. `alerted` is what somebody was paged for: a symptom as good as any."""
    findings = list(findings)
    graph = _Graph(estate)
    for finding in findings:
        if finding.standing == "failing":
            graph.add(finding)
        if finding.word in POINTERS | AT_OTHER or finding.tier is Tier.CALLEE or (finding.host and finding.logs):
            graph.point(finding)
    suspects = [finding for finding in findings if finding.standing == "suspect"]
    left = _promote(graph, suspects, alerted)
    left = _promote(graph, left, alerted)  # what is supported may support
    _complained_about(graph, alerted)
    if all(finding.is_lone for held in graph.failing.values() for finding in held):
        left = _downstream(graph, left, alerted)
    return Ranked(_roots(graph, alerted), tuple(sorted(left, key=_nearness)))


def _promote(graph: _Graph, suspects: list[Finding], alerted: frozenset[Identity]) -> list[Finding]:
    """Count every suspicion that a symptom points at; give back the others."""
    left = []
    for suspect in suspects:
        if _is_supported(graph, suspect, alerted):
            graph.add(suspect)
        else:
            left.append(suspect)
    return left


def _is_supported(graph: _Graph, suspect: Finding, alerted: frozenset[Identity]) -> bool:
    own = [f for f in graph.failing.get(suspect.owner, []) if f is not suspect]
    if suspect.word in POINTERS | AT_OTHER or suspect.tier >= Tier.CALLEE or suspect.is_lone:
        # What a log says supports others; by itself it counts where its speaker is in trouble too.
        return bool(own) or (suspect.owner in alerted and suspect.share >= LOUD)
    if _is_weak(suspect):
        return bool(own) and all(f.tier >= Tier.ENDED and not f.is_explained for f in own)
    if suspect.host is not None and suspect.word == "badconfig":
        return _is_spoken_of(graph, suspect, own, alerted)
    if suspect.word == "netpolicy" and suspect.other is not None:
        # Not everybody makes every call that a shared configuration names: whoever makes it and fails says so.
        said = [f for c in (suspect.owner, suspect.other) for f in graph.pointed.get(c, [])]
        return any(f.owner in (suspect.owner, suspect.other) for f in said)
    places = {suspect.owner, *behind(graph.estate, suspect.owner)}
    if suspect.owner.kind == "Service" and suspect.other:
        places.add(suspect.other)
    if places & alerted or any(place in graph.pointed for place in places):
        return True
    unexplained = [f for f in own if f.tier >= Tier.CALLEE]
    return bool(unexplained) and suspect.word not in ("targetport", "hpapinned", "zeroreplicas")


def _is_spoken_of(graph: _Graph, suspect: Finding, own: list[Finding], alerted: frozenset[Identity]) -> bool:
    """An address in a configuration that many read is wrong for the one who complains about it."""
    assert suspect.host is not None
    speakers = graph.speakers.get(_address(suspect.host), set())
    if speakers:
        return suspect.owner in speakers
    return suspect.owner in alerted or any(f.tier >= Tier.CALLEE and not f.is_explained for f in own)


def _leads_to(host: Host) -> list[Identity]:
    """The Service of a host position and the components that it leads to; without one, whose pod answers."""
    if host.service is not None:
        return [identity_of(host.service), *(component.identity for component in host.service.components)]
    return [host.component.identity] if host.component is not None else []


def _address(host: Host) -> tuple[str, int | None]:
    """What a host position comes to, however it is written."""
    if host.service is not None:
        return f"{host.service.namespace}/{host.service.name}", host.port
    return host.written.lower(), host.port


def _downstream(graph: _Graph, suspects: list[Finding], alerted: frozenset[Identity]) -> list[Finding]:
    """Where nothing else explains an alert: what is plainly wrong with whom the paged ones are configured to call."""
    reached, frontier = set(alerted), list(alerted)
    while frontier:
        callees = graph.configured.get(frontier.pop(), ())
        fresh = [callee for callee in callees if callee not in reached]
        reached |= set(fresh)
        frontier += fresh
    left = []
    for suspect in suspects:
        places = {suspect.owner, *behind(graph.estate, suspect.owner)}
        is_plain = suspect.tier is Tier.STATED and not _is_weak(suspect)
        if is_plain and not (suspect.word == "netpolicy" and suspect.other) and places & reached:
            graph.add(suspect)
        else:
            left.append(suspect)
    return left


def _is_minor(finding: Finding, heaviest: float) -> bool:
    """Whether it is about few pods where another finding is about many of the same component."""
    return finding.is_of_pod and finding.weight * FEW < heaviest


def _is_weak(finding: Finding) -> bool:
    return finding.word in _WEAK and finding.standing == "suspect"


def _complained_about(graph: _Graph, alerted: frozenset[Identity]) -> None:
    """Of a callee that shows nothing itself, what its callers say is all there is."""
    for callee, complaints in list(graph.pointed.items()):
        if callee.kind == "Service" or callee in graph.failing:
            continue
        heard = [finding for finding in complaints if not _is_stopped(graph, finding.owner, callee)]
        said = [finding for finding in heard if finding.host is None or not misaddressed(finding.host)]
        loud = {finding.owner for finding in said if finding.share >= LOUD}
        is_paged = bool(loud & alerted) or (bool(loud) and callee in alerted)
        failing = {finding.owner for finding in said if finding.standing == "failing"}
        leaf = not any(callee == f.owner for others in graph.pointed.values() for f in others)
        if not said or not leaf:
            continue
        best = min(said, key=_nearness)
        speakers = failing | loud
        if len(speakers) > 1 or is_paged:
            others = frozenset({Source.OTHER})
            is_lone = len(speakers) < 2
            said_of = best.having(tier=Tier.CALLEE, standing="suspect", sources=others, is_lone=is_lone)
            graph.failing[callee] = [said_of]
        elif failing and any(c in graph.failing and c not in failing for c in graph.configured.get(callee, ())):
            # One speaker accuses nobody, but leads on to what the accused is configured to call.
            graph.failing[callee] = [best.having(tier=Tier.SYMPTOM, standing="suspect")]


def _is_stopped(graph: _Graph, caller: Identity, callee: Identity) -> bool:
    """Whether policies keep the caller's calls from leaving: the callee never hears of them."""
    return any(f.word == "netpolicy" and f.other == callee for f in graph.failing.get(caller, []))


def _roots(graph: _Graph, alerted: frozenset[Identity]) -> tuple[Root, ...]:
    chains = {identity: graph.chain(identity) for identity in graph.failing}
    ends: dict[Identity, list[tuple[Identity, ...]]] = {}
    for identity, chain in chains.items():
        ends.setdefault(chain[-1], []).extend([chain] if chain[-1] != identity else [])
    merged = _without_services(graph, ends)
    roots = [
        Root(identity, tuple(graph.failing[identity]), tuple(sorted(explained, key=lambda c: (-len(c), c))))
        for identity, explained in merged.items()
    ]

    return tuple(sorted(roots, key=lambda root: _order(root, alerted)))


def _order(root: Root, alerted: frozenset[Identity]) -> tuple[int, int, int, float, int, str, Identity]:
    """Nearest to a cause first; what explains an alert is taken for two steps nearer than what does not."""
    paged = root.identity in alerted or any(chain[0] in alerted for chain in root.explains)
    tier, is_suspect, weight = _nearness(root.main)
    distance = tier + (2 if alerted and not paged else 0) + (2 if is_suspect and tier >= Tier.CALLEE else 0)
    return (distance, is_suspect, tier, weight, -len(root.explains), root.identity.name, root.identity)


def _without_services(
    graph: _Graph, ends: dict[Identity, list[tuple[Identity, ...]]]
) -> dict[Identity, list[tuple[Identity, ...]]]:
    """A Service that is wrong because what is behind it is wrong is no cause of its own."""
    kept = dict(ends)
    for identity in ends:
        if identity.kind != "Service" or graph.failing[identity][0].tier < Tier.ENDED:
            continue
        for component in behind(graph.estate, identity):
            if component in kept and component != identity:
                kept[component] = [*kept[component], *kept.pop(identity, [])]
                break
    return kept


def _nearness(finding: Finding) -> tuple[int, int, float]:
    """Nearer to the cause first; of equals what is failing, and what more pods show."""
    return (int(_tier(finding)), int(finding.standing == "suspect"), -finding.weight)


def _tier(finding: Finding) -> Tier:
    """What one log alone says of a program that no object shows to fail is as far from a cause as any symptom."""
    is_unheard_of = finding.is_lone and Source.OBJECT not in finding.sources
    return max(finding.tier, Tier.SYMPTOM) if is_unheard_of else finding.tier
