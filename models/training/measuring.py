"""What a worker does: measure decisions and plans in their worlds, with the policy that training started from."""

from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import NamedTuple

from aoi.agents.policy import Policy
from aoi.learning.replanning import Deed, executed
from aoi.learning.rewards import MeasuredReward
from aoi.records.episode import RoleName
from aoi.records.learning import TrainingExample
from models import bundle as bundles
from models.bundle import Bundle
from models.policies.of_bundle import Serving, codec_of, policy_of

Job = tuple[TrainingExample, str]
"""An example and the completion that was said at its prompt."""


class Start(NamedTuple):
    """The policy that training starts from: it carries episodes on when a look is measured, and is shown plans."""

    bundle: Path
    """Folder of the bundle whose base, profile and tokenizer it has."""
    base: Path
    adapter: Path | None
    """Of the Observer; None for the bare base."""
    serving: Serving

    @property
    def adapters(self) -> dict[RoleName, Path]:
        """Of the roles that answer when an episode is carried on."""
        return {"observer": self.adapter} if self.adapter else {}

    def opened(self) -> Bundle:
        """Its bundle, every digest checked."""
        return bundles.load(self.bundle, self.base)


def measure(start: Start, jobs: list[Job]) -> list[float]:
    """Rewards of decisions, in order. The first call in a process opens the policy. Raises: ReplayDiffers."""
    return _reward(start).measure(jobs)


def carry_out(start: Start, deeds: list[Deed]) -> list[bool]:
    """Whether plans led to where they should, in order."""
    bundle, policy = _opened(start)
    return executed(deeds, bundle.profile, codec_of(bundle), policy)


_OPEN = ExitStack()
"""Policies that this worker has opened; they stay open until it ends."""


@cache
def _reward(start: Start) -> MeasuredReward:
    bundle, policy = _opened(start)
    return MeasuredReward(bundle.profile, codec_of(bundle), policy)


@cache
def _opened(start: Start) -> tuple[Bundle, Policy]:
    bundle = start.opened()
    return bundle, _OPEN.enter_context(policy_of(bundle, start.serving, start.adapters))
