"""Any causal model is asked and trained: five architectures with their tokenizers, in bfloat16 as published."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, GPTNeoXConfig

from aoi.agents.policy import Turn
from aoi.language.codec import Prompt
from aoi.language.decision import ProbeCommand
from aoi.language.layouts import CHAT
from aoi.language.profile import PRODUCTION_PROFILE
from aoi.learning.evolver import evolver_examples
from aoi.records.decision import Finding, ProbeDo, SubmitDo
from aoi.records.learning import TrainingExample
from models import files
from models.adapters import AdapterSettings
from models.codec import TokenizerCodec
from models.fixed_prompts import fixed_prompts
from models.policies.in_process import InProcessPolicy
from models.policies.reference import Reference
from models.training import evolver, grpo, sft
from models.training.grpo import GrpoSettings
from models.training.sft import SftSettings
from tests.learning.handmade import episode, signal, step
from tests.models.families import FAMILIES, Family, tokenizer_of, write_checkpoint, write_tokenizer
from tests.models.small import example

SAID = CHAT.say(ProbeCommand("kubectl endpoints geo"))
RECITE = SftSettings(epochs=40, learning_rate=2e-2, adapter=AdapterSettings(rank=8), log_every=1)
QUICK = GrpoSettings(
    steps=12,
    prompts=2,
    group=32,
    microbatch=64,
    learning_rate=2e-2,
    schedule="constant",
    beta=0.0,
    max_completion_tokens=4,
    adapter=AdapterSettings(rank=8),
)


@pytest.fixture(scope="module", params=FAMILIES, ids=lambda family: family.name)
def family(request: pytest.FixtureRequest) -> Family:
    return request.param


@pytest.fixture(scope="module")
def published(family: Family, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(family, tmp_path_factory.mktemp(family.name))


@pytest.fixture(scope="module")
def shown(published: Path) -> list[TrainingExample]:
    codec = TokenizerCodec(published)
    texts = fixed_prompts("probe", PRODUCTION_PROFILE, 4)
    return [example(codec.encode_prompt(text), codec.encode_completion(SAID)) for text in texts]


@pytest.fixture(scope="module")
def imitated(published: Path, shown: list[TrainingExample], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("imitated")
    run = sft.sft(
        published,
        shown,
        folder,
        seed=1,
        settings=RECITE,
    )
    assert run.points[-1].loss < run.points[0].loss / 2
    return folder


def _turns(shown: list[TrainingExample], tokens: int = 100) -> list[Turn]:
    return [Turn("observer", one.prompt_ids, tokens, 0.0, number) for number, one in enumerate(shown)]


def test_what_was_imitated_is_said_and_the_turn_is_ended(
    published: Path, imitated: Path, shown: list[TrainingExample]
) -> None:
    answers = InProcessPolicy(published, {"observer": imitated}).generate(_turns(shown))
    codec = TokenizerCodec(published)
    assert {codec.decode(answer.token_ids) for answer in answers} == {SAID}
    assert {answer.token_ids[-1] for answer in answers} == {codec.end_id}


def test_each_role_answers_with_its_own_adapter_and_the_base_without(
    published: Path, imitated: Path, shown: list[TrainingExample]
) -> None:
    policy = InProcessPolicy(published, {"observer": imitated})
    (asked,) = _turns(shown[:1], 12)
    spoken, planned, again = policy.generate([asked, replace(asked, role="evolver"), asked])
    assert spoken == again
    assert spoken.adapter == files.adapter_digest(imitated)
    assert planned.adapter.startswith("base:")
    assert planned == InProcessPolicy(published).generate([asked])[0]
    assert spoken.token_ids != planned.token_ids


def test_what_answers_computes_as_transformers_and_plain_peft_do(
    published: Path, imitated: Path, shown: list[TrainingExample]
) -> None:
    answers = InProcessPolicy(published, {"observer": imitated}).generate(_turns(shown, 12))
    model = AutoModelForCausalLM.from_pretrained(str(published), dtype=torch.float32)
    plain = Reference(PeftModel.from_pretrained(model, str(imitated)).eval())
    for turn, answer in zip(_turns(shown), answers, strict=True):
        assert plain.logprobs(turn.prompt_ids, answer.token_ids) == pytest.approx(answer.logprobs, abs=1e-4)


def test_grpo_raises_a_reward_that_is_easy_to_earn(
    published: Path, shown: list[TrainingExample], tmp_path: Path
) -> None:
    base = InProcessPolicy(published)
    said = [token for answer in base.generate(_sampled(shown)) for token in answer.token_ids]
    rare = int(2 * sum(token % 2 for token in said) < len(said))

    def parity(_: Sequence[TrainingExample], completions: Sequence[tuple[int, ...]]) -> list[float]:
        return [sum(token % 2 == rare for token in one) / len(one) for one in completions]

    run = grpo.grpo(published, shown, parity, tmp_path, seed=1, settings=QUICK)
    rewards = [point.reward or 0.0 for point in run.points]
    assert sum(rewards[-4:]) / 4 > sum(rewards[:4]) / 4 + 0.1
    assert run.result == files.adapter_digest(tmp_path)


def test_the_same_seed_trains_the_same_adapter(
    published: Path, imitated: Path, shown: list[TrainingExample], tmp_path: Path
) -> None:
    brief = QUICK.model_copy(update={"steps": 2, "beta": 0.02, "temperature": 3.0})
    runs = [
        grpo.grpo(published, shown, _remainder, tmp_path / name, seed=1, settings=brief, warm_start=imitated)
        for name in ("a", "b")
    ]
    assert runs[0] == runs[1]
    assert runs[0].result != files.adapter_digest(imitated)


@pytest.mark.parametrize(
    "settings",
    [
        AdapterSettings(rank=8, dtype="bfloat16"),
        AdapterSettings(rank=8, dropout=0.3),
        AdapterSettings(rank=8, gradient_checkpointing=True),
    ],
    ids=["bfloat16", "dropout", "checkpointing"],
)
def test_what_a_large_base_needs_trains_the_same_adapter_twice(
    published: Path, shown: list[TrainingExample], tmp_path: Path, settings: AdapterSettings
) -> None:
    imitation = RECITE.model_copy(update={"epochs": 12, "adapter": settings})
    runs = [sft.sft(published, shown, tmp_path / name, seed=1, settings=imitation) for name in ("a", "b")]
    assert runs[0] == runs[1]
    assert runs[0].points[-1].loss < runs[0].points[0].loss
    reward = QUICK.model_copy(update={"steps": 1, "adapter": settings, "temperature": 3.0})
    trained = grpo.grpo(published, shown, _remainder, tmp_path / "c", seed=1, settings=reward)
    assert trained.points[0].reward


def test_dropout_drops_and_checkpointing_does_not_change_what_is_learnt(
    published: Path, shown: list[TrainingExample], tmp_path: Path
) -> None:
    def learnt(name: str, **adapter: object) -> list[float]:
        settings = RECITE.model_copy(update={"epochs": 3, "adapter": AdapterSettings(rank=8, **adapter)})
        points = sft.sft(published, shown, tmp_path / name, seed=1, settings=settings).points
        return [point.loss for point in points]

    plain = learnt("plain")
    assert learnt("checkpointing", gradient_checkpointing=True) == pytest.approx(plain, rel=1e-4)
    assert learnt("dropout", dropout=0.5) != pytest.approx(plain, rel=1e-4)


def test_the_evolver_is_taught_in_the_layout_of_its_base(published: Path, tmp_path: Path) -> None:
    looks = (ProbeDo("logs", "search"), ProbeDo("endpoints", "geo"))
    solved = episode(
        step(looks[0], signal("refused", "search", "geo")),
        step(looks[1], signal("targetport", "geo")),
        step(SubmitDo("yes", "geo", "targetport"), cause=Finding("targetport", "geo")),
    )
    taught = list(evolver_examples([solved], 1, PRODUCTION_PROFILE))
    assert all("coach" in one.prompt.system and CHAT.plan(one.completion).steps == looks for one in taught)
    settings = RECITE.model_copy(update={"epochs": 80})
    evolver.train(published, taught, tmp_path, TokenizerCodec(published), seed=1, settings=settings)
    codec = TokenizerCodec(published)
    turn = Turn("evolver", codec.encode_prompt(taught[0].prompt), 200, 0.0, 0)
    (answer,) = InProcessPolicy(published, {"evolver": tmp_path}).generate([turn])
    assert CHAT.plan(codec.decode(answer.token_ids)).steps == looks


def test_a_model_with_other_names_for_its_layers_gets_an_adapter_on_all_of_them(tmp_path: Path) -> None:
    family = FAMILIES[0]
    base = write_tokenizer(family, tmp_path / "neox")
    fast = tokenizer_of(family)
    config = GPTNeoXConfig(
        vocab_size=len(fast),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        eos_token_id=fast.eos_token_id,
    )
    AutoModelForCausalLM.from_config(config).save_pretrained(str(base))
    codec = TokenizerCodec(base)
    pairs = [example(codec.encode_prompt(Prompt("geo")), codec.encode_completion(SAID))] * 4
    run = sft.sft(base, pairs, tmp_path / "adapter", seed=1, settings=RECITE)
    assert run.points[-1].loss < run.points[0].loss
    saved = json.loads((tmp_path / "adapter" / "adapter_config.json").read_bytes())
    layers = {name.rpartition(".")[2] for name in saved["target_modules"]}
    assert layers == {"dense", "dense_4h_to_h", "dense_h_to_4h", "query_key_value"}


def _remainder(_: Sequence[TrainingExample], completions: Sequence[tuple[int, ...]]) -> list[float]:
    return [sum(one) % 7 / 7 for one in completions]


def _sampled(shown: list[TrainingExample]) -> list[Turn]:
    return [Turn("observer", one.prompt_ids, 8, 1.0, number) for number in range(16) for one in shown]
