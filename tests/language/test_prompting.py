"""An Observer's prompt keeps within its tokens, and gives up the least telling first."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from aoi.language.codec import WordCodec
from aoi.language.profile import SEED_PROFILE
from aoi.language.prompt import read_prompt, render_prompt
from aoi.language.prompting import Prompter
from aoi.records.decision import AlertLine, Finding, ObserverState, ProbeDo

CODEC = WordCodec()
findings = st.lists(st.builds(Finding, st.just("refused"), st.sampled_from(["s1", "s7"])), max_size=8).map(tuple)
states = st.builds(
    ObserverState,
    st.just("locate"),
    st.lists(st.just(AlertLine("errors", "s7")), max_size=8).map(tuple),
    memory=findings,
    changed=findings,
    last=findings,
    plan=st.lists(st.just(ProbeDo("endpoints", "s4")), max_size=4).map(tuple),
)


@given(states, st.integers(1, 80))
def test_a_prompt_keeps_within_its_tokens_and_is_left_alone_where_it_fits(state, budget):
    whole = CODEC.encode(render_prompt(state))
    ids = Prompter(SEED_PROFILE.model_copy(update={"prompt_tokens": budget}), CODEC).ids(state)
    assert len(ids) <= budget
    assert CODEC.unk_id not in ids
    if len(whole) <= budget:
        assert ids == whole


@given(states)
def test_a_prompt_is_read_back_as_what_it_was_rendered_from(state):
    assert read_prompt(render_prompt(state)) == state


def test_memory_goes_before_alerts_and_one_alert_stays():
    state = ObserverState(
        "locate", (AlertLine("errors", "s7"), AlertLine("slow", "s2")), memory=(Finding("refused", "s4"),)
    )
    one_alert = replace(state, memory=(), alerts=state.alerts[:1])
    for kept in (state, replace(state, memory=()), one_alert):
        ids = CODEC.encode(render_prompt(kept))
        assert Prompter(SEED_PROFILE.model_copy(update={"prompt_tokens": len(ids)}), CODEC).ids(state) == ids
    below = Prompter(SEED_PROFILE.model_copy(update={"prompt_tokens": 3}), CODEC).ids(state)
    assert below == CODEC.encode(render_prompt(one_alert))[:3]
