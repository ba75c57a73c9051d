"""What the Evolver is taught on, and how its plans are read."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi.language.codec import WordCodec
from aoi.language.decision import EvolverPlan, parse_plan, render
from aoi.language.prompt import EvolverState, read_prompt, render_prompt
from aoi.learning.evolver import DID, MEMORY, evolver_examples, evolver_state, read_plan
from aoi.records.decision import ExecDo, Finding, ProbeDo, SubmitDo
from aoi.records.problem import TaskKind
from tests.learning.handmade import episode, malformed, signal, step

CODEC = WordCodec()
LOOK, CAUSE, REPAIR = ProbeDo("logs", "s7"), ProbeDo("endpoints", "s4"), ExecDo("fix_port", "s4")
DEAD_END = ProbeDo("pods", "s1")
SOLVED = episode(
    step(DEAD_END, signal("slow", "s1")),
    step(LOOK, signal("refused", "s7", "s4")),
    step(CAUSE, signal("targetport", "s4")),
    step(REPAIR),
    step(SubmitDo("yes", "s4", "targetport"), cause=Finding("targetport", "s4")),
    kind=TaskKind.MITIGATION,
)


def test_a_success_teaches_two_failures_for_each_useful_prefix_and_one_right_plan():
    examples = list(evolver_examples([SOLVED], seed=1))
    assert len(examples) == 2 * len((LOOK, CAUSE, REPAIR))
    assert {parse_plan(example.completion) for example in examples} == {EvolverPlan((LOOK, CAUSE, REPAIR))}


def test_a_taught_failure_shows_what_was_right_so_far_and_then_goes_wrong():
    states = [read_prompt(example.prompt.user) for example in evolver_examples([SOLVED], seed=1)]
    for state, done in zip(states, (0, 0, 1, 1, 2, 2), strict=True):
        assert isinstance(state, EvolverState)
        right, wrong = state.did[:done], state.did[done:]
        assert right == (LOOK, CAUSE, REPAIR)[:done]
        assert isinstance(wrong[-1], SubmitDo)
        assert wrong[-1] != SubmitDo("yes", "s4", "targetport") or done == 2
        assert DEAD_END not in right


def test_no_taught_plan_answers_and_every_word_is_of_the_vocabulary():
    examples = list(evolver_examples([SOLVED], seed=3))
    assert examples
    for example in examples:
        assert "submit" not in example.completion
        for text in (example.prompt.user, example.completion):
            assert CODEC.unk_id not in CODEC.encode(text)


def test_the_same_seed_leads_astray_in_the_same_way():
    assert list(evolver_examples([SOLVED], seed=5)) == list(evolver_examples([SOLVED], seed=5))
    assert list(evolver_examples([SOLVED], seed=5)) != list(evolver_examples([SOLVED], seed=6))


def test_a_success_without_a_look_teaches_nothing():
    assert list(evolver_examples([episode(step(SubmitDo("no")))], seed=0)) == []


def test_what_the_evolver_is_shown_is_cut_to_the_newest():
    rng = random.Random(0)
    checks = ("logs", "pods", "endpoints", "config", "events", "network", "quota", "history")
    steps = [step(ProbeDo(check, "s4"), signal(word, "s4")) for check, word in zip(checks, _words(rng), strict=True)]
    state = evolver_state(episode(*steps, malformed(), success=False))
    assert len(state.memory) == MEMORY
    assert state.did == tuple(ProbeDo(check, "s4") for check in checks)[-DID:]
    assert read_prompt(render_prompt(state)) == state


def _words(rng):
    from aoi.language.lexicon import SIGNALS

    return rng.sample([word for word in SIGNALS if word != "healthy"], 8)


plans = st.lists(st.sampled_from((LOOK, CAUSE, REPAIR)), max_size=4).map(tuple)


@given(plans)
def test_a_plan_is_read_as_it_was_written(steps):
    failed = episode(step(LOOK), step(SubmitDo("no")), success=False)
    text = render(EvolverPlan(steps))
    read = read_plan(failed, (1, 2), ((3, 4), text), "test")
    assert read.status == ("hint" if steps else "malformed")
    assert parse_plan(f'{{"plan":"{" ; ".join(each.do for each in read.steps) or "none"}"}}') == EvolverPlan(steps)
    assert (read.prompt_ids, read.completion_ids) == ((1, 2), (3, 4))
    assert (read.source_trajectory, read.instance) == (failed.content.digest(), failed.content.instance)


@pytest.mark.parametrize("text", ["", "{}", '{"plan":" submit no"}', '{"plan":" none"}', '{"plan":" probe all s4"}'])
def test_a_plan_that_answers_or_means_nothing_is_malformed(text):
    read = read_plan(episode(step(LOOK), success=False), (1,), ((3,), text), "test")
    assert (read.status, read.steps, read.verified_by) == ("malformed", (), None)


def test_a_plan_repairs_a_failure_and_augments_a_success():
    for success, mode in ((False, "repair"), (True, "augment")):
        read = read_plan(episode(step(LOOK), success=success), (1,), ((3,), render(EvolverPlan((CAUSE,)))), "test")
        assert read.mode == mode
