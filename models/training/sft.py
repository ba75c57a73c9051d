"""Supervised fine-tuning of a LoRA adapter on pairs of prompt and completion.

A loop of its own, some tens of lines, instead of TRL's: it shares its loss with pre-training, takes token ids as
they are, and resumes from files that hold tensors only. Observer and Evolver (`evolver.py`) use it, and preferences
(`preferences.py`), which bring a loss of their own.
"""

import json
import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from peft import PeftModel, set_peft_model_state_dict
from peft.utils import get_peft_model_state_dict
from safetensors.torch import save_file

from aoi.errors import CorruptObject
from aoi.model_settings import TrainingSettings
from aoi.records.base import Record, Sha256, canonical_bytes, sha256_hex
from aoi.records.learning import TrainingExample
from models import adapters, files
from models.adapters import AdapterSettings
from models.codec import TokenizerCodec
from models.training import batches
from models.training.batches import Pair, Sample
from models.training.curves import Curve, CurvePoint, Progress, TrainingRun
from models.training.forward import Forward, forward_of

BATCH = 32
"""Pairs of an optimiser step."""


class SftSettings(Record):
    """How an adapter is fine-tuned."""

    epochs: int = 3
    """Passes over all pairs, where `steps` is 0."""
    steps: int = 0
    """Optimiser steps: passes go on until they are done, and the last may be cut short."""
    batch: int = BATCH
    microbatch: int = 32
    learning_rate: float = 1e-3
    warmup: float = 0.1
    """Share of the steps; the rate then falls linearly to a tenth."""
    weight_decay: float = 0.0
    gradient_clip: float = 1.0
    adapter: AdapterSettings = AdapterSettings()
    log_every: int = 5
    checkpoint_every: int = 0
    """Steps between checkpoints; 0 writes none."""

    @classmethod
    def of(cls, training: TrainingSettings, steps: int) -> "SftSettings":
        """As the settings say: the Observer's and the Evolver's differ by their steps alone."""
        return cls(
            steps=steps,
            learning_rate=training.sft_learning_rate,
            microbatch=training.microbatch,
            adapter=AdapterSettings.of(training),
        )


class Objective(NamedTuple):
    """What is minimised: a name for the curve, and how the loss of a batch is propagated back."""

    method: Literal["sft", "dpo"]
    accumulate: Callable[[Forward, Sequence[Any], int], float]
    """The model, a batch and the sequences that fit at once -> the loss; its gradient is added up."""


IMITATION = Objective("sft", batches.accumulate)


@dataclass(slots=True)
class _Run:
    """An adapter being trained."""

    model: PeftModel
    optimiser: torch.optim.AdamW
    step: int = 0

    @property
    def trained(self) -> list[torch.nn.Parameter]:
        return [weight for weight in self.model.parameters() if weight.requires_grad]


def sft(
    base: Path,
    examples: Sequence[TrainingExample],
    folder: Path,
    *,
    seed: int,
    settings: SftSettings | None = None,
    warm_start: Path | None = None,
    progress: Progress | None = None,
) -> TrainingRun:
    """Imitate the targets of `examples` and write the adapter to `folder`.

    Deterministic. A run that was cut off continues from `<folder>/checkpoint` if its inputs are the same.
    Raises: ValueError if there is no example, or one without a target.
    """
    if untargeted := [index for index, example in enumerate(examples) if not example.target_ids]:
        raise ValueError(f"{len(untargeted)} of {len(examples)} examples have no target: only GRPO can use those")
    codec = TokenizerCodec(base)
    pairs = [Pair(example.prompt_ids, codec.ended(example.target_ids or ())) for example in examples]
    return train_adapter(base, pairs, folder, seed=seed, settings=settings, warm_start=warm_start, progress=progress)


def train_adapter(
    base: Path,
    pairs: Sequence[Sample],
    folder: Path,
    *,
    seed: int,
    settings: SftSettings | None = None,
    warm_start: Path | None = None,
    progress: Progress | None = None,
    objective: Objective = IMITATION,
) -> TrainingRun:
    """Fine-tune an adapter on `pairs`, in an order that `seed` alone determines. Raises: ValueError if empty."""
    settings = settings or SftSettings()
    if not pairs:
        raise ValueError("there is nothing to learn from: no pair was given")
    run = _start(base, warm_start, seed, settings)
    order = _order(len(pairs), seed, settings)
    identity = _identity(base, pairs, seed, settings, warm_start)
    curve = Curve(progress, _resume(run, folder / "checkpoint", identity))
    for step, indices in enumerate(order[run.step :], start=run.step + 1):
        rate = _rate(step, len(order), settings)
        loss, norm = _update(run, [pairs[index] for index in indices], rate, settings, objective)
        curve.add(loss)
        run.step = step
        is_checkpoint = bool(settings.checkpoint_every) and step % settings.checkpoint_every == 0
        if step % settings.log_every == 0 or step == len(order) or is_checkpoint:
            curve.log(step, rate, norm)
        if is_checkpoint and step < len(order):
            _checkpoint(run, folder / "checkpoint", identity, curve.points)
    digest = adapters.save(run.model, folder, files.weights_digest(base))
    shutil.rmtree(folder / "checkpoint", ignore_errors=True)
    return TrainingRun(
        method=objective.method,
        points=tuple(curve.points),
        steps=len(order),
        examples=sum(map(len, order)),
        tokens=sum(pairs[index].tokens for indices in order for index in indices),
        result=digest,
    )


def _start(base: Path, warm_start: Path | None, seed: int, settings: SftSettings) -> _Run:
    model = settings.adapter.opened(base, warm_start, seed)
    model.train()
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    return _Run(model, torch.optim.AdamW(trained, lr=settings.learning_rate, weight_decay=settings.weight_decay))


def _update(
    run: _Run, batch: list[Sample], rate: float, settings: SftSettings, objective: Objective
) -> tuple[float, float]:
    for group in run.optimiser.param_groups:
        group["lr"] = rate
    run.optimiser.zero_grad(set_to_none=True)
    with torch.random.fork_rng():  # what is dropped depends on the step alone: a resumed run goes on as it would have
        torch.manual_seed(run.step)
        loss = objective.accumulate(forward_of(run.model), batch, settings.microbatch)
    norm = torch.nn.utils.clip_grad_norm_(run.trained, settings.gradient_clip)
    run.optimiser.step()
    return loss, norm.item()


def _order(count: int, seed: int, settings: SftSettings) -> list[list[int]]:
    """Indices of every step's batch: each epoch is a permutation, its last batch may be short."""
    rng = random.Random(seed)
    passes = -(-settings.steps // -(-count // settings.batch)) if settings.steps else settings.epochs
    steps: list[list[int]] = []
    for _ in range(passes):
        indices = rng.sample(range(count), count)
        steps += [indices[start : start + settings.batch] for start in range(0, count, settings.batch)]
    return steps[: settings.steps or None]


def _rate(step: int, steps: int, settings: SftSettings) -> float:
    rise = max(1, round(steps * settings.warmup))
    if step <= rise:
        return settings.learning_rate * step / rise
    return settings.learning_rate * (1.0 - 0.9 * (step - rise) / max(1, steps - rise))


def _identity(base: Path, pairs: Sequence[Sample], seed: int, settings: SftSettings, warm_start: Path | None) -> Sha256:
    """What a checkpoint belongs to: it is only resumed by a run with the same inputs."""
    return files.digest_of(
        {
            "base": files.weights_digest(base),
            "pairs": sha256_hex(canonical_bytes([list(pair) for pair in pairs])),
            "seed": str(seed),
            "settings": settings.digest(),
            "warm_start": files.adapter_digest(warm_start) if warm_start else "",
        }
    )


def _checkpoint(run: _Run, folder: Path, identity: Sha256, points: list[CurvePoint]) -> None:
    """Weights, moments and curve; `state.json` is written last and by rename, so half a checkpoint is none."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"step-{run.step}.safetensors"
    tensors = {f"adapter.{key}": value for key, value in get_peft_model_state_dict(run.model).items()}
    for index, weight in enumerate(run.trained):
        moments = run.optimiser.state[weight]
        tensors |= {f"{key}.{index}": moments[key] for key in ("exp_avg", "exp_avg_sq", "step")}
    save_file({key: value.detach().clone().contiguous() for key, value in tensors.items()}, str(folder / name))
    state = {
        "identity": identity,
        "step": run.step,
        "file": name,
        "sha256": files.sha256_file(folder / name),
        "points": [point.model_dump(mode="json") for point in points],
    }
    (folder / "state.json.part").write_text(json.dumps(state))
    (folder / "state.json.part").rename(folder / "state.json")
    for old in folder.glob("step-*.safetensors"):
        if old.name != name:
            old.unlink()


def _resume(run: _Run, folder: Path, identity: Sha256) -> list[CurvePoint]:
    """Load the checkpoint of this very run, if there is one; the points it had logged."""
    try:
        state = json.loads((folder / "state.json").read_bytes())
    except FileNotFoundError:
        return []
    if state["identity"] != identity:
        return []
    path = folder / Path(state["file"]).name
    if files.sha256_file(path) != state["sha256"]:
        raise CorruptObject(f"{path} does not match its digest: delete {folder} to start anew")
    tensors = files.read_weights([path])
    weights = {key.removeprefix("adapter."): value for key, value in tensors.items() if key.startswith("adapter.")}
    set_peft_model_state_dict(run.model, weights)
    for index, weight in enumerate(run.trained):
        run.optimiser.state[weight] = {key: tensors[f"{key}.{index}"] for key in ("exp_avg", "exp_avg_sq", "step")}
    run.step = state["step"]
    return [CurvePoint.model_validate(point) for point in state["points"]]
