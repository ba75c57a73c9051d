"""A base whose weights are rounded while an adapter is trained on it. With bitsandbytes: `make test-qlora`."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from aoi.errors import SettingsError
from aoi.model_settings import Quantization
from aoi.records.learning import TrainingExample
from aoi.settings import Settings
from models import adapters, files
from models.adapters import AdapterSettings
from models.training import grpo, sft
from models.training.grpo import GrpoSettings
from models.training.sft import SftSettings
from tests.models.small import make_base, make_examples, make_lines

HAS_BITS = find_spec("bitsandbytes") is not None
needs_bits = pytest.mark.skipif(not HAS_BITS, reason="make test-qlora installs bitsandbytes")
WAYS: tuple[Quantization, ...] = ("nf4", "int8")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hardly trained: nothing here depends on what it knows."""
    return make_base(tmp_path_factory.mktemp("plain") / "base", steps=2)


@pytest.fixture(scope="module")
def few(base: Path) -> list[TrainingExample]:
    return make_examples(base, make_lines())[:16]


@pytest.mark.skipif(HAS_BITS, reason="bitsandbytes is installed")
@pytest.mark.parametrize("way", WAYS)
def test_without_bitsandbytes_it_is_refused_with_what_to_install(base: Path, way: Quantization) -> None:
    with pytest.raises(SettingsError, match=r'AOI_TRAINING__QUANTIZATION is .* pip install -e "\.\[qlora\]"'):
        AdapterSettings(quantization=way).opened(base, None, 1)


def test_a_server_does_not_sample_for_a_rounded_base() -> None:
    given = {"sampling": "server", "quantization": "nf4"}
    with pytest.raises(SettingsError, match="AOI_TRAINING__SAMPLING=in_process"):
        Settings.load(training=given, server={"url": "http://127.0.0.1:9"})


@needs_bits
@pytest.mark.parametrize("way", WAYS)
def test_weights_are_rounded_and_the_adapter_is_not(base: Path, way: Quantization) -> None:
    model = AdapterSettings(quantization=way).opened(base, None, 1)
    assert adapters.is_quantized(model)
    rounded = {weight.dtype for name, weight in model.named_parameters() if "base_layer" in name}
    assert rounded == {torch.uint8 if way == "nf4" else torch.int8}
    assert {weight.dtype for weight in model.parameters() if weight.requires_grad} == {torch.float32}


@needs_bits
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("checkpointing", [False, True])
def test_an_adapter_learns_on_a_rounded_base(
    base: Path, few: list[TrainingExample], tmp_path: Path, way: Quantization, checkpointing: bool
) -> None:
    chosen = AdapterSettings(quantization=way, gradient_checkpointing=checkpointing)
    imitation = SftSettings(epochs=8, batch=16, learning_rate=1e-2, adapter=chosen, log_every=1)
    imitated = sft.sft(base, few, tmp_path / "sft", seed=1, settings=imitation)
    assert imitated.points[-1].loss < 0.8 * imitated.points[0].loss

    def uneven(_: Sequence[TrainingExample], completions: Sequence[tuple[int, ...]]) -> list[float]:
        return [sum(completion) % 997 / 997 for completion in completions]

    reward = GrpoSettings(steps=2, prompts=2, group=4, learning_rate=3e-3, max_completion_tokens=12, adapter=chosen)
    run = grpo.grpo(base, few, uneven, tmp_path / "grpo", seed=1, settings=reward, warm_start=tmp_path / "sft")
    assert all(point.gradient_norm for point in run.points)
    assert run.points[0].kl == pytest.approx(0, abs=1e-6)
    saved = files.read_weights([tmp_path / "grpo" / "adapter_model.safetensors"])
    assert {weight.dtype for weight in saved.values()} == {torch.float32}
    assert run.result == files.adapter_digest(tmp_path / "grpo") != imitated.result
