"""Recorded episodes for people: found by reference, their prompts and completions as text."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from aoi.errors import Permanent, UnknownBundle
from aoi.records.base import Ref
from aoi.records.diagnosis import Diagnosis
from aoi.records.episode import RoleName, Trajectory, TrajectorySet
from aoi.store.shards import SET_KIND, read_set
from tasks.answers import DIAGNOSIS
from tasks.bundles import tree_ref, unpack
from tasks.workspace import workspace

_SCRIPTED = "scripted:"
"""How the bundle of an episode begins that no model decided."""


class Exchange(NamedTuple):
    """One call of a model."""

    step: int
    role: RoleName
    prompt: str
    """With the markers of its turns, as the model read it."""
    said: str


def episodes_of(ref: str, episode: str | None = None) -> list[Trajectory]:
    """The episodes behind `kind:digits`: of a set, or the one of a diagnosis; of those the ones whose id begins so.

    Raises: Permanent if there is none.
    """
    found = workspace().store.find(ref)
    held = [one for one in _held(found) if episode is None or one.id.startswith(episode)]
    if not held:
        wanted = f"episode {episode}" if episode else "episode"
        raise Permanent(
            f"{ref} holds no {wanted}: expected a set ({SET_KIND}:...), or a diagnosis ({DIAGNOSIS}:...) for which a "
            f"model was asked. Look: aoi episodes show {ref}"
        )
    return held


def exchanges(trajectory: Trajectory) -> Iterator[Exchange]:
    """Every call of a model in an episode, in order. Raises: Permanent if its tokenizer is not here."""
    text_of = _decoder(trajectory.content.bundle)
    for step in trajectory.content.steps:
        for said in step.utterances:
            yield Exchange(step.index + 1, said.role, text_of(said.prompt_ids), text_of(said.completion_ids))


def _held(found: Ref[TrajectorySet]) -> list[Trajectory]:
    store = workspace().store
    if found.kind == DIAGNOSIS:
        diagnosis = store.get(found, Diagnosis)
        return [diagnosis.trajectory] if diagnosis.trajectory else []
    return list(read_set(store, found)) if found.kind == SET_KIND else []


def _decoder(bundle: str) -> Callable[[Sequence[int]], str]:
    """Ids to text, markers included, with the tokenizer of a registered bundle."""
    from models.bundle import TOKENIZER
    from models.codec import whole_text

    if bundle.startswith(_SCRIPTED):
        raise Permanent(f"{bundle} decided this episode, and no model was asked: there are no prompts to print")
    try:
        tree = workspace().ledger.registered(bundle).tree
    except UnknownBundle as error:
        raise Permanent(
            f"bundle {bundle[:12]} decided this episode and is not registered here: its tokenizer is missing. Print it "
            "in the home where it was recorded"
        ) from error
    assert tree is not None
    folder = unpack(tree_ref("bundle", tree)) / TOKENIZER
    return lambda ids: whole_text(folder, ids)
