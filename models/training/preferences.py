"""Preference pairs: a corrected decision against the one that failed in the same state (DPO, arXiv 2305.18290).

What training started from is the reference, so its margins are computed once. The corrected decision is imitated
beside (the term of arXiv 2404.19733): the preference alone may lower the likelihood of both.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch.nn import functional

from aoi.records.learning import TrainingExample
from models.codec import TokenizerCodec
from models.training import sft
from models.training.batches import Pair, log_likelihoods, microbatches
from models.training.curves import Progress, TrainingRun
from models.training.forward import Forward, forward_of
from models.training.sft import Objective, SftSettings

BETA = 0.1
"""How sharply a preference is told from the reference's own."""
IMITATED = 0.2
"""Weight of the corrected decision's own likelihood, per token."""


class Preference(NamedTuple):
    """Two completions of one prompt, the better first."""

    prompt: tuple[int, ...]
    chosen: tuple[int, ...]
    rejected: tuple[int, ...]
    margin: float = 0.0
    """By how much the reference's log-likelihood prefers the chosen one, in nats."""

    @property
    def tokens(self) -> int:
        """Of both sequences."""
        return 2 * len(self.prompt) + len(self.chosen) + len(self.rejected)

    @property
    def pairs(self) -> tuple[Pair, Pair]:
        """The chosen completion, the rejected one."""
        return Pair(self.prompt, self.chosen), Pair(self.prompt, self.rejected)


def prefer(
    base: Path,
    examples: Sequence[TrainingExample],
    folder: Path,
    *,
    seed: int,
    settings: SftSettings | None = None,
    warm_start: Path | None = None,
    progress: Progress | None = None,
) -> TrainingRun:
    """Learn to prefer the target of each example to what it rejects, and write the adapter to `folder`.

    Deterministic and resumable, as `models.training.sft`. Raises: ValueError if an example lacks either.
    """
    codec, settings = TokenizerCodec(base), settings or SftSettings()
    if any(not (example.target_ids and example.rejected_ids) for example in examples):
        raise ValueError("a preference needs what was right and what was decided instead")
    bare = [
        Preference(e.prompt_ids, codec.ended(e.target_ids or ()), codec.ended(e.rejected_ids or ())) for e in examples
    ]
    return sft.train_adapter(
        base,
        _with_margins(base, bare, warm_start, seed, settings),
        folder,
        seed=seed,
        settings=settings,
        warm_start=warm_start,
        progress=progress,
        objective=Objective("dpo", accumulate),
    )


def accumulate(forward: Forward, batch: Sequence[Preference], microbatch: int) -> float:
    """Back-propagate the mean loss of `batch`. Returns that loss."""
    loss = 0.0
    for part in microbatches(batch, max(microbatch // 2, 1)):
        chosen, rejected = _likelihoods(forward, part)
        margins = torch.tensor([preference.margin for preference in part], device=chosen.device)
        lengths = torch.tensor([len(preference.chosen) for preference in part], device=chosen.device)
        preferred = functional.logsigmoid(BETA * (chosen - rejected - margins))
        share = -(preferred + IMITATED * chosen / lengths).sum() / len(batch)
        share.backward(retain_graph=True)
        loss += share.item()
    return loss


def _likelihoods(forward: Forward, part: Sequence[Preference]) -> tuple[torch.Tensor, torch.Tensor]:
    better, worse = zip(*(preference.pairs for preference in part), strict=True)
    both = log_likelihoods(forward, (*better, *worse))
    return both[: len(part)], both[len(part) :]


@torch.no_grad()
def _with_margins(
    base: Path, bare: Sequence[Preference], warm_start: Path | None, seed: int, settings: SftSettings
) -> list[Preference]:
    forward = forward_of(settings.adapter.opened(base, warm_start, seed).eval())
    size = max(settings.microbatch // 2, 1)
    found: list[Preference] = []
    for start in range(0, len(bare), size):
        part = bare[start : start + size]
        chosen, rejected = _likelihoods(forward, part)
        margins = (chosen - rejected).tolist()
        found += [one._replace(margin=margin) for one, margin in zip(part, margins, strict=True)]
    return found
