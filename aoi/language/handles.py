"""Short names that stand for components and nodes in what a model sees.

Assigned per episode in a seeded random order, so that nothing can be learnt from a number. Proprietary names
never reach a model, and a service that is called `user` is not mistaken for the word.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from aoi.language import lexicon
from aoi.records.base import sha256_hex


@dataclass(frozen=True)
class Handles:
    """Handle -> real name, and back. With `names = real` a handle is the name itself."""

    components: Mapping[str, str]
    nodes: Mapping[str, str]

    @cached_property
    def names(self) -> dict[str, str]:
        """Handle -> real name of every component and node, as a trajectory records it."""
        return {**self.components, **self.nodes}

    @cached_property
    def _component_handles(self) -> dict[str, str]:
        return {name: handle for handle, name in self.components.items()}

    @cached_property
    def _node_handles(self) -> dict[str, str]:
        return {name: handle for handle, name in self.nodes.items()}

    def component(self, name: str) -> str | None:
        """Handle of a component by its real name."""
        return self._component_handles.get(name)

    def node(self, name: str) -> str | None:
        """Handle of a node by its real name."""
        return self._node_handles.get(name)

    def host(self, host: str) -> str | None:
        """Handle of the component that a host position names: `geo`, `geo.ns`, `geo.ns.svc.cluster.local`."""
        return self._component_handles.get(host.partition(".")[0])

    def resolve(self, handle: str) -> str | None:
        """Real name behind a handle, or None if there is no such handle in this episode."""
        return self.names.get(handle)


def assign(components: Sequence[str], nodes: Sequence[str], *, seed: int, real: bool = False) -> Handles:
    """Give every component and node its handle for one episode.

    Components beyond `lexicon.MAX_HANDLES` and nodes beyond `MAX_NODES` get none: the seed vocabulary ends there. So
    whoever has more names what matters most first.
    """
    if real:
        return Handles({name: name for name in components}, {name: name for name in nodes})
    return Handles(
        _shuffled(components, f"components/{seed}", "s", lexicon.MAX_HANDLES),
        _shuffled(nodes, f"nodes/{seed}", "n", lexicon.MAX_NODES),
    )


def _shuffled(names: Sequence[str], salt: str, letter: str, limit: int) -> dict[str, str]:
    order = sorted(list(dict.fromkeys(names))[:limit])
    random.Random(int(sha256_hex(salt.encode())[:16], 16)).shuffle(order)
    # Numbers are drawn from the whole range: all handles must be met in training, whatever the application's size.
    numbers = random.Random(int(sha256_hex(f"{salt}/numbers".encode())[:16], 16)).sample(range(1, limit + 1), limit)
    return {f"{letter}{number}": name for number, name in zip(numbers, order, strict=False)}
