"""The operator that does nothing: it says at once that all is well. What a grade must not reward."""

from collections.abc import Sequence

from aoi.agents.policy import Generation, Turn
from aoi.language.codec import WordCodec
from aoi.language.decision import render
from aoi.records.decision import Decision, SubmitDo


class NullOperator:
    """Submits `no` without a look, whatever it is shown."""

    adapter = "scripted:NullOperator"

    def __init__(self, codec: WordCodec) -> None:
        self._said = codec.encode_completion(render(Decision(None, "submit", None, 9, SubmitDo("no"))))

    def generate(self, turns: Sequence[Turn]) -> list[Generation]:
        """The same to every turn."""
        return [Generation(self._said, None, self.adapter) for _ in turns]
