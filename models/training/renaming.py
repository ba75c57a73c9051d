"""The same lesson under other names: what a model of handles learns from, again with every component called otherwise.

Handles are dealt out anew in each episode and mean nothing, so whatever was right stays right when they are exchanged.
A few verified corrections become as many as training draws, and what is learnt of them is to name what was read, where
`s22` alone would have been learnt by heart. Where components have their real names there is nothing to exchange.
"""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from aoi.language.codec import Codec, Prompt, handle_names
from aoi.records.learning import TrainingExample
from models.training.grpo import Reward

_HANDLE = re.compile(r"\b[sn]\d+\b")


class Renamed(NamedTuple):
    """An example under other names."""

    row: TrainingExample
    original: TrainingExample
    former: Mapping[str, str]
    """Its handles -> those of the original, which its world knows."""


def under_other_names(rows: Sequence[TrainingExample], draws: int, codec: Codec, seed: int) -> list[Renamed]:
    """At least `draws` examples: the rows, and then the rows again and again, each time each under names of its own."""
    found = [Renamed(row, row, {}) for row in rows]
    for time in range(1, -(-draws // max(len(rows), 1))):
        found += [_renamed(row, codec, random.Random(f"{seed}/{time}/{number}")) for number, row in enumerate(rows)]
    return found


def met_again(rows: Sequence[TrainingExample], draws: int, codec: Codec, seed: int) -> list[Renamed]:
    """As many examples as are drawn, each row under other names each time, and as often as the others but for one."""
    return under_other_names(rows, draws, codec, seed)[:draws]


def paid_by_former_names(reward: Reward, renamed: Sequence[Renamed], codec: Codec) -> Reward:
    """A reward of these examples, of one that is measured in their worlds: what is said is told in the names there."""
    known = {each.row.digest(): each for each in renamed}

    def measured(examples: Sequence[TrainingExample], completions: Sequence[tuple[int, ...]]) -> list[float]:
        found = [known[example.digest()] for example in examples]
        said = [
            codec.encode_completion(_spoken(ids, codec, each.former)) if each.former else ids
            for each, ids in zip(found, completions, strict=True)
        ]
        return reward([each.original for each in found], said)

    return measured


def _renamed(row: TrainingExample, codec: Codec, rng: random.Random) -> Renamed:
    """The example with its handles exchanged; as it is, if its ids are not what its text is encoded to."""
    names = dict(_exchanged(rng))
    prompt = codec.encode_prompt(Prompt(codec.decode(row.prompt_ids)))
    said = {name: ids for name in ("target_ids", "rejected_ids") if (ids := getattr(row, name)) is not None}
    if prompt != row.prompt_ids or any(codec.encode_completion(codec.decode(ids)) != ids for ids in said.values()):
        return Renamed(row, row, {})
    changed: dict[str, object] = {
        name: codec.encode_completion(_spoken(ids, codec, names)) for name, ids in said.items()
    }
    changed["prompt_ids"] = codec.encode_prompt(Prompt(_spoken(row.prompt_ids, codec, names)))
    former = {new: old for old, new in names.items()}
    return Renamed(row.model_copy(update=changed | {"target": None}), row, former)


def _exchanged(rng: random.Random) -> Iterator[tuple[str, str]]:
    for kind in "sn":  # a node stays a node
        handles = [name for name in handle_names() if name[0] == kind]
        yield from zip(handles, rng.sample(handles, len(handles)), strict=True)


def _spoken(ids: Sequence[int], codec: Codec, names: Mapping[str, str]) -> str:
    return _HANDLE.sub(lambda found: names.get(found[0], found[0]), codec.decode(ids))
