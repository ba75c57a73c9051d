"""The one way from a state to the token ids of a prompt, for agents at work and for what is learnt from them.

Guidance is a field of the Observer's state. Whoever wants the prompt that it would have had alone takes the plan out
of the state and renders it again; nothing is ever cut out of rendered text.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass, replace

from aoi.language.codec import Codec, Prompt
from aoi.language.layouts import layout_of
from aoi.language.profile import PromptProfile
from aoi.language.prompt import PromptState
from aoi.records.decision import ObserverState


@dataclass(frozen=True, slots=True)
class Prompter:
    """Renders and encodes as a bundle's profile and tokenizer say."""

    profile: PromptProfile
    codec: Codec

    def ids(self, state: PromptState) -> tuple[int, ...]:
        """The whole prompt. An Observer's keeps within the profile's tokens: text goes first, then old memory.

        Raises: ValueError if markers and the system's text alone are more than the profile's tokens.
        """
        prompt = layout_of(self.profile).prompt(state, self.profile)
        ids = self.codec.encode_prompt(prompt)
        if not isinstance(state, ObserverState) or len(ids) <= self.profile.prompt_tokens:
            return ids
        shorter = _shorten(state)
        return self._begun(prompt) if shorter == state else self.ids(shorter)

    def _begun(self, prompt: Prompt) -> tuple[int, ...]:
        """The longest beginning of the user's text, up to a space, that fits. It is text that is cut, never ids: the
        markers after which the model speaks stand at their end."""
        ends = [0, *(space.start() for space in re.finditer(r"\s", prompt.user))]

        def encoded(end: int) -> tuple[int, ...]:
            return self.codec.encode_prompt(Prompt(prompt.user[:end], prompt.system))

        fitting = bisect_right(ends, self.profile.prompt_tokens, key=lambda end: len(encoded(end)))
        if not fitting:
            raise ValueError(
                f"profile {self.profile.name}: {self.profile.prompt_tokens} tokens hold no turn at all, only its "
                f"markers and what the system says are {len(encoded(0))}. Set AOI_MODEL__PROMPT_TOKENS higher"
            )
        return encoded(ends[fitting - 1])


def unguided(state: ObserverState) -> ObserverState:
    """The same state of the same episode without a plan in view."""
    return replace(state, plan=())


def _shorten(state: ObserverState) -> ObserverState:
    """Without what tells least: evidence first, then what was remembered, then what is suggested and shown."""
    shorter = (
        (
            state.text,
            lambda: replace(state, text=state.text[: len(state.text) * 3 // 4 if len(state.text) > 64 else 0]),
        ),
        (state.notes, lambda: replace(state, notes=state.notes[1:])),
        (state.changed, lambda: replace(state, changed=state.changed[1:])),
        (state.memory, lambda: replace(state, memory=state.memory[1:])),
        (state.plan[1:], lambda: replace(state, plan=state.plan[:-1])),
        (state.believed, lambda: replace(state, believed=state.believed[:-1])),
        (state.components, lambda: replace(state, components=state.components[: len(state.components) // 2])),
        (state.last[1:], lambda: replace(state, last=state.last[:-1])),
        (state.alerts[1:], lambda: replace(state, alerts=state.alerts[:-1])),
    )
    return next((without() for is_left, without in shorter if is_left), state)
