"""An approver sees every character of what changes, or that it changes where it is a credential."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi.agents.actions.change import Change, differences, patch_change
from aoi.agents.actions.proposal import Proposal, shown_differences, visible
from aoi.agents.approval import PAGE_CHARACTERS, HumanApprover, pages
from aoi.errors import ApprovalRefused

Obj = dict[str, Any]


def config_map(**data: Any) -> Obj:
    return {"metadata": {"name": "x", "uid": "u", "resourceVersion": "1"}, "data": data}


def text_of(before: Obj, after: Obj) -> str:
    change: Change = patch_change("set", "/p", before, after, ("/**",))
    return Proposal(change, differences(before, after), after).text()


@given(st.integers(1, 20_000))
def test_a_value_is_shown_whole_however_long(length: int) -> None:
    value = "".join(chr(ord("a") + at % 26) for at in range(length))
    assert f'"{value}"' in text_of(config_map(a="1"), config_map(a=value))


@given(st.text(max_size=200), st.text(max_size=200))
def test_two_values_never_look_the_same(one: str, other: str) -> None:
    shown = [
        shown_differences(differences(config_map(a="1"), config_map(a=v)), None, None) for v in (f"x{one}", f"x{other}")
    ]
    assert (shown[0] == shown[1]) is (one == other)


@pytest.mark.parametrize("character", ["\x1b", "\r", "\x08", "\u202e", "\u2028", "\u200b", "\ufeff", "\x9b", "\u2066"])
def test_what_moves_or_hides_text_is_shown_as_its_code(character: str) -> None:
    text = text_of(config_map(a="1"), config_map(a=f"good{character}evil"))
    assert character not in text
    assert "good\\" in text
    assert "evil" in text


def test_a_credential_shows_that_and_how_far_it_changes_and_nothing_of_itself() -> None:
    shown = text_of(config_map(password="old-hunter2"), config_map(password="new-hunter2-and-more"))
    assert "hunter2" not in shown
    line = next(line for line in shown.splitlines() if "password" in line)
    old, new = line.split(" -> ")
    assert "11 characters" in old
    assert "20 characters" in new
    assert old.rpartition("digest")[2] != new.rpartition("digest")[2]


def test_a_credential_that_moves_keeps_its_digest() -> None:
    shown = text_of(config_map(password="hunter2"), config_map(token="hunter2"))
    assert "hunter2" not in shown
    marks = {line.split("digest ")[1][:12] for line in shown.splitlines() if "digest" in line}
    assert len(marks) == 1


def test_a_change_inside_of_a_redacted_part_is_not_invisible() -> None:
    shown = text_of(config_map(a="url=x password=hunter2 end"), config_map(a="url=x password=hunter3 end"))
    assert "hunter" not in shown
    line = next(line for line in shown.splitlines() if line.strip().startswith("/data/a"))
    old, new = line.strip().removeprefix("/data/a: ").split(" -> ")
    assert old != new


def test_credentials_in_what_comes_whole_are_hidden() -> None:
    container = {
        "name": "c", "args": ["--user", "u", "--password", "hunter2"],
        "env": [{"name": "DB_PASSWORD", "value": "hunter2"}, {"name": "MODE", "value": "fast"}],
    }  # fmt: skip
    before = {"metadata": {"name": "x", "uid": "u", "resourceVersion": "1"}, "spec": {}}
    shown = text_of(before, {**before, "spec": {"containers": [container]}})
    assert "hunter2" not in shown
    assert '"fast"' in shown
    assert '/spec/containers/0/env/0/name: (absent) -> "DB_PASSWORD"' in shown


@given(st.text(alphabet=st.sampled_from("ab \n"), max_size=40_000))
def test_pages_are_the_whole_text(text: str) -> None:
    assert "".join(pages(text)) == text
    assert all(len(page) <= PAGE_CHARACTERS for page in pages(text))


def long_proposal() -> Proposal:
    before, after = config_map(a="1"), config_map(a="b" * (3 * PAGE_CHARACTERS))
    return Proposal(patch_change("set", "/p", before, after, ("/**",)), differences(before, after), after)


def test_a_long_change_is_shown_page_by_page_before_anybody_may_say_yes(cluster) -> None:
    asked: list[str] = []

    def read(text: str) -> str:
        asked.append(text)
        return "yes" if "Type yes" in text else ""

    proposal = long_proposal()
    approval = HumanApprover(read, name="ana", clock=cluster.now).approve(proposal)
    assert approval.proposal == proposal.digest
    assert len(asked) == 4
    assert "page 2 of 4" in asked[1]
    assert sum(text.count("b") for text in asked) >= 3 * PAGE_CHARACTERS
    assert not [text for text in asked[:-1] if "Type yes" in text]


@pytest.mark.parametrize("answer", ["yes", "no", None, "q"])
def test_who_does_not_read_on_says_no(cluster, answer: str | None) -> None:
    with pytest.raises(ApprovalRefused, match="did not read on"):
        HumanApprover(lambda text: answer, name="ana", clock=cluster.now).approve(long_proposal())


def test_visible_text_keeps_what_people_write() -> None:
    assert visible("größe → 東京 a b") == "größe → 東京 a b"
