"""GRPO whose completions vLLM samples with the adapter in training."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from aoi.agents.policy import Turn
from aoi.errors import IdentityMismatch
from aoi.model_settings import TrainingSettings
from aoi.records.learning import TrainingExample
from models.adapters import AdapterSettings
from models.bundle import Bundle
from models.loading import eos_ids
from models.policies.of_bundle import Serving
from models.policies.server import ModelServer
from models.training import grpo
from models.training.grpo import GrpoSettings
from models.training.sampling import IN_PROCESS, Asked, Sampler, sampler_of
from tests.models.small import make_examples, make_lines
from tests.serve.conftest import VLLM

pytestmark = [
    pytest.mark.skipif(not VLLM, reason="make test-serve installs vLLM"),
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("vllm"),
]
OURS = "aoi-training-"
NEAR_NATS = 1e-4
"""Mean distance of a token's log-probability from the trainer's, both in 32-bit floats: a ratio within 1.0001."""


@pytest.fixture
def examples(opened: Bundle) -> list[TrainingExample]:
    return make_examples(opened.base, make_lines())[:8]


@pytest.fixture
def sampler(client: ModelServer, url: str, opened: Bundle, tmp_path: Path) -> Iterator[Sampler]:
    serving = Serving.model_validate({"server": {"url": url, "timeout_s": 120}})
    with sampler_of(opened, serving, TrainingSettings(sampling="server"), tmp_path / "sampled") as sampler:
        yield sampler
    assert not [name for name in client.names() if name.startswith(OURS)]


def brevity(_: Sequence[TrainingExample], completions: Sequence[tuple[int, ...]]) -> list[float]:
    return [1 - len(completion) / 32 for completion in completions]


def test_the_reward_rises_and_every_step_is_sampled_with_the_weights_of_the_trainer(
    sampler: Sampler, opened: Bundle, examples: list[TrainingExample], tmp_path: Path
) -> None:
    settings = GrpoSettings(steps=10, prompts=4, group=8, learning_rate=3e-3, beta=0.0)
    run = grpo.grpo(opened.base, examples[:4], brevity, tmp_path / "grpo", seed=1, settings=settings, sampler=sampler)
    rewards = [point.reward or 0.0 for point in run.points]
    differences = [point.sampling_difference for point in run.points]
    print(f"rewards {rewards}, differences {differences}")
    assert sum(rewards[-3:]) > sum(rewards[:3]) + 0.1
    assert all(difference is not None and difference < NEAR_NATS for difference in differences)


def asked(opened: Bundle, examples: list[TrainingExample]) -> Asked:
    turns = [Turn("observer", one.prompt_ids, 32, 1.0, 1000 * number + 7) for number, one in enumerate(examples * 4)]
    return Asked(0, turns, eos_ids(opened.base))


def test_equal_seeds_say_equal_completions(sampler: Sampler, opened: Bundle, examples: list[TrainingExample]) -> None:
    """Nearly: a server's rounding depends on what else it computes at the time, and a token may hang by a hair."""
    model = AdapterSettings().opened(opened.base, opened.adapters["observer"], 1)
    first, again, here = (each.sample(model, asked(opened, examples)) for each in (sampler, sampler, IN_PROCESS))
    pairs = list(zip(first.answers, again.answers, strict=True))
    equal = sum(one.token_ids == other.token_ids for one, other in pairs)
    print(f"{equal} of {len(pairs)} equal")
    assert equal >= 0.9 * len(pairs)
    assert [one.token_ids for one in first.answers] != [own.token_ids for own in here.answers], "other noise"
    ends = eos_ids(opened.base)
    assert any(answer.token_ids[-1] in ends for answer in first.answers), "what ends a completion is part of it"


def test_an_adapter_that_is_listed_and_does_not_answer_is_found(
    sampler: Sampler, client: ModelServer, opened: Bundle, examples: list[TrainingExample], tmp_path: Path
) -> None:
    model = AdapterSettings().opened(opened.base, opened.adapters["observer"], 1)
    sampled = sampler.sample(model, asked(opened, examples))
    assert sampled.difference is not None
    assert sampled.difference < NEAR_NATS
    (name,) = (name for name in client.names() if name.startswith(OURS))
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    for path in opened.adapters["observer"].iterdir():
        (nothing / path.name).write_bytes(path.read_bytes())
    weights = load_file(nothing / "adapter_model.safetensors")
    save_file({key: 0 * weight for key, weight in weights.items()}, nothing / "adapter_model.safetensors")
    body = {"lora_name": name, "lora_path": str(nothing), "load_inplace": True}
    client.request("POST", "/v1/load_lora_adapter", body)
    with pytest.raises(IdentityMismatch, match="step 1 of GRPO"):
        sampler.sample(model, asked(opened, examples))
