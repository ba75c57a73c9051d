"""Where a policy is undecided: the decision points that are worth the price of a measurement.

Where all samples of a group do and remember the same, they earn the same and nothing is learnt from it; from a strong
start that is most of what was met. To ask costs far less than to measure where a model is small and a world is not, so
every point is asked before training (arXiv 2503.14476, section 3.2, drops such groups when they have been paid for).
Whoever speaks freely is not asked: it is dear, and rarely says the same twice.
"""

import random
from collections.abc import Sequence

from aoi import progress
from aoi.agents.policy import Policy, Turn
from aoi.language.layouts import layout_of
from aoi.records.base import sha256_hex
from aoi.records.decision import Do, Finding
from aoi.records.learning import TrainingExample
from models.bundle import Bundle
from models.policies.of_bundle import codec_of, policy_of
from models.training.measuring import Start

BATCH = 64
"""Answers that are asked for at once."""
KEPT = 4
"""Of the points at which it is sure, one is kept for so many at which it is not: what is known must not be lost."""

Said = tuple[Do, Finding | None] | None
"""What is measured of a completion: what it does, and what it remembers. None of one that says nothing."""


def sifted(
    bundle: Bundle, start: Start, points: Sequence[TrainingExample], *, samples: int, seed: int
) -> list[TrainingExample]:
    """The points, in order, at which the policy that training starts from is undecided, and some at which it is not.

    `bundle` is the one of `start`: to open it is to read its base whole.
    """
    if layout_of(bundle.profile).speaks_freely:
        return list(points)
    unsure = undecided(bundle, start, points, samples=samples, seed=seed)
    told = {point.digest() for point in unsure}
    sure = [point for point in points if point.digest() not in told]
    kept = random.Random(seed).sample(sure, min(-(-len(unsure) // KEPT), len(sure)))
    told |= {point.digest() for point in kept}
    return [point for point in points if point.digest() in told]


def undecided(
    bundle: Bundle, start: Start, points: Sequence[TrainingExample], *, samples: int, seed: int
) -> list[TrainingExample]:
    """The points, in order, at which `samples` answers of the policy that training starts from differ in their deed."""
    most = bundle.profile.completion_tokens
    found: list[TrainingExample] = []
    size = max(BATCH // samples, 1)
    with policy_of(bundle, start.serving, start.adapters) as policy:
        for first in range(0, len(points), size):
            part = points[first : first + size]
            turns = [turn_at(point, most, f"{seed}/{number}") for point in part for number in range(samples)]
            said = deeds(bundle, policy, turns)
            groups = (said[place : place + samples] for place in range(0, len(said), samples))
            found += [point for point, group in zip(part, groups, strict=True) if len(set(group)) > 1]
            progress.advance(min(first + size, len(points)), len(points))
    return found


def deeds(bundle: Bundle, policy: Policy, turns: Sequence[Turn]) -> list[Said]:
    """What is measured of a policy's answers, in order."""
    layout, codec = layout_of(bundle.profile), codec_of(bundle)
    texts = (codec.decode(answer.token_ids) for answer in policy.generate(turns))
    return [(each.do, each.summary) if each else None for each in map(layout.decision_or_none, texts)]


def turn_at(point: TrainingExample, most: int, salt: str) -> Turn:
    """One sample at a decision point, the same for the same salt."""
    noise = int(sha256_hex(f"sift/{salt}/{point.digest()}".encode())[:16], 16)
    return Turn("observer", point.prompt_ids, most, 1.0, noise)
