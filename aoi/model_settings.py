"""Settings of models and their training, and the presets that set many of them at once.

A preset is a set of other defaults: any variable that is set wins over it.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Dtype = Literal["float32", "bfloat16"]
RewardMode = Literal["measured", "judge", "rules"]
Corrections = Literal["sft", "dpo", "seeded", "successes", "none"]
Quantization = Literal["none", "nf4", "int8"]
Sampling = Literal["in_process", "server"]
Preset = Literal["auto", "seed", "small", "paper-14b", "ours-14b"]


class Group(BaseModel):
    """Settings that belong together."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ModelSettings(Group):
    """The base model of a home, pinned by its first champion."""

    base: str = ""
    """Hugging Face model id or path of a causal language model; empty makes the seed model."""
    preset: Preset = "auto"
    """Defaults of `AOI_TRAINING__*` for a size of model; `auto` is `small` where a base is given, else `seed`."""
    iterations: int = Field(default=0, ge=0)
    """Iterations of an episode; 0 is what the layout of the base has (15, of the seed model 6)."""
    prompt_tokens: int = Field(default=0, ge=0)
    """Hard limit of an Observer's prompt; 0 is what the layout has (4,096, of the seed model 64)."""
    completion_tokens: int = Field(default=0, ge=0)
    """Of a decision, and of the Evolver's plan; 0 is what the layout has (1,024, of the seed model 32 and 40)."""
    thinks: bool = False
    """Whether a chat model thinks first, where its template has a switch. Set the tokens of a completion higher
    then: its thoughts are counted among them."""


class TrainingSettings(Group):
    """One cycle's training of the adapters."""

    sft_steps: int = Field(default=150, ge=0)
    sft_learning_rate: float = Field(default=1e-3, gt=0)
    grpo_steps: int = Field(default=120, ge=0)
    """Steps over which the learning rate falls to zero."""
    prompts: int = Field(default=8, ge=1)
    """Prompts of each GRPO step."""
    group_size: int = Field(default=8, ge=2)
    """Sampled completions of each prompt. One has no baseline."""
    corrections: Corrections = "sft"
    """How verified corrections enter: `sft` imitates them before GRPO, `dpo` prefers each before GRPO to what was
    decided in the same state on the way to the failure, `seeded` puts them among the sampled completions of GRPO,
    weighted by importance; `none` leaves them out, and `successes` imitates the policy's own in their place: for
    comparisons."""
    reward: RewardMode = "measured"
    """`measured` carries every sampled decision out in its world. The others compare it with what was right at the same
    place, by the paper's six dimensions, for clusters that cannot be forked: `judge` asks a model, the one of
    `AOI_JUDGE__*`, and `rules` asks nobody."""
    ray_url: str = ""
    """Ray cluster whose cores measure rewards: `local` starts one here, `auto`, `host:6379` and `ray://host:10001` join
    one. The home has to be under the same path on each of its machines. Empty: processes of this machine."""
    sampling: Sampling = "in_process"
    """What says the completions of GRPO: the engine of this process, or the `server` of `AOI_SERVER__URL`, which is
    handed the adapter in training."""
    sync_every: int = Field(default=1, ge=1)
    """Steps of GRPO from one adapter that a server is handed to the next. Meanwhile it samples with that one, and
    completions are weighed by what it says of them."""
    accelerate: str = ""
    """Configuration file of accelerate that shares each step of GRPO out over several GPUs of this machine, a process
    each. Empty: one process, and one GPU."""
    learning_rate: float = Field(default=8e-4, gt=0)
    beta: float = Field(default=0.02, ge=0)
    """Weight of the KL penalty against the reference policy."""
    lora_r: int = Field(default=16, ge=1)
    """Rank of the adapters; alpha is twice the rank, as in the paper."""
    lora_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of an adapter's inputs that are dropped while it is trained."""
    microbatch: int = Field(default=32, ge=1)
    """Sequences that are computed at once on a device: memory against speed, never the result's meaning."""
    dtype: Dtype = "float32"
    """What the base is held in while it is trained; the adapter is always trained in 32-bit floats."""
    quantization: Quantization = "none"
    """What the base is rounded to while it is trained (QLoRA, by bitsandbytes): 4 bits (`nf4`) or 8 (`int8`),
    computed in `AOI_TRAINING__DTYPE`. The adapter then answers on the base as it is, which it was not trained on."""
    gradient_checkpointing: bool = False
    """Compute activations again instead of keeping them: a large base fits, a third slower."""
    evolver_steps: int = Field(default=60, ge=0)
    """Steps in which the Evolver's own adapter imitates, of 32 solved problems each; 0 proposes no plans."""
    evolver_grpo_steps: int = Field(default=20, ge=0)
    """Steps of GRPO that follow, on plans that are carried out in the worlds of solved problems."""
    tries: int = Field(default=16, ge=1)
    """Tries at each problem that no rollout solved, by all proposers together; the search stops at the first that is
    verified."""
    failures: int = Field(default=512, ge=1)
    """Failed problems that are searched in a cycle at most, drawn evenly where there are more. Their episodes and those
    of the tries are held in memory meanwhile, and no others."""
    augmented: int = Field(default=0, ge=0)
    """Solved problems in a cycle at most that are solved in other ways as well, by up to five tries each: what the
    world verifies and no other way did is rehearsed and reinforced too."""
    warm_start: bool = True
    """Start from the champion's adapter; otherwise from the bare base."""


class SeedModelSettings(Group):
    """The model that the project makes itself where `AOI_MODEL__BASE` names none."""

    steps: int = Field(default=1400, ge=1)
    demonstrations: int = Field(default=1200, ge=1)
    """Episodes of the expert operator, on training mechanisms only."""


_LARGE: Mapping[str, Any] = {
    "dtype": "bfloat16",
    "gradient_checkpointing": True,
    "microbatch": 4,
    "beta": 0.0,
    "sft_steps": 20,  # names are real: what the seed model imitates under other names would be learnt by heart
}
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "seed": {},
    "small": {**_LARGE, "learning_rate": 2e-5, "sft_learning_rate": 1e-4, "lora_r": 32},
    "paper-14b": {
        **_LARGE,
        "learning_rate": 1e-5,
        "sft_learning_rate": 1e-5,
        "sft_steps": 0,
        "lora_r": 64,
        "lora_dropout": 0.05,
        "prompts": 4,
        "group_size": 4,
        "reward": "judge",
    },
    "ours-14b": {**_LARGE, "learning_rate": 1e-5, "sft_learning_rate": 5e-5, "lora_r": 64, "microbatch": 2},
}
"""Preset -> training settings. `paper-14b` has the paper's (section 4); the others are starting points that no run has
tuned: `small` for up to a billion parameters on one GPU of 24 GB, `ours-14b` for 14 billion with measured rewards."""


def with_preset(given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as given, with what their preset sets where nothing was. Wrong values are left for pydantic."""
    model, training = given.get("model", {}), given.get("training", {})
    if not isinstance(model, Mapping) or not isinstance(training, Mapping):
        return dict(given)
    name = model.get("preset", "auto")
    if name == "auto":
        name = "small" if model.get("base") else "seed"
    preset = PRESETS.get(name, {}) if isinstance(name, str) else {}
    return {**given, "training": {**preset, **training}}
