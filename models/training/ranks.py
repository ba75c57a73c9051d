"""GRPO in several processes, one for each GPU, where `AOI_TRAINING__ACCELERATE` names a configuration of accelerate.

Each rank runs the trainer of `grpo.py` on its share of a step. Here stays what there has to be one of: who says what
completions are worth, who is told of progress, and what the run is. Ranks hand over which examples they were at and
what they said, and get numbers.
"""

import gc
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import torch

from aoi import errors
from aoi.errors import AoiError, Transient
from aoi.model_settings import TrainingSettings
from aoi.records.learning import TrainingExample
from models.training.curves import Progress, TrainingRun
from models.training.grpo import GrpoSettings, Reward, grpo
from models.training.launching import Launch, Ranks, launch_of, launched
from models.training.sampling import IN_PROCESS, Sampler
from models.training.wire import ORDER, Failed, Finished, Joined, Line, Order, Reached, Said, Worth


class Grpo(Protocol):
    """What trains an adapter by GRPO: `grpo` in this process, or several ranks that do the same together."""

    def __call__(
        self,
        base: Path,
        examples: Sequence[TrainingExample],
        reward: Reward,
        folder: Path,
        *,
        seed: int,
        settings: GrpoSettings,
        warm_start: Path | None,
        progress: Progress | None,
        sampler: Sampler,
    ) -> TrainingRun:
        """See `grpo`."""
        ...


def grpo_of(training: TrainingSettings) -> Grpo:
    """What the settings say trains. Raises: SettingsError if they name a configuration that cannot."""
    return InRanks(launch_of(training)) if training.accelerate else grpo


class InRanks:
    """A `Grpo` of as many processes as a configuration says."""

    def __init__(self, launch: Launch) -> None:
        self._launch = launch

    def __call__(
        self,
        base: Path,
        examples: Sequence[TrainingExample],
        reward: Reward,
        folder: Path,
        *,
        seed: int,
        settings: GrpoSettings,
        warm_start: Path | None = None,
        progress: Progress | None = None,
        sampler: Sampler = IN_PROCESS,
    ) -> TrainingRun:
        """See `grpo`. Raises: StageBusy if a rank died; what a rank, `reward` and `progress` raise."""
        if sampler is not IN_PROCESS:
            raise ValueError(f"ranks sample with the weights that they hold, not by {sampler.identity}")
        order = Order(
            base=base, examples=tuple(examples), folder=folder, seed=seed, settings=settings, warm_start=warm_start
        )
        _free()
        with tempfile.TemporaryDirectory(prefix="aoi-ranks-") as name:  # its mode lets nobody else in
            private = Path(name)
            (private / ORDER).write_bytes(order.to_bytes())
            with launched(self._launch.command(private), self._launch.environment(), private) as ranks:
                return _served(ranks, self._launch.ranks, examples, reward, progress)


def _free() -> None:
    """Leave the GPU to the ranks: what was imitated here before is still cached there."""
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def _served(
    ranks: Ranks, count: int, examples: Sequence[TrainingExample], reward: Reward, progress: Progress | None
) -> TrainingRun:
    """Answer the ranks until each has finished."""
    names: dict[Line, int] = {}
    said: dict[int, tuple[Line, Said]] = {}
    runs: dict[int, TrainingRun] = {}
    while len(runs) < count:
        for line, message in ranks.heard():
            match message:
                case Joined():
                    names[line] = message.rank
                case Said():
                    said[names[line]] = line, message
                case Reached():
                    if progress:
                        progress(message.point)
                case Failed():
                    raise _error_of(ranks, names[line], message)
                case Finished():
                    runs[names[line]] = message.run
                    ranks.done(line)
        if len(said) == count:
            _pay([said[rank] for rank in sorted(said)], examples, reward)
            said.clear()
    ranks.rest()
    return runs[0]


def _pay(said: Sequence[tuple[Line, Said]], examples: Sequence[TrainingExample], reward: Reward) -> None:
    """Ask once for the whole step, in its order, and give each rank its share."""
    places = [place for _, each in said for place in each.places]
    completions = [ids for _, each in said for ids in each.completions]
    rewards = iter(reward([examples[place] for place in places], completions))
    for line, each in said:
        line.send(Worth(rewards=tuple(next(rewards) for _ in each.places)))


def _error_of(ranks: Ranks, rank: int, failed: Failed) -> AoiError:
    """An error of the tree as it is; of any other, which may be the echo of another rank's, all that is known."""
    kind = getattr(errors, failed.error, None)
    if not (isinstance(kind, type) and issubclass(kind, AoiError)):
        return ranks.ended(f"rank {rank} raised {failed.error}: {failed.message}")
    if issubclass(kind, Transient) and failed.retry_in_s is not None:
        return kind(failed.message, failed.retry_in_s)
    return kind(failed.message)
