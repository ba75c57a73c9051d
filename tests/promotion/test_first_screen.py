"""What a reviewer reads before anything else, and that it is what the records say."""

import dataclasses
import re
from functools import cache

import pytest

from aoi.promotion.briefing import asked, briefing
from aoi.promotion.floors import floors
from aoi.promotion.review import MOST_GROUPS, Material, render
from aoi.records.evaluation import Interval
from aoi.records.promotion import GateCheck
from aoi.settings import GateSettings
from tests.promotion.nights import HISTORY, night
from tests.promotion.test_review import HOSTILE, Reader, check_is_inert


@cache
def undecided() -> Material:
    return night()


@cache
def proposed() -> Material:
    return night(problems=300, runs=1, losses=31, wins=3)


@cache
def rejected() -> Material:
    return night(forgets=17)


def first_screen(given: Material) -> str:
    return render(given).partition('<h2 class="below">')[0]


def text_of(page: str) -> str:
    return " ".join(Reader(page.partition("</style>")[2]).text.split())


def with_decision(given: Material, **changed: object) -> Material:
    decision = given.request.decision.model_copy(update=changed)
    return dataclasses.replace(given, request=given.request.model_copy(update={"decision": decision}))


def test_the_first_screen_says_the_verdict_and_the_commands_before_anything_else():
    given = proposed()
    assert given.request.decision.verdict == "promote"
    said = text_of(first_screen(given))
    digits = given.request.digest()[:12]
    commands = [f'aoi review {digits} --{word} --comment "why"' for word in ("approve", "reject")]
    order = ["Promote version 8?", *commands, "Prefect", "Gain, and what", "What broke", "What was won", "Cost"]
    places = [said.index(words) for words in [*order, "What taught it", "If you approve"]]
    assert places == sorted(places)
    assert "All 18 checks passed" in said


@pytest.mark.parametrize(("made", "headline"), [(undecided, "Inconclusive"), (rejected, "Rejected by the gate")])
def test_where_nothing_can_be_approved_no_command_says_so(made, headline):
    said = text_of(first_screen(made()))
    assert headline in said
    assert "Nothing waits for you" in said
    assert "--approve" not in said
    assert "version 6 goes on answering" in said


def test_in_team_mode_no_form_is_offered():
    said = text_of(first_screen(dataclasses.replace(proposed(), rules=GateSettings(team=True))))
    assert "Resume" not in said
    assert "Somebody else" in said


def test_every_part_is_pictured_against_its_own_floor_and_told_in_words():
    given = undecided()
    page = first_screen(given)
    rows = dict(re.findall(r'<tr data-floor="(\w+)"[^>]*>(.*?)</tr>', page))
    checks = {check.name: check for check in given.request.decision.checks}
    whole = given.evaluation
    names = {"overall": "gain", "controls": "false alarms"}
    for part in (whole.overall, *whole.slices, *whole.kinds, whole.controls):
        row, check = rows.pop(part.name), checks[names.get(part.name, f"floor {part.name}")]
        values = [float(value) for value in re.findall(r'<data value="([^"]+)">', row)]
        assert values == [part.gain.estimate, part.gain.low, part.gain.high]
        assert ("holds</td>" in row) == check.passed
        assert "aria-label" in row
    assert not rows


def test_a_bar_that_is_clear_of_its_ground_and_does_not_hold_gives_its_reason():
    checks = (
        GateCheck(name="gain", passed=False, blocking=False, detail="too few mechanisms differ"),
        GateCheck(name="floor seen", passed=False, blocking=True, detail="proven to lose six points"),
    )
    given = with_decision(proposed(), checks=checks, verdict="reject")
    said = text_of(first_screen(given))
    assert "all faults, not proven: too few mechanisms differ" in said
    assert "seen mechanisms, FAILS: proven to lose six points" in said
    assert "seen mechanisms, FAILS: `proven to lose six points`" in briefing(given)


def test_evidence_that_the_gate_does_not_believe_is_not_told_as_a_result():
    checks = (GateCheck(name="evidence", passed=False, blocking=True, detail="altered or written by other code"),)
    given = with_decision(rejected(), checks=checks, verdict="reject")
    for said in (text_of(first_screen(given)), briefing(given)):
        assert "does not believe the evidence" in said
        assert "altered or written by other code" in said
    assert "of held-out problems with a fault" not in text_of(first_screen(given))


def test_a_bar_reaches_into_the_shaded_ground_where_its_check_does_not_pass():
    for given in (undecided(), rejected(), proposed()):
        page = first_screen(given)
        for row in re.findall(r'<tr data-floor="\w+"[^>]*>.*?</tr>', page):
            ground = float(re.search(r'class="zone" x="0" y="0" width="([\d.-]+)%', row)[1])
            begins = float(re.search(r'class="bar \w+" x1="([\d.-]+)%', row)[1])
            assert (begins > ground) == ("holds</td>" in row)


def test_what_is_proven_to_be_harmed_is_told_apart_from_what_is_not_proven():
    checks = (
        GateCheck(name="floor seen", passed=False, blocking=True, detail="d"),
        GateCheck(name="floor several", passed=False, blocking=False, detail="d"),
    )
    given = with_decision(undecided(), checks=checks, verdict="reject")
    states = {one.part: one.state for one in floors(given.evaluation, given.request.decision, given.rules)}
    assert (states["seen"], states["several"]) == ("harmed", "open")
    said = text_of(first_screen(given))
    assert "It fails: seen mechanisms." in said
    assert "Not proven: several faults." in said


def test_checks_that_no_picture_shows_give_their_reason():
    said = text_of(first_screen(rejected()))
    check = next(check for check in rejected().request.decision.checks if check.name == "mechanisms")
    assert not check.passed
    assert check.detail in said


def test_what_broke_is_told_by_mechanism_with_counts_and_a_link_to_an_example():
    given = rejected()
    page = first_screen(given)
    lost = re.findall(r'<li data-lost="(\d+)">(.*?)</li>', page, re.DOTALL)
    assert len(lost) == MOST_GROUPS["lost"]
    runs, told = lost[0]
    assert runs == "4"
    assert "config drift" in told
    assert "2</data> problems" in told
    assert 'href="#lost-0"' in told
    assert "Now: " in told
    whole = render(given)
    assert all(f'id="{link[1:]}"' in whole for link in Reader(whole).links)


def test_a_champion_that_passed_with_a_wrong_cause_is_told_as_such():
    lucky, honest = text_of(first_screen(night(lucky=1))), text_of(first_screen(night(lucky=1000)))
    assert "the champion had passed with a wrong cause" in lucky
    assert "it had not understood them either" in lucky
    assert "wrong cause" not in honest.partition("What was won")[0].partition("What broke")[2]
    assert "passed, but with a wrong cause" in text_of(render(night(lucky=1)))


def test_cost_lessons_and_what_changes_are_told():
    said = text_of(first_screen(proposed()))
    assert "training 20 min" in said
    assert "31 verified corrections" in said
    assert "Version 8 answers instead of version 6" in said
    assert f"aoi rollback --to {proposed().champion.bundle[:12]}" in said
    assert "There is no former champion" in text_of(first_screen(dataclasses.replace(proposed(), champion=None)))


def test_names_stand_beside_handles_in_trajectories():
    said = text_of(render(undecided()))
    assert "looks at endpoints of geo (s4)" in said
    assert "looks at logs of search (s7)" in said
    assert "The first step is alike." in said
    assert "Wrong in this world:" in said


def test_mechanisms_and_applications_have_tables_with_what_flipped():
    given = rejected()
    page = render(given)
    rows = re.findall(r'<tr data-(mechanism|application)="(\w+)">(.*?)</tr>', page, re.DOTALL)
    figures = {(what, name): re.findall(r'<data value="([^"]+)">', row) for what, name, row in rows}
    assert figures["mechanism", "config_drift"] == ["2", "4", "1.0", "0.0", "-1.0", "4", "0"]
    runs = [int(found[1]) for (what, _), found in figures.items() if what == "application"]
    assert sum(runs) == sum(pair.slice != "control" for pair in given.evaluation.pairs)


def test_the_history_of_champions_is_told_newest_first_with_a_sparkline():
    page = render(undecided())
    versions = re.findall(r'<tr data-champion="(\w+)">', page)
    assert versions == [reign.version for reign in reversed(HISTORY)]
    assert 'class="spark"' in page
    assert "rolled back to" in page
    assert 'class="spark"' not in render(dataclasses.replace(undecided(), history=HISTORY[:1]))


def test_hostile_names_stay_text_in_every_place_of_the_page():
    given = undecided()
    request = given.request.model_copy(update={"challenger_version": HOSTILE})
    history = [reign.model_copy(update={"reason": HOSTILE, "version": HOSTILE}) for reign in HISTORY]
    trajectories = {}
    for digest, row in given.trajectories.items():
        answer = row.content.answer.model_copy(update={"cause": HOSTILE, "component": HOSTILE})
        content = row.content.model_copy(update={"answer": answer, "handles": {"s4": HOSTILE, "s7": HOSTILE}})
        trajectories[digest] = row.model_copy(update={"content": content})
    hostile = dataclasses.replace(given, request=request, history=history, trajectories=trajectories)
    page = render(hostile)
    check_is_inert(page)
    assert len(page.encode()) < 500_000


def test_an_evaluation_that_nobody_believes_proves_no_part():
    broken = GateCheck(name="evidence", passed=False, blocking=True, detail="2 runs are there twice")
    nothing = Interval(estimate=0.0, low=-1.0, high=1.0, level=0.9, n=0)
    page = first_screen(with_decision(undecided(), verdict="reject", checks=(broken,), gain=nothing))
    assert not re.search(r">holds</td>", page)
    assert "2 runs are there twice" in page


def test_the_briefing_says_the_same_in_a_few_lines_of_markdown():
    given = proposed()
    brief = briefing(given)
    assert brief.startswith(asked(given.request))
    assert f"aoi review {given.request.digest()[:12]} --approve" in brief
    for one in floors(given.evaluation, given.request.decision, given.rules):
        assert f"| {one.title} | {100 * one.gain.estimate:+.1f} [" in brief
    assert "**What broke**" in brief
    assert len(brief) < 5000, "MLflow cuts what is longer"
    assert "--approve" not in briefing(undecided())


def test_what_strangers_wrote_is_code_in_the_briefing():
    given = undecided()
    said = "` | </td>\n# forged\x1b[2J ![x](http://evil.example)"
    trajectories = {
        digest: row.model_copy(
            update={
                "content": row.content.model_copy(
                    update={"answer": row.content.answer.model_copy(update={"cause": said, "verdict": "fault"})}
                )
            }
        )
        for digest, row in given.trajectories.items()
    }
    brief = briefing(dataclasses.replace(given, trajectories=trajectories))
    assert "\n# forged" not in brief
    assert "\x1b" not in brief
    assert "![x]" not in re.sub(r"`[^`\n]*`", "", brief)
