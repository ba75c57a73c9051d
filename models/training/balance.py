"""Equal shares of the four kinds of task: a policy that mostly sees detections learns to say yes or no."""

import random
from collections.abc import Sequence

from aoi.records.problem import TaskKind

MOST_COPIES = 3
"""Of one example on average: a handful of examples repeated without end is learnt by heart."""


def balanced(kinds: Sequence[TaskKind], seed: int) -> list[int]:
    """Places of all rows of these kinds, the rarer ones repeated towards the count of the commonest (paper section
    3.3), shuffled.

    Nothing is dropped. A kind grows to at most `MOST_COPIES` times its size; one without any row stays without.
    """
    groups = [group for kind in TaskKind if (group := [place for place, of in enumerate(kinds) if of is kind])]
    most = max(map(len, groups), default=0)
    rng = random.Random(seed)
    chosen: list[int] = []
    for group in groups:
        chosen += group
        chosen += [rng.choice(group) for _ in range(min(most, MOST_COPIES * len(group)) - len(group))]
    rng.shuffle(chosen)
    return chosen
