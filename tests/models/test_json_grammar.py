"""What the schemas of a chat model let through is what is read, token by token, whatever the model would rather say."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aoi.agents.policy import Turn
from aoi.errors import SettingsError
from aoi.language.codec import Prompt
from aoi.language.decision import EvolverPlan, ExecutorAct, ProbeCommand, Utterable
from aoi.language.extraction import Malformed
from aoi.language.layouts import CHAT
from aoi.language.profile import PRODUCTION_PROFILE
from aoi.language.schema import SHARES, schemas
from aoi.records.decision import Decision, ExecDo, Finding, Handover, Hypothesis, ProbeDo, SubmitDo, Words
from aoi.records.episode import RoleName
from models import bundle, loading
from models.bundle import Lineage, Parts
from models.codec import TokenizerCodec
from models.policies.in_process import InProcessPolicy
from models.policies.json_grammar import JsonGrammar
from models.policies.of_bundle import Serving, policy_of
from tests.language.test_decision import NAMES, decisions
from tests.models.accepting import accepts
from tests.models.families import FAMILIES, Family, tokenizer_of, write_checkpoint

READERS: dict[RoleName, Callable[[str], Utterable]] = {
    "observer": CHAT.decision,
    "probe": CHAT.probe,
    "executor": CHAT.act,
    "evolver": CHAT.plan,
}
LINEAGE = Lineage(name="test", code_revision="r1", code_sha256="1" * 64, settings="2" * 64)
LONG = 6_000
"""Tokens that no completion reaches whose texts are ended now and then."""
CLOSES = 0.2


@pytest.fixture(scope="module", params=FAMILIES[1:3], ids=lambda family: family.name)
def published(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    family: Family = request.param
    return write_checkpoint(family, tmp_path_factory.mktemp(family.name))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(FAMILIES[0], tmp_path_factory.mktemp("base"))


def grammar_of(base: Path) -> JsonGrammar:
    return JsonGrammar(base, schemas(), loading.eos_ids(base))


ASCII = st.text(alphabet="abc XYZ-_.:/'", max_size=30).map(lambda text: " ".join(text.split()))
SURE = st.sampled_from(SHARES).map(lambda share: share / 100)
words = st.builds(
    Words,
    ASCII,
    st.lists(st.builds(Hypothesis, NAMES, st.just("out of memory"), ASCII, ASCII, SURE), max_size=5).map(tuple),
    st.builds(Handover, ASCII, cause=st.just("out of memory"), further_cause=st.just("lost packets"), change=ASCII),
)


@pytest.mark.parametrize("with_words", [False, True], ids=["bare", "in words"])
def test_every_decision_that_is_written_may_be_said(base: Path, with_words: bool) -> None:
    grammar, codec = grammar_of(base), TokenizerCodec(base)

    @given(decisions(NAMES), words)
    @settings(max_examples=15, deadline=None)
    def check(decision: Decision, said: Words) -> None:
        whole = Decision(decision.summary, decision.phase, decision.cause, decision.confidence, decision.do, said)
        assert accepts(grammar, "observer", codec.encode_completion(CHAT.say(whole if with_words else decision)))

    check()


@pytest.mark.parametrize(
    ("role", "said"),
    [
        ("probe", ProbeCommand("kubectl get pods -n hotel -l app=geo")),
        ("executor", ExecutorAct(ExecDo("scale", "geo", "2"))),
        ("executor", ExecutorAct(ExecDo("restart", "geo"), "resource")),
        ("evolver", EvolverPlan((ProbeDo("pods", "geo"), ExecDo("restart", "geo")))),
        ("evolver", EvolverPlan(())),
    ],
)
def test_every_line_that_is_written_may_be_said(base: Path, role: RoleName, said: Utterable) -> None:
    assert accepts(grammar_of(base), role, TokenizerCodec(base).encode_completion(CHAT.say(said)))


def test_what_the_reader_refuses_may_not_be_said(base: Path) -> None:
    grammar, codec = grammar_of(base), TokenizerCodec(base)
    whole = CHAT.say(Decision(None, "submit", Finding("panic", "geo"), 9, SubmitDo("yes", "geo", "panic")))
    for old, new in (
        ('"fault"', '"no_fault"'),
        ('"fault"', '"maybe"'),
        ('"geo"', '"../geo"'),
        ('"component": "geo", "cause"', '"cause"'),
        ("95", "0.95"),
        ('"next"', '"then"'),
    ):
        text = whole.replace(old, new)
        assert text != whole
        with pytest.raises(Malformed):
            CHAT.decision(text)
        assert not accepts(grammar, "observer", codec.encode_completion(text))


@pytest.mark.parametrize("role", list(READERS))
def test_whatever_the_grammar_lets_through_is_read(base: Path, role: RoleName) -> None:
    """A walk that takes any token that is allowed, ends texts now and then, and all of it as soon as it can."""
    grammar, codec, ends = grammar_of(base), TokenizerCodec(base), loading.eos_ids(base)
    closing = [token for token in range(len(tokenizer_of(FAMILIES[0]))) if '"' in codec.decode((token,))]
    for seed in range(3):
        rng, state, ids = random.Random(seed), grammar.start(role), []
        while True:
            allowed = grammar.allowed(state)
            if ends & set(allowed.tolist()):
                break
            quotes = [token for token in closing if token in allowed] if rng.random() < CLOSES else []
            ids.append(rng.choice(quotes or allowed.tolist()))
            state = grammar.advance(state, ids[-1])
            assert len(ids) < LONG
        READERS[role](codec.decode(ids))


def test_an_untrained_model_of_any_family_says_well_formed_things_when_it_is_constrained(
    published: Path, tmp_path: Path
) -> None:
    bundle.write(tmp_path / "bundle", Parts(published, PRODUCTION_PROFILE), LINEAGE)
    opened, codec = bundle.load(tmp_path / "bundle", published), TokenizerCodec(published)
    turns = [Turn("probe", codec.encode_prompt(Prompt("geo")), 400, 1.0, seed) for seed in range(4)]
    with policy_of(opened, Serving(decoding="constrained")) as policy:
        answers = policy.generate(turns)
    ended = [answer for answer in answers if answer.token_ids[-1] in codec.eos_ids]
    assert ended
    for answer in ended:
        CHAT.probe(codec.decode(answer.token_ids))
    short = [replace(turn, max_tokens=40) for turn in turns]
    for answer in InProcessPolicy(published).generate(short):
        with pytest.raises(Malformed):
            CHAT.probe(codec.decode(answer.token_ids))


def test_a_role_without_a_schema_may_say_anything(base: Path) -> None:
    grammar = grammar_of(base)
    state = grammar.start("compressor")
    assert len(grammar.allowed(state)) == 0
    assert len(grammar.allowed(grammar.advance(state, 5))) == 0


def test_a_schema_that_cannot_be_compiled_is_refused_with_what_to_do(base: Path) -> None:
    with pytest.raises(SettingsError, match="Unset AOI_DECODING"):
        JsonGrammar(base, {"observer": {"type": "string", "pattern": "(?=x)"}}, loading.eos_ids(base))
