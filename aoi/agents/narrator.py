"""Tells whoever watches an episode what happens in it, in real names; silent where nobody does."""

from collections.abc import Iterable

from aoi.access.redaction import redact
from aoi.language.handles import Handles
from aoi.language.narration import deed, told
from aoi.records.decision import Decision
from aoi.records.episode import Answer, Ended, Interaction, RoleName, Signal
from aoi.records.event import Asked, Event, Misspoke, Ran, Saw, Stopped, Surveyed, Suspects, Tell

MAX_TEXT = 300
"""Characters of one text in an event."""


class Narrator:
    """Makes events of what a session does. Whoever does not watch costs nothing."""

    def __init__(self, tell: Tell | None, handles: Handles) -> None:
        self._tell, self._handles = tell, handles
        self.step = 1
        """Number of the step that is told of."""

    def asked(self, role: RoleName, tokens: int) -> None:
        """A policy is asked next."""
        if self._tell is not None:
            self._tell(Asked(role=role, step=self.step, tokens=tokens))

    def decided(self, decision: Decision | None, reason: str) -> None:
        """What the Observer said means this; `reason` says why it means nothing."""
        if self._tell is None:
            return
        event: Event
        if decision is None:
            event = Misspoke(step=self.step, reason=plain(reason))
        else:
            suspect = decision.cause
            event = Suspects(
                step=self.step,
                component=(self._handles.resolve(suspect.subject) or suspect.subject) if suspect else None,
                cause=suspect.word if suspect else None,
                probability=decision.probability,
                does=plain(deed(decision, self._handles.names)),
            )
        self._tell(event)

    def ran(self, done: Interaction) -> None:
        """A command was run, or refused."""
        if self._tell is not None:
            command = plain(done.command or done.error or "")
            self._tell(Ran(step=self.step, command=command, status=done.status, bytes=done.observation_bytes))

    def saw(self, signals: Iterable[Signal]) -> None:
        """What was passed on."""
        if self._tell is not None:
            lines = tuple(plain(told(signal, self._handles.names)) for signal in signals)
            self._tell(Saw(step=self.step, signals=lines))

    def stopped(self, ended: Ended) -> None:
        """The episode is over."""
        if self._tell is not None:
            self._tell(Stopped(ended=ended))


def surveyed(tell: Tell | None, answer: Answer) -> None:
    """The look at everything is over, before any model is asked."""
    if tell is not None:
        tell(
            Surveyed(
                verdict=answer.verdict,
                component=answer.component,
                cause=answer.cause,
                confidence=answer.confidence,
                summary=plain(answer.summary),
            )
        )


def plain(text: str) -> str:
    """Redacted, bounded and on one line: what a model or a stranger wrote goes to a terminal and to logs."""
    return " ".join(redact(text.encode("utf-8", "replace")).decode("utf-8", "replace").split())[:MAX_TEXT]
