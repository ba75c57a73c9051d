import itertools
import random
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from aoi.language import decision, lexicon
from aoi.language.codec import WordCodec, vocabulary
from models import loading
from models.network import Network
from models.seed import architecture, invented, making, pretrain, tokenizer
from models.seed.examples import DecisionExample, permute_handles
from models.seed.runbook import USUAL_CHECK


def test_tokenizer_and_word_codec_give_the_same_ids(lines: list[DecisionExample]) -> None:
    words, codec = tokenizer.build(vocabulary()), WordCodec()
    for text in itertools.chain.from_iterable((line.prompt, line.completion) for line in lines):
        ids = words(text)["input_ids"]
        assert tuple(ids) == codec.encode(text)
        assert words.decode(ids) == codec.decode(ids) == text


def test_every_vocabulary_entry_is_one_token() -> None:
    words = tokenizer.build(vocabulary())
    assert all(words(entry)["input_ids"] == [index] for index, entry in enumerate(vocabulary()))


def test_tokenizer_survives_its_file(tmp_path: Path, lines: list[DecisionExample]) -> None:
    words = tokenizer.build(vocabulary())
    tokenizer.save(words, tmp_path)
    again = loading.tokenizer(tmp_path)
    for line in lines[:50]:
        assert again(line.prompt)["input_ids"] == words(line.prompt)["input_ids"]
        assert again.decode(words(line.completion)["input_ids"]) == line.completion
    chat = [{"role": "user", "content": lines[0].prompt}]
    assert (
        again.apply_chat_template(chat, add_generation_prompt=True)["input_ids"] == again(lines[0].prompt)["input_ids"]
    )


def test_an_unknown_word_is_unk_and_not_pieces() -> None:
    words = tokenizer.build(vocabulary())
    assert words("<obs> locate zebra s1")["input_ids"].count(words.unk_token_id) == 1


def test_duplicate_vocabulary_is_refused() -> None:
    with pytest.raises(ValueError, match="duplicate"):
        tokenizer.build(("<pad>", "<eos>", "<unk>", " a", " a"))


def test_seed_model_has_about_one_million_parameters() -> None:
    model = architecture.initialise(tokenizer.build(vocabulary()), seed=0)
    assert 0.7e6 < sum(weight.numel() for weight in model.parameters()) < 1.1e6
    assert model.lm_head.weight is model.model.embed_tokens.weight


def test_initial_weights_depend_on_the_seed_alone() -> None:
    words = tokenizer.build(vocabulary())
    torch.manual_seed(1)
    first = architecture.initialise(words, seed=7).state_dict()
    torch.manual_seed(2)
    second, other = (
        architecture.initialise(words, seed=7).state_dict(),
        architecture.initialise(words, seed=8).state_dict(),
    )
    name = "model.layers.0.mlp.up_proj.weight"
    assert torch.equal(first[name], second[name])
    assert not torch.equal(first[name], other[name])


def test_own_forward_agrees_with_transformers(base: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(str(base)).eval()
    network = Network(model.config, model.state_dict())
    rng = random.Random(0)
    prompts = [tuple(rng.randrange(3, 200) for _ in range(length)) for length in (3, 17, 40, 64, 70, 5, 9, 12)]
    tokens = torch.tensor([rng.randrange(3, 200) for _ in prompts])
    short = [index for index, prompt in enumerate(prompts) if len(prompt) <= 64]
    with torch.inference_mode():
        first, cache = network.prefill([prompts[index] for index in short], room=4)
        second = network.step(tokens[short], cache)
        for place, index in enumerate(short):
            reference = model(torch.tensor([[*prompts[index], int(tokens[index])]])).logits[0]
            torch.testing.assert_close(first[place], reference[-2], atol=1e-4, rtol=0)
            torch.testing.assert_close(second[place], reference[-1], atol=1e-4, rtol=0)


def test_own_gradients_agree_with_transformers(base: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(str(base))
    tokens = torch.randint(3, 200, (4, 30), generator=torch.Generator().manual_seed(0))
    keep = torch.zeros_like(tokens, dtype=torch.bool)
    keep[:, 20:] = True
    name = "model.layers.1.self_attn.k_proj.weight"
    model(tokens).logits[keep].logsumexp(-1).sum().backward()
    reference = model.get_parameter(name).grad.clone()
    model.zero_grad()
    Network(model.config, dict(model.named_parameters())).logits(tokens, keep).logsumexp(-1).sum().backward()
    torch.testing.assert_close(model.get_parameter(name).grad, reference, atol=1e-3, rtol=1e-3)


def test_pre_training_is_deterministic_and_learns(tmp_path: Path, lines: list[DecisionExample]) -> None:
    recipe = pretrain.Recipe(batch=16, log_every=5)
    runs = [pretrain.pretrain(lines, tmp_path / name, 10, 4, held_out=lines[:8], recipe=recipe) for name in ("a", "b")]
    assert runs[0] == runs[1]
    assert runs[0].points[-1].loss < runs[0].points[0].loss - 0.5
    assert runs[0].points[-1].exact_match is not None
    assert pretrain.pretrain(lines, tmp_path / "c", 10, 5, recipe=recipe).result != runs[0].result


def test_pre_training_refuses_a_word_outside_the_vocabulary(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="zebra"):
        pretrain.pretrain([DecisionExample("<obs> zebra", '{"plan":" none"}')], tmp_path / "x", 1, 0)


def test_pre_training_refuses_an_iterator_that_ends(tmp_path: Path, lines: list[DecisionExample]) -> None:
    with pytest.raises(ValueError, match="ended at step 2"):
        pretrain.pretrain(iter(lines[:16]), tmp_path / "x", 3, 0, recipe=pretrain.Recipe(batch=16))


def test_renaming_handles_is_consistent_and_changes_nothing_else(lines: list[DecisionExample]) -> None:
    rng = random.Random(3)
    for line in lines[:200]:
        renamed = permute_handles(line, rng)
        pairs = set(zip(_handles(line), _handles(renamed), strict=True))
        assert len({old for old, _ in pairs}) == len({new for _, new in pairs}) == len(pairs)
        assert _skeleton(renamed) == _skeleton(line)


def test_the_runbook_covers_every_signal_and_speaks_the_lexicon() -> None:
    assert set(USUAL_CHECK) == set(lexicon.SIGNALS) - {"healthy"}
    assert set(USUAL_CHECK.values()) <= set(lexicon.CHECKS)


def test_invented_lines_parse_fit_the_budget_and_answer_with_every_signal() -> None:
    codec, answered = WordCodec(), set()
    parsers = {
        "<obs>": decision.parse,
        "<probe>": decision.parse_probe,
        "<exec>": decision.parse_executor,
        "<evo>": decision.parse_plan,
    }
    for line in itertools.islice(invented.examples(seed=11), 15_000):
        said = parsers[line.prompt.split()[0]](line.completion)
        if isinstance(said, decision.Decision):
            assert len(codec.encode(line.prompt)) <= 64
            if isinstance(said.do, decision.SubmitDo) and said.do.cause:
                answered.add(said.do.cause)
    assert answered >= set(USUAL_CHECK)


def test_invented_answers_name_what_the_prompt_shows() -> None:
    for line in itertools.islice(invented.examples(seed=12), 4_000):
        if line.prompt.startswith("<obs>"):
            said = decision.parse(line.completion)
            if isinstance(said.do, decision.SubmitDo) and said.do.component:
                assert f" {said.do.component}" in line.prompt
                assert f" {said.do.cause} " in line.prompt


def _handles(line: DecisionExample) -> list[str]:
    return [word.strip('"}') for word in _words(line) if _is_handle(word.strip('"}'))]


def _skeleton(line: DecisionExample) -> list[str]:
    return ["H" if _is_handle(word.strip('"}')) else word for word in _words(line)]


def _words(line: DecisionExample) -> list[str]:
    return f"{line.prompt} {line.completion}".replace('"', ' " ').split()


def _is_handle(word: str) -> bool:
    return word[:1] in ("s", "n") and word[1:].isdigit()


def test_invented_lines_are_the_same_for_the_same_seed() -> None:
    first, again, other = (list(itertools.islice(invented.examples(seed), 200)) for seed in (1, 1, 2))
    assert first == again != other


def test_guided_lines_follow_the_plan_until_the_cause_shows() -> None:
    guided = followed = 0
    for line in itertools.islice(invented.examples(seed=13), 6_000):
        if " <plan> ;" in line.prompt and line.prompt.startswith("<obs>"):
            said = decision.parse(line.completion)
            step = line.prompt.split(" <plan> ; ")[1].split(" ; ")[0].split(" <last>")[0]
            guided += 1
            followed += decision.render_do(said.do) == step or not isinstance(said.do, decision.ProbeDo)
    assert guided > 100
    assert followed == guided


def test_demonstrations_and_inventions_mix_in_the_share_that_is_asked_for(lines: list[DecisionExample]) -> None:
    demonstrations = [DecisionExample(f"<probe> pods s{number}", "x") for number in range(1, 33)]
    mixed = list(itertools.islice(making.mixed(demonstrations, seed=1), 4_000))
    share = sum(line.completion != "x" for line in mixed) / len(mixed)
    assert abs(share - making.INVENTED_SHARE) < 0.05
    assert {line.prompt for line in demonstrations} < {line.prompt for line in mixed}
    assert mixed == list(itertools.islice(making.mixed(demonstrations, seed=1), 4_000))
    with pytest.raises(ValueError, match="no demonstrations to mix"):
        next(making.mixed([], seed=1))
