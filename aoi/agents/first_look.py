"""The first observation of every episode: a survey of the estate, in the names and within the budget of a profile.

Whoever decides begins where the rules end: with what is plainly wrong, ranked, and not with an empty page.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from aoi.access.redaction import CREDENTIALS, Level
from aoi.agents.stores import Compressed, RawWriter
from aoi.estate.components import Identity
from aoi.estate.estate import Estate
from aoi.estate.finding import Finding
from aoi.estate.survey import Survey
from aoi.language.handles import Handles
from aoi.language.lexicon import POINTERS
from aoi.language.profile import PromptProfile
from aoi.records.episode import Signal


@dataclass(frozen=True)
class FirstLook:
    """What a survey is to one episode."""

    survey: Survey
    names: dict[Identity, str]
    """Component or object -> the name by which the episode knows it."""

    def put(self, raw: RawWriter, handles: Handles, profile: PromptProfile, level: Level = CREDENTIALS) -> Compressed:
        """Keep what was seen, and give what the Observer may see of it: its text without what `level` hides."""
        signals = []
        for finding in self._telling():
            signal = self._signal(finding, handles)
            if signal is None or any(signal.model_copy(update={"citation": s.citation}) == s for s in signals):
                continue
            raw.put(finding.sightings[0].observation)
            signals.append(signal)
            if len(signals) == profile.signals:
                break
        # Sentences hold real names: they are for profiles that show those.
        text = level.text(self._text()) if profile.names == "real" and profile.compressed_chars else ""
        return Compressed(tuple(signals), text[: profile.compressed_chars])

    def _telling(self) -> Iterator[Finding]:
        """Causes first, one of each; then what else is known of them, and what callers say."""
        roots = self.survey.ranked.roots
        yield from (root.main for root in roots)
        yield from (finding for root in roots for finding in root.findings[1:])
        yield from (finding for finding in self.survey.ranked.suspects if finding.word in POINTERS)

    def _signal(self, finding: Finding, handles: Handles) -> Signal | None:
        subject = self._handle(finding.owner, handles)
        other = self._handle(finding.other, handles) if finding.other else None
        if subject is None or not finding.sightings:
            return None
        other = None if other == subject else other
        return Signal(word=finding.word, subject=subject, other=other, citation=finding.sightings[0].citation)

    def _handle(self, identity: Identity, handles: Handles) -> str | None:
        name = self.names.get(identity, identity.name if identity.kind == "Node" else None)
        return (handles.component(name) or handles.node(name)) if name else None

    def _text(self) -> str:
        """The sentences."""
        answer = self.survey.answer
        lines = [f"Survey: {answer.verdict}: {answer.summary}"]
        lines += [f"- {other.component} ({other.cause}): {other.summary}" for other in answer.also]
        return "\n".join(lines)


def names_of(estate: Estate, components: Iterable[str]) -> dict[Identity, str]:
    """Which of the given names a component or Service goes by: its own, or that of the Service that leads to it."""
    known = set(components)
    names: dict[Identity, str] = {}
    for component in estate.components:
        label = estate.label(component.identity)
        if label in known:
            names[component.identity] = label
    for service in estate.services:
        identity = Identity("Service", service.namespace, service.name)
        behind = [c.identity for c in service.components]
        label = estate.label(identity)
        if label in known:
            names[identity] = label
            for component in behind:
                names.setdefault(component, label)
        elif behind and behind[0] in names:
            names[identity] = names[behind[0]]
    return names
