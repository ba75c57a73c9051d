"""What an Observer's decision depends on, and what it is: the values that a step records and learning reads back.

`aoi.language` renders and parses them. They are plain values without a version of their own: `Step`, which holds
them, has one.
"""

from dataclasses import dataclass

from pydantic import ConfigDict, with_config

_STRICT = with_config(ConfigDict(extra="forbid"))
"""Read back from a record, a value refuses what it does not know, as records do."""


@_STRICT
@dataclass(frozen=True, slots=True)
class Finding:
    """One signal as agents speak of it: about one component, sometimes pointing at another."""

    word: str
    subject: str
    other: str | None = None


@_STRICT
@dataclass(frozen=True, slots=True)
class ProbeDo:
    """Look: one check of one component (or node)."""

    check: str
    target: str


@_STRICT
@dataclass(frozen=True, slots=True)
class ExecDo:
    """Change: one typed action on one component."""

    action: str
    target: str
    value: str | None = None


@_STRICT
@dataclass(frozen=True, slots=True)
class SubmitDo:
    """Answer. Whoever names a cause names its component; whoever names a level names the type too."""

    verdict: str
    component: str | None = None
    cause: str | None = None
    level: str | None = None
    type: str | None = None
    also: Finding | None = None
    """A second cause that stands beside the first, at a component of its own."""


Do = ProbeDo | ExecDo | SubmitDo


@_STRICT
@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A cause that the Observer holds possible, in its own words."""

    component: str
    cause: str
    speaks_for: str = ""
    speaks_against: str = ""
    probability: float = 0.5
    """In [0, 1]."""


@_STRICT
@dataclass(frozen=True, slots=True)
class Handover:
    """What the Observer tells whoever carries its decision out, in its own words."""

    why: str = ""
    """What a look is to show; why an answer names the cause and not a symptom of it."""
    targets: tuple[str, ...] = ()
    """Further components of a look, beside the one that is decided."""
    cause: str = ""
    """Of a change: what it puts right. Of an answer: the cause that is mapped to a word of the lexicon."""
    further_cause: str = ""
    """Of an answer that names a second one."""
    change: str = ""
    verification: str = ""
    fallback: str = ""


NOTHING_SAID = Handover()


@_STRICT
@dataclass(frozen=True, slots=True)
class Words:
    """What a chat model says around its decision. People read it, and later prompts do; the loop decides without it."""

    observation: str
    """What the last evidence shows."""
    hypotheses: tuple[Hypothesis, ...] = ()
    """Most probable first."""
    handover: Handover = NOTHING_SAID


@_STRICT
@dataclass(frozen=True, slots=True)
class Decision:
    """One decision of the Observer."""

    summary: Finding | None
    """The finding of the previous iteration that matters; it becomes the long-term memory."""
    phase: str
    cause: Finding | None
    """Present hypothesis: signal and component, never a second component."""
    confidence: int
    """0 to 9; 9 reads as 95 %."""
    do: Do
    words: Words | None = None
    """What was said around it, in a layout that has room for it."""

    @property
    def probability(self) -> float:
        """The middle of the confidence digit's bin, in [0.05, 0.95]."""
        return (self.confidence + 0.5) / 10


@_STRICT
@dataclass(frozen=True, slots=True)
class AlertLine:
    """What pages the operator: a word of `lexicon.ALERTS` and a component."""

    word: str
    subject: str


@_STRICT
@dataclass(frozen=True, slots=True)
class Note:
    """One line of the long-term memory: what the Observer wrote of an iteration when it had seen what came of it."""

    did: ProbeDo | ExecDo | None
    """What the iteration did; None for the survey before the first one."""
    seen: str


@_STRICT
@dataclass(frozen=True, slots=True)
class ObserverState:
    """All that one Observer decision depends on."""

    task: str
    """Word of `lexicon.TASKS`."""
    alerts: tuple[AlertLine, ...]
    memory: tuple[Finding, ...] = ()
    """Summaries of iterations before the previous one, oldest first."""
    last: tuple[Finding, ...] = ()
    """Signals of the previous iteration, ranked."""
    last_do: ProbeDo | ExecDo | None = None
    """The check or action that gave `last`; None where the profile does not show it."""
    plan: tuple[ProbeDo | ExecDo, ...] = ()
    """Guidance: steps of a corrective plan that are still open. Empty without guidance."""
    text: str = ""
    """Compressed text of the previous iteration (`chat-1` only)."""
    remaining: int | None = None
    """Iterations left (`chat-1` only)."""
    notice: str = ""
    """What the runtime has to say of the previous iteration: a limit that was met, or why what was said is no decision
    (`chat-1` only)."""
    components: tuple[str, ...] = ()
    """Names that a decision may use (`chat-1` only)."""
    notes: tuple[Note, ...] = ()
    """What the Observer wrote of iterations before the previous one, oldest first (`chat-1` only)."""
    believed: tuple[Hypothesis, ...] = ()
    """What its previous decision held possible (`chat-1` only)."""
    handover: Handover = NOTHING_SAID
    """What it had said of the previous iteration when it asked for it (`chat-1` only)."""
    changed: tuple[Finding, ...] = ()
    """Summaries of components that were changed since; they are not in `memory`. Empty where the profile does not tell
    them apart."""
