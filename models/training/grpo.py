"""Step-level GRPO of a LoRA adapter with TRL: prompts of single decisions, rewards measured outside.

`GRPOTrainer` gives groups, advantages, losses and checkpoints; completions come through its `rollout_func` from a
`Sampler`, with a seed of run, step and place for each. Any reward serves that maps an example and a completion to a
number: one measured by executing the decision in its world, a judge's, or a shuffled control.

Where groups are seeded, the last of an example's sampled completions gives way to its target. The old log-probabilities
of a step are those of whoever said each completion, so the ratio of the loss is its importance weight: about 1 for what
was sampled; that of a target is shaped (`seeding.py`).
"""

import gc
import random
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from datasets import Dataset
from peft import PeftModel, set_peft_model_state_dict
from torch.nn import Module
from transformers import PrinterCallback, TrainerCallback
from transformers.trainer_callback import TrainerControl, TrainerState
from transformers.training_args import TrainingArguments
from trl import GRPOConfig, GRPOTrainer
from typing_extensions import override

from aoi.agents.policy import Turn
from aoi.model_settings import TrainingSettings
from aoi.records.base import Record, Sha256, sha256_hex
from aoi.records.learning import TrainingExample
from models import adapters, files
from models.adapters import AdapterSettings
from models.loading import eos_ids, tokenizer
from models.training.curves import CurvePoint, Progress, TrainingRun
from models.training.sampling import IN_PROCESS, Asked, Sampler
from models.training.seeding import reference_logprobs

Reward = Callable[[Sequence[TrainingExample], Sequence[tuple[int, ...]]], list[float]]
"""Examples and one completion for each -> rewards. Called once a step with all groups, group by group."""

DIFFERENCE = "sampling/difference"
"""Name of `Sampled.difference` among the trainer's figures."""
CHECKPOINT_EVERY = 10
"""Steps, or a few more."""


class GrpoSettings(Record):
    """How an adapter is trained by GRPO."""

    steps: int = 30
    prompts: int = 16
    """Different prompts a step."""
    group: int = 8
    """Completions a prompt: their mean reward is the baseline."""
    microbatch: int = 32
    learning_rate: float = 5e-4
    schedule: Literal["constant", "linear", "cosine"] = "linear"
    """How the learning rate goes from there; the last steps of a constant one still toss the policy about."""
    beta: float = 0.02
    """Weight of the KL term against the adapter that training started from; 0 leaves it out."""
    epsilon: float = 0.2
    temperature: float = 1.0
    loss: Literal["dapo", "grpo", "dr_grpo"] = "dapo"
    scale_rewards: Literal["group", "batch", "none"] = "batch"
    seeded: bool = False
    """Whether the target of an example that has one stands among its completions."""
    max_completion_tokens: int = 32
    gradient_clip: float = 1.0
    adapter: AdapterSettings = AdapterSettings()
    log_every: int = 1
    checkpoint_every: int = 0
    """Steps between checkpoints; 0 writes none."""

    @classmethod
    def of(
        cls, training: TrainingSettings, steps: int, completion_tokens: int, *, seeded: bool = False
    ) -> "GrpoSettings":
        """As the settings say, for so many steps and completions so long: the Observer's, or the Evolver's."""
        return cls(
            steps=steps,
            prompts=training.prompts,
            group=training.group_size,
            learning_rate=training.learning_rate,
            beta=training.beta,
            microbatch=training.microbatch,
            adapter=AdapterSettings.of(training),
            seeded=seeded,
            max_completion_tokens=completion_tokens,
            # Where one adapter samples for several steps, a run goes on at a step that begins with a new one.
            checkpoint_every=-(-CHECKPOINT_EVERY // training.sync_every) * training.sync_every,
        )


def grpo(
    base: Path,
    examples: Sequence[TrainingExample],
    reward: Reward,
    folder: Path,
    *,
    seed: int,
    settings: GrpoSettings | None = None,
    warm_start: Path | None = None,
    progress: Progress | None = None,
    sampler: Sampler = IN_PROCESS,
    ranks: int = 1,
) -> TrainingRun:
    """Train an adapter on decisions sampled at the prompts of `examples` and write it to `folder`.

    Deterministic if `reward` and `sampler` are. With checkpoints, a run that was cut off continues from the newest one.
    `ranks` processes that `accelerate launch` started may call this together, each with a reward of its own share: a
    step's completions are shared out evenly, in their order, and the first rank writes.
    Raises: ValueError if there are fewer examples than prompts a step; what `sampler` raises.
    """
    settings = settings or GrpoSettings()
    if len(examples) < settings.prompts:
        raise ValueError(
            f"{len(examples)} examples for {settings.prompts} prompts a step: give more, or lower `prompts`"
        )
    words = tokenizer(base)
    model = settings.adapter.opened(base, warm_start, seed)
    work = folder / "checkpoints" / _identity(base, examples, settings, seed, warm_start, sampler, ranks=ranks)
    with adapters.unrounded(model):
        trainer = _Trainer(
            model=model,
            reward_funcs=_reward_function(examples, reward),
            args=_arguments(settings, seed, work, ranks),
            train_dataset=Dataset.from_list(_rows(_order(len(examples), settings, seed))),
            processing_class=words,
            rollout_func=_Rollout(examples, eos_ids(base), settings, seed, sampler),
            callbacks=[_Reporter(progress)] if progress else [],
        )
    trainer.remove_callback(PrinterCallback)
    trainer.train(resume_from_checkpoint=any(work.glob("checkpoint-*")))
    trainer.accelerator.wait_for_everyone()  # each rank has written its part of the last checkpoint
    if trainer.accelerator.is_main_process:
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
        adapters.save(_adapted(trainer.model), folder, files.weights_digest(base))
    trainer.accelerator.wait_for_everyone()
    run = _run_of(trainer.state, settings, files.adapter_digest(folder))
    del trainer, model
    gc.collect()  # a trainer stands in cycles: the base would stay beside the one that is opened next
    return run


def _run_of(state: TrainerState, settings: GrpoSettings, adapter: Sha256) -> TrainingRun:
    return TrainingRun(
        method="grpo",
        points=tuple(_point(int(log["step"]), log) for log in state.log_history if "reward" in log),
        steps=settings.steps,
        examples=settings.steps * settings.prompts * settings.group,
        tokens=int(state.num_input_tokens_seen),
        result=adapter,
    )


class _Rollout:
    """TRL's `rollout_func` over a sampler."""

    def __init__(
        self,
        examples: Sequence[TrainingExample],
        eos_ids: frozenset[int],
        settings: GrpoSettings,
        seed: int,
        sampler: Sampler,
    ) -> None:
        self.examples, self.sampler = examples, sampler
        self.eos_ids, self.settings, self.seed = eos_ids, settings, seed

    def __call__(self, prompts: list[str], trainer: GRPOTrainer) -> dict[str, Any]:
        """Sample one completion for each prompt, an example's index; each comes `group` times in a row.

        Of several ranks each is given as many of the step's prompts as the others, and a group may begin on one and end
        on the next: places are those of the whole step.
        """
        step = trainer.state.global_step
        model = _adapted(trainer.accelerator.unwrap_model(trainer.model))
        first = trainer.accelerator.process_index * len(prompts)
        turns = [self._turn(prompt, f"{self.seed}/{step}/{place}") for place, prompt in enumerate(prompts, first)]
        answers, difference = self.sampler.sample(model, Asked(step, turns, self.eos_ids))
        if difference is not None:
            trainer._metrics["train"][DIFFERENCE].append(difference)
        said = [(list(answer.token_ids), list(answer.logprobs or ())) for answer in answers]
        if seeds := self._seeds(prompts, first):
            examples = [self.examples[int(prompts[place])] for place in seeds]
            for place, seed in zip(seeds, reference_logprobs(model, examples, self.settings.microbatch), strict=True):
                said[place] = seed
        return {
            "prompt_ids": [list(turn.prompt_ids) for turn in turns],
            "completion_ids": [ids for ids, _ in said],
            "logprobs": [logprobs for _, logprobs in said],
        }

    def _seeds(self, prompts: Sequence[str], first: int) -> list[int]:
        """Which of these completions, the first of which is the step's `first`, give way to their example's target: the
        last of each group that has one."""
        last = range(-(first + 1) % self.settings.group, len(prompts), self.settings.group)
        return [place for place in last if self.settings.seeded and self.examples[int(prompts[place])].target_ids]

    def _turn(self, prompt: str, salt: str) -> Turn:
        noise = int(sha256_hex(salt.encode())[:16], 16) % 2**63  # as many bits as a server takes
        ids = self.examples[int(prompt)].prompt_ids
        return Turn("observer", ids, self.settings.max_completion_tokens, self.settings.temperature, noise)


def _adapted(model: object) -> PeftModel:
    """The model in training; TRL calls it any module, or none. Raises: TypeError if it carries no adapter."""
    if not isinstance(model, PeftModel):
        raise TypeError(f"expected a model with an adapter, found a {type(model).__name__}")
    return model


class _Trainer(GRPOTrainer):
    """GRPOTrainer that resumes the adapter in training, leaves the KL term's reference where training started, and
    weighs each completion against whoever said it."""

    @override
    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        scored: dict[str, Any] = super()._generate_and_score_completions(inputs)
        return scored | {"old_per_token_logps": scored["sampling_per_token_logps"]}

    @override
    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Module | None = None) -> None:
        # transformers 5.19 loads the sub-folders of a checkpoint that has any (here TRL's `ref`), and then not
        # the adapter beside them: training would go on from untrained weights with the old optimiser state.
        weights = files.read_weights([Path(resume_from_checkpoint) / "adapter_model.safetensors"])
        set_peft_model_state_dict(_adapted(model or self.model), weights, adapter_name="default")


class _Reporter(TrainerCallback):
    """Hands every logged step to the caller while training goes on."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    @override
    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: object,
    ) -> None:
        """Called by the trainer after each logged step, and once with totals."""
        if logs and "reward" in logs:
            self.progress(_point(state.global_step, logs))


def _point(step: int, logs: dict[str, float]) -> CurvePoint:
    return CurvePoint(
        step=step,
        loss=logs["loss"],
        learning_rate=logs["learning_rate"],
        gradient_norm=logs.get("grad_norm"),
        reward=logs["reward"],
        reward_deviation=logs.get("reward_std"),
        entropy=logs.get("entropy"),
        kl=logs.get("kl"),
        completion_tokens=logs.get("completions/mean_length"),
        clipped=logs.get("completions/clipped_ratio"),
        sampling_difference=logs.get(DIFFERENCE),
    )


def _arguments(settings: GrpoSettings, seed: int, work: Path, ranks: int) -> GRPOConfig:
    completions = settings.prompts * settings.group // ranks
    microbatch = min(settings.microbatch, completions)
    return GRPOConfig(
        output_dir=str(work),
        seed=seed,
        max_steps=settings.steps,
        per_device_train_batch_size=microbatch,
        gradient_accumulation_steps=completions // microbatch,
        num_generations=settings.group,
        max_completion_length=settings.max_completion_tokens,
        temperature=settings.temperature,
        learning_rate=settings.learning_rate,
        lr_scheduler_type=settings.schedule,
        beta=settings.beta,
        epsilon=settings.epsilon,
        loss_type=settings.loss,
        scale_rewards=settings.scale_rewards,
        max_grad_norm=settings.gradient_clip,
        logging_steps=settings.log_every,
        save_strategy="steps" if settings.checkpoint_every else "no",
        save_steps=settings.checkpoint_every or settings.steps,
        save_total_limit=1,
        report_to="none",
        use_cpu=not torch.cuda.is_available(),
        bf16=settings.adapter.dtype == "bfloat16",
        disable_tqdm=True,
        dataloader_pin_memory=False,
        remove_unused_columns=False,
        shuffle_dataset=False,
        gradient_checkpointing=False,  # `AdapterSettings.opened` has done it
    )


def _order(count: int, settings: GrpoSettings, seed: int) -> list[int]:
    """Index of the example of every group of every step: one permutation of the examples after the other.

    Laid out in full, so that the trainer sees a single epoch: TRL's sampler, resumed in a later epoch, would
    repeat the order of the first.
    """
    rng = random.Random(seed)
    needed = settings.steps * settings.prompts
    order: list[int] = []
    while len(order) < needed:
        order += rng.sample(range(count), count)
    return order[:needed]


def _rows(order: Sequence[int]) -> list[dict[str, str | int]]:
    """Dataset rows: the example's index, for the reward, and again as the prompt, which TRL wants to be text.

    TRL hands the prompt to `rollout_func` as it is, which gives the ids that were recorded: ids that went through text
    and a tokenizer might come back as others.
    """
    return [{"prompt": str(index), "example": index} for index in order]


def _reward_function(examples: Sequence[TrainingExample], reward: Reward) -> Callable[..., list[float | None]]:
    def measured(*, completion_ids: list[list[int]], example: list[int], **_: object) -> list[float | None]:
        return [*reward([examples[index] for index in example], [tuple(ids) for ids in completion_ids])]

    return measured


def _identity(
    base: Path,
    examples: Sequence[TrainingExample],
    settings: GrpoSettings,
    seed: int,
    warm_start: Path | None,
    sampler: Sampler,
    *,
    ranks: int,
) -> str:
    """Name of the checkpoints' folder: only a run with the same inputs resumes them."""
    inputs = {
        "base": files.weights_digest(base),
        "examples": sha256_hex("".join(example.digest() for example in examples).encode()),
        "settings": settings.digest(),
        "seed": str(seed),
        "warm_start": files.adapter_digest(warm_start) if warm_start else "",
        "sampler": sampler.identity,
    }
    if ranks > 1:
        inputs["ranks"] = str(ranks)  # a checkpoint holds the random state of each
    return files.digest_of(inputs)[:16]
