"""One decision is found in whatever a chat model writes around it, and none is chosen of two."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aoi.language.decision import Malformed, parse, parse_probe, render
from aoi.language.extraction import MAX_BRACES, MAX_CHARS, fields_of
from aoi.records.decision import Decision, ProbeDo, SubmitDo
from tests.language.test_decision import NAMES, decisions

MEANT = Decision(None, "scan", None, 1, ProbeDo("pods", "geo"))
OTHER = Decision(None, "submit", None, 8, SubmitDo("no"))
SAID = render(MEANT)

PROSE = st.text(alphabet=st.characters(exclude_characters="{}<>[]"), max_size=60)
"""What people write beside JSON: without what would open an object, a tag or a list."""
FENCES = ("{}", "```json\n{}\n```", "```\n{}\n```")
THOUGHTS = st.builds("<think>{}{}</think>".format, PROSE, st.sampled_from(["", render(OTHER), "{ what if", '{"a": 1}']))


@given(
    decisions(NAMES), PROSE, PROSE, st.none() | THOUGHTS, st.sampled_from(["{}", "```json\n{}\n```", "```\n{}\n```"])
)
def test_a_decision_is_found_in_prose_thinking_and_fences(decision, before, after, thought, fence):
    text = f"{thought or ''}{before}\n{fence.replace('{}', render(decision))}\n{after}"
    assert parse(text) == decision


@given(decisions(NAMES), decisions(NAMES), PROSE)
def test_of_two_different_decisions_none_is_chosen(first, second, between):
    text = f"{render(first)}{between}{render(second)}"
    if first == second:
        assert parse(text) == first
        return
    with pytest.raises(Malformed, match="differ"):
        parse(text)


@given(st.binary(max_size=400))
def test_whatever_the_bytes_are_they_are_read_or_malformed(data):
    for text in (data.decode("utf-8", "replace"), data.decode("latin-1"), data.decode("utf-8", "surrogateescape")):
        for read in (parse, parse_probe):
            try:
                read(text)
            except Malformed as refused:
                refused.reason.encode()


@pytest.mark.parametrize(
    "text",
    [
        f"<think>The pods first.\n{render(OTHER)}\nNo: look.</think>\n{SAID}",
        f"I was thinking before I was asked to.</think>{SAID}",
        f"<think>I never stop thinking. {SAID}",
        f"[THINK]{render(OTHER)}[/THINK]{SAID}",
        f"<|channel|>analysis<|message|>{render(OTHER)}<|end|><|start|>assistant<|channel|>final<|message|>{SAID}",
        f"assistant: {SAID}",
        f"\ufeff \n\t{SAID}\r\n",
        json.dumps({"decision": json.loads(SAID)}),
        json.dumps({"role": "assistant", "content": SAID}),
        json.dumps({"role": "assistant", "content": f"<think>{render(OTHER)}</think>{SAID}"}),
        json.dumps(SAID),
        f"[{SAID}]",
        f"Look at {{pods}} first: {SAID} Done.",
        json.dumps(json.loads(SAID), indent=2),
    ],
    ids=[
        "thought", "thought opened by the template", "thought that never ends", "thought in brackets", "channels",
        "role", "byte order mark", "wrapped", "a message", "a thoughtful message", "a string", "a list",
        "braces in prose", "on many lines",
    ],
)  # fmt: skip
def test_what_chat_models_write_around_it_is_forgiven(text):
    assert parse(text) == MEANT


@pytest.mark.parametrize("thought", ['{"a":1,"a":2}', '{"a":{"b":1,"b":2}} no', "[" * 3000, "{}", '"half', "[1] and"])
def test_a_thought_that_the_template_opened_may_begin_as_json_does(thought):
    assert parse(f"{thought}</think>{SAID}") == MEANT


@pytest.mark.parametrize("mark", ["<think>", "</think>", "[/THINK]", "<think>all</think>"])
def test_marks_of_thinking_within_a_decision_are_its_text(mark):
    told = {"note": f"it says {mark} here", "steps": "none"}
    assert fields_of(json.dumps(told), ("note", "steps")) == told


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no JSON object"),
        ("<think>" + SAID + "</think>", "no JSON object"),
        (SAID[:-1], "no JSON object"),
        (SAID.replace('"', "'"), "no JSON object"),
        (f'{{"thought":"or {json.dumps(render(OTHER))[1:-1]}",{SAID[1:]}', "'thought'"),
        (json.dumps({"a": json.loads(SAID), "b": json.loads(render(OTHER))}), "differ"),
        ('{"cmd":"kubectl get pods"}', "'cmd'"),
        ("{" * (MAX_BRACES + 1), "braces"),
        ("x" * (MAX_CHARS + 1), "characters"),
        (SAID.replace("scan", "sc\\u001b[2Jan"), "nobody can write"),
        (SAID.replace("geo", "\\ud800"), "nobody can write"),
    ],
    ids=[
        "nothing", "a thought alone", "cut off", "single quotes", "a key too many", "two in one", "of another role",
        "braces", "too long", "a control character", "half of a character",
    ],
)  # fmt: skip
def test_what_is_forgiven_ends_there_and_the_reason_says_why(text, reason):
    with pytest.raises(Malformed) as refused:
        parse(text)
    assert reason in refused.value.reason


@settings(deadline=None)  # its time is bounded by the length of the text; the machine is not ours alone
@given(st.integers(1, 6_000), st.sampled_from(['{"a":', "[", '{"a":[', '"{', "{", "<think>"]))
def test_depth_and_repetition_take_no_time_and_break_nothing(count, piece):
    with pytest.raises(Malformed):
        fields_of(piece * count, ("sum",))


def test_a_name_of_a_key_is_shown_so_that_it_can_be_written():
    with pytest.raises(Malformed) as refused:
        fields_of('{"\\ud800\\n":1}', ("cmd",))
    assert re.fullmatch(r"[ -~]+", refused.value.reason)
