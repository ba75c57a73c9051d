"""What a prompt tells of the looks so far: what was seen, where it leads, and how often somebody looked there."""

from collections.abc import Iterator

from aoi.agents.operators.knowledge import DEEPER, SUFFERING, WEAK
from aoi.language.lexicon import POINTERS
from aoi.records.decision import Finding, ObserverState, ProbeDo

NOISE = frozenset({"hpapinned", "notready", "restarted", "exception", "delay"})
"""Weak words that ordinary work leaves behind, or that say no more than an alert does: nobody is blamed for these."""


def is_cause(finding: Finding) -> bool:
    """Whether a finding names what is wrong."""
    return finding.word not in POINTERS and finding.word not in WEAK and finding.word != "healthy"


def remembered(state: ObserverState) -> tuple[Finding, ...]:
    """All that is remembered, the oldest first; of what was changed since before of what was not."""
    return (*state.changed, *state.memory)


def open_causes(state: ObserverState) -> list[Finding]:
    """Every finding that names a cause where nothing was changed since, the newest first."""
    return [finding for finding in (*state.last, *reversed(state.memory)) if is_cause(finding)]


def known_cause(state: ObserverState) -> Finding | None:
    """The newest finding that names a cause, or what explains it."""
    causes = [*open_causes(state), *filter(is_cause, reversed(state.changed))]
    newest = next(iter(causes), None)
    if newest is None:
        return None
    below = DEEPER.get(newest.word, frozenset())
    return next((cause for cause in causes if cause.word in below and cause.subject == newest.subject), newest)


def most_telling(state: ObserverState) -> Finding | None:
    """Of what only shows that somebody suffers, what says most; the newest of equals."""
    weak = [f for f in (*state.last, *reversed(remembered(state))) if f.word in WEAK - NOISE]
    return min(weak, key=lambda finding: SUFFERING.index(finding.word), default=None)


def words_at(state: ObserverState, component: str) -> list[str]:
    """What was seen of a component, the newest first, and what it was paged for."""
    seen = [finding.word for finding in (*state.last, *reversed(remembered(state))) if finding.subject == component]
    return [*seen, *(alert.word for alert in state.alerts if alert.subject == component)]


def is_news(state: ObserverState, finding: Finding) -> bool:
    """Whether nobody has seen that before."""
    return all((old.word, old.subject) != (finding.word, finding.subject) for old in remembered(state))


def is_last(state: ObserverState, iterations: int) -> bool:
    """Whether this is the last decision of an episode: a look a decision is remembered, but for an empty first one."""
    began_empty = bool(state.memory) and state.memory[0].word == "healthy"
    return len(remembered(state)) + began_empty >= iterations - 1


def pointed(finding: Finding) -> str:
    """The component that a pointer leads to."""
    return finding.other or finding.subject


def pointers(state: ObserverState) -> Iterator[Finding]:
    """What points elsewhere, the newest first."""
    return (finding for finding in reversed(remembered(state)) if finding.word in POINTERS)


def suspect(state: ObserverState) -> Finding | None:
    """The newest pointer in memory."""
    return next(pointers(state), None)


def looks_at(state: ObserverState, target: str) -> int:
    """How often it was looked at: what is remembered of a component was followed by a look at it."""
    return sum(pointed(finding) == target for finding in remembered(state))


def caller(state: ObserverState, about: Finding) -> str | None:
    """Who complained: named by the finding, else pointed at just before, else paged first."""
    if about.other:
        return about.subject
    led = [finding for finding in remembered(state) if finding.word in POINTERS]
    earlier = led[: led.index(about)] if about in led else []
    if earlier:
        return pointed(earlier[-1])
    return state.alerts[0].subject if state.alerts else None


def asked(state: ObserverState) -> str:
    """The check that the last look was."""
    return state.last_do.check if isinstance(state.last_do, ProbeDo) else ""


def looked_at(state: ObserverState) -> str | None:
    """Whom the last look was at, whether or not anything could be read."""
    return state.last_do.target if isinstance(state.last_do, ProbeDo) else None


def after(check: str, order: tuple[str, ...]) -> str:
    """The look that follows `check` in an order; its first if it is not in there, or at the end."""
    return order[(order.index(check) + 1) % len(order)] if check in order else order[0]
