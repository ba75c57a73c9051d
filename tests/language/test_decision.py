import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi.language import decision as grammar
from aoi.language import lexicon
from aoi.language.codec import WordCodec, handle_names
from aoi.language.decision import EvolverPlan, ExecutorAct, Malformed, ProbeCommand, parse, render
from aoi.records.decision import Decision, ExecDo, Finding, ProbeDo, SubmitDo

NAMES = st.sampled_from(["s1", "s32", "n8", "geo", "user", "none", "mongodb-geo", "no"])
HANDLES = st.sampled_from(handle_names())


def findings(names, *, others=True):
    other = st.none() | names if others else st.none()
    return st.builds(Finding, st.sampled_from(lexicon.SIGNALS), names, other)


def dos(names):
    probes = st.builds(ProbeDo, st.sampled_from(lexicon.CHECKS), names)
    execs = st.builds(ExecDo, st.sampled_from(lexicon.ACTIONS), names, st.none() | st.sampled_from(["1", "3", "s4"]))
    named = st.builds(SubmitDo, st.sampled_from(["yes", "unsure"]), names, st.sampled_from(lexicon.SIGNALS))
    full = st.builds(
        SubmitDo,
        st.just("yes"),
        names,
        st.sampled_from(lexicon.SIGNALS),
        st.sampled_from(list(lexicon.LEVELS)),
        st.sampled_from(list(lexicon.TYPES)),
    )
    return probes | execs | named | full | st.builds(SubmitDo, st.sampled_from(list(lexicon.VERDICTS)))


def decisions(names):
    return st.builds(
        Decision,
        st.none() | findings(names),
        st.sampled_from(lexicon.PHASES),
        st.none() | findings(names, others=False),
        st.integers(0, 9),
        dos(names),
    )


@given(decisions(NAMES))
def test_a_rendered_decision_parses_back(decision):
    assert parse(render(decision)) == decision


@given(decisions(HANDLES))
def test_a_decision_over_handles_survives_the_codec_without_unknown_tokens(decision):
    codec = WordCodec()
    ids = codec.encode(render(decision))
    assert codec.unk_id not in ids
    assert parse(codec.decode(ids)) == decision


@given(dos(NAMES).filter(lambda do: not isinstance(do, SubmitDo)), st.none() | st.sampled_from(lexicon.FAILURE_CLASSES))
def test_executor_and_evolver_lines_parse_back(do, failure):
    assert grammar.parse_plan(render(EvolverPlan((do, do)))) == EvolverPlan((do, do))
    if isinstance(do, ExecDo):
        assert grammar.parse_executor(render(ExecutorAct(do, failure))) == ExecutorAct(do, failure)


def test_probe_lines_parse_back():
    for line in ("kubectl endpoints s4", "kubectl describe service/geo -n hotel"):
        assert grammar.parse_probe(render(ProbeCommand(line))) == ProbeCommand(line)


PARSERS = (parse, grammar.parse_do, grammar.parse_probe, grammar.parse_executor, grammar.parse_plan)


@given(
    st.text()
    | st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)).map(
        json.dumps
    )
)
def test_no_string_crashes_a_parser(text):
    for parser in PARSERS:
        try:
            parser(text)
        except Malformed:
            continue


@given(
    decisions(HANDLES),
    st.lists(st.tuples(st.integers(0, 400), st.sampled_from('",{}:; xs4\\\n')), min_size=1, max_size=4),
)
def test_a_damaged_decision_is_refused_or_still_means_something(decision, edits):
    text = list(render(decision))
    for position, character in edits:
        text[position % len(text)] = character
    try:
        damaged = parse("".join(text))
    except Malformed:
        return
    assert parse(render(damaged)) == damaged


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[" * 100_000,
        '{"sum":"none"}',
        render(Decision(None, "scan", None, 1, SubmitDo("no")))
        + render(Decision(None, "scan", None, 2, SubmitDo("no"))),
        '{"sum":"none","sum":"none","phase":"scan","cause":"none","conf":"1","do":"submit no"}',
        '{"sum":"none","phase":"scan","cause":"none","conf":"1","do":"submit no s4 refused"}',
        '{"sum":"none","phase":"scan","cause":"refused s4 s5","conf":"1","do":"submit no"}',
        '{"sum":"none","phase":"scan","cause":"none","conf":"10","do":"submit no"}',
        '{"sum":"none","phase":"scan","cause":"none","conf":3,"do":"submit no"}',
        '{"sum":"none","phase":"scan","cause":"none","conf":"1","do":"probe secrets s4"}',
        '{"sum":"none","phase":"scan","cause":"none","conf":"1","do":"submit yes s4 refused app"}',
        '{"sum":"none","phase":"scan","cause":"none","conf":"1","do":"probe pods ../../etc"}',
    ],
)
def test_what_is_not_of_the_grammar_is_malformed(text):
    with pytest.raises(Malformed):
        parse(text)


def test_a_fence_around_the_object_is_forgiven():
    decision = Decision(None, "scan", None, 1, SubmitDo("no"))
    assert parse(f"```json\n{render(decision)}\n```") == decision
