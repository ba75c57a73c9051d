import dataclasses
import random
import re
from functools import cache

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aoi.errors import ContractViolation
from aoi.records.base import sha256_hex
from aoi.records.episode import Outcome
from aoi.records.learning import CorrectivePlan, PlanStep, TrainingExample
from aoi.records.problem import ProblemInstance
from aoi.store.objects import ObjectStore
from aoi.store.shards import read_rows
from data_contracts import docs, evaluations, examples, gate, leakage, plans, trajectories
from data_contracts.gate import QuarantinedRow
from tests.promotion.evaluations import pair, result, simulated
from tests.store.episodes import problem, step, trajectory

pytestmark = pytest.mark.filterwarnings("default")  # Great Expectations warns about its own parts


def rows(count=20):
    return [trajectory(number) for number in range(count)]


def plan(number=0, **changes) -> CorrectivePlan:
    fields = {
        "instance": ProblemInstance(problem=problem(number), seed=number),
        "source_trajectory": sha256_hex(f"failed {number}".encode()),
        "mode": "repair",
        "proposer": "evolver",
        "evolver": "adapter",
        "steps": (PlanStep(do="probe endpoints s4"), PlanStep(do="exec fix_port s4 8083")),
        "failure": "wrong_path",
        "prompt_ids": (1, 2),
        "completion_ids": (3,),
        "status": "verified",
        "verified_by": sha256_hex(f"guided {number}".encode()),
    }
    return CorrectivePlan(**fields | changes)


def example(number=0, **changes) -> TrainingExample:
    given = problem(number)
    fields = {
        "instance": ProblemInstance(problem=given, seed=number),
        "kind": given.kind,
        "split": "train",
        "slice": "seen",
        "prompt_ids": (1, 2, number),
        "target_ids": (4, 5),
        "step": 1,
        "commands": ("probe endpoints s4",),
        "world": sha256_hex(b"world"),
        "source": "verified_correction",
        "source_trajectory": sha256_hex(b"failed"),
        "plan": sha256_hex(b"plan"),
    }
    return TrainingExample(**fields | changes)


PAIRS = simulated(0.1, problems=12, controls=4)
BATCHES = {
    "trajectories": (trajectories.CONTRACT, rows()),
    "plans": (plans.CONTRACT, [plan(number) for number in range(20)]),
    "examples": (examples.CONTRACT, [example(number) for number in range(20)]),
    "evaluations": (evaluations.contract(PAIRS), list(PAIRS.pairs)),
    "leakage": (leakage.contract(leakage.held_out([problem(99, split="test")])), rows()),
}


@cache
def clean(name):
    """The clean batch of a contract, checked once: a suite of fifty expectations takes a second."""
    return gate.accept(*BATCHES[name])


@pytest.mark.parametrize("name", BATCHES)
def test_a_clean_batch_is_accepted_whole_and_in_order(name):
    batch = BATCHES[name][1]
    accepted = clean(name)
    assert list(accepted.rows) == batch
    assert list(accepted.quarantined) == []
    assert all(rule.passed for rule in accepted.report.rules)


@pytest.mark.parametrize("name", BATCHES)
def test_every_column_has_a_not_null_rule_and_every_batch_a_row_floor(name):
    contract, batch = BATCHES[name]
    rules = clean(name).report.rules
    never_null = {rule.column for rule in rules if rule.rule == "expect_column_values_to_not_be_null"}
    assert never_null == set(contract.columns(batch[0]))
    assert [rule.passed for rule in rules if rule.rule == "expect_table_row_count_to_be_between"] == [True]


@pytest.mark.parametrize("name", BATCHES)
def test_every_defect_column_has_a_rule_that_bounds_it(name):
    contract, batch = BATCHES[name]
    bounded = {rule.column for rule in clean(name).report.rules if "not_be_null" not in rule.rule}
    assert set(contract.columns(batch[0])) - bounded <= {"problem"}


def test_great_expectations_alone_passes_a_column_without_any_value():
    import great_expectations as gx
    import great_expectations.expectations as gxe
    import pandas as pd

    context = gx.get_context(mode="ephemeral")
    asset = context.data_sources.add_pandas("p").add_dataframe_asset("a")
    batch = asset.add_batch_definition_whole_dataframe("b").get_batch(
        {"dataframe": pd.DataFrame({"x": [float("nan")] * 9})}
    )
    assert batch.validate(gxe.ExpectColumnValuesToBeBetween(column="x", min_value=0, max_value=1)).success


@pytest.mark.parametrize("name", BATCHES)
def test_an_empty_batch_is_refused(name):
    with pytest.raises(ContractViolation, match="0 of 0 rows"):
        gate.accept(BATCHES[name][0], [])


def dump(row):
    return orjson.loads(row.to_bytes())


def changed(path, value):
    """A corruption that sets one value, by path, in the JSON of a row."""

    def corrupt(row):
        data = dump(row)
        place = data
        for part in path[:-1]:
            place = place[part]
        place[path[-1]] = value
        return data

    return corrupt


def cut(row):
    return row.to_bytes()[:-7]


BAD_TRAJECTORIES = {
    "line cut short": cut,
    "not json": lambda row: b"\xff\x00garbage",
    "no content": lambda row: {"provenance": dump(row)["provenance"]},
    "unknown field": changed(("content", "extra"), 1),
    "missing tokens": changed(("content", "tokens"), None),
    "text for a number": changed(("content", "tokens"), "many"),
    "negative tokens": changed(("content", "tokens"), -1),
    "no tokens": changed(("content", "tokens"), 0),
    "not a number": changed(("content", "steps", 0, "utterances", 0, "logprobs"), [float("nan"), -1.0]),
    "unknown ending": changed(("content", "ended"), "exploded"),
    "broke off": changed(("content", "ended"), "error"),
    "wrong split": changed(("content", "split"), "test"),
    "no steps": changed(("content", "steps"), []),
    "step lost": lambda row: changed(("content", "steps"), dump(row)["content"]["steps"][1:])(row),
    "clock backwards": changed(("content", "steps", 1, "sim_ms"), 1),
    "logprob above zero": changed(("content", "steps", 0, "utterances", 0, "logprobs"), [0.5, -0.5]),
    "logprob lost": changed(("content", "steps", 0, "utterances", 0, "logprobs"), [-0.5]),
    "negative token id": changed(("content", "steps", 0, "utterances", 0, "completion_ids"), [-4, 5]),
    "observation lost": changed(("content", "steps", 0, "interactions", 0, "observation"), None),
    "decision that its text does not say": changed(("content", "steps", 0, "decided", "confidence"), 9),
    "text without its decision": lambda row: changed(
        ("content", "steps", 0), dump(row)["content"]["steps"][0] | {"decided": None, "status": "malformed"}
    )(row),
    "decision lost": changed(("content", "steps", 0, "decided"), None),
    "state lost": changed(("content", "steps", 0, "state"), None),
    "state of a former step": changed(("content", "steps", 0, "schema_version"), 1),
    "invented word": changed(("content", "steps", 0, "signals", 0, "word"), "<script>"),
    "invented handle": changed(("content", "steps", 0, "signals", 0, "subject"), "s99"),
    "citation backwards": changed(("content", "steps", 0, "signals", 0, "citation", "end_byte"), 0),
    "bundle of no policy": changed(("content", "bundle"), "../../etc/passwd"),
    "world of no digest": changed(("content", "world"), ""),
    "submitted nothing": changed(("content", "answer"), None),
    "false alarm on a fault": changed(("content", "outcome", "false_alarm"), True),
    "fault among controls": changed(("content", "slice"), "control"),
}
BAD_TRAJECTORIES["citation backwards"] = changed(("content", "steps", 0, "signals", 0, "citation", "start_byte"), 9)


@cache
def corrupted(seed):
    """All classes of corruption in one batch of mostly good rows, at random places: class -> place, and the finding."""
    good = rows(160)
    places = random.Random(seed).sample(range(160), len(BAD_TRAJECTORIES))
    where = dict(zip(BAD_TRAJECTORIES, places, strict=True))
    batch = list(good)
    for name, place in where.items():
        batch[place] = BAD_TRAJECTORIES[name](good[place])
    return good, where, gate.accept(trajectories.CONTRACT, batch)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", BAD_TRAJECTORIES)
def test_each_class_of_corruption_is_set_aside_with_a_reason(name, seed):
    _, where, accepted = corrupted(seed)
    found = {row.position: row.reasons for row in accepted.quarantined}
    assert found[where[name]]


@pytest.mark.parametrize("seed", range(3))
def test_exactly_the_bad_rows_are_set_aside_and_the_order_stays(seed):
    good, where, accepted = corrupted(seed)
    assert [row.position for row in accepted.quarantined] == sorted(where.values())
    assert list(accepted.rows) == [row for place, row in enumerate(good) if place not in where.values()]


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_quarantine_and_accepted_add_up_to_the_input(data):
    kinds = st.sampled_from([None, *BAD_TRAJECTORIES])
    chosen = data.draw(st.lists(kinds, max_size=12))
    batch = [
        BAD_TRAJECTORIES[kind](trajectory(place)) if kind else trajectory(place) for place, kind in enumerate(chosen)
    ]
    checked = gate.check(trajectories.CONTRACT, batch)
    assert len(list(checked.rows)) + len(list(checked.quarantined)) == len(batch)
    assert [row.position for row in checked.quarantined] == [place for place, kind in enumerate(chosen) if kind]


@pytest.mark.parametrize("part", [7, 10])
def test_a_batch_that_is_looked_at_in_parts_gets_the_verdicts_of_one_that_is_not(part, monkeypatch):
    copies = [trajectory(3, wall_ms=9), trajectory(18)]
    bad = [BAD_TRAJECTORIES[name](trajectory(30 + place)) for place, name in enumerate(("no tokens", "not json"))]
    batch = [*rows(8), bad[0], *rows(19)[8:], copies[0], bad[1], copies[1]]
    whole = gate.check(trajectories.CONTRACT, batch)
    monkeypatch.setattr(gate, "PART", part)
    parts = gate.check(trajectories.CONTRACT, batch)
    assert (parts.reasons, parts.report) == (whole.reasons, whole.report)
    assert sorted(parts.reasons) == [8, 20, 21, 22]
    assert list(parts.rows) == list(whole.rows)
    assert f"{len(batch)} rows, {len(batch) - 4} accepted" in parts.docs_html


def test_too_few_rows_are_counted_over_all_parts(monkeypatch):
    monkeypatch.setattr(gate, "PART", 2)
    contract = dataclasses.replace(plans.CONTRACT, floor=4)
    batch = [plan(number) for number in range(5)]
    assert gate.check(contract, batch).report.refused == ""
    assert "expected at least 4" in gate.check(contract, batch[:3]).report.refused


def test_one_copy_of_a_repeated_row_stays():
    accepted = gate.accept(trajectories.CONTRACT, [*rows(18), trajectory(3, wall_ms=9), trajectory(3)])
    assert [row.position for row in accepted.quarantined] == [18, 19]
    assert next(iter(accepted.quarantined)).reasons == ("a copy of an earlier row",)


def test_a_batch_of_copies_is_refused():
    with pytest.raises(ContractViolation, match="a copy of an earlier row"):
        gate.accept(trajectories.CONTRACT, [trajectory(0)] * 20)


def test_a_batch_with_too_many_bad_rows_is_refused_with_its_cause():
    batch = [*rows(10), *(changed(("content", "tokens"), 0)(trajectory(number)) for number in range(10, 20))]
    with pytest.raises(ContractViolation, match=r"trajectories-train v4: 10 of 20 rows rejected.*tokens"):
        gate.accept(trajectories.CONTRACT, batch)


def test_a_record_changed_without_validation_does_not_pass():
    bad = trajectory(0).model_copy(update={"content": trajectory(0).content.model_copy(update={"tokens": None})})
    accepted = gate.accept(trajectories.CONTRACT, [*rows(19), bad])
    assert [row.position for row in accepted.quarantined] == [19]


def test_a_record_of_another_type_does_not_pass():
    accepted = gate.accept(trajectories.CONTRACT, [*rows(19), problem()])
    assert next(iter(accepted.quarantined)).reasons == ("schema: a Problem",)


def test_what_was_set_aside_is_kept_with_its_reasons_also_when_the_batch_is_refused(tmp_path):
    store = ObjectStore(str(tmp_path))
    batch = [*rows(2), *(changed(("content", "tokens"), 0)(trajectory(number)) for number in range(2, 20))]
    with pytest.raises(ContractViolation, match="aoi data show quarantine:") as caught:
        gate.accept(trajectories.CONTRACT, batch, store)
    ref = store.find(re.search(r"quarantine:[0-9a-f]{12}", str(caught.value)).group())
    kept = list(read_rows(store, ref, QuarantinedRow))
    assert [row.position for row in kept] == list(range(2, 20))
    accepted = gate.accept(trajectories.CONTRACT, rows(), store)
    assert accepted.report.docs == store.put("docs", accepted.docs_html.encode()).sha256


BAD_PLANS = {
    "kubectl in a step": {"steps": (PlanStep(do="kubectl delete ns prod"),)},
    "unknown check": {"steps": (PlanStep(do="probe everything s4"),)},
    "two commands": {"steps": (PlanStep(do="probe pods s4 ; reboot"),)},
    "a shell": {"steps": (PlanStep(do="exec set_image s4 $(reboot)"),)},
    "no name": {"steps": (PlanStep(do="probe pods Geo!"),)},
    "no steps": {"steps": ()},
    "too many": {"steps": (PlanStep(do="probe pods s4"),) * 41},
    "verified by nothing": {"verified_by": None},
    "verified by itself": {"verified_by": sha256_hex(b"failed 0")},
    "witness of a hint": {"status": "hint"},
    "hidden oracle": {"evolver": "oracle"},
    "a search that claims to be a model": {"proposer": "retry"},
    "a model that claims to have searched": {"evolver": "search"},
    "leaves what it never followed": {"branch": 3},
    "tokens lost": {"completion_ids": ()},
    "negative token": {"completion_ids": (-1,)},
    "source lost": {"source_trajectory": ""},
    "test problem": {"instance": ProblemInstance(problem=problem(0, split="test"), seed=0)},
}
BAD_EXAMPLES = {
    "empty prompt": {"prompt_ids": ()},
    "long prompt": {"prompt_ids": (1,) * 5000},
    "empty target": {"target_ids": ()},
    "no target": {"target_ids": None},
    "negative token": {"target_ids": (-1,)},
    "rejects its target": {"target_ids": (7,), "rejected_ids": (7,)},
    "who said something else": {"target_ids": (7, 8), "behaviour": (-0.1,)},
    "replay short": {"commands": ()},
    "blank command": {"commands": (" ",)},
    "plan lost": {"plan": None},
    "plan of a label": {"source": "operator_labelled"},
    "test split": {"split": "test"},
    "test problem": {"instance": ProblemInstance(problem=problem(0, split="test"), seed=0)},
    "other slice": {"slice": "control"},
    "world lost": {"world": "x"},
}


def test_every_bad_plan_is_set_aside_and_no_other():
    bad = [plan(0, **changes) for changes in BAD_PLANS.values()]
    accepted = gate.accept(plans.CONTRACT, [*(plan(number) for number in range(1, 40)), *bad])
    assert [row.position - 39 for row in accepted.quarantined] == list(range(len(bad)))


def test_every_bad_example_is_set_aside_and_no_other():
    bad = [example(0, **changes) for changes in BAD_EXAMPLES.values()]
    accepted = gate.accept(examples.CONTRACT, [*(example(number) for number in range(1, 150)), *bad])
    assert [row.position - 149 for row in accepted.quarantined] == list(range(len(bad)))


@pytest.mark.parametrize(
    "changes",
    [
        {"challenger_tokens": 0},
        {"champion_trajectory": "x"},
        {"fault": None},
        {"challenger_false_alarm": True},
        {"world_seed": 77, "problem_id": "lonely"},
    ],
)
def test_one_bad_pair_refuses_the_evaluation(changes):
    pairs = [*PAIRS.pairs[1:], PAIRS.pairs[0].model_copy(update=changes)]
    with pytest.raises(ContractViolation, match="evaluation-development"):
        gate.accept(evaluations.contract(result(pairs)), pairs)


def test_a_repeated_pair_refuses_the_evaluation():
    pairs = [*(pair(n, before=True, after=True) for n in range(4)), pair(0, before=True, after=False)]
    with pytest.raises(ContractViolation):
        gate.accept(evaluations.contract(result(pairs)), pairs)


def held_out_trajectory():
    given = problem(50, split="development")
    return trajectory(50, given=given)


@pytest.mark.parametrize(
    "leak",
    [
        trajectory(1, given=problem(1, split="development")),
        trajectory(1, given=problem(1, id=problem(50, split="development").id)),
        trajectory(50, given=problem(1, target=50)),
        example(1, instance=ProblemInstance(problem=problem(1, target=50), seed=50)),
        trajectory(1, given=problem(1, fault="node_selector")),
        trajectory(1, given=problem(1, application="gen100")),
        example(1, source_trajectory=held_out_trajectory().content.digest()),
        plan(1, source_trajectory=held_out_trajectory().content.digest()),
        plan(1, verified_by=held_out_trajectory().content.digest()),
    ],
)
def test_one_leak_refuses_the_whole_batch(leak):
    measured = [
        problem(60, split="development", slice="unseen_mechanism", fault="node_selector"),
        problem(61, split="development", slice="unseen_application", application="gen100"),
    ]
    held_out = held_out_trajectory().content
    contract = leakage.contract(leakage.held_out(measured, [held_out.instance], [held_out.digest()]))
    clean = [*rows(5), example(2), plan(2)]
    assert len(list(gate.accept(contract, clean).rows)) == 7
    with pytest.raises(ContractViolation, match="leakage"):
        gate.accept(contract, [*clean, leak])


def test_data_docs_load_nothing_and_run_nothing():
    hostile = "<script>alert(1)</script><img src=http://evil onerror=x>"
    bad = trajectory(0, bundle=hostile, given=problem(0))
    page = gate.check(trajectories.CONTRACT, [*rows(19), bad]).docs_html
    assert len(page) < 200_000
    for tag in re.findall(r"<[^>]*>", page.partition("<body>")[2]):
        assert re.fullmatch(r"</?[a-z0-9]+>", tag), tag
    assert "FAILED" in page


@settings(deadline=None)
@given(st.text(alphabet="<>/abcdeimghrstp\"'=! -svg:onload", max_size=80))
def test_no_text_survives_as_a_tag_with_an_attribute(text):
    for tag in re.findall(r"<[^>]*>?", docs.plain(text)):
        assert re.fullmatch(r"</?(table|thead|tbody|tr|td|th|h[1-6]|ul|li|p|strong|br)>", tag, re.IGNORECASE)


def test_importing_the_contracts_does_not_import_great_expectations():
    import subprocess
    import sys

    code = "import sys, data_contracts.gate, data_contracts.leakage; sys.exit('great_expectations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_episode_with_an_injection_is_never_learned_from():
    accepted = gate.accept(trajectories.CONTRACT, [*rows(19), trajectory(19, injection="flood-info")])
    assert [(row.position, row.reasons) for row in accepted.quarantined] == [
        (19, ("an injection was planted in it: such an episode is evaluated, never learned from",))
    ]


def test_outcomes_of_success_without_an_answer_are_caught():
    bad = trajectory(0, answer=None, ended="steps", outcome=Outcome(success=True, aiopslab_success=True))
    assert [row.position for row in gate.accept(trajectories.CONTRACT, [*rows(19)[1:], bad]).quarantined] == [18]


def test_a_step_without_an_observer_is_caught():
    silent = step(0).model_copy(update={"utterances": ()})
    bad = trajectory(30, steps=(silent, step(1)))
    assert [row.position for row in gate.accept(trajectories.CONTRACT, [*rows(), bad]).quarantined] == [20]
