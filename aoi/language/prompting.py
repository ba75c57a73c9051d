"""The one way from a state to the token ids of a prompt, for agents at work and for what is learnt from them.

Guidance is a field of the Observer's state. Whoever wants the prompt that it would have had alone takes the plan out
of the state and renders it again; nothing is ever cut out of rendered text.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass, replace

from aoi.language.codec import Codec
from aoi.language.profile import PromptProfile
from aoi.language.prompt import EvolverState, ExecutorState, ProbeState, PromptState, render_prompt
from aoi.language.prose import render_evolver, render_executor, render_observer, render_probe
from aoi.records.decision import ObserverState


@dataclass(frozen=True, slots=True)
class Prompter:
    """Renders and encodes as a bundle's profile and tokenizer say."""

    profile: PromptProfile
    codec: Codec

    def ids(self, state: PromptState) -> tuple[int, ...]:
        """The whole prompt. An Observer's keeps within the profile's tokens: text goes first, then old memory.

        Raises: ValueError if the markers of a turn alone are more than the profile's tokens.
        """
        text = rendered(state, self.profile)
        ids = self.codec.encode_prompt(text)
        if not isinstance(state, ObserverState) or len(ids) <= self.profile.prompt_tokens:
            return ids
        shorter = _shorten(state)
        return self._begun(text) if shorter == state else self.ids(shorter)

    def _begun(self, text: str) -> tuple[int, ...]:
        """The longest beginning of the text, up to a space, that fits. It is text that is cut, never ids: the markers
        after which the model speaks stand at their end."""
        ends = [0, *(space.start() for space in re.finditer(r"\s", text))]
        fitting = bisect_right(
            ends, self.profile.prompt_tokens, key=lambda end: len(self.codec.encode_prompt(text[:end]))
        )
        if not fitting:
            raise ValueError(f"profile {self.profile.name}: {self.profile.prompt_tokens} tokens hold no turn at all")
        return self.codec.encode_prompt(text[: ends[fitting - 1]])


def rendered(state: PromptState, profile: PromptProfile) -> str:
    """The prompt as text, in the profile's layout. Cut an Observer's state with `prompt.within` first."""
    if profile.layout == "words-1":
        return render_prompt(state)
    match state:
        case ObserverState():
            return render_observer(state, profile)
        case ProbeState():
            return render_probe(state)
        case ExecutorState():
            return render_executor(state)
        case EvolverState():
            return render_evolver(state)


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
    if len(state.last) > 1:
        return replace(state, last=state.last[:-1])
    return replace(state, alerts=state.alerts[:-1]) if len(state.alerts) > 1 else state
