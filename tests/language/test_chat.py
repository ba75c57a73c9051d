"""What a chat model says is one decision however it is encoded, or it is refused with a reason."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aoi.language import lexicon
from aoi.language.chat import encodings, reading
from aoi.language.chat.writing import say
from aoi.language.decision import EvolverPlan, ExecutorAct, ProbeCommand
from aoi.language.extraction import MAX_CHARS, Malformed
from aoi.language.layouts import CHAT, WORDS, agrees
from aoi.records.decision import Decision, ExecDo, Finding, Handover, Hypothesis, ProbeDo, SubmitDo, Words
from aoi.records.episode import Step
from tests.language.test_decision import NAMES, decisions, dos

TEXT = st.text(alphabet=st.characters(categories=("L", "N", "P", "S")), max_size=20)
"""One line as it is kept: without what would be folded."""
CAUSES = st.sampled_from(["its Service targets a wrong port", "it runs out of memory", "something is off", "geo"])
SHARES = st.integers(0, 100).map(lambda share: share / 100)
hypotheses = st.builds(Hypothesis, NAMES, CAUSES, TEXT, TEXT, SHARES)


def sorted_by_probability(found):
    return tuple(sorted(found, key=lambda one: -one.probability))


words = st.builds(
    Words,
    TEXT,
    st.lists(hypotheses, max_size=reading.MOST_HYPOTHESES).map(sorted_by_probability),
    st.builds(
        Handover, TEXT, cause=CAUSES, further_cause=CAUSES, change=TEXT, verification=TEXT, fallback=TEXT
    ),
)  # fmt: skip


@st.composite
def spoken(draw):
    """A decision as it is read from words: what they settle is settled by them."""
    said, one = draw(words), draw(decisions(NAMES))
    return reading.decision(say(replace(one, words=said)))


@given(spoken())
def test_a_decision_in_words_is_read_as_it_was_written_words_and_all(decision):
    assert reading.decision(say(decision)) == decision


@given(decisions(NAMES))
def test_a_decision_without_words_gets_plain_ones_that_come_to_the_same(decision):
    read = reading.decision(say(decision))
    assert (read.summary, read.cause, read.do) == (decision.summary, decision.cause and _own(decision), decision.do)
    if decision.cause or isinstance(decision.do, SubmitDo):
        assert read.confidence == decision.confidence
    assert agrees(_step(decision, say(decision)))


def _own(decision):
    return Finding(decision.cause.word, decision.cause.subject)


def _step(decided, text):
    return Step(index=0, status="ok", decision=text, decided=decided, utterances=(), sim_ms=0)


@given(decisions(NAMES), decisions(NAMES))
def test_a_step_agrees_with_its_own_text_in_either_layout_and_with_no_other(one, other):
    for layout in (WORDS, CHAT):
        assert agrees(_step(one, layout.say(one)))
        if (one.do, one.summary) != (other.do, other.summary):
            differs = one.summary != other.summary or not isinstance(one.do, SubmitDo)
            assert not (differs and agrees(_step(other, layout.say(one))))
        assert not agrees(_step(None, layout.say(one)))
        assert not agrees(_step(one, "nothing"))


@given(dos(NAMES).filter(lambda do: isinstance(do, ExecDo)), st.none() | st.sampled_from(lexicon.FAILURE_CLASSES))
def test_lines_of_the_other_roles_are_read_as_they_were_written(do, failure):
    assert CHAT.act(say(ExecutorAct(do, failure))) == ExecutorAct(do, failure)
    assert CHAT.plan(say(EvolverPlan((ProbeDo("pods", "geo"), do)))) == EvolverPlan((ProbeDo("pods", "geo"), do))
    assert CHAT.plan(say(EvolverPlan(()))) == EvolverPlan(())
    assert CHAT.probe(say(ProbeCommand("kubectl get pods"))) == ProbeCommand("kubectl get pods")


# ---------------------------------------------------------------- encodings


def call(decision: Decision) -> tuple[str, dict]:
    """The decision as name and arguments of a tool."""
    fields = json.loads(say(decision))
    arguments = fields.pop("next")
    return arguments.pop("do"), {**fields, **arguments}


def hermes(name, arguments):
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>"


def openai(name, arguments):
    function = {"name": name, "arguments": json.dumps(arguments)}
    calls = [{"id": "call_0", "type": "function", "function": function}]
    return json.dumps({"role": "assistant", "content": None, "tool_calls": calls})


def llama(name, arguments):
    return f"<|python_tag|>{json.dumps({'name': name, 'parameters': arguments})}"


def mistral(name, arguments):
    return f"[TOOL_CALLS] [{json.dumps({'name': name, 'arguments': arguments, 'id': 'VvvODy9mT'})}]"


ENCODINGS = (hermes, openai, llama, mistral)
each_encoding = pytest.mark.parametrize("encoded", ENCODINGS, ids=lambda encoded: encoded.__name__)


@each_encoding
@given(decision=spoken(), thought=st.none() | TEXT)
def test_a_native_call_is_the_same_decision(encoded, decision, thought):
    before = f"<think>{thought}{say(OTHER)}</think>\n" if thought is not None else ""
    assert reading.decision(before + encoded(*call(decision))) == decision


@each_encoding
@given(one=spoken(), other=spoken())
def test_two_ways_to_say_one_thing_are_one_decision_and_two_things_are_none(encoded, one, other):
    both = f"{say(one)}\n{encoded(*call(other))}"
    if json.loads(say(one)) == json.loads(say(other)):
        assert reading.decision(both) == one
        return
    with pytest.raises(Malformed, match="differ"):
        reading.decision(both)


OTHER = Decision(None, "submit", None, 8, SubmitDo("no"))
LOOK = {"observation": "", "hypotheses": [], "check": "pods", "targets": ["geo"], "purpose": ""}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (hermes("delete", LOOK), "expected one of probe, execute, submit"),
        (hermes("probe", {**LOOK, "do": "submit"}), "found do or next"),
        (hermes("probe", "kubectl get pods"), "expected JSON"),
        (hermes("probe", [LOOK]), "expected an object"),
        (hermes("probe", {**LOOK, "namespace": "kube-system"}), "check, targets, purpose"),
        (hermes("probe", LOOK) + hermes("probe", {**LOOK, "targets": ["rate"]}), "differ"),
        (json.dumps({"name": "probe", "arguments": LOOK, "parameters": LOOK}), "found 'name'"),
        ("<think>" + hermes("probe", LOOK) + "</think>", "no JSON object"),
    ],
    ids=[
        "an unknown tool", "another do", "no object", "a list", "a key too many", "two calls", "two sets of arguments",
        "a thought alone",
    ],
)  # fmt: skip
def test_what_is_no_call_of_a_tool_that_there_is_is_refused(text, reason):
    with pytest.raises(Malformed) as refused:
        reading.decision(text)
    assert reason in refused.value.reason


@pytest.mark.parametrize(
    ("role", "name", "arguments"),
    [
        (CHAT.probe, encodings.PROBE_TOOL, {"command": "kubectl get pods"}),
        (CHAT.act, encodings.EXECUTOR_TOOL, {"action": "scale", "target": "geo", "value": 3}),
        (CHAT.plan, encodings.EVOLVER_TOOL, {"steps": [{"do": "probe", "check": "pods", "targets": ["geo"]}]}),
    ],
    ids=["probe", "executor", "evolver"],
)
@each_encoding
def test_every_role_may_call_its_tool(encoded, role, name, arguments):
    assert role(encoded(name, arguments)) == role(json.dumps(arguments))


# ---------------------------------------------------------------- refusals


def changed(**fields):
    return json.dumps({**json.loads(say(Decision(None, "scan", None, 0, ProbeDo("pods", "geo")))), **fields})


def answered(**fields):
    whole = {"do": "submit", "verdict": "fault", "component": "geo", "cause": "out of memory", "probability": 90}
    return changed(next={**whole, **fields})


BELIEVED = {"component": "geo", "cause": "out of memory", "for": "", "against": "", "probability": 50}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (changed(next="probe pods geo"), "next.do: expected probe, execute or submit"),
        (changed(next={"do": "probe", "check": "secrets", "targets": ["geo"]}), "next.check: expected one of pods"),
        (changed(next={"do": "probe", "check": "pods", "targets": []}), "next.targets: expected a list of 1 to 4"),
        (changed(next={"do": "probe", "check": "pods", "targets": "geo"}), "next.targets: expected a list"),
        (changed(next={"do": "probe", "check": "pods", "targets": ["../etc"]}), "next.targets: expected names"),
        (changed(next={"do": "execute", "action": "drop", "target": "geo"}), "next.action: expected one of restart"),
        (changed(next={"do": "execute", "action": "scale", "target": "geo", "value": "; rm"}), "next.value"),
        (changed(next={"do": "execute", "action": "scale", "target": "geo", "value": True}), "next.value"),
        (changed(hypotheses=[{**BELIEVED, "probability": 0.7}]), "hypotheses[0].probability: expected a whole number"),
        (changed(hypotheses=[{**BELIEVED, "probability": True}]), "hypotheses[0].probability"),
        (changed(hypotheses=[{**BELIEVED, "probability": float("nan")}]), "hypotheses[0].probability"),
        (changed(hypotheses=[{**BELIEVED, "cause": " "}]), "hypotheses[0].cause: expected text, found 'nothing'"),
        (changed(hypotheses=[{**BELIEVED, "sure": 1}]), "hypotheses[0]: expected an object with component"),
        (changed(hypotheses=[BELIEVED] * 6), "hypotheses: expected at most 5"),
        (changed(hypotheses="none"), "hypotheses: expected at most 5"),
        (changed(finding="geo is slow"), "finding: expected none or SIGNAL"),
        (changed(observation=["x"]), "observation: expected text"),
        (changed(observation="x" * 2_001), "observation: expected text of at most 2000"),
        (changed(plan="x"), "expected an object with observation"),
        (answered(verdict="yes"), "next.verdict: expected one of fault, no_fault, inconclusive"),
        (answered(verdict="no_fault"), "expected a component with a cause, or neither"),
        (answered(component=None), "expected a component with a cause, or neither"),
        (answered(cause=None), "next.cause: expected text"),
        (answered(level="Application"), "expected level and type together"),
        (answered(level="app", type="Misconfiguration"), "next.level: expected one of Hardware"),
        (answered(also={"component": "rate"}), "next.also.cause"),
        (answered(probability=None), "next.probability"),
        ("x" * (MAX_CHARS + 1), "characters"),
        ('{"observation":"","next":{"do":"submit","do":"probe"}}', "repeated"),
        (changed(observation="\ud800"), "nobody can write"),
        (say(OTHER) + changed(), "differ"),
        ('{"sum":"none","phase":"scan","cause":"none","conf":"1","do":"submit no"}', "expected keys observation, next"),
    ],
)  # fmt: skip
def test_what_is_no_decision_is_refused_and_the_reason_says_where_and_what_was_expected(text, reason):
    with pytest.raises(Malformed) as refused:
        reading.decision(text)
    assert reason in refused.value.reason
    refused.value.reason.encode()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["observation", "next", "do", "hypotheses", "name", "arguments", "targets", "x"]),
        inner,
        max_size=5,
    ),
    max_leaves=12,
)  # fmt: skip


@given(st.text() | JSON.map(json.dumps) | JSON.map(lambda value: hermes("probe", value)))
@settings(max_examples=300)
def test_no_string_does_anything_but_mean_something_or_be_malformed(text):
    for read in (CHAT.decision, CHAT.probe, CHAT.act, CHAT.plan):
        try:
            read(text)
        except Malformed as refused:
            refused.reason.encode()


@given(spoken(), st.lists(st.tuples(st.integers(0, 900), st.sampled_from('",{}[]:; x4\\\n')), min_size=1, max_size=4))
def test_a_damaged_decision_is_refused_or_still_means_something(decision, edits):
    text = list(say(decision))
    for position, character in edits:
        text[position % len(text)] = character
    try:
        damaged = reading.decision("".join(text))
    except Malformed:
        return
    assert reading.decision(say(damaged)) == damaged


# ---------------------------------------------------------------- what words settle


def test_the_most_probable_hypothesis_is_the_cause_and_its_words_are_told_by_a_word():
    read = reading.decision(
        changed(
            hypotheses=[
                {**BELIEVED, "component": "rate", "probability": 20},
                {**BELIEVED, "cause": "the selector of its Service matches no pod", "probability": 64},
            ]
        )
    )
    assert read.cause == Finding("selector", "geo")
    assert (read.confidence, read.phase) == (6, "depth")
    assert [one.component for one in read.words.hypotheses] == ["geo", "rate"]


def test_a_cause_that_no_word_can_be_told_for_is_unclassified_and_its_words_stay():
    read = reading.decision(answered(cause="the flux capacitor is misaligned", also=None))
    assert read.do == SubmitDo("yes", "geo", "unclassified")
    assert read.words.handover.cause == "the flux capacitor is misaligned"


def test_a_look_at_several_components_is_one_at_the_first_and_the_others_are_handed_over():
    read = reading.decision(changed(next={"do": "probe", "check": "logs", "targets": ["geo", "rate", "geo"]}))
    assert read.do == ProbeDo("logs", "geo")
    assert read.words.handover.targets == ("rate",)


def test_what_nobody_is_sure_of_is_not_confident():
    assert reading.decision(changed()).confidence == 0
    assert reading.decision(answered(probability=100)).confidence == 9
