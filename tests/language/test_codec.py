import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from aoi.language import lexicon
from aoi.language.codec import WordCodec, vocabulary
from aoi.language.decision import render
from aoi.language.prompt import render_prompt
from aoi.records.decision import AlertLine, Decision, Finding, ObserverState, ProbeDo

CODEC = WordCodec()


def test_every_word_of_the_lexicon_is_one_token():
    words = (*lexicon.SIGNALS, *lexicon.CHECKS, *lexicon.ACTIONS, *lexicon.PHASES, *lexicon.ALERTS, *lexicon.TASKS)
    for word in words:
        assert len(CODEC.encode(f" {word}")) == 1, word


def test_tokens_are_unique_and_their_order_is_the_same_in_another_process():
    code = "from aoi.language.codec import vocabulary; print(vocabulary())"
    orders = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert orders == {f"{vocabulary()}\n"}
    assert len(set(vocabulary())) == len(vocabulary())


@given(st.lists(st.integers(3, len(vocabulary()) - 1), max_size=80))
def test_text_made_of_tokens_survives_encoding(ids):
    text = CODEC.decode(ids)
    assert CODEC.decode(CODEC.encode(text)) == text


@given(st.text(max_size=120))
def test_any_text_encodes_to_known_ids(text):
    ids = CODEC.encode(text)
    assert all(0 <= token_id < len(vocabulary()) for token_id in ids)


@given(st.lists(st.sampled_from([*vocabulary(), " slowqueryx", " s123", "x", " ", " <bad>"]), max_size=30))
def test_the_fast_path_cuts_as_leftmost_longest_matching_does(pieces):
    text = "".join(pieces)
    assert CODEC.encode(text) == CODEC._encode_exactly(text)


def test_an_unmatched_run_is_one_unknown_token():
    assert CODEC.encode(" s7xyz") == (CODEC.ids[" s7"], CODEC.unk_id)


def test_decoding_stops_at_the_end_of_sequence():
    assert CODEC.decode((*CODEC.encode(" s4"), CODEC.eos_id, *CODEC.encode(" s5"))) == " s4"


def test_a_full_observer_prompt_fits_sixty_four_tokens_and_a_decision_twenty():
    finding = Finding("refused", "s31", "s32")
    state = ObserverState(
        "analyse",
        (AlertLine("errors", "s7"),) * 3,
        memory=(finding,) * 5,
        last=(finding,) * 3,
        last_do=ProbeDo("endpoints", "s4"),
        plan=(ProbeDo("endpoints", "s4"),) * 3,
    )
    assert len(CODEC.encode(render_prompt(state))) <= 64
    decision = Decision(finding, "point", Finding("refused", "s4"), 3, ProbeDo("endpoints", "s4"))
    assert len(CODEC.encode(render(decision))) <= 20
