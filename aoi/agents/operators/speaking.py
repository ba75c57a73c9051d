"""What operators that decide by rules have in common: they read the prompt, and write the seed layout."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from aoi.agents.policy import Generation, Turn
from aoi.language.codec import WordCodec
from aoi.language.decision import Utterable, render
from aoi.language.prompt import PromptState, read_prompt


class SpeakingOperator(ABC):
    """A policy that answers every turn by itself, from the state that its prompt shows."""

    adapter: ClassVar[str]

    def __init__(self, codec: WordCodec) -> None:
        self._codec = codec

    def generate(self, turns: Sequence[Turn]) -> list[Generation]:
        """One answer a turn, in order."""
        return [self._answer(turn) for turn in turns]

    def _answer(self, turn: Turn) -> Generation:
        said = self._say(read_prompt(self._codec.decode(turn.prompt_ids)))
        return Generation(self._codec.encode_completion(render(said)), None, self.adapter)

    @abstractmethod
    def _say(self, state: PromptState) -> Utterable:
        """What is said in a state."""
