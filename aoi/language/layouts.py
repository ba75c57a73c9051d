"""The layouts in which agents are asked and answer: the seed model's closed words, and the words of a chat model.

Both come to the same `Decision`. Whoever runs, records or learns from episodes speaks through a `Layout` and never asks
which it is; what a record says that names no profile is read by `agrees`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from aoi.language import decision, prompt, schema
from aoi.language.chat import prompts, reading, writing
from aoi.language.codec import Prompt
from aoi.language.decision import EvolverPlan, ExecutorAct, ProbeCommand, Utterable
from aoi.language.extraction import Malformed
from aoi.language.profile import PromptProfile
from aoi.language.prompt import EvolverState, ExecutorState, ProbeState, PromptState
from aoi.records.decision import Decision, ObserverState, SubmitDo
from aoi.records.episode import RoleName, Step


@dataclass(frozen=True, slots=True)
class Layout:
    """How states become prompts, and how completions are written and read. Reading raises: Malformed."""

    name: str
    prompt: Callable[[PromptState, PromptProfile], Prompt]
    say: Callable[[Utterable], str]
    """The canonical completion; the readers below read it back."""
    decision: Callable[[str], Decision]
    probe: Callable[[str], ProbeCommand]
    act: Callable[[str], ExecutorAct]
    plan: Callable[[str], EvolverPlan]
    speaks_freely: bool
    """Whether there is room for words of one's own: notes and notices in a prompt, lines of the Probe's own, reasons
    in a completion. Without it a role says what its grammar has, and is told nothing else."""
    schemas: Callable[[], Mapping[RoleName, schema.Schema]] | None
    """What each role may say, for engines that constrain by JSON schema; None where words are tokens."""

    def decision_or_none(self, text: str) -> Decision | None:
        """A decision; None of a malformed completion, where that is an outcome like another."""
        try:
            return self.decision(text)
        except Malformed:
            return None


def _words(state: PromptState, profile: PromptProfile) -> Prompt:
    return Prompt(prompt.render_prompt(state))


def _chat(state: PromptState, profile: PromptProfile) -> Prompt:
    match state:
        case ObserverState():
            return prompts.observer(state, profile)
        case ProbeState():
            return prompts.probe(state, profile)
        case ExecutorState():
            return prompts.executor(state, profile)
        case EvolverState():
            return prompts.evolver(state, profile)


WORDS = Layout(
    name="words-1",
    prompt=_words,
    say=decision.render,
    decision=decision.parse,
    probe=decision.parse_probe,
    act=decision.parse_executor,
    plan=decision.parse_plan,
    speaks_freely=False,
    schemas=None,
)
CHAT = Layout(
    name="chat-1",
    prompt=_chat,
    say=writing.say,
    decision=reading.decision,
    probe=reading.probe,
    act=reading.act,
    plan=reading.plan,
    speaks_freely=True,
    schemas=schema.schemas,
)
LAYOUTS: Mapping[str, Layout] = {layout.name: layout for layout in (WORDS, CHAT)}


def layout_of(profile: PromptProfile) -> Layout:
    """The layout that a profile names."""
    return LAYOUTS[profile.layout]


def agrees(step: Step) -> bool:
    """Whether a recorded step's decision is what its text says, in whichever layout that is.

    A step of version 1 holds no decision. Of a cause in words the component is compared and not the word of the
    lexicon: whoever reads it later may know more ways to say it.
    """
    if step.schema_version == 1:
        return True
    said = [layout.decision_or_none(step.decision) for layout in LAYOUTS.values()]
    decided = step.decided
    if decided is None:
        return said == [None] * len(said)
    of_words, of_chat = said
    return of_words == decided or (of_chat is not None and _in_words(of_chat) == _in_words(decided))


def _in_words(one: Decision) -> Decision:
    """Without what is told from words: labels of causes, the phase, and how sure somebody is who has no hypothesis."""
    do = one.do
    if isinstance(do, SubmitDo):
        also = replace(do.also, word="") if do.also else None
        do = replace(do, cause=do.cause and "", also=also)
    is_sure = one.cause is not None or isinstance(do, SubmitDo)
    cause = replace(one.cause, word="") if one.cause else None
    return replace(one, do=do, cause=cause, phase="", confidence=one.confidence if is_sure else 0, words=None)
