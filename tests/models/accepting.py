"""Whether a grammar lets a completion through, token by token."""

from typing import Any

from aoi.records.episode import RoleName


def accepts(grammar: Any, role: RoleName, ids: tuple[int, ...]) -> bool:
    """What a constrained engine asks of either grammar."""
    state = grammar.start(role)
    for token in ids:
        if token not in grammar.allowed(state):
            return False
        state = grammar.advance(state, token)
    return True
