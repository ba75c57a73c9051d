"""Scripted operators on states of the prompt: what the expert makes of what it saw."""

from dataclasses import replace
from itertools import pairwise

import pytest

from aoi.agents.operators import ExpertOperator, GoldenOperator
from aoi.agents.operators.knowledge import BOTH, OTHERWISE, REMEDY, SUFFERING, TOLD_APART, remedies
from aoi.agents.policy import Turn
from aoi.language import lexicon
from aoi.language.codec import WordCodec
from aoi.language.decision import parse, parse_executor
from aoi.language.handles import assign
from aoi.language.profile import SEED_PROFILE
from aoi.language.prompt import ExecutorState, render_prompt
from aoi.problems.oracle import Truth
from aoi.records.decision import AlertLine, Decision, Do, ExecDo, Finding, ObserverState, ProbeDo, SubmitDo
from aoi.records.problem import FaultType, SystemLevel

CODEC = WordCodec()
EXPERT = ExpertOperator(CODEC, SEED_PROFILE)
ALERTS = (AlertLine("errors", "s7"),)


def say(state, operator=EXPERT, seed: int = 0) -> str:
    turn = Turn("observer", tuple(CODEC.encode(render_prompt(state))), 32, 1.0, seed)
    return CODEC.decode(operator.generate([turn])[0].token_ids)


def decide(
    *last: str, memory: tuple[str, ...] = (), did: Do | None = None, task: str = "locate", alerts=ALERTS
) -> Decision:
    found, known = ([Finding(*said.split()) for said in findings] for findings in (last, memory))
    return parse(say(ObserverState(task, alerts, memory=tuple(known), last=tuple(found), last_do=did)))


def submitted(decision: Decision) -> SubmitDo:
    assert isinstance(decision.do, SubmitDo), decision
    return decision.do


def test_every_word_that_operators_know_is_a_word_of_the_lexicon():
    words = {*SUFFERING, *REMEDY, *TOLD_APART, *(word for both in BOTH for word in both)}
    assert words <= {*lexicon.SIGNALS, *lexicon.ALERTS}
    labels = [*BOTH.values(), *(remedy[1:] for remedy in REMEDY.values())]
    assert all(level in lexicon.LEVELS and kind in lexicon.TYPES for level, kind in labels)
    assert {*OTHERWISE, *OTHERWISE.values(), *(remedy[0] for remedy in REMEDY.values())} <= set(lexicon.ACTIONS)


def test_a_symptom_is_looked_into_and_blamed_once_looking_brings_nothing_new():
    first = decide("badargs s4", "stalled s4")
    assert first.do == ProbeDo("logs", "s4")
    again = submitted(decide("badargs s4", memory=("badargs s4",), did=first.do))
    assert (again.component, again.cause) == ("s4", "badargs")


def test_of_symptoms_the_most_telling_is_blamed_and_not_the_newest():
    said = submitted(decide("crashloop s4", memory=("crashloop s4", "initwait s4"), did=ProbeDo("events", "s4")))
    assert said.cause == "initwait"


@pytest.mark.parametrize("word", ["restarted", "notready", "exception", "hpapinned", "delay"])
def test_what_ordinary_work_leaves_behind_is_never_blamed(word: str):
    memory = (f"{word} s4", "healthy s4", "healthy s7", "healthy s7", "healthy s7")
    assert submitted(decide("healthy s7", memory=memory, did=ProbeDo("traces", "s7"))).verdict == "no"


@pytest.mark.parametrize("last", ["refused s4", "pending s4", "healthy s4", "unbound s4"])
def test_the_last_decision_is_an_answer(last: str):
    memory = ("unavailable s3", "refused s4", "healthy s4", "healthy s4", "healthy s4")
    submitted(decide(last, memory=memory, did=ProbeDo("events", "s4")))


def test_who_is_pointed_at_again_is_looked_at_in_another_way():
    memory = ("reset s4", "unavailable s5", "unavailable s6")
    first = decide("reset s4")
    again = decide("reset s4", memory=memory, did=ProbeDo("logs", "s6"))
    assert (first.do.target, again.do.target) == ("s4", "s4")
    assert first.do.check != again.do.check


def test_of_two_pointers_the_one_to_somebody_new_is_followed():
    said = decide("unavailable s4", "refused s5", memory=("refused s4",), did=ProbeDo("logs", "s4"))
    assert said.do.target == "s5"


def test_who_pages_without_a_finding_is_looked_at_from_every_side_also_where_nothing_can_be_read():
    seen: tuple[str, ...] = ()
    looks = [decide().do]
    while isinstance(looks[-1], ProbeDo) and len(looks) < SEED_PROFILE.iterations:
        last = () if looks[-1].check == "metrics" else ("healthy s7",)
        looks.append(decide(*last, memory=seen, did=looks[-1]).do)
        seen += last
    assert {"logs", "endpoints", "metrics", "traces"} <= {look.check for look in looks[:-1]}
    assert all(one != other for one, other in pairwise(looks))
    assert looks[-1] == SubmitDo("no")


def test_a_cause_of_several_classes_is_classed_by_what_stands_beside_it():
    events = ProbeDo("events", "s4")
    assert decide("imagepull s4", task="analyse").do == events
    assert submitted(decide("imagepull s4")).cause == "imagepull"
    for word, kind in (("dns", "dependency"), ("authfailed", "auth")):
        said = submitted(decide("imagepull s4", f"{word} s4", memory=("imagepull s4",), did=events, task="analyse"))
        assert (said.cause, said.level, said.type) == ("imagepull", "virt", kind)
    elsewhere = submitted(decide("imagepull s4", "dns s5", memory=("imagepull s4",), did=events, task="analyse"))
    assert elsewhere.type == REMEDY.get("imagepull", ("", "virt", "misconfig"))[2]


def test_what_explains_a_cause_is_blamed_instead_of_it():
    assert submitted(decide("oomkilled s4", "flag s4")).cause == "flag"
    assert submitted(decide("oomkilled s4", "flag s5")).cause == "oomkilled"


def test_an_action_that_came_to_nothing_is_followed_by_another():
    for action, other in (("set_config", "rollback"), ("restart", "rollback"), ("rollback", "restart")):
        act = parse_executor(say(ExecutorState(action, "s4", failure="method")))
        assert (act.do, act.failure) == (ExecDo(other, "s4"), "method")
    refused = decide("forbidden s4", memory=("nodedown s4",), did=ExecDo("uncordon", "s4"), task="mitigate")
    assert refused.do == ExecDo("rollback", "s4")
    assert decide("forbidden s4", memory=("noclaim s4",), did=ExecDo("rollback", "s4"), task="mitigate").do == ProbeDo(
        "events", "s4"
    )


def test_a_cause_that_waits_is_put_right_after_the_first_and_nothing_twice():
    after_first = ObserverState(
        "mitigate",
        ALERTS,
        memory=(Finding("missingkey", "s9"),),
        last=(Finding("healthy", "s4"),),
        last_do=ExecDo("fix_port", "s4"),
    )
    assert parse(say(after_first)).do == ExecDo("set_config", "s9")
    noted_before = replace(after_first, memory=(*after_first.memory, Finding("healthy", "s2")))
    assert parse(say(noted_before)).do == ExecDo("set_config", "s9")
    untold = ExpertOperator(CODEC, SEED_PROFILE.model_copy(update={"tells_changed": False}))
    assert isinstance(parse(say(noted_before, untold)).do, SubmitDo)
    after_second = replace(
        after_first,
        memory=(Finding("healthy", "s4"),),
        changed=(Finding("missingkey", "s9"),),
        last=(Finding("healthy", "s9"),),
        last_do=ExecDo("set_config", "s9"),
    )
    assert submitted(parse(say(after_second))).cause == "missingkey"


def test_the_golden_operator_looks_once_where_its_evidence_stands_twice():
    truth = Truth(
        "geo", ("geo",), "badconfig", ("badconfig",), SystemLevel.APPLICATION, FaultType.MISCONFIGURATION,
        None, (("logs", "geo"), ("logs", "geo")),
    )  # fmt: skip
    handles = assign(("geo", "rate"), (), seed=1)
    here = handles.component("geo")
    assert here is not None
    golden = GoldenOperator(CODEC, truth, handles)
    state = ObserverState("mitigate", ALERTS, last=(Finding("timeout", here),), last_do=ProbeDo("logs", here))
    assert submitted(parse(say(state, golden))).component == here


def test_what_is_proposed_for_a_cause_is_a_typed_action_and_nothing_for_causes_that_nobody_knows_to_mend() -> None:
    for cause in lexicon.SIGNALS:
        assert set(remedies(cause)) <= set(lexicon.ACTIONS)
    assert remedies("zeroreplicas") == ("scale",)
    assert remedies("missingconfig") == ("set_config", "rollback")
    for cause in ("healthy", "unclassified", "insufficient", "quota", "imagepull", "", "no word"):
        assert remedies(cause) == ()
