from collections import deque
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi.agents.policy import Turn
from aoi.language import decision
from aoi.language.codec import WordCodec
from aoi.records.episode import RoleName
from models.loading import tokenizer
from models.policies.grammar import WordsGrammar
from models.policies.in_process import InProcessPolicy
from models.seed.examples import DecisionExample
from tests.models.accepting import accepts

ROLES: dict[str, RoleName] = {"<obs>": "observer", "<probe>": "probe", "<exec>": "executor", "<evo>": "evolver"}
PARSERS = {
    "observer": decision.parse,
    "probe": decision.parse_probe,
    "executor": decision.parse_executor,
    "evolver": decision.parse_plan,
}


GRAMMAR = WordsGrammar()


@given(role=st.sampled_from(sorted(PARSERS)), choices=st.lists(st.integers(0, 10_000), min_size=48, max_size=48))
def test_whatever_the_grammar_lets_through_the_parser_reads(role: RoleName, choices: list[int]) -> None:
    codec, state, ids = WordCodec(), GRAMMAR.start(role), []
    for choice in choices:
        allowed = GRAMMAR.allowed(state)
        ids.append(allowed[choice % len(allowed)])
        if ids[-1] == codec.eos_id:
            PARSERS[role](codec.decode(tuple(ids)))
            return
        state = GRAMMAR.advance(state, ids[-1])
    assert role == "evolver"  # a plan has no longest length


def test_everything_that_is_taught_is_of_the_grammar(lines: list[DecisionExample]) -> None:
    grammar, codec = WordsGrammar(), WordCodec()
    for line in lines:
        ids = (*codec.encode(line.completion), codec.eos_id)
        assert accepts(grammar, ROLES[line.prompt.split()[0]], ids), line.completion


@pytest.mark.parametrize(
    "text",
    [
        '{"sum":" none","phase":" scan","cause":" none","conf":" 1","do":" submit no s4 refused"}',
        '{"sum":" none","phase":" scan","cause":" refused s1 s2","conf":" 1","do":" submit no"}',
        '{"sum":" none","phase":" scan","cause":" none","conf":" 1","do":" probe pods"}',
        '{"sum":" s4","phase":" scan","cause":" none","conf":" 1","do":" submit no"}',
        '{"plan":" none"}',
    ],
)
def test_what_the_parser_refuses_the_grammar_refuses(text: str) -> None:
    codec = WordCodec()
    with pytest.raises(decision.Malformed):
        decision.parse(text)
    assert not accepts(WordsGrammar(), "observer", (*codec.encode(text), codec.eos_id))


def test_a_plan_says_none_alone_or_not_at_all() -> None:
    codec, text = WordCodec(), '{"plan":" probe pods s1 ; none"}'
    with pytest.raises(decision.Malformed):
        decision.parse_plan(text)
    assert not accepts(WordsGrammar(), "evolver", (*codec.encode(text), codec.eos_id))


def test_a_constrained_model_is_never_malformed(base: Path, lines: list[DecisionExample]) -> None:
    words, codec = tokenizer(base), WordCodec()
    # Temperature 3 makes an untrained mess of an unconstrained model.
    turns = [
        Turn(ROLES[line.prompt.split()[0]], tuple(words(line.prompt)["input_ids"]), 64, 3.0, index)
        for index, line in enumerate(lines[:120])
    ]
    for turn, answer in zip(turns, InProcessPolicy(base, grammar=WordsGrammar()).generate(turns), strict=True):
        if answer.token_ids[-1] == codec.eos_id:
            PARSERS[turn.role](codec.decode(answer.token_ids))
        else:
            assert turn.role == "evolver"  # a plan has no longest length
    free = InProcessPolicy(base).generate(turns)
    pairs = zip(turns, free, strict=True)
    with pytest.raises(decision.Malformed):
        deque(PARSERS[turn.role](codec.decode(answer.token_ids)) for turn, answer in pairs)
