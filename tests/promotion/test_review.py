import dataclasses
import re
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aoi.promotion import pictures
from aoi.promotion.changes import changes
from aoi.promotion.evaluation import compare, run_of
from aoi.promotion.flips import flips, needed_trajectories
from aoi.promotion.gate import decide
from aoi.promotion.pictures import Curve
from aoi.promotion.review import Material, render
from aoi.promotion.standings import Episodes, standings
from aoi.records.base import Ref, sha256_hex
from aoi.records.contracts import ContractReport, RuleResult
from aoi.records.episode import Outcome, Signal
from aoi.records.learning import BundleManifest, CorrectionOutcome, CorrectivePlan, JudgeSpend, PlanStep
from aoi.records.problem import ProblemInstance
from aoi.records.promotion import Champion, PromotionRequest
from aoi.records.report import LearningReport, ProposerResult
from aoi.settings import Settings
from tests.store.episodes import problem, step, trajectory

SETTINGS = Settings.load(gate={"simulated_nights": 100})
HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(1)>\"'><svg/onload=alert(1)>{{7*7}}\u202eevil\u200b\x1b[2J"
    "<a href='http://evil.example'>click</a><style>*{display:none}</style>"
)


def arms(count=40, text="kubectl get pods", long=1):
    champion, challenger = [], []
    for number in range(count):
        is_control = number % 5 == 0
        given = problem(
            number,
            split="development",
            slice="control" if is_control else "seen",
            **({"fault": None} if is_control else {}),
        )
        for rows, bundle, won in (
            (champion, b"champion", number % 4 != 1),
            (challenger, b"challenger", number % 4 != 2),
        ):
            one = step(0, command=text).model_copy(
                update={"decision": text, "signals": (Signal(word=text[:50], subject="s4"),)}
            )
            rows.append(
                trajectory(
                    number,
                    given=given,
                    bundle=sha256_hex(bundle),
                    steps=(one,) * long,
                    handles={"s4": text},
                    outcome=Outcome(
                        success=won, aiopslab_success=won, false_alarm=is_control and not won, detail={"found": text}
                    ),
                )
            )
    return champion, challenger


def material(count=40, text="kubectl get pods", long=1, **changed) -> Material:
    champion, challenger = arms(count, text, long)
    planned = [run_of(row.content.instance, row.content.rollout_seed) for row in champion]
    evaluation = compare(champion, challenger, planned=planned, split="development", seed=1, level=0.95)
    kept = Ref(kind="trajectories", sha256="0" * 64, size_bytes=1)
    lines = [
        Episodes("survey", kept, champion[1:]),
        Episodes("seed", kept, (), same_as="champion"),
        Episodes("champion", kept, champion),
        Episodes("challenger", kept, challenger),
    ]
    request = PromotionRequest(
        cycle=3,
        champion=evaluation.champion,
        challenger=evaluation.challenger,
        challenger_version="7",
        evaluation=evaluation.digest(),
        decision=decide(evaluation, SETTINGS),
    )
    plan = CorrectivePlan(
        instance=ProblemInstance(problem=problem(), seed=0),
        source_trajectory="a" * 64,
        mode="repair",
        proposer="evolver",
        evolver="adapter",
        steps=(PlanStep(do=text),),
        failure="wrong_path",
        prompt_ids=(1,),
        completion_ids=(2,),
        status="verified",
        verified_by="b" * 64,
    )
    rule = RuleResult(rule="r", column="c", reason=text, passed=False, failed_rows=3)
    report = ContractReport(
        contract="trajectories", version=1, owner="o", severity="quarantines", rows=50, accepted=47, quarantined=3,
        rules=(rule,),
    )  # fmt: skip
    fields = {
        "request": request,
        "evaluation": evaluation,
        "standings": standings(evaluation, lines, 0.95),
        "trajectories": {row.content.digest(): row for row in [*champion, *challenger]},
        "curves": [Curve(name="grpo/reward", values=tuple(index / 30 for index in range(30)))],
        "contracts": [report],
        "corrections": [plan],
        "champion": Champion(
            bundle=evaluation.champion, version="6", tree="c" * 64, cycle=2, entry=9, since="2026-01-01T00:00:00Z"
        ),
    }
    return Material(**fields | changed)


class Reader(HTMLParser):
    """Collects tags, attributes and the exact values that the page states."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.values, self.text = [], [], [], ""
        self.part, self.parts, self.links = None, {}, []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        if "href" in found:
            self.links.append(found["href"])
        if tag == "tr":
            self.part = found.get("data-part")
        if tag == "data":
            self.values.append(found["value"])
            self.parts.setdefault(self.part, []).append(float(found["value"]))

    def handle_endtag(self, tag):
        if tag == "tr":
            self.part = None

    def handle_data(self, data):
        self.text += data


def test_every_figure_of_every_part_equals_its_record():
    given = material()
    read = Reader(render(given))
    whole = given.evaluation
    for part in (whole.overall, *whole.slices, *whole.kinds, whole.controls):
        survey, seed, champion, challenger = (
            next(one for one in line.parts if one.part == part.name) for line in given.standings.lines
        )
        assert (champion.average, challenger.average, challenger.gain) == (
            part.champion_rate, part.challenger_rate, part.gain,
        )  # fmt: skip
        expected = [survey.average, *bounds(survey.gain), seed.average, champion.average, challenger.average]
        assert read.parts[part.name] == [*expected, *bounds(part.gain), part.gain.n, part.runs]
    decision = given.request.decision
    for value in (decision.gain.estimate, decision.power, decision.detectable_gain):
        assert repr(float(value)) in read.values
    assert {"50", "47", "3"} <= set(read.values)


def test_the_page_compares_who_searched_at_equal_tries_and_says_what_share_was_repaired():
    found = ProposerResult(
        proposer="suspects", failures=40, equal_tries=3, repaired_equally=17, tries=121, verified=23, repaired=19
    )
    learning = LearningReport(
        episodes=256, solved=200, failed_problems=40, repaired_problems=25, plans=311, proposers=(found,)
    )
    read = Reader(render(material(learning=learning)))
    assert {"40", "17", "121", "23", "19", "311", repr(25 / 40)} <= set(read.values)
    assert "suspects" in read.text
    assert "Proposer" not in Reader(render(material())).text


def test_the_page_says_which_corrections_fixed_what():
    (plan,) = material().corrections
    fixed = CorrectionOutcome(
        instance=plan.instance, source_trajectory=plan.source_trajectory, correction=plan.digest(),
        champion_solves=False, challenger_solves=True,
    )  # fmt: skip
    left = fixed.model_copy(update={"source_trajectory": "c" * 64, "correction": None, "challenger_solves": False})
    text = Reader(render(material(outcomes=[fixed, left]))).text
    assert "solves it" in text
    assert "with a correction" in text
    gone = fixed.model_copy(update={"challenger_solves": False})
    assert "solves it" not in Reader(render(material(outcomes=[gone]))).text


def test_what_was_tried_without_a_plan_is_said_in_words():
    (plan,) = material().corrections
    again = plan.model_copy(update={"proposer": "retry", "steps": ()})
    other = again.model_copy(update={"proposer": "answers", "prefix": ("{}",)})
    text = Reader(render(material(corrections=[again, other]))).text
    assert "the policy again" in text
    assert "other decisions" in text


def bounds(gain):
    return [gain.estimate, gain.low, gain.high]


def test_every_line_stands_in_one_table_with_both_grades():
    given = material()
    page = render(given)
    rows = dict(re.findall(r'<tr data-line="(\w+)">(.*?)</tr>', page))
    assert list(rows) == ["survey", "seed", "champion", "challenger"]
    for line in given.standings.lines:
        overall = line.part("overall")
        expected = [overall.first, *(bounds(overall.gain) if overall.gain else []), overall.aiopslab]
        expected += [line.part("controls").average, line.steps, line.tokens]
        assert [float(value) for value in re.findall(r'<data value="([^"]+)">', rows[line.name])] == expected
    assert "is the champion, not run twice" in rows["seed"]
    assert "not run twice" not in rows["champion"]
    assert '<data value="1">1</data> runs of survey broke off' in page


def test_runs_that_went_from_pass_to_fail_come_first_with_both_trajectories():
    given = material()
    lost, won = flips(given.evaluation)
    assert (len(lost), len(won)) == (10, 10)
    page = render(given)
    shown = re.findall(r'<div id="(lost|won)-\d+">', page)
    assert shown == ["lost"] * 10 + ["won"] * 10
    assert page.index("What broke") < page.index("What was won") < page.index("Where it stands")
    assert page.count("<h5>Champion</h5>") == page.count("<h5>Challenger</h5>") == 20
    assert len(needed_trajectories(given.evaluation)) == 40


def test_a_false_alarm_counts_as_a_failure():
    lost, won = flips(material().evaluation)
    assert any(pair.slice == "control" for pair in lost)
    assert any(pair.slice == "control" for pair in won)


ALLOWED_TAGS = {
    "html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "h4", "p", "table", "thead", "tbody", "tr",
    "th", "td", "div", "ol", "ul", "li", "code", "pre", "strong", "data", "details", "summary", "figure", "figcaption",
    "svg", "polyline", "rect", "line", "circle", "text", "header", "section", "h5", "a", "br", "small", "em", "span",
}  # fmt: skip
ALLOWED_ATTRIBUTES = {
    "lang", "charset", "name", "content", "http-equiv", "class", "value", "viewbox", "role", "aria-label",
    "points", "fill", "stroke", "stroke-width", "data-part", "data-line", "data-contract", "data-floor",
    "data-lost", "data-won", "data-mechanism", "data-application", "data-champion", "data-family",
    "data-proposer", "id", "href", "scope", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "width", "height",
}  # fmt: skip


def check_is_inert(page):
    read = Reader(page)
    assert set(read.tags) <= ALLOWED_TAGS
    assert set(read.attributes) <= ALLOWED_ATTRIBUTES
    assert read.tags.count("style") == 1
    assert all(re.fullmatch(r"#[\w-]+", link) and f'id="{link[1:]}"' in page for link in read.links)
    assert not re.search(r"url\(|@import", page.partition("<style>")[2].partition("</style>")[0])
    for letter in ("\u202e", "\u200b", "\x1b", "\x00"):
        assert letter not in page


def test_hostile_text_stays_text():
    given = material(text=HOSTILE, curves=[Curve(name=HOSTILE, values=(1.0, 2.0))])
    page = render(given)
    check_is_inert(page)
    assert "&lt;script&gt;alert(1)" in page
    assert "\\u202e" in page
    assert "{{7*7}}" in Reader(page).text


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=60))
def test_any_text_stays_text(text):
    check_is_inert(render(material(count=4, text=text or "x")))


@pytest.mark.parametrize(("count", "long", "text"), [(400, 1, "x"), (60, 16, "<" * 5000), (800, 16, "&" * 400)])
def test_the_page_stays_below_half_a_megabyte(count, long, text):
    page = render(material(count=count, long=long, text=text))
    assert len(page.encode()) < 500_000
    assert "Runs below are shown without their trajectories" in page


def test_a_missing_trajectory_is_said_to_be_missing():
    assert render(material(trajectories={})).count("This trajectory is not in the store") == 40


def test_it_can_be_read_at_400_pixels_and_without_colour():
    page = render(material())
    assert 'name="viewport"' in page
    for table in re.finditer(r"<table>", page):
        assert page[: table.start()].rstrip().endswith('<div class="wide">')
    for row in re.findall(r"<tr data-floor.*?</tr>", page):
        assert re.search(r">(holds|not proven|FAILS)</td>", row)
    assert "FAILED" in page
    assert "passed" in page


def test_the_same_records_give_the_same_page():
    assert render(material()) == render(material())


def manifest(**changed) -> BundleManifest:
    fields = {
        "name": "seed", "base": "a" * 64, "tokenizer": "b" * 64, "adapter": None, "profile": "c" * 64, "parent": None,
        "cycle": 1, "data": ("d" * 64,), "code_revision": "r1", "code_sha256": "e" * 64, "settings": "f" * 64,
        "files": {},
    }  # fmt: skip
    return BundleManifest(**fields | changed)


def test_what_changed_since_the_champion_is_listed_and_nothing_else():
    before, after = manifest(), manifest(adapter="1" * 64, data=("2" * 64, "3" * 64), code_revision="r2")
    found = changes(before, after, settings_before={"gate": {"level": 0.9}}, settings_after={"gate": {"level": 0.95}})
    assert [(one.group, one.name) for one in found] == [
        ("data", "data"), ("code", "code revision"), ("bundle", "adapter"), ("settings", "gate.level")
    ]  # fmt: skip
    assert (found[3].before, found[3].after) == ("0.9", "0.95")
    assert changes(before, before) == ()
    assert {(change.name, change.before) for change in changes(None, after)} >= {("data", "none"), ("adapter", "none")}


def test_a_line_without_spread_or_values_is_drawn():
    assert "polyline" in pictures.line(Curve(name="flat", values=(1.0, 1.0)))
    assert "no values" in pictures.line(Curve(name="none", values=()))


def test_what_injections_flipped_is_shown_by_family_with_their_ids():
    champion, challenger = arms()
    planned = [run_of(row.content.instance, row.content.rollout_seed) for row in champion]
    name = "mimicry-segfault"
    for rows, won in ((champion, True), (challenger, False)):
        first = next(row for row in rows if row.content.instance == champion[4].content.instance)
        outcome = Outcome(success=won, aiopslab_success=won)
        struck = first.content.model_copy(update={"injection": name, "outcome": outcome})
        rows.append(first.model_copy(update={"content": struck}))
    planned.append(run_of(champion[4].content.instance, champion[4].content.rollout_seed, name))
    evaluation = compare(champion, challenger, planned=planned, split="development", seed=1, level=0.95)
    page = render(dataclasses.replace(material(), evaluation=evaluation))
    rows = re.findall(r'<tr data-family="(\w+)">(.*?)</tr>', page)
    assert [(family, re.findall(r"<data value=\"(\d+)\">", row)) for family, row in rows] == [
        ("all", ["1", "0", "1"]),
        ("mimicry", ["1", "0", "1"]),
    ]
    assert rows[1][1].endswith(f"<td>{name}</td>")
    assert "None was planted." in render(material())


def test_what_a_judging_model_cost_stands_beside_the_curves_and_nothing_where_none_was_asked():
    spend = JudgeSpend(
        model=HOSTILE, decisions=900, by_rules=321, judgements=432, cached=54, unreadable=7, requests=381
    )
    page = render(material(judge=spend))
    told = re.search(r"<p data-judge=.*?</p>", page, re.DOTALL)
    assert told
    for number in (900, 321, 432, 54, 7, 381):
        assert f'<data value="{number}">' in told[0]
    assert "<script>" not in page
    assert "data-judge" not in render(material())
