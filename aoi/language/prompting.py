"""The one way from a state to the token ids of a prompt, for agents at work and for what is learnt from them.

Guidance is a field of the Observer's state. Whoever wants the prompt that it would have had alone takes the plan out
of the state and renders it again; nothing is ever cut out of rendered text.
"""

from dataclasses import dataclass, replace

from aoi.language.codec import Codec
from aoi.language.profile import PromptProfile
from aoi.language.prompt import EvolverState, ExecutorState, ProbeState, PromptState, render_prompt
from aoi.language.prose import render_executor, render_observer, render_probe
from aoi.records.decision import ObserverState


@dataclass(frozen=True, slots=True)
class Prompter:
    """Renders and encodes as a bundle's profile and tokenizer say."""

    profile: PromptProfile
    codec: Codec

    def ids(self, state: PromptState) -> tuple[int, ...]:
        """The whole prompt. An Observer's keeps within the profile's tokens: text goes first, then old memory."""
        ids = self.codec.encode_prompt(self.render(state))
        if not isinstance(state, ObserverState) or len(ids) <= self.profile.prompt_tokens:
            return ids
        shorter = _shorten(state)
        return ids[: self.profile.prompt_tokens] if shorter == state else self.ids(shorter)

    def render(self, state: PromptState) -> str:
        """The prompt as text, in the profile's layout. Cut an Observer's state with `prompt.within` first."""
        if self.profile.layout == "words-1":
            return render_prompt(state)
        match state:
            case ObserverState():
                return render_observer(state, self.profile)
            case ProbeState():
                return render_probe(state)
            case ExecutorState():
                return render_executor(state)
            case EvolverState():
                return render_prompt(state)  # the Evolver speaks words alone, whatever the Observer reads


def unguided(state: ObserverState) -> ObserverState:
    """The same state of the same episode without a plan in view."""
    return replace(state, plan=())


def _shorten(state: ObserverState) -> ObserverState:
    if state.text:
        return replace(state, text=state.text[: len(state.text) * 3 // 4] if len(state.text) > 64 else "")
    if state.memory:
        return replace(state, memory=state.memory[1:])
    if len(state.plan) > 1:
        return replace(state, plan=state.plan[:-1])
    return replace(state, last=state.last[:-1]) if len(state.last) > 1 else state
