"""LoRA adapters: one shape for all of AOI, written the same way every time, merged for inference."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model, prepare_model_for_kbit_training
from peft.tuners.lora import Linear
from torch import Tensor
from transformers import PreTrainedModel

from aoi.errors import CorruptObject
from aoi.model_settings import Dtype, Quantization, TrainingSettings
from aoi.records.base import Record, Sha256
from models import files
from models.loading import base_model, device

TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""Every projection of a Llama and of what is built like it. LoRA on tied embeddings or `lm_head` is refused by TRL."""
PREFIX = "base_model.model."


class AdapterSettings(Record):
    """The adapter that is trained, and what its base is held in meanwhile."""

    rank: int = 16
    """Alpha is twice the rank. The paper trains r 64, dropout .05 on 14 billion parameters."""
    dropout: float = 0.0
    dtype: Dtype = "float32"
    """Of the base; the adapter is trained in 32-bit floats."""
    quantization: Quantization = "none"
    gradient_checkpointing: bool = False

    @classmethod
    def of(cls, training: TrainingSettings) -> "AdapterSettings":
        """As the settings say: the Observer's and the Evolver's are alike."""
        return cls(
            rank=training.lora_r,
            dropout=training.lora_dropout,
            dtype=training.dtype,
            quantization=training.quantization,
            gradient_checkpointing=training.gradient_checkpointing,
        )

    def opened(self, base: Path, warm_start: Path | None, seed: int) -> PeftModel:
        """The base model with a trainable adapter on it, where it is trained. Raises: CorruptObject, SettingsError."""
        bare = base_model(base, self.dtype, self.quantization)
        if self.quantization != "none":  # what is not rounded, norms and embeddings, in 32-bit floats
            bare = prepare_model_for_kbit_training(bare, use_gradient_checkpointing=False)
        model = attach(bare, warm_start, seed, self)
        if self.gradient_checkpointing:
            _checkpoint_activations(model)
        return model if self.quantization != "none" else model.to(device())


def attach(
    model: PreTrainedModel, warm_start: Path | None, seed: int, settings: AdapterSettings | None = None
) -> PeftModel:
    """Put a trainable adapter on `model`: a copy of `warm_start`, or a new one that changes nothing yet."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if warm_start is None:
            return get_peft_model(model, _configuration(model, settings or AdapterSettings()))
        files.check_readable(warm_start)
        attached = PeftModel.from_pretrained(model, str(warm_start), is_trainable=True)
    # `save` wrote the base's digest there; PEFT would look for a model of that name.
    attached.peft_config["default"].base_model_name_or_path = ""
    return attached


def _configuration(model: PreTrainedModel, settings: AdapterSettings) -> LoraConfig:
    return LoraConfig(
        r=settings.rank,
        lora_alpha=2 * settings.rank,
        lora_dropout=settings.dropout,
        target_modules=_targets(model),
        task_type="CAUSAL_LM",
    )


def drops(model: PeftModel) -> bool:
    """Whether anything is dropped in training."""
    return any(isinstance(config, LoraConfig) and config.lora_dropout > 0 for config in model.peft_config.values())


def is_quantized(model: PeftModel) -> bool:
    """Whether the base under the adapter has rounded weights."""
    return getattr(base_of(model).config, "quantization_config", None) is not None


@contextmanager
def unrounded(model: PeftModel) -> Iterator[None]:
    """Keep the adapter in 32-bit floats: TRL's trainers make bfloat16 of it where the base is quantised."""
    before = {name: weight.data for name, weight in model.named_parameters() if weight.requires_grad}
    yield
    for name, weight in model.named_parameters():
        if name in before:
            weight.data = before[name]


def _checkpoint_activations(model: PeftModel) -> None:
    """Keep few activations for the backward pass, and compute the others again."""
    base = base_of(model)
    base.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    base.enable_input_require_grads()


def save(model: PeftModel, folder: Path, base: Sha256) -> Sha256:
    """Write the active adapter as safetensors and return its digest.

    The configuration names the base by digest instead of by path, so equal weights give equal bytes anywhere.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(
        str(folder), safe_serialization=True, save_embedding_layers=False, selected_adapters=["default"]
    )
    (folder / "README.md").unlink(missing_ok=True)  # PEFT's empty model card
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text())
    config["base_model_name_or_path"] = f"sha256:{base}"
    config["target_modules"] = sorted(config["target_modules"])
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    return files.adapter_digest(folder)


def merged(base: dict[str, Tensor], folder: Path) -> dict[str, Tensor]:
    """Base weights with the adapter of `folder` added: W + scale * B A, for each projection it has.

    Raises: CorruptObject if the adapter has a tensor that the base has no place for.
    """
    config = _read_configuration(folder)
    scale = config["lora_alpha"] / (config["r"] ** 0.5 if config.get("use_rslora") else config["r"])
    tensors = files.read_weights([folder / "adapter_model.safetensors"])
    weights = dict(base)
    for name in sorted(tensors):
        if not name.endswith(".lora_A.weight"):
            continue
        target = name.removeprefix(PREFIX).replace(".lora_A.weight", ".weight")
        up = tensors.get(name.replace("lora_A", "lora_B"))
        if target not in base or up is None or base[target].shape != (up.shape[0], tensors[name].shape[1]):
            raise CorruptObject(f"adapter tensor {name} does not fit the base model's {target}")
        weights[target] = base[target] + scale * (up @ tensors[name])
    return weights


def merged_from_model(model: PeftModel) -> dict[str, Tensor]:
    """Weights as `model` computes with them now, differentiable in the adapter.

    Adding the adapter to the weights once costs less than running it beside every projection.
    """
    weights: dict[str, Tensor] = {}
    for name, module in model.get_base_model().named_modules():
        if isinstance(module, Linear):
            weights[f"{name}.weight"] = module.weight + module.get_delta_weight(model.active_adapter)
        elif "lora_" not in name and not name.endswith(".base_layer"):
            for key, weight in module.named_parameters(recurse=False):
                weights[f"{name}.{key}"] = weight
    return weights


def base_of(model: PeftModel) -> PreTrainedModel:
    """The model under the adapter. Raises: ValueError if it is none of transformers."""
    base = model.get_base_model()
    if not isinstance(base, PreTrainedModel):
        raise ValueError(f"the adapter is on a {type(base).__name__}, not on a transformers model")
    return base


def _targets(model: PreTrainedModel) -> list[str] | str:
    """Modules that get an adapter: every projection by its usual name, or every linear layer but the head."""
    present = {name.rpartition(".")[2] for name, _ in model.named_modules()}
    return list(TARGETS) if present.issuperset(TARGETS) else "all-linear"


def _read_configuration(folder: Path) -> dict[str, Any]:
    path = folder / "adapter_config.json"
    try:
        config = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise CorruptObject(f"{path} is not readable JSON: {error}") from error
    if config.get("peft_type") != "LORA" or config.get("use_dora") or config.get("bias", "none") != "none":
        raise CorruptObject(f"{path}: only plain LoRA adapters can be merged, found {config.get('peft_type')}")
    return config
