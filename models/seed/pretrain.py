"""Pre-training of the seed model: from examples to a folder of weights, in a few CPU minutes.

Loss on completions only. Each step's examples are drawn at random, sorted by length and cut into microbatches, so
padding stays small while the gradient is that of an unsorted batch.
"""

import itertools
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerFast, Qwen3ForCausalLM, get_cosine_schedule_with_warmup

from aoi.agents.policy import Turn
from aoi.language.codec import vocabulary
from models import files
from models.network import Network, width_of
from models.policies import in_process as engine
from models.seed import architecture, tokenizer
from models.seed.examples import Augment, DecisionExample, permute_handles
from models.training import batches
from models.training.batches import Pair
from models.training.curves import Curve, Progress, TrainingRun


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the base model is trained. Measured values: docs/models.md."""

    batch: int = 64
    microbatch: int = 32
    learning_rate: float = 3e-3
    warmup: float = 0.05
    """Share of the steps."""
    weight_decay: float = 0.01
    gradient_clip: float = 1.0
    log_every: int = 25
    evaluate_every: int = 100
    """Steps between measurements of exact match on the held-out examples."""


def pretrain(
    examples: Iterable[DecisionExample],
    folder: Path,
    steps: int,
    seed: int,
    *,
    held_out: Sequence[DecisionExample] = (),
    recipe: Recipe | None = None,
    shape: architecture.Shape | None = None,
    augment: Augment = permute_handles,
    progress: Progress | None = None,
) -> TrainingRun:
    """Train a seed model on `examples` and write it to `folder`.

    A list or a tuple is repeated, reshuffled, until the steps are done; an iterator is read once and must last.

    Deterministic: equal arguments and an equal order of examples give equal weights.
    Raises: ValueError if an example has a word outside the vocabulary, or the examples end.
    """
    recipe = recipe or Recipe()
    words = tokenizer.build(vocabulary())
    model = architecture.initialise(words, seed, shape)
    rng = random.Random(seed)
    stream = (_encode(words, augment(example, rng)) for example in _repeat(examples, rng))
    optimiser, schedule = _optimiser(model, steps, recipe)
    curve = Curve(progress)
    tokens = seen = 0
    for step in range(1, steps + 1):
        batch = list(itertools.islice(stream, recipe.batch))
        if not batch:
            raise ValueError(f"the examples ended at step {step} of {steps}: give a list, or an endless iterator")
        seen += len(batch)
        tokens += sum(pair.tokens for pair in batch)
        rate = float(schedule.get_last_lr()[0])
        loss, norm = _update(model, batch, optimiser, recipe)
        curve.add(loss)
        schedule.step()
        measures = bool(held_out) and (step % recipe.evaluate_every == 0 or step == steps)
        if measures or step % recipe.log_every == 0 or step == steps:
            curve.log(step, rate, norm, exact_match=exact_match(model, words, held_out) if measures else None)
    architecture.save(model, words, folder)
    digest = files.weights_digest(folder)
    return TrainingRun(
        method="pretrain", points=tuple(curve.points), steps=steps, examples=seen, tokens=tokens, result=digest
    )


def exact_match(
    model: Qwen3ForCausalLM, words: PreTrainedTokenizerFast, examples: Sequence[DecisionExample], rows: int = 256
) -> float:
    """Share of completions that greedy decoding reproduces token for token."""
    network = Network(model.config, {name: weight.detach() for name, weight in model.state_dict().items()})
    by_width: dict[int, list[Pair]] = {}
    for example in examples:
        encoded = _encode(words, example)
        by_width.setdefault(width_of(len(encoded[0])), []).append(encoded)
    right = 0
    for group in by_width.values():
        for start in range(0, len(group), rows):
            part = group[start : start + rows]
            turns = [Turn("observer", prompt, len(completion), 0.0, 0) for prompt, completion, _ in part]
            answers = engine.generate(network, turns, frozenset((words.eos_token_id,)), adapter="")
            right += sum(a.token_ids == completion for a, (_, completion, _) in zip(answers, part, strict=True))
    return right / len(examples)


def _update(
    model: Qwen3ForCausalLM, batch: list[Pair], optimiser: torch.optim.Optimizer, recipe: Recipe
) -> tuple[float, float]:
    """One optimiser step. Returns the weighted mean loss per completion token and the gradient's norm."""
    optimiser.zero_grad(set_to_none=True)
    loss = batches.accumulate(Network(model.config, dict(model.named_parameters())), batch, recipe.microbatch)
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.gradient_clip)
    optimiser.step()
    return loss, norm.item()


def _optimiser(
    model: Qwen3ForCausalLM, steps: int, recipe: Recipe
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    matrices = [weight for weight in model.parameters() if weight.dim() > 1]
    vectors = [weight for weight in model.parameters() if weight.dim() == 1]
    groups = [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.98), fused=True)
    return optimiser, get_cosine_schedule_with_warmup(optimiser, max(1, round(steps * recipe.warmup)), steps)


def _encode(words: PreTrainedTokenizerFast, example: DecisionExample) -> Pair:
    prompt = tuple(words(example.prompt)["input_ids"])
    completion = (*words(example.completion)["input_ids"], words.eos_token_id)
    if words.unk_token_id in prompt or words.unk_token_id in completion:
        raise ValueError(f"a word is outside the vocabulary: {example.prompt!r} -> {example.completion!r}")
    return Pair(prompt, completion, example.weight)


def _repeat(examples: Iterable[DecisionExample], rng: random.Random) -> Iterator[DecisionExample]:
    """The examples; if they end, the same again in a new order each time."""
    kept: list[DecisionExample] = []
    is_endless = isinstance(examples, Iterator)
    for example in examples:
        if not is_endless:
            kept.append(example)
        yield example
    while kept:
        rng.shuffle(kept)
        yield from kept
