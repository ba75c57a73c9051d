import random
from pathlib import Path

import numpy as np
import pytest
import torch

from aoi.agents.policy import Turn
from aoi.errors import CorruptObject
from aoi.records.episode import RoleName
from aoi.records.learning import TrainingExample
from models import adapters, files
from models.policies import in_process as engine
from models.policies.in_process import InProcessPolicy
from models.policies.reference import Reference


def _turns(examples: list[TrainingExample], temperature: float = 1.0, role: RoleName = "observer") -> list[Turn]:
    return [Turn(role, example.prompt_ids, 20, temperature, index) for index, example in enumerate(examples[:24])]


def test_a_turn_is_answered_the_same_alone_and_in_any_batch(base: Path, examples: list[TrainingExample]) -> None:
    policy, turns = InProcessPolicy(base), _turns(examples)
    together = policy.generate(turns)
    assert [policy.generate([turn])[0] for turn in turns] == together
    order = random.Random(0).sample(range(len(turns)), len(turns))
    shuffled = policy.generate([turns[index] for index in order])
    assert [shuffled[order.index(index)] for index in range(len(turns))] == together


def test_the_seed_decides_the_sample_and_greedy_ignores_it(base: Path, examples: list[TrainingExample]) -> None:
    policy, prompt = InProcessPolicy(base), examples[0].prompt_ids
    sampled = policy.generate([Turn("observer", prompt, 20, 1.0, seed) for seed in (1, 1, 2, 3, 4, 5)])
    assert sampled[0] == sampled[1]
    assert len({answer.token_ids for answer in sampled}) > 1
    greedy = policy.generate([Turn("observer", prompt, 20, 0.0, seed) for seed in (1, 2)])
    assert greedy[0] == greedy[1]


def test_samples_follow_the_models_distribution(base: Path, examples: list[TrainingExample]) -> None:
    policy, prompt = InProcessPolicy(base), examples[3].prompt_ids[:4]
    firsts = [
        answer.token_ids[0] for answer in policy.generate([Turn("observer", prompt, 1, 1.0, s) for s in range(2000)])
    ]
    with torch.inference_mode():
        logits, _ = Reference.load(base, None).prefill([prompt], 1)
    expected = logits[0].softmax(-1).numpy()
    found = np.bincount(firsts, minlength=len(expected)) / len(firsts)
    assert np.abs(found - expected).max() < 5 * (0.25 / len(firsts)) ** 0.5


def test_engine_and_transformers_say_the_same(base: Path, adapter: Path, examples: list[TrainingExample]) -> None:
    policy = InProcessPolicy(base, {"observer": adapter})
    turns = _turns(examples)
    own = policy.generate(turns)
    reference = engine.generate(Reference.load(base, adapter), turns, policy.eos_ids, adapter=own[0].adapter)
    assert [answer.token_ids for answer in own] == [answer.token_ids for answer in reference]
    for mine, theirs in zip(own, reference, strict=True):
        np.testing.assert_allclose(mine.logprobs, theirs.logprobs, atol=1e-4)


def test_logprobs_are_of_the_tokens_at_the_sampling_temperature(base: Path, examples: list[TrainingExample]) -> None:
    turn = Turn("observer", examples[0].prompt_ids, 8, 1.0, 3)
    answer = InProcessPolicy(base).generate([turn])[0]
    expected = Reference.load(base, None).logprobs(turn.prompt_ids, answer.token_ids)
    np.testing.assert_allclose(answer.logprobs, expected, atol=1e-4)


def test_each_role_is_answered_by_its_own_adapter(
    base: Path, adapter: Path, other_adapter: Path, examples: list[TrainingExample]
) -> None:
    policy = InProcessPolicy(base, {"observer": adapter, "evolver": other_adapter})
    prompt = examples[0].prompt_ids
    roles: tuple[RoleName, ...] = ("observer", "evolver", "probe", "executor")
    answers = policy.generate([Turn(role, prompt, 20, 0.0, 0) for role in roles])
    bare = f"base:{files.weights_digest(base)}"
    expected = [files.adapter_digest(adapter), files.adapter_digest(other_adapter), bare, bare]
    assert [answer.adapter for answer in answers] == expected
    assert len({answer.logprobs for answer in answers[:3]}) == 3


def test_a_completion_ends_at_the_end_of_sequence_or_the_limit(base: Path, examples: list[TrainingExample]) -> None:
    policy = InProcessPolicy(base)
    for limit in (1, 3, 30):
        turns = [Turn("observer", example.prompt_ids, limit, 1.0, 1) for example in examples[:12]]
        for answer in policy.generate(turns):
            assert 1 <= len(answer.token_ids) <= limit
            assert policy.eos_ids.isdisjoint(answer.token_ids[:-1])
            assert len(answer.token_ids) == limit or answer.token_ids[-1] in policy.eos_ids


def test_long_and_short_prompts_mix(base: Path, examples: list[TrainingExample]) -> None:
    policy, prompt = InProcessPolicy(base), examples[0].prompt_ids
    long = (prompt * 9)[:100]
    together = policy.generate([Turn("observer", ids, 6, 0.0, 0) for ids in (prompt, long, prompt)])
    assert together[0] == together[2]
    reference = Reference.load(base, None)
    np.testing.assert_allclose(together[1].logprobs, reference.logprobs(long, together[1].token_ids), atol=1e-4)


class _Alternate:
    """A grammar that allows token 10 and token 11 in turns, three times."""

    def start(self, role: RoleName) -> int:
        return 0

    def allowed(self, state: int) -> tuple[int, ...]:
        return (1,) if state == 6 else (10 + state % 2,)

    def advance(self, state: int, token: int) -> int:
        return state + 1


def test_a_grammar_binds_the_tokens(base: Path, examples: list[TrainingExample]) -> None:
    policy = InProcessPolicy(base, grammar=_Alternate())
    for answer in policy.generate(_turns(examples)):
        assert answer.token_ids == (10, 11, 10, 11, 10, 11, 1)
        assert answer.logprobs == (0.0,) * 7


def test_no_turns_no_answers(base: Path) -> None:
    assert InProcessPolicy(base).generate([]) == []


def test_a_folder_with_pickled_weights_is_refused_unread(base: Path, tmp_path: Path) -> None:
    folder = tmp_path / "base"
    folder.mkdir()
    for path in base.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'touch /tmp/owned'\ntR.")
    with pytest.raises(CorruptObject, match=r"pytorch_model\.bin"):
        InProcessPolicy(folder)


def test_an_adapter_of_another_shape_is_refused(base: Path, adapter: Path) -> None:
    weights = {name: weight for name, weight in files.base_weights(base).items() if "layers.3" not in name}
    with pytest.raises(CorruptObject, match=r"layers\.3"):
        adapters.merged(weights, adapter)
